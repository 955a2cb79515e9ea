"""UTAD-Net's idea in one picture: what a step makes of one slice, from a live trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from medsyn_core.data.volume import NAMES
from medsyn_core.figures import drawn, style
from medsyn_core.figures.panels import outline
from medsyn_core.figures.picture import Picture
from medsyn_core.losses import consistency
from medsyn_core.methods.utad_step import TeacherTrace
from medsyn_core.training import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL, GAP, HEAD, EDGE = 1.32, 0.42, 0.32, 0.08  # inches: side of an image, room for an arrow, for titles, at the edges
LIMITS = (0.0, 1.1)


def one_step(run: Run, rows: Sequence[int], source: str, target: str) -> TeacherTrace:
    """The trace of one step of a UTAD-Net run on slices of its test subjects, all shown in one modality.

    rows: places in the method's test view; source, target: names of modalities. Nothing is mirrored, interpolates lie
    half way. Reaches modalities that training must not see, so it is for looking only. Raises ValueError for a
    modality that was not learnt, and where source and target are the same.
    """
    method = run.recipe.method
    for name in (source, target):
        if name not in method.modalities:
            raise ValueError(f"modality {name!r} was not learnt; there are: {', '.join(method.modalities)}.")
    if source == target:
        raise ValueError(f"source and target are both {source!r}; a step translates into another modality.")
    s, t, codes = method.modalities.index(source), method.modalities.index(target), len(method.modalities)
    view = method.view(run.cohort.subset("test"))
    same = lambda value: torch.full((len(rows),), value)
    batch = view.batch(rows) | method.draws(len(rows), torch.Generator().manual_seed(0))
    batch |= {"image": view.oracle(rows)["images"][:, s : s + 1], "modality": same(s), "flip": same(1.0)}
    batch |= {"other": same(((t - s - 1) % codes + 0.5) / (codes - 1)), "mix": torch.full((len(rows), 1, 1, 1), 0.5)}
    networks = run.networks | {"generator": run.model.generator}  # its average, which is what translates
    device = next(networks["generator"].parameters()).device
    return method.trace(networks, {name: value.to(device) for name, value in batch.items()})


@style.styled
@torch.no_grad()  # looking, not training
def idea(trace: TeacherTrace, row: int = 0) -> Picture:
    """Above the whole images, below the tumour images: source, translation, what goes back in, and what comes back.

    trace: of a teacher's step; row: which sample of its batch. The border of the teacher's region is drawn on the whole
    images; the alt text has the terms of utad-8 and utad-9 for this sample, in grey levels of 255.
    """
    s, t = (NAMES[trace.settings.modalities[int(code[row])]] for code in (trace.modality, trace.target))
    seen = {  # name -> image, title, row and column of the grid
        "M": (trace.mask, "mask $M$", 0.5, 0),
        "I": (trace.image, rf"$I_{{source}}$ ({s})", 0, 1),
        "T": (trace.tumour_source, r"$T_{source} = I \odot M$", 1, 1),
        "It": (trace.translated, rf"$I_{{target}}$ ({t})", 0, 2),
        "Tt": (trace.tumour_translated, r"$T_{target}$", 1, 2),
        "again": (trace.translated, r"$I_{target}$, again", 0, 3),
        "Tc": (trace.tumour_cropped, r"$T'_{target} = I_{target} \odot M$", 1, 3),
        "Ir": (trace.reconstructed, r"$I'_{source}$", 0, 4),
        "Tr": (trace.tumour_reconstructed, r"$T'_{source}$", 1, 4),
    }
    shown = {name: image[row, 0].detach().float().cpu() for name, (image, *_) in seen.items()}  # (H, W) each
    fig = drawn.sheet(5 * CELL + 4 * GAP + 2 * EDGE, 2 * (CELL + HEAD) + 2 * EDGE)
    axes = {name: _place(fig, *where) for name, (_, _, *where) in seen.items()}
    for name, ax in axes.items():
        ax.imshow(shown[name], vmin=LIMITS[0], vmax=1.0 if name == "M" else LIMITS[1])
        ax.set_title(seen[name][1])
        if name in ("I", "It", "again", "Ir"):
            outline(ax, trace.seg[row].cpu().numpy(), (trace.settings.region,))
    for left, right in (("I", "It"), ("T", "Tt"), ("again", "Ir"), ("Tc", "Tr")):
        _arrow(axes[left], axes[right], "$G$", "->")
    _arrow(axes["It"], axes["again"], "", "-")
    _arrow(axes["Tt"], axes["Tc"], r"$\approx$ ?", "<->")
    off = lambda a, b: 255 * float(consistency.absolute(shown[a], shown[b], f"{a} and {b}"))
    return Picture(
        fig,
        alt=f"A test slice with its tumour outlined. Above: {s}, its translation to {t}, and that translated back. "
        f"Below: the {s} inside the mask, what the local branch paints inside the mask, the crop of the translated "
        f"whole, and the tumour translated back. Mean absolute differences in grey levels of 255: local branch and "
        f"crop {off('Tt', 'Tc'):.1f}, tumour and what came back {off('T', 'Tr'):.1f}, {s} and what came back "
        f"{off('I', 'Ir'):.1f}",
        caption="One step on one slice. G translates the whole image and the tumour together, there and back. The "
        "local branch must agree with the crop of the whole, and what comes back with what went in.",
    )


def _place(fig: Figure, row: float, column: int) -> Axes:
    """An image's axes in the grid of two rows and five columns; half a row lies between the two."""
    bottom = fig.get_figheight() - EDGE - (row + 1) * (CELL + HEAD)
    return drawn.place(fig, EDGE + column * (CELL + GAP), bottom, CELL, CELL)


def _arrow(left: Axes, right: Axes, text: str, head: str) -> None:
    """An arrow from the right edge of one image to the left edge of the next, with a word over it."""
    from matplotlib.patches import ConnectionPatch

    edges = {"coordsA": left.transAxes, "coordsB": right.transAxes}
    arrow = ConnectionPatch((1.03, 0.5), (-0.03, 0.5), **edges, arrowstyle=head, color=style.GREY)
    left.figure.add_artist(arrow)
    left.annotate(text, (1 + GAP / CELL / 2, 0.58), xycoords="axes fraction", ha="center", color=style.GREY, fontsize=9)
