"""A translator to play with: pick a slice, a source and a target, see the translation beside the real image.

`recorded` is plain HTML over frames that a run left behind: it works on the static page, in JupyterLab and in Colab
without a kernel. `live` asks a model at a kernel.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from medsyn_core.data.views import Unpaired
from medsyn_core.data.volume import NAMES
from medsyn_core.evaluation import translation_metrics
from medsyn_core.experiments.results import ExhibitError, Results
from medsyn_core.figures import page
from medsyn_core.figures.gallery import widest_slices
from medsyn_core.figures.picture import CAPTION
from medsyn_core.methods.any_to_any import GuidedTranslator, Translator

if TYPE_CHECKING:
    from ipywidgets import Widget

    from medsyn_core.data import Cohort

LIMITS = (0.0, 1.1)
PLACES = ("source", "made", "real")

# Runs in the page when a choice changes: shows the three images of the combination, says what is seen.
SHOW = (
    "const f=this.closest('figure'),d=JSON.parse(f.dataset.shots),"
    "[k,s,t]=[...f.querySelectorAll('select')].map(e=>e.selectedIndex),v=d.views[k][s][t];"
    "['source','made','real'].forEach((n,i)=>{const b=f.querySelector('[data-place='+n+']'),m=b.querySelector('img');"
    "m.src=d.images[v.images[i]];m.alt=v.alts[i];b.querySelector('span').textContent=v.titles[i]});"
    "f.querySelector('output').textContent=v.scores"
)


@dataclass(frozen=True)
class Shot:
    """One combination: images (H, W) float, `made` None where source and target are the same; brain (H, W) bool; seg
    (H, W) BraTS codes; names of source and target."""

    source: np.ndarray
    made: np.ndarray | None
    real: np.ndarray
    brain: np.ndarray
    seg: np.ndarray
    names: tuple[str, str]

    @property
    def images(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The three images to show."""
        return self.source, self.real if self.made is None else self.made, self.real

    @property
    def titles(self) -> tuple[str, str, str]:
        """What stands above the three images."""
        source, target = (NAMES[name] for name in self.names)
        if self.made is None:
            return f"{source}, the source", f"{target} itself", f"real {target}"
        return f"{source}, the source", f"{target}, translated", f"real {target}"

    @cached_property
    def scores(self) -> str:
        """PSNR of the whole slice and of the tumour's box, against what copying the source gives."""
        if self.made is None:
            return "Source and target are the same: the real image, nothing is translated."
        made, copied = (self.measured(image) for image in (self.made, self.source))
        text = f"PSNR {made['psnr']:.1f} dB (copying the source: {copied['psnr']:.1f} dB)"
        if made["psnr_box"] is None:
            return f"{text}. There is no tumour in this slice."
        return f"{text}; in the tumour's box {made['psnr_box']:.1f} dB ({copied['psnr_box']:.1f} dB)."

    @property
    def alts(self) -> tuple[str, str, str]:
        """What a reader hears who does not see the images."""
        source, target = (NAMES[name] for name in self.names)
        pixels = int((self.seg > 0).sum())
        tumour = f"with a tumour of {pixels} pixels" if pixels else "without tumour"
        middle = (
            f"The slice translated from {source} to {target}" if self.made is not None else f"The real {target} again"
        )
        return f"The real {source} slice, {tumour}", f"{middle}. {self.scores}", f"The real {target} of the same slice"

    def measured(self, image: np.ndarray) -> dict:
        """An image (H, W) against the real target: the scores of `evaluation.translation_metrics`."""
        stack = lambda array: np.asarray(array)[None]
        (row,) = translation_metrics(*map(stack, (image, self.real, self.brain, self.seg)), np.zeros(1, int))
        return row


def small(image: np.ndarray) -> str:
    """An image (H, W) as a lossless WebP data URI at its own size; the page enlarges it."""
    low, high = LIMITS
    grey = np.clip((np.asarray(image, np.float32) - low) / (high - low), 0, 1) * 255
    return page.pixels_uri(grey.round().astype(np.uint8))


def trio(shot: Shot) -> str:
    """The three images of one combination side by side, with their titles, as HTML."""
    return _three([small(image) for image in shot.images], shot.alts, shot.titles)


def _three(uris: Sequence[str], alts: Sequence[str], titles: Sequence[str]) -> str:
    return page.row("".join(map(page.cell, PLACES, titles, uris, alts)))


class RecordedTranslator:
    """Three choices over recorded frames; needs no kernel. The choices are native, so the keyboard moves them.

    shots: [slice][source][target]; labels: one a slice. Raises ValueError where they differ in number.
    """

    def __init__(self, shots: Sequence[Sequence[Sequence[Shot]]], labels: Sequence[str], caption: str) -> None:
        if not len(shots) == len(labels) > 0:
            raise ValueError(f"{len(shots)} slices and {len(labels)} labels; give one each.")
        self.shots, self.labels, self.caption = shots, list(labels), caption
        self.start = (0, 0, len(shots[0]) - 1)  # a translation between two different modalities

    def __repr__(self) -> str:
        return f"RecordedTranslator({len(self.shots)} slices, {len(self.shots[0])} modalities)"

    def _repr_html_(self) -> str:
        images: dict[bytes, str] = {}  # each image is encoded and sent once, however often it is shown
        views = [[[self._view(shot, images) for shot in row] for row in rows] for rows in self.shots]
        k, s, t = self.start
        first = views[k][s][t]
        known = list(images.values())
        data = html.escape(json.dumps({"images": known, "views": views}, ensure_ascii=False, separators=(",", ":")))
        names = [NAMES[row[0].names[0]] for row in self.shots[0]]
        choices = zip(("test slice", "source", "target"), (self.labels, names, names), self.start, strict=True)
        controls = "".join(page.choice(*choice, SHOW) for choice in choices)
        body = _three([known[i] for i in first["images"]], first["alts"], first["titles"])
        card = page.card(
            f'<div style="display:flex;flex-wrap:wrap;gap:.4em 1em;margin-bottom:.5em">{controls}</div>{body}',
            first["scores"],
        )
        caption = f'<figcaption style="{CAPTION}">{html.escape(self.caption)}</figcaption>'
        return f'<figure class="medsyn translator" data-shots="{data}" style="margin:0 0 1em">{card}{caption}</figure>'

    @staticmethod
    def _view(shot: Shot, images: dict[bytes, str]) -> dict[str, Any]:
        """What the page needs for one combination; its images are numbered in the order they are met."""
        places = []
        for image in shot.images:
            key = image.tobytes()
            if key not in images:
                images[key] = small(image)
            places.append(list(images).index(key))
        return {"images": places, "alts": shot.alts, "titles": shot.titles, "scores": shot.scores}


def recorded(found: Results, row: str = "student-wt") -> RecordedTranslator:
    """The translator over the frames of a full student's seed 0; found must have the rows "copy" and `row`.

    Raises ExhibitError where one of them is not recorded, ValueError for a row that keeps no frames.
    """
    if absent := [name for name in ("copy", row) if name not in found.records]:
        raise ExhibitError(f"the translator needs the records of {row}; make them: {found.command(absent)}")
    shared, kept = (found.records[name][0].arrays() for name in ("copy", row))
    if "frames" not in kept:
        raise ValueError(f"{row!r} keeps no translations of every direction; full students do, such as student-wt.")
    names = found.records["copy"][0].data["modalities"]
    frames = kept["frames"].astype(np.float32)  # (source, target, slice, H, W)
    real, brain, seg = shared["images"].astype(np.float32), shared["brain"] > 0, shared["seg"]  # (slice, M, H, W), …
    shot = lambda k, s, t: Shot(
        real[k, s], None if s == t else frames[s, t, k], real[k, t], brain[k], seg[k], (names[s], names[t])
    )
    count = range(len(names))
    shots = [[[shot(k, s, t) for t in count] for s in count] for k in range(len(real))]
    labels = [f"{k + 1} of {len(seg)}, tumour of {int((x > 0).sum())} pixels" for k, x in enumerate(seg)]
    caption = f"Translations by “{found.title(row)}” (profile {found.profile}, seed 0), recorded; no kernel is needed."
    return RecordedTranslator(shots, labels, caption)


def live(model: Translator, cohort: Cohort, subset: str = "test") -> Widget:
    """The translator at a kernel: any slice of a subset, translated when it is picked.

    model: a student's, such as `run.model` or what `medsyn_core.methods.load` brings back. Raises ValueError for a
    model that has to be told where the tumour is, and for a cohort of other modalities.
    """
    import ipywidgets

    if isinstance(model, GuidedTranslator):
        raise ValueError("this model needs a mask with every image; give the translator a student's model.")
    if tuple(model.modalities) != tuple(cohort.modalities):
        raise ValueError(f"the model knows {', '.join(model.modalities)}, the cohort {', '.join(cohort.modalities)}.")
    view = Unpaired(cohort.subset(subset))
    batch, oracle = view.batch(range(len(view))), view.oracle(range(len(view)))
    whole = np.flatnonzero(oracle["present"].numpy().all(axis=1))  # only where every real image can stand beside
    if not len(whole):
        raise ValueError(f"no subject of the {subset} set has all of {', '.join(cohort.modalities)}.")
    who = [cohort.subjects[int(batch["subject"][k])].id for k in whole]
    labels = {
        f"{name}, slice {who[:i].count(name) + 1}": int(k) for i, (k, name) in enumerate(zip(whole, who, strict=True))
    }
    widest = widest_slices(cohort, [int(batch["subject"][whole[0]])])[0]  # of the first subject
    start = int(np.flatnonzero(batch["index"].numpy() == widest)[0])
    names = {NAMES[name]: name for name in cohort.modalities}

    def shot(k: int, source: str, target: str) -> Shot:
        of = lambda name: oracle["images"][k, cohort.modalities.index(name)]  # (H, W)
        made = None if source == target else model.translate(of(source)[None, None], target)[0, 0].numpy()
        brain, seg = batch["brain"][k, 0].numpy() > 0, batch["seg"][k].numpy()
        return Shot(of(source).numpy(), made, of(target).numpy(), brain, seg, (source, target))

    choices = [
        ipywidgets.Dropdown(options=labels, value=start, description="slice", layout={"width": "max-content"}),
        ipywidgets.Dropdown(options=names, value=cohort.modalities[0], description="source"),
        ipywidgets.Dropdown(options=names, value=cohort.modalities[-1], description="target"),
    ]
    shown = ipywidgets.HTML()

    def show(_: Any = None) -> None:
        seen = shot(*(choice.value for choice in choices))
        shown.value = f'<figure class="medsyn" style="margin:0">{page.card(trio(seen), seen.scores)}</figure>'

    for choice in choices:
        choice.observe(show, "value")
    show()
    return ipywidgets.VBox([ipywidgets.HBox(choices, layout={"flex_flow": "row wrap"}), shown])
