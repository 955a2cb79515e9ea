"""The picture of the front page: drag a divider over a slice, its source on one side, its translation on the other.

Plain HTML over frames that a run left behind, like `translator.recorded`: it works on the static page, in JupyterLab
and in Colab without a kernel.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from medsyn_core.data.volume import NAMES
from medsyn_core.experiments.results import Results
from medsyn_core.figures import page, style, translator
from medsyn_core.figures.translator import LIMITS, Shot

MARGIN = 2  # pixels left round the widest brain
ENLARGED = 4  # times in the file, smoothly; the browser does the rest

# Runs in the page when the divider moves: says in words what it shows.
MOVE = (
    "const f=this.closest('figure'),[l,r]=[...f.querySelectorAll('b')].map(e=>e.textContent);"
    "f.style.setProperty('--at',this.value);"
    "this.setAttribute('aria-valuetext',`${this.value} %: ${l}, on its left; ${r}, on its right`)"
)

# Runs when a choice changes. Who picks the same modality twice gets the old pair the other way round.
SHOW = (
    "const f=this.closest('figure'),d=JSON.parse(f.dataset.shots),[a,b,p]=f.querySelectorAll('select'),"
    "[l,r]=f.dataset.pair.split(' ');"
    "if(a.selectedIndex===b.selectedIndex){if(this===a)b.selectedIndex=l;else a.selectedIndex=r}"
    "f.dataset.pair=a.selectedIndex+' '+b.selectedIndex;"
    "const k=p.selectedIndex,v=d.views[k][a.selectedIndex][b.selectedIndex],"
    "o=f.querySelector('[type=checkbox]').checked?2:1;"
    "[0,o].forEach((n,i)=>{const m=f.querySelectorAll('img')[i];m.src=d.images[v.images[n]];m.alt=v.alts[n];"
    "f.querySelectorAll('b')[i].textContent=v.titles[n]});"
    "f.querySelectorAll('path').forEach(e=>e.setAttribute('d',d.outlines[k]));"
    "f.querySelector('output').textContent=v.scores;"
    "f.querySelector('[type=range]').dispatchEvent(new Event('input'))"
)

# The handle is as wide as a finger, so the divider stops half a handle from either edge, where there is no brain.
RULES = """
figure.divider .board{display:flex;flex-wrap:wrap;gap:1rem 1.5rem;align-items:center;padding:1rem;border-radius:10px;
background:#0e1217;border:1px solid #3b4552;color:#f1f4f8;color-scheme:dark;
--x:calc(22px + (100% - 44px)*var(--at)/100)}
figure.divider .stage{position:relative;flex:1 1 17rem;max-width:27rem;margin:0 auto;aspect-ratio:1;background:#000;
border-radius:6px;overflow:hidden;user-select:none}
figure.divider .stage>*{position:absolute}
figure.divider .stage img,figure.divider .stage svg{inset:0;width:100%;height:100%;margin:0;padding:0;max-width:none}
figure.divider .stage img+img{clip-path:inset(0 0 0 var(--x))}
figure.divider path{fill:none;stroke:OUTLINE;stroke-width:2px;vector-effect:non-scaling-stroke;stroke-linejoin:round}
figure.divider path:first-child{stroke:#000;stroke-width:4px}
figure.divider figcaption{margin-top:.5rem;font-size:.875rem}
figure.divider b{top:.5rem;max-width:46%;padding:.1em .55em;border-radius:4px;background:#0e1217;color:#f1f4f8;
font-size:.9rem;line-height:1.4}
figure.divider b:first-of-type{left:.5rem}
figure.divider b:last-of-type{right:.5rem}
figure.divider i{left:var(--x);top:0;bottom:0;width:3px;margin-left:-1.5px;background:#fff}
figure.divider i::after{content:"\\2194";position:absolute;top:78%;left:50%;width:44px;height:44px;margin:-22px;
border-radius:50%;background:#fff;color:#0e1217;font:normal 1.5rem/44px sans-serif;text-align:center}
figure.divider [type=range]{inset:0;width:100%;height:100%;margin:0;padding:0;opacity:0;cursor:ew-resize;
touch-action:pan-y;appearance:none;-webkit-appearance:none}
figure.divider [type=range]::-webkit-slider-thumb{-webkit-appearance:none;width:44px;height:40rem}
figure.divider [type=range]::-moz-range-thumb{width:44px;height:40rem;border:0}
figure.divider .stage:has(:focus-visible){outline:3px solid #56b4e9;outline-offset:2px}
figure.divider .words{flex:1 1 14rem;display:flex;flex-direction:column;gap:.7rem}
figure.divider .words>label:first-child{font-size:1.1rem;font-weight:600;line-height:1.4}
figure.divider .words>div{display:flex;flex-wrap:wrap;gap:.5rem 1rem}
figure.divider select{min-height:2.2rem;padding:0 .3rem}
figure.divider .real{display:flex;gap:.5rem;align-items:center;min-height:2.2rem}
figure.divider .real input{width:1.15rem;height:1.15rem}
figure.divider output{font-size:.95rem;min-height:3em;line-height:1.5}
figure.divider .words :focus-visible{outline:2px solid #56b4e9;outline-offset:2px}
""".replace("OUTLINE", style.REGION["WT"])
"""Rules for this figure alone: a dark board in both themes, as images of a scanner are looked at."""


def square(brains: Sequence[np.ndarray], margin: int = MARGIN) -> tuple[slice, slice]:
    """The smallest square that holds every brain (H, W) bool with a margin, shifted to stay inside the image.

    Raises ValueError where nothing is brain.
    """
    whole = np.any(brains, axis=0)
    if not whole.any():
        raise ValueError("none of the slices has any brain; there is nothing to show.")
    spans = [(int(found.min()), int(found.max()) + 1) for found in np.nonzero(whole)]
    side = min(max(stop - start for start, stop in spans) + 2 * margin, *whole.shape)
    middles = [(start + stop) // 2 for start, stop in spans]
    starts = (int(np.clip(m - side // 2, 0, n - side)) for m, n in zip(middles, whole.shape, strict=True))
    rows, columns = (slice(start, start + side) for start in starts)
    return rows, columns


def smooth(image: np.ndarray) -> str:
    """An image (H, W) as a WebP data URI, enlarged smoothly."""
    from PIL import Image

    low, high = LIMITS
    grey = np.clip((np.asarray(image, np.float32) - low) / (high - low), 0, 1) * 255
    picture = Image.fromarray(grey.round().astype(np.uint8))
    size = (picture.width * ENLARGED, picture.height * ENLARGED)
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.BICUBIC).save(buffer, "WEBP", quality=80, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def outline(mask: np.ndarray) -> str:
    """The border of a mask (H, W) bool as an SVG path, a unit a pixel; "" where the mask is empty."""
    from skimage.measure import find_contours

    lines = find_contours(np.pad(mask, 1).astype(float), 0.5)  # (points, 2) as row, column; the pad closes every line
    at = lambda point: f"{point[1] - 0.5:g} {point[0] - 0.5:g}"  # a pixel's middle is half a unit from its corner
    return "".join(f"M{'L'.join(map(at, line[:-1]))}Z" for line in lines)


class Divider:
    """One slice under a divider that mouse, finger and arrow keys move; source, target and patient are chosen.

    shots: [patient][source][target]; caption: what stands below. It opens with the pair of modalities whose
    translations gain most over copying the source, and with the patient in whom they do. Raises ValueError where there
    is nobody, or nothing to translate to.
    """

    def __init__(self, shots: Sequence[Sequence[Sequence[Shot]]], caption: str) -> None:
        if not shots or len(shots[0]) < 2:
            raise ValueError("shots holds no translation; give at least one patient and two modalities.")
        self.shots, self.caption = shots, caption
        self.crop = square([rows[0][0].brain for rows in shots])
        several = [(s, t) for s, row in enumerate(shots[0]) for t in range(len(row)) if s != t]
        s, t = max(several, key=lambda pair: np.mean([self.gain(k, *pair) for k in range(len(shots))]))
        self.start = max(range(len(shots)), key=lambda k: self.gain(k, s, t)), s, t

    def __repr__(self) -> str:
        return f"Divider({len(self.shots)} patients, {len(self.shots[0])} modalities)"

    def gain(self, patient: int, source: int, target: int) -> float:
        """dB of PSNR that a translation gains over copying its source, in the whole slice."""
        shot = self.shots[patient][source][target]
        made, copied = (shot.measured(image)["psnr"] for image in (shot.made, shot.source))
        return made - copied

    def _repr_html_(self) -> str:
        images: dict[str, int] = {}  # each travels once, however often it is shown
        views = [[[self._view(shot, images) for shot in row] for row in rows] for rows in self.shots]
        outlines = [outline((rows[0][0].seg > 0)[self.crop]) for rows in self.shots]
        known = {"images": list(images), "views": views, "outlines": outlines}
        data = html.escape(json.dumps(known, ensure_ascii=False, separators=(",", ":")))
        k, s, t = self.start
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>"
        return (
            f'<figure class="medsyn divider" data-shots="{data}" data-pair="{s} {t}" style="--at:50;margin:0 0 1em">'
            f'<style>{RULES}</style><div class="board">{self._stage(known, views[k][s][t], outlines[k])}'
            f"{self._words(views[k][s][t])}</div>{caption}</figure>"
        )

    @property
    def name(self) -> str:
        """The id by which the page's label finds its divider; another where other images are shown."""
        seen = b"".join(shot.images[1].tobytes() for rows in self.shots for row in rows for shot in row)
        return f"divider-{hashlib.sha256(seen).hexdigest()[:8]}"

    def _view(self, shot: Shot, images: dict[str, int]) -> dict[str, Any]:
        """What the page needs for one combination; images are numbered in the order they are met."""
        places = [images.setdefault(smooth(image[self.crop]), len(images)) for image in shot.images]
        return {"images": places, "alts": shot.alts, "titles": shot.titles, "scores": shot.scores}

    def _stage(self, known: dict, view: dict, path: str) -> str:
        side = self.crop[0].stop - self.crop[0].start
        left, right = view["titles"][:2]
        pictures = "".join(
            f'<img src="{known["images"][view["images"][n]]}" alt="{html.escape(view["alts"][n])}">' for n in (0, 1)
        )
        return (
            f'<div class="stage">{pictures}<svg viewBox="0 0 {side} {side}" aria-hidden="true"><path d="{path}"/>'
            f'<path d="{path}"/></svg><b>{left}</b><b>{right}</b><i></i>'
            f'<input type="range" id="{self.name}" min="0" max="100" value="50" '
            f'autocomplete="off" aria-valuetext="50 %: {left}, on its left; {right}, on its right" '
            f'oninput="{html.escape(MOVE)}"></div>'
        )

    def _words(self, view: dict) -> str:
        k, s, t = self.start
        names = [NAMES[row[0].names[0]] for row in self.shots[0]]
        people = [str(number + 1) for number in range(len(self.shots))]
        choices = zip(("from", "to", "patient"), (names, names, people), (s, t, k), strict=True)
        return (
            f'<div class="words"><label for="{self.name}">Drag the divider, or use the arrow keys.</label>'
            f"<div>{''.join(page.choice(*choice, SHOW) for choice in choices)}</div>"
            f'<label class="real"><input type="checkbox" autocomplete="off" onchange="{html.escape(SHOW)}"> '
            "put the real image on the right</label>"
            f'<output aria-live="polite">{html.escape(view["scores"])}</output></div>'
        )


def recorded(found: Results, row: str = "student-wt") -> Divider:
    """The divider over what `translator.recorded` shows, with its errors; the caption says what made the images."""
    shots = translator.recorded(found, row).shots
    made = replace(found, rows=("copy", row), optional=(), seeds=(0,))  # what the provenance is about
    size = " × ".join(map(str, shots[0][0][0].seg.shape))
    caption = (
        f"Test patients of the phantom, never scanned; the tumour, which is known exactly, is outlined. Translated by "
        f"“{found.title(row)}” of UTAD-Net; it opens with the pair on which that gains most over copying the source. "
        f"Slices of {size} pixels, enlarged smoothly. {made.provenance()}"
    )
    return Divider(shots, caption)
