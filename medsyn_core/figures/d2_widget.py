"""A segmenter to play with: tick modalities on and off, see what is segmented from the rest, and its Dice.

`recorded` is plain HTML over the slices that a run left behind: it works on the static page, in JupyterLab and in Colab
without a kernel. `live` asks a model at a kernel.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from medsyn_core.data.volume import NAMES, REGIONS, region
from medsyn_core.evaluation import dice
from medsyn_core.experiments.results import Results
from medsyn_core.figures import page
from medsyn_core.figures.d2_shown import Keep, Shown, called, grey, over, percents, shown
from medsyn_core.figures.gallery import PARTS
from medsyn_core.figures.picture import CAPTION
from medsyn_core.methods.segmenter import Segmenter

if TYPE_CHECKING:
    from ipywidgets import Widget

    from medsyn_core.data import Cohort

NOTHING = "No modality is ticked: there is nothing to segment. Tick at least one."

# Runs in the page when a box or the subject changes: what is not ticked goes black, as the network sees it.
SHOW = (
    "const f=this.closest('figure'),d=JSON.parse(f.dataset.shots),"
    "s=d.subjects[f.querySelector('select').selectedIndex],t=[...f.querySelectorAll('input')],v=s.views[t.filter(e=>e.checked).map(e=>e.value).join('+')];"
    "t.forEach((e,i)=>{const m=e.closest('label').querySelector('img'),x=s.inputs[i];m.src=d.images[x.image];"
    "m.style.opacity=e.checked?1:0;m.alt=e.checked?x.alt:x.absent});"
    "[['truth',s.truth],['made',v]].forEach(([n,x])=>{const b=f.querySelector('[data-place='+n+']'),"
    "m=b.querySelector('img');m.src=d.images[x.image];m.alt=x.alt;b.querySelector('span').textContent=x.title});"
    "f.querySelector('output').textContent=v.line"
)


@dataclass(frozen=True)
class View:
    """A picture as the page shows it: a data URI, what stands above, what a reader hears who does not see it, and what
    is said below."""

    image: str
    title: str
    alt: str
    line: str = ""


def truth_view(picture: np.ndarray, labels: np.ndarray) -> View:
    """The truth; picture: (H, W, 3) in 0 … 1, labels: (H, W) in BraTS codes."""
    return View(_uri(picture), "truth", f"The truth: {_parts(labels)}")


def made_view(picture: np.ndarray, labels: np.ndarray, scores: Sequence[float], keep: Keep) -> View:
    """What is segmented from a choice of modalities; scores: (3,) Dice of the whole volume."""
    line = f"From {called(keep)}: Dice of the whole volume {percents(scores)}."
    return View(_uri(picture), "segmented", f"Segmented from {called(keep)}: {_parts(labels)}. {line}", line)


def no_view(size: tuple[int, int]) -> View:
    """What is segmented from nothing."""
    return View(_uri(np.zeros((*size, 3))), "nothing", f"A black image. {NOTHING}", NOTHING)


def _uri(picture: np.ndarray) -> str:
    return page.pixels_uri((255 * np.clip(picture, 0, 1)).round().astype(np.uint8))


def _parts(labels: np.ndarray) -> str:
    return ", ".join(f"{int((labels == code).sum())} pixels of {name}" for name, (code, _) in PARTS.items())


class RecordedSegmenter:
    """Boxes to tick over recorded slices; needs no kernel. Boxes and choice are native, so the keyboard moves them.

    seen: see `Shown`; labels: one a subject. Raises ValueError where they differ in number.
    """

    def __init__(self, seen: Shown, labels: Sequence[str], caption: str) -> None:
        if not len(seen) == len(labels) > 0:
            raise ValueError(f"{len(seen)} subjects and {len(labels)} labels; give one each.")
        self.seen, self.labels, self.caption = seen, list(labels), caption

    def __repr__(self) -> str:
        return f"RecordedSegmenter({len(self.seen)} subjects, {len(self.seen.subsets)} choices of modalities)"

    def _repr_html_(self) -> str:
        images: dict[str, int] = {}  # each travels once, however often it is shown
        numbered = lambda view: view | {"image": images.setdefault(view["image"], len(images))}
        subjects = [self._subject(k) for k in range(len(self.seen))]
        known = [
            {
                "inputs": [numbered(given) for given in subject["inputs"]],
                "truth": numbered(subject["truth"]),
                "views": {keep: numbered(view) for keep, view in subject["views"].items()},
            }
            for subject in subjects
        ]
        data = html.escape(json.dumps({"images": list(images), "subjects": known}, ensure_ascii=False))
        first = subjects[0]
        start = first["views"]["+".join(self.seen.modalities)]
        boxes = "".join(map(_box, self.seen.modalities, first["inputs"]))
        pair = "".join(_cell(name, view) for name, view in (("truth", first["truth"]), ("made", start)))
        choice = page.choice("test subject", self.labels, 0, SHOW)
        card = page.card(f"{choice}{page.row(boxes)}{page.row(pair)}{key()}", start["line"])
        caption = f'<figcaption style="{CAPTION}">{html.escape(self.caption)}</figcaption>'
        return f'<figure class="medsyn segmenter" data-shots="{data}" style="margin:0 0 1em">{card}{caption}</figure>'

    def _subject(self, k: int) -> dict[str, Any]:
        """What the page needs for one subject; of views, that of every choice, "t1+flair", and of none, ""."""
        seen = self.seen
        views = {"": no_view(seen.truth[k].shape)}
        for keep in seen.subsets:
            labels = seen.labels[k, seen.choice(keep)]
            views["+".join(keep)] = made_view(seen.segmented(k, keep), labels, seen.scores(k, keep), keep)
        return {
            "inputs": [given(name, seen.image(k, name)) for name in seen.modalities],
            "truth": asdict(truth_view(seen.true(k), seen.truth[k])),
            "views": {keep: asdict(view) for keep, view in views.items()},
        }


def given(name: str, image: np.ndarray) -> dict[str, str]:
    """A modality's picture, and what a reader hears who does not see it, ticked or not; image: (H, W) in 0 … 1."""
    return {
        "image": _uri(np.repeat(image[..., None], 3, axis=-1)),
        "alt": f"{NAMES[name]} of a test slice",
        "absent": f"{NAMES[name]} is left out: black, as the network sees it",
    }


def _cell(name: str, view: dict[str, str]) -> str:
    return page.cell(name, view["title"], view["image"], view["alt"])


def _box(name: str, shown: dict[str, str]) -> str:
    """A modality's picture under its box; either can be clicked."""
    title = NAMES[name]
    return (
        '<label style="flex:1;min-width:0;text-align:center;cursor:pointer">'
        f'<input type="checkbox" value="{name}" aria-label="{title}" checked autocomplete="off" '
        f'onchange="{html.escape(SHOW)}"> {title}<div style="background:#000;border-radius:4px">'
        f"{page.image(shown['image'], shown['alt'])}</div></label>"
    )


def key() -> str:
    """The colours of a tumour's parts."""
    chip = '<span style="display:inline-block;width:.8em;height:.8em;background:{}"></span> {}'.format
    parts = " &ensp; ".join(chip(colour, name) for name, (_, colour) in PARTS.items())
    return f'<div style="margin-top:.5em">{parts}</div>'


def recorded(found: Results, row: str = "full") -> RecordedSegmenter:
    """The segmenter over the slices of a row's seed 0. Raises ExhibitError where it is not recorded or keeps none."""
    seen = shown(found, row)
    sizes = [int((seg > 0).sum()) for seg in seen.truth]
    labels = [f"{k + 1} of {len(seen)}, tumour of {size} pixels" for k, size in enumerate(sizes)]
    caption = f"Segmented by “{found.title(row)}” (profile {found.profile}, first fold), recorded; no kernel is needed."
    return RecordedSegmenter(seen, labels, caption)


def live(model: Segmenter, cohort: Cohort, subset: str = "test") -> Widget:
    """The segmenter at a kernel: any labelled subject that has all modalities, in the slice with most tumour core.

    model: such as `run.model` or what `medsyn_core.methods.load` brings back. Each choice is segmented when it is first
    ticked. Raises ValueError for a cohort of other modalities, and where no subject of the subset can be shown.
    """
    import ipywidgets

    names = tuple(cohort.modalities)
    if tuple(model.modalities) != names:
        raise ValueError(f"the model knows {', '.join(model.modalities)}, the cohort {', '.join(names)}.")
    people = {cohort.subjects[k].id: k for k in cohort.subset(subset).numbers}
    people = {id: k for id, k in people.items() if cohort.subjects[k].labelled and all(cohort.subjects[k].present)}
    if not people:
        raise ValueError(f"no labelled subject of the {subset} set has all of {', '.join(names)}.")

    @lru_cache(maxsize=4)  # whole volumes
    def subject(number: int) -> tuple[np.ndarray, np.ndarray, int]:
        volume = cohort.volume(number)
        core = region(volume["seg"], "TC").sum(axis=(1, 2))  # (D,)
        place = int(core.argmax()) if core.any() else len(core) // 2
        return volume["images"].astype(np.float32), volume["seg"], place

    @cache
    def made(number: int, keep: Keep) -> View:
        images, seg, place = subject(number)
        if not keep:
            return no_view(seg.shape[1:])
        labels = model.segment(images, keep).numpy()
        scores = [dice(region(labels, name), region(seg, name)) for name in REGIONS]
        return made_view(over(images[:, place], names, keep, labels[place]), labels[place], scores, keep)

    boxes = [ipywidgets.Checkbox(value=True, description=NAMES[name], indent=False) for name in names]
    who = ipywidgets.Dropdown(options=people, description="subject")
    answer = ipywidgets.HTML()

    def show(_: Any = None) -> None:
        keep = tuple(name for name, box in zip(names, boxes, strict=True) if box.value)
        images, seg, place = subject(who.value)
        shots = images[:, place]  # (M, H, W)
        cells = "".join(_seen(name, grey(image), name in keep) for name, image in zip(names, shots, strict=True))
        truth = truth_view(over(shots, names, names, seg[place]), seg[place])
        pair = "".join(_cell(n, asdict(view)) for n, view in (("truth", truth), ("made", made(who.value, keep))))
        card = page.card(f"{page.row(cells)}{page.row(pair)}{key()}", made(who.value, keep).line)
        answer.value = f'<figure class="medsyn" style="margin:0">{card}</figure>'

    for control in (*boxes, who):
        control.observe(show, "value")
    show()
    ticks = ipywidgets.HBox([who, *boxes], layout={"flex_flow": "row wrap"})
    return ipywidgets.VBox([ticks, answer])


def _seen(name: str, image: np.ndarray, there: bool) -> str:
    """A modality as the network sees it; image: (H, W) in 0 … 1."""
    shown = given(name, image * there)
    return page.cell(name, NAMES[name], shown["image"], shown["alt" if there else "absent"])
