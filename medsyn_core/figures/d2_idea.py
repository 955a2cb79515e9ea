"""D²-Net's idea in one picture: codes of modalities that are compared, and a student beside a teacher for each class,
from a live trace."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import torch

from medsyn_core.data.volume import NAMES, region
from medsyn_core.figures import d2_block, drawn, style
from medsyn_core.figures.d2_maps import CLASSES
from medsyn_core.figures.d2_shown import grey, over
from medsyn_core.figures.picture import Picture
from medsyn_core.losses.modality_contrast import amplitude
from medsyn_core.methods.d2net_step import D2Trace
from medsyn_core.methods.segmenter import as_codes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL, LINE, GAP, HEAD, EDGE, KEY = 0.78, 0.84, 0.38, 0.3, 0.1, 0.34  # inches: an image, from line to line, arrows, …
NAME, STRIP, BETWEEN = 0.58, 2.35, 0.75  # names of lines, codes above, from the upper half to the lower one's titles
CLASS_NAME, CLASS_STRIP, TABLE, LARGE = 0.84, 1.0, 0.86, 1.4
WIDTH = 2 * EDGE + NAME + 2 * CELL + 3 * GAP + 2 * STRIP
HEIGHT = 2 * EDGE + 2 * HEAD + 8 * LINE + BETWEEN + KEY
FRAMES = {"anchor": "black", "positive: pulled to it": style.GREEN, "negative: pushed away": style.VERMILION}
NOT_COMPARED = "#D5DAE0"


@style.styled
@torch.no_grad()  # looking, not training
def idea(trace: D2Trace) -> Picture:
    """Above a line a modality: reconstruction, image, the code of every slice, its spectrum, and who is compared with
    one anchor. Below a line a class: codes, features and the teacher's answer; then affinities, the student's answer
    and the truth.

    trace: of one block, as `d2_block.one_step` gives it. The alt text has the mean cosines of the pairs of d2-1 and
    d2-4, and the affinities of d2-8. Raises ValueError where no code is compared with any other.
    """
    names, there = trace.settings.modalities, (trace.present[0] > 0).tolist()
    truth = as_codes(trace.labels[0]).cpu().numpy()  # (D, H, W)
    place = int(region(truth, "TC").sum(axis=(1, 2)).argmax())
    pairs = d2_block.partners(trace, place)
    codes = trace.modality.codes[0].float().cpu()  # (M, G, N)
    spectra = amplitude(codes)
    answer = as_codes(trace.student.output[0].argmax(dim=0)).cpu().numpy()  # (D, H, W)
    affinities = trace.affinities[:, :, 0].mean(dim=-1).float().cpu().numpy()  # (T, S)
    fig = drawn.sheet(WIDTH, HEIGHT)
    _upper(fig, trace, place, pairs, codes.numpy(), spectra.numpy())
    _lower(fig, trace, place)
    _right(fig, trace, place, affinities, answer, truth)
    _between(fig)
    _key(fig)
    cosines = {what: d2_block.cosines(trace, v) for what, v in (("codes", codes), ("spectra", spectra))}
    told = ", ".join(f"{what} {pull:.2f} and {push:.2f}" for what, (pull, push) in cosines.items())
    absent = ", ".join(NAMES[name] for name, has in zip(names, there, strict=True) if not has)
    tumour = truth > 0
    right = 100 * float((answer == truth)[tumour].mean()) if tumour.any() else 100.0
    return Picture(
        fig,
        alt=f"One block of a test subject, left out: {absent or 'nothing'}. Above, lines of "
        f"{', '.join(NAMES[name] for name in names)}: reconstruction, image, a code of {codes.shape[2]} numbers for "
        f"each of {codes.shape[1]} slices, and the amplitude spectra of the codes. Frames mark an anchor, "
        f"{pairs.positive.sum()} positive and {pairs.negative.sum()} negative ones. Mean cosine of all that are pulled "
        f"together and of all that are pushed apart: {told}. Below, lines of {', '.join(CLASSES)}: codes, features and "
        f"the teacher's answer; beside them the affinities of {affinities.shape[0]} layers of the teacher and "
        f"{affinities.shape[1]} of the student, {affinities.min():.2f} to {affinities.max():.2f}, the student's "
        f"answer, right in {right:.0f} % of the tumour's voxels, and the truth",
        caption="One step on one block. Above: codes of one modality are pulled together and pushed away from those of "
        "the others, as they are and as spectra; with the tumour feature z they must give the images back. Below: the "
        "codes become one a class; a teacher segments class by class; a student sees the features of all classes fused "
        "and learns from the teacher's layers, most from those most like its own. Like colours are like features.",
    )


# -- the upper half: modalities


def _bottom(line: int) -> float:
    """The lower edge of a line's images, from the bottom of the sheet; lines 4 to 7 are classes."""
    return HEIGHT - EDGE - HEAD - CELL - line * LINE - (line > 3) * (BETWEEN + HEAD - (LINE - CELL))


def _upper(
    fig: Figure, trace: D2Trace, place: int, pairs: d2_block.Pairs, codes: np.ndarray, spectra: np.ndarray
) -> None:
    lefts = np.cumsum([EDGE + NAME, CELL + GAP, CELL + GAP, STRIP + GAP])
    seen = trace.slices[0].cpu().numpy()  # (M, G)
    _titles(fig, 0, lefts, (CELL, CELL, STRIP, STRIP), ("$D_R(c, z)$", "image $x$", "codes $c$", "spectra $c^f$"))
    tops = [np.abs(codes[seen]).max(), spectra[seen].max()]
    for m, name in enumerate(trace.settings.modalities):
        middle, colour, there = _bottom(m) + CELL / 2, style.MODALITY[name], bool(trace.present[0, m])
        drawn.words(fig, EDGE, middle - 0.05, NAMES[name], ha="left", color=colour, fontsize=11)
        image, again = (x[0, m, place].float().cpu().numpy() for x in (trace.images, trace.reconstructed))
        shown = grey(again, like=image), grey(image)
        for left, picture, word in zip(lefts, shown, ("not asked for", "left out"), strict=False):
            ax = drawn.place(fig, left, _bottom(m), CELL, CELL)
            ax.imshow(picture, vmin=0, vmax=1)
            drawn.frame(ax, colour, 1.5)
            if not there:
                ax.text(0.5, 0.5, word, color="white", ha="center", va="center", fontsize=8, transform=ax.transAxes)
        if there:
            drawn.words(fig, lefts[0] + CELL + GAP / 2, middle - 0.05, r"$\approx$", color=style.GREY, fontsize=12)
        for left, values, top, colours in zip(lefts[2:], (codes, spectra), tops, ("PuOr_r", "cividis"), strict=True):
            if there:
                _arrow(fig, left, middle, "$E_M$" if values is codes else r"$|\mathcal{F}|$")
            low = -top if values is codes else 0
            ax = _strip(fig, (left, _bottom(m), STRIP, CELL), values[m], seen[m], colours, (low, top))
            _mark(ax, m, pairs, values.shape[2])


def _strip(fig: Figure, where, values: np.ndarray, seen: np.ndarray, colours: str, limits) -> Axes:
    """Vectors (G, N) as columns from left to right; those of slices that show nothing are grey."""
    import matplotlib as mpl

    ax = drawn.place(fig, *where)
    colour_map = mpl.colormaps[colours].with_extremes(bad=NOT_COMPARED)
    shown = np.where(seen[:, None], values, np.nan).T  # (N, G)
    ax.imshow(shown, cmap=colour_map, vmin=limits[0], vmax=limits[1], aspect="auto")
    return ax


def _mark(ax: Axes, m: int, pairs: d2_block.Pairs, numbers: int) -> None:
    """Frames round the anchor and its partners in one modality's line; neighbours share one."""
    from matplotlib.patches import Rectangle

    anchor = np.zeros_like(pairs.positive)
    anchor[pairs.anchor] = True
    for which, colour in zip((anchor, pairs.positive, pairs.negative), FRAMES.values(), strict=True):
        places = np.flatnonzero(which[m])
        for _, run in groupby(enumerate(places), lambda pair: pair[1] - pair[0]):
            run = [int(place) for _, place in run]
            frame = Rectangle((run[0] - 0.5, -0.5), len(run), numbers, fill=False, edgecolor=colour, linewidth=2)
            frame.set_clip_on(False)
            ax.add_patch(frame)


# -- the lower half: classes

LOWER = np.cumsum([EDGE + CELL + 0.08 + CLASS_NAME, CLASS_STRIP + GAP, CELL + GAP, CELL + GAP, TABLE + GAP])
"""Where codes, features, the teacher's answers, affinities and the student begin."""


def _lower(fig: Figure, trace: D2Trace, place: int) -> None:
    codes = trace.class_codes[0].float().cpu().numpy()  # (K, G, N)
    seen = trace.slices[0].any(dim=0).cpu().numpy()  # (G,)
    depth = place * trace.encoded.z.shape[2] // trace.images.shape[2]
    pixels = lambda x: x[:, depth].permute(1, 2, 0).float().cpu()  # (f, d, h, w) -> (h, w, f)
    z, *features = drawn.as_colours(pixels(trace.encoded.z[0]), *map(pixels, trace.class_features[0]))
    heads = (r"codes $\hat{c}$", r"$E_R(\hat{c}, z)$", "teacher $p^T$")
    _titles(fig, 4, LOWER[:3], (CLASS_STRIP, CELL, CELL), heads)
    top = np.abs(codes[:, seen]).max()
    for k, (name, colour) in enumerate(CLASSES.items()):
        middle = _bottom(4 + k) + CELL / 2
        drawn.words(fig, LOWER[0] - 0.06, middle - 0.05, name, ha="right", color=colour)
        _strip(fig, (LOWER[0], _bottom(4 + k), CLASS_STRIP, CELL), codes[k], seen, "PuOr_r", (-top, top))
        _arrow(fig, LOWER[1], middle, "$E_R$")
        drawn.place(fig, LOWER[1], _bottom(4 + k), CELL, CELL).imshow(features[k])
        _arrow(fig, LOWER[2], middle, "$D^T$")
        answer = trace.teacher_output[0, k, place].float().sigmoid().cpu().numpy()
        drawn.place(fig, LOWER[2], _bottom(4 + k), CELL, CELL).imshow(answer, cmap="viridis", vmin=0, vmax=1)
    ax = drawn.place(fig, EDGE, _bottom(4), CELL, CELL)
    ax.imshow(z)
    ax.set_title("$z = E_T(x)$", fontsize=10)


def _right(
    fig: Figure, trace: D2Trace, place: int, affinities: np.ndarray, answer: np.ndarray, truth: np.ndarray
) -> None:
    """Affinities of layers, the student's answer above, the truth below."""
    images, names = trace.images[0, :, place].float().cpu().numpy(), trace.settings.modalities
    there = [name for name, has in zip(names, trace.present[0].tolist(), strict=True) if has]
    layers = len(affinities)
    ax = drawn.place(fig, LOWER[3], _middle() - TABLE / 2, TABLE, TABLE)
    ax.imshow(affinities, cmap="cividis", vmin=0, vmax=1)
    for (t, s), value in np.ndenumerate(affinities):
        colour = "white" if value < 0.5 else "black"
        ax.text(s, t, f"{value:.2f}".removeprefix("0"), ha="center", va="center", color=colour, fontsize=12 - layers)
    ax.set_title("affinities $a$", fontsize=10)
    ax.set_xlabel("student", fontsize=9)
    ax.set_ylabel("teacher", fontsize=9)
    for line, title, labels in ((5, "student $p^S$", answer), (7, "truth", truth)):
        ax = drawn.place(fig, LOWER[4], _bottom(line), LARGE, LARGE)
        ax.imshow(over(images, names, there, labels[place]))
        ax.set_title(title, fontsize=10, pad=3)
    for start, end in (
        ((LOWER[3] - GAP + 0.04, _middle()), (LOWER[3] - 0.2, _middle())),
        ((LOWER[3] + TABLE + 0.04, _middle()), (LOWER[4] - 0.04, _bottom(5) + LARGE / 2)),
    ):
        drawn.line(fig, start, end, color=style.GREY)


def _middle() -> float:
    """The middle of the lower half."""
    return (_bottom(4) + CELL + _bottom(7)) / 2


# -- what both have


def _titles(fig: Figure, line: int, lefts, widths, titles) -> None:
    for left, width, title in zip(lefts, widths, titles, strict=True):
        drawn.words(fig, left + width / 2, _bottom(line) + CELL + 0.08, title, fontsize=10)


def _arrow(fig: Figure, left: float, middle: float, word: str) -> None:
    """An arrow that ends where a column begins, with a word over it."""
    drawn.line(fig, (left - GAP + 0.04, middle), (left - 0.04, middle), color=style.GREY)
    drawn.words(fig, left - GAP / 2, middle + 0.06, word, color=style.GREY)


def _between(fig: Figure) -> None:
    """From the images to z, from the codes to those of the classes."""
    above, below = _bottom(3) - 0.05, _bottom(4) + CELL + HEAD - 0.02
    codes = EDGE + NAME + 2 * CELL + 2 * GAP
    for start, end, word in (
        ((EDGE + NAME + CELL * 1.5 + GAP, above), (EDGE + CELL / 2, below), "$E_T$"),
        ((codes + 0.2, above), (LOWER[0] + CLASS_STRIP / 2, below), "$E_{TM}$"),
    ):
        drawn.line(fig, start, end, color=style.GREY)
        drawn.words(fig, (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.1, word, ha="right", color=style.GREY)


def _key(fig: Figure) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(facecolor="white", edgecolor=colour, linewidth=2, label=name) for name, colour in FRAMES.items()]
    handles.append(Patch(color=NOT_COMPARED, label="nothing to compare"))
    fig.legend(handles=handles, loc="lower center", ncols=len(handles), handlelength=1, columnspacing=1.2)
