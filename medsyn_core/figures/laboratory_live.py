"""The loss laboratory at a kernel: edit a loss table, train it in the profile's sizes, stop when you have seen enough.

The training runs in a thread of its own, so that the kernel hears the stop button.
"""

from __future__ import annotations

import html
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from medsyn_core.experiments.plan import Job, Row
from medsyn_core.figures.laboratory_curves import chart
from medsyn_core.figures.laboratory_edits import POINTS, Bench, Curve, bench, names
from medsyn_core.figures.laboratory_script import LOOK
from medsyn_core.figures.laboratory_trial import Trial
from medsyn_core.profiles import profile
from medsyn_core.training import LossTable, Recipe

if TYPE_CHECKING:
    from ipywidgets import Widget

STEPS = 60
"""Of a training, unless the reader or the recipe wants fewer."""
DRAWN = 30
"""How often curves are drawn in a training, at most."""


def start(bench: Bench) -> Row:
    """The row whose recipe is edited: the whole method's, or its teacher's where it first needs a trained one."""
    row = bench.plan.row(bench.whole)
    return bench.plan.row(row.teacher) if row.teacher else row


class Live:
    """A trainer with a stop button; a notebook shows it as a widget.

    trial: the training in progress or the last one, None before the first; its `run` holds the networks that were
    kept. thread: where it trains. The cohort is the plan's at the profile's sizes, divided so that it has a validation
    set.
    """

    def __init__(self) -> None:
        import ipywidgets as w

        self.trial: Trial | None = None
        self.thread: threading.Thread | None = None
        benches = {bench(name).title: bench(name, profile().name) for name in names()}
        self.method = w.Dropdown(options=benches, description="method")
        self.terms = w.VBox()
        self.steps = w.BoundedIntText(value=1, min=1, max=100_000, description="steps")
        self.train = w.Button(description="Train", button_style="primary")
        self.stop = w.Button(description="Stop", disabled=True)
        self.bar = w.IntProgress(description="0")
        self.said, self.curves, self.past = w.HTML(), w.HTML(), w.HTML()
        wrap = {"flex_flow": "row wrap"}
        buttons = w.HBox([self.steps, self.train, self.stop, self.bar], layout=wrap)
        self.box = w.VBox([self.method, self.terms, buttons, self.said, self.curves, self.past])
        self.method.observe(self._show_terms, "value")
        self.train.on_click(self._begin)
        self.stop.on_click(self._end)
        self._show_terms()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.box)

    # -- the loss table

    @property
    def whole(self) -> Recipe:
        """The recipe before it is edited."""
        return start(self.method.value).recipe(profile().name)

    @property
    def recipe(self) -> Recipe:
        """The recipe as the ticks, weights and steps say it. Raises LossError for a weight that is none."""
        lines = (line.children for line in self.terms.children)
        weights = {tick.description: weight.value if tick.value else 0.0 for tick, weight, _ in lines}
        return self.whole.edit(**weights).configure(steps=self.steps.value)

    def _show_terms(self, _: Any = None) -> None:
        self.terms.children = [self._line(name, self.whole.losses) for name in self.whole.losses]
        self.steps.value = min(STEPS, self.whole.training.steps)
        row = start(self.method.value)
        self._say(f"Starts from “{row.title}”, profile {profile().name}. Edit the weights, then press Train.")

    @staticmethod
    def _line(name: str, losses: LossTable) -> Widget:
        import ipywidgets as w

        term = losses[name]
        tick = w.Checkbox(value=term.weight != 0, description=name, indent=False, layout={"width": "18em"})
        weight = w.FloatText(value=term.weight or 1.0, layout={"width": "6em"}, disabled=term.weight == 0)
        tick.observe(lambda change: setattr(weight, "disabled", not change["new"]), "value")
        told = w.HTML(f"whole: {term.weight:g}; {term.player}, {term.equation or 'no equation'}")
        return w.HBox([tick, weight, told], layout={"flex_flow": "row wrap"})

    # -- the training

    def _begin(self, _: Any = None) -> None:
        self.method.disabled = self.train.disabled = True  # what is in training is what stands there
        self.stop.disabled = False
        self.curves.value, self.trial = "", None
        self.bar.value, self.bar.max, self.bar.description = 0, self.steps.value, "0"
        self._halt = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _end(self, _: Any = None) -> None:
        self.stop.disabled = True
        self._halt.set()
        if self.trial is not None:
            self.trial.stop()
        self._say("Stopping: after this step, and a last look at the validation subjects.")

    def _work(self) -> None:
        """In the thread: prepare, train, and say how it went, whatever happened."""
        plan, row = self.method.value.plan, start(self.method.value)
        try:
            recipe = self.recipe
            self._say("Preparing the cohort; the first time this takes a while.")
            cohort = Job(plan, row, 0, profile().name).cohort().divide("dual")  # whose sets are three
            self.trial = Trial(recipe, cohort)
            if self._halt.is_set():  # the button was faster than the cohort
                self.trial.stop()
            self.trial.train(partial(self._tell, recipe), precision=plan.precision)
            self._finish(recipe)
        except Exception as error:  # whatever it was, it is told where the reader looks: a thread has no cell to fail
            self._say(f"{type(error).__name__}: {error}")
        finally:
            self.method.disabled = self.train.disabled = False
            self.stop.disabled = True

    def _tell(self, recipe: Recipe, trial: Trial) -> None:
        steps = recipe.training.steps
        self.bar.value, self.bar.description = trial.step, f"{trial.step}/{steps}"
        looked = trial.scores[-1][0] == trial.step
        if looked or trial.step % max(1, steps // DRAWN) == 0:
            self.curves.value = _charts(trial)
        if looked and not trial.stopped:
            self._say(f"Training. Best so far: {_kept(trial)}.")

    def _finish(self, recipe: Recipe) -> None:
        trial, steps = self.trial, recipe.training.steps
        how = f"Stopped after {trial.step} of {steps} steps" if trial.step < steps else f"Trained {steps} steps"
        self._say(f"{how}. Kept: {_kept(trial)}. Validation subjects: {len(trial.held.subjects)}; one seed.")
        weights = ", ".join(f"{name} {term.weight:g}" for name, term in _edits(recipe, self.whole)) or "no edit"
        line = f"{self.method.label}, {weights}: {_kept(trial)}"
        self.past.value += f"<div>{html.escape(line)}</div>"

    def _say(self, text: str) -> None:
        self.said.value = f'<span role="status">{html.escape(text)}</span>'


def _edits(recipe: Recipe, whole: Recipe) -> list[tuple[str, Any]]:
    return [(name, term) for name, term in recipe.losses.items() if term.weight != whole.losses[name].weight]


def _kept(trial: Trial) -> str:
    """The best look in words."""
    step, score = trial.best
    metric = trial.metric
    return f"step {step}, {metric.title} {score:.{metric.decimals}f} {metric.unit}".strip()


def _charts(trial: Trial) -> str:
    """The score and every term so far, as the static page draws them."""
    metric, thin = trial.metric, trial.run.history.as_dict(POINTS)["series"]
    name = f"{metric.title} on validation subjects"
    looks = np.interp(np.linspace(0, trial.step, POINTS), *zip(*trial.scores, strict=True))
    series = {name: looks, **thin}
    frames = [chart(title, {0: Curve(np.array(values), None, 1)}, shown=0) for title, values in series.items()]
    return (
        f'<figure class="medsyn laboratory" style="margin:0"><style>{LOOK}</style>'
        f'<div class="lab"><div class="charts">{"".join(frames)}</div></div></figure>'
    )


def live() -> Live:
    """The trainer: pick a method, edit its terms, train, stop. See `Live`."""
    return Live()
