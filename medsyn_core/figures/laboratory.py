"""The loss laboratory: tick and weigh the terms of a method, see what was recorded of that edit.

`recorded` is plain HTML over the run records: it works on the static page, in JupyterLab and in Colab without a kernel.
With one, `medsyn_core.figures.laboratory_live` trains an edit that nobody has recorded.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence

import numpy as np

from medsyn_core.experiments.records import remake
from medsyn_core.experiments.tables import p_value
from medsyn_core.figures.d2_widget import key
from medsyn_core.figures.laboratory_curves import chart
from medsyn_core.figures.laboratory_edits import Bench, Edit, Effect, bench, names
from medsyn_core.figures.laboratory_pictures import Pictures, pictures
from medsyn_core.figures.laboratory_script import CHANGED, CLICKED, LOOK
from medsyn_core.figures.picture import CAPTION
from medsyn_core.figures.slider import encode

LIMITS = (0.0, 1.1)
NOWHERE = -1


class Laboratory:
    """Methods, their loss tables, and what was recorded of each edit; needs no kernel.

    All controls are native, so the keyboard moves them. Raises ValueError without a bench.
    """

    def __init__(self, benches: Sequence[Bench]) -> None:
        if not benches:
            raise ValueError(f"a laboratory needs at least one bench; there are: {', '.join(names())}.")
        self.benches = list(benches)

    def __repr__(self) -> str:
        return f"Laboratory({', '.join(f'{b.title}: {len(b.edits)} edits' for b in self.benches)})"

    def _repr_html_(self) -> str:
        titles = [bench.title for bench in self.benches]
        pick = f'<select autocomplete="off">{_options(titles)}</select>'
        body = "".join(section(bench, hidden=k > 0) for k, bench in enumerate(self.benches))
        caption = (
            "The loss laboratory over recorded runs; no kernel is needed. Curves are means over runs (seeds or folds) "
            "of the unweighted terms, each frame the same for all rows of a method."
        )
        return (
            f'<figure class="medsyn laboratory" style="margin:0 0 1em" onchange="{html.escape(_joined(CHANGED))}" '
            f'onclick="{html.escape(_joined(CLICKED))}"><style>{_joined(LOOK)}</style><div class="lab">'
            f"<label>method {pick}</label>{body}</div>"
            f'<figcaption style="{CAPTION}">{caption}</figcaption></figure>'
        )


def recorded(*papers: str) -> Laboratory:
    """The laboratory over the laptop records of these plans, by default of all that have a bench.

    Rows and methods that are not recorded say so. Raises ValueError for a name without a bench, ExhibitError for
    records that no longer fit the code, with the command that makes them again.
    """
    return Laboratory([bench(paper) for paper in papers or names()])


def section(bench: Bench, hidden: bool = False) -> str:
    """All of one method: what can be moved, and what it shows, beginning with the whole method."""
    rows = [
        {"title": e.title, "weights": list(e.weights.values()), "seeds": len(e.seeds), "line": alike(bench, e)}
        for e in bench.edits
    ]
    known = html.escape(json.dumps(rows, ensure_ascii=False, separators=(",", ":")))
    pick = f'<select data-pick autocomplete="off">{_grouped(bench)}</select>'
    found = pictures(bench)
    panels = "".join(_panel(k, _known(bench, edit)) for k, edit in enumerate(bench.edits))
    return (
        f'<section data-bench="{bench.plan.paper}" data-rows="{known}"{" hidden" if hidden else ""}>'
        f"<label>recorded edit {pick}</label>{_table(bench)}"
        f'<output aria-live="polite">{rows[0]["line"]}</output>{panels}{_charts(bench)}{_pictures(bench, found)}'
        f"<p><small>{html.escape(_provenance(bench))}</small></p></section>"
    )


# -- what can be moved


def _options(titles: Iterable[str], first: int = 0, chosen: int = 0) -> str:
    return "".join(
        f'<option value="{k}"{" selected" if k == chosen else ""}>{html.escape(title)}</option>'
        for k, title in enumerate(titles, first)
    )


def _grouped(bench: Bench) -> str:
    """Every row as an option; rows with the same weights stand together."""
    groups: dict[tuple[float, ...], list[int]] = {}
    for k, edit in enumerate(bench.edits):
        groups.setdefault(tuple(edit.weights.values()), []).append(k)
    blank = f'<option value="{NOWHERE}" disabled hidden>none of the rows</option>'
    made = []
    for members in groups.values():
        told = html.escape(changed(bench, bench.edits[members[0]]))
        inner = "".join(_options([_called(bench.edits[k])], k) for k in members)
        made.append(f'<optgroup label="{told}">{inner}</optgroup>')
    return blank + "".join(made)


def _called(edit: Edit) -> str:
    if edit.seeds:
        return edit.title
    return f"{edit.title} (not yet recorded)"


def changed(bench: Bench, edit: Edit) -> str:
    """How the weights of an edit differ from the whole method's, in words."""
    whole = bench.edits[0].weights
    off = [term for term, weight in edit.weights.items() if not weight and whole[term]]
    other = [f"{term} {weight:g}" for term, weight in edit.weights.items() if weight and weight != whole[term]]
    parts = ([f"without {', '.join(off)}"] if off else []) + ([f"with {', '.join(other)}"] if other else [])
    return "; ".join(parts) or "the whole method's weights"


def _table(bench: Bench) -> str:
    """The loss table, with a tick and a weight for each term."""
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("term", "weight", "whole", "player", "equation"))
    whole = bench.edits[0].weights
    lines = []
    for term, told in bench.table.items():
        weight = whole[term]
        usual = next((e.weights[term] for e in bench.edits if e.weights[term]), told["weight"] or 1.0)
        lines.append(
            f'<tr data-usual="{usual:g}"><td><input type="checkbox" aria-label="{term} on" autocomplete="off"'
            f"{' checked' if weight else ''}> {term}</td>"
            f'<td><input type="number" data-weight="{term}" min="0" step="any" aria-label="weight of {term}" '
            f'autocomplete="off" value="{usual:g}"{"" if weight else " disabled"}></td>'
            f"<td>{weight:g}</td><td>{told['player']}</td><td>{told['equation'] or '–'}</td></tr>"
        )
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


# -- what is shown


def alike(bench: Bench, edit: Edit) -> str:
    """Which rows have the weights of this one, in words."""
    same = sum(other.weights == edit.weights for other in bench.edits)
    if same == 1:
        return "This row alone has exactly these weights."
    return f"{same} rows have exactly these weights; they differ in settings, and the list has them together."


def _panel(number: int, body: str) -> str:
    """What is shown while a row is; at first the whole method, which is the first."""
    return f'<div data-panel="{number}"{" hidden" if number else ""}>{body}</div>'


def _known(bench: Bench, edit: Edit) -> str:
    """What is known of a row: its settings and its scores, or that it is not recorded."""
    head = f'<p class="title">{html.escape(edit.title)}</p>'
    if edit.settings:
        head += f"<p>It differs in settings too: {html.escape('; '.join(edit.settings))}.</p>"
    if edit.seeds:
        return head + _scores(bench, edit)
    make = remake(bench.plan.paper, bench.profile, edit.name, 0).partition(" --seeds")[0]
    return f"{head}<p>Not yet recorded. Make it: <code>{html.escape(make)}</code></p>"


def _scores(bench: Bench, edit: Edit) -> str:
    effects = list(bench.effects(edit).values())
    runs = "fold" if bench.plan.split else "seed"
    count = f"{len(bench.compared(edit))} of {edit.planned} {runs}{'s' * (edit.planned > 1)}"
    subjects = f"{effects[0].own.subjects} test subjects" if effects else "no scores"
    if all(e.difference is None for e in effects):
        heads = ("score", "this row")
        why = "" if edit.name == bench.whole else " The whole method is not yet recorded: nothing to compare with."
    else:
        heads = ("score", "difference [95 %]", "better?", "worse?", "this row", "whole", "p")
        why = ""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in _cells(e))}</tr>" for e in effects)
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    note = f"Mean ± standard deviation over {runs}s; {count}, {subjects}.{why}"
    return (
        f'<div class="wide scores"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f"<p><small>{note}</small></p>"
    )


def _cells(effect: Effect) -> tuple[str, ...]:
    metric, d = effect.metric, effect.metric.decimals
    number = lambda s: f"{s.mean:.{d}f}" + ("" if s.sd_seeds is None else f" ± {s.sd_seeds:.{d}f}")
    name = f"{metric.title}{f' ({metric.unit})' if metric.unit else ''} {'↑' if metric.higher else '↓'}"
    if effect.difference is None:
        return (html.escape(name), number(effect.own))
    c = effect.difference
    apart = f"{c.mean:+.{d}f} [{c.low:+.{d}f}, {c.high:+.{d}f}]"
    answers = (effect.better, effect.worse, number(effect.own), number(effect.whole))
    return (html.escape(name), apart, *answers, html.escape(p_value(c.p)))


def _charts(bench: Bench) -> str:
    """A frame a term, with the curves of all rows in it, of which one is shown."""
    curves = [bench.curves(edit) for edit in bench.edits]
    made = []
    for term in bench.table:
        if own := {k: found[term] for k, found in enumerate(curves) if term in found}:
            made.append(chart(term, own, shown=0, reference=0))
    if not made:
        return "<p>No row of this method is recorded yet, so there are no curves.</p>"
    return (
        '<p class="title">The terms over training, first step to last: this row in colour, the whole method in grey</p>'
        f'<div class="charts">{"".join(made)}</div>'
    )


def _strip(name: str, images: np.ndarray, alt: str) -> str:
    """Pictures (K, H, W) or (K, H, W, 3) side by side as one image."""
    joined = np.concatenate(list(images), axis=1)
    uri = encode(joined, LIMITS if joined.ndim == 2 else (0.0, 1.0), joined.shape[1])
    return f'<div class="strip"><span>{html.escape(name)}</span><img src="{uri}" alt="{html.escape(alt)}"></div>'


def _pictures(bench: Bench, found: Pictures | None) -> str:
    """What went in, what the row made, what the whole method made, and what is real, below each other."""
    if found is None:
        return ""
    told = ", ".join(found.columns)
    heads = "".join(f"<span>{html.escape(column)}</span>" for column in found.columns)
    made = "".join(_panel(k, _made(edit, found)) for k, edit in enumerate(bench.edits))
    whole = ""
    if bench.whole in found.made:
        alt = f"What the whole method made of them: {found.said[bench.whole]}"
        whole = _strip("whole", found.made[bench.whole], alt)
    given, real = found.names
    colours = key() if found.real.ndim == 4 else ""
    return (
        '<p class="title">Test slices, seed 0</p>'
        f'<div class="strip"><span></span><div class="heads">{heads}</div></div>'
        f"{_strip(given, found.given, f'The {given} images of {len(found.columns)} test slices: {told}')}{made}{whole}"
        f"{_strip(real, found.real, f'The {real} images that should come out: {told}')}{colours}"
    )


def _made(edit: Edit, found: Pictures) -> str:
    if edit.name not in found.made:
        return '<div class="strip"><span>this row</span><span>has kept no pictures</span></div>'
    said = found.said[edit.name]
    strip = _strip("this row", found.made[edit.name], f"What “{edit.title}” made of them: {said}")
    return f'{strip}<div class="strip"><span></span><small>{html.escape(said)}</small></div>'


def _provenance(bench: Bench) -> str:
    """Where the numbers of a method come from, one line a set of seeds."""
    rows = [edit for edit in bench.edits if edit.seeds]
    if not rows:
        return "Nothing of this method is recorded yet."
    lines = dict.fromkeys(bench.results(edit).provenance() for edit in rows)
    absent = sum(not edit.seeds for edit in bench.edits)
    left = f" {absent} of {len(bench.edits)} rows are not yet recorded." if absent else ""
    return f"{bench.results(rows[0]).statistics.RULE} {' '.join(lines)}{left}"


def _joined(text: str) -> str:
    """A script or rules on one line."""
    return " ".join(line.strip() for line in text.strip().splitlines())
