"""What the amplitude spectrum of a code keeps and what it forgets, on eight numbers (d2-2, d2-3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from medsyn_core.figures import style
from medsyn_core.figures.picture import Picture
from medsyn_core.losses.contrastive import cosine
from medsyn_core.losses.modality_contrast import amplitude

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CODE = (3.0, 1.0, 0.0, -1.0, 0.5, 2.0, -0.5, -1.0)
SHIFT = 3
MIRRORED = "#BFD9EA"


def variants(code: Sequence[float] = CODE) -> dict[str, np.ndarray]:
    """The code and what was done to it: name -> (N,)."""
    code = np.asarray(code, float)
    return {
        "a code": code,
        f"shifted by {SHIFT}": np.roll(code, SHIFT),
        "back to front": code[::-1].copy(),
        "another order": np.sort(code),
        "+ 1 everywhere": code + 1,
    }


def spectrum(code: np.ndarray) -> np.ndarray:
    """(N,) -> (N,) the package's amplitude spectrum."""
    return amplitude(torch.from_numpy(code)).double().numpy()


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of two vectors (N,), as the contrastive losses have it."""
    pair = [torch.from_numpy(np.ascontiguousarray(x))[None] for x in (a, b)]
    return float(cosine(*pair).item())


@style.styled
def worked(code: Sequence[float] = CODE) -> Picture:
    """Above a code and four changes of it, below their spectra; cosines with the first of its line.

    Raises ValueError for too few numbers to be shifted, and for a code whose numbers are all alike.
    """
    if len(code) <= SHIFT or np.ptp(code) == 0:
        raise ValueError(f"code={tuple(code)}: give more than {SHIFT} numbers, not all alike, or nothing changes.")
    codes = variants(code)
    spectra = {name: spectrum(x) for name, x in codes.items()}
    first, plain = codes["a code"], spectra["a code"]
    count = len(first)
    fig = style.figure(8.4, 4.2)
    axes = fig.subplots(2, len(codes), sharey="row")
    cosines = {}
    for (above, below), name in zip(axes.T, codes, strict=True):
        _bars(above, codes[name], [style.BLUE] * count)
        mirrored = [MIRRORED if k > count / 2 else style.BLUE for k in range(count)]
        _bars(below, spectra[name], [style.VERMILION, *mirrored[1:]])
        cosines[name] = (likeness(codes[name], first), likeness(spectra[name], plain))
        above.set_title(name, fontsize=10)
        for ax, value, number in ((above, cosines[name][0], "n"), (below, cosines[name][1], "k")):
            ax.set_xlabel(f"{number}\ncosine {value:.2f}" if name != "a code" else number)
        below.plot([-0.5, count - 0.5], [plain[0]] * 2, ":", color=style.VERMILION, linewidth=1)
    axes[0, 0].set_ylabel("$c(n)$")
    axes[1, 0].set_ylabel("$c^f(k)$")
    _key(fig)
    shifted, turned, other, lifted = list(codes)[1:]
    told = [f"{name}: codes {a:.2f}, spectra {b:.2f}" for name, (a, b) in list(cosines.items())[1:]]
    rest = {name: likeness(values[1:], plain[1:]) for name, values in spectra.items()}
    return Picture(
        fig,
        alt=f"A code of {count} numbers, {', '.join(f'{x:g}' for x in first)}, and four changes of it, each with its "
        f"amplitude spectrum below. Cosines with the first code and with its spectrum: {'; '.join(told)}. At k = 0 the "
        f"spectrum is the size of the code's sum, {plain[0]:.1f}, in every order of its numbers, and "
        f"{spectra[lifted][0]:.1f} with 1 added to each. Cosines of spectra without k = 0: {shifted} "
        f"{rest[shifted]:.2f}, {turned} {rest[turned]:.2f}, {other} {rest[other]:.2f}, {lifted} {rest[lifted]:.2f}",
        caption="Above, a code and four changes of it; below, their amplitude spectra. Shifted or back to front, the "
        "code is another and its spectrum is not: it forgets where in the code a number stands. Bars at k and "
        f"{count} - k are the same size. The bar at k = 0 is the size of the code's sum: not the brightness of a "
        "slice, not the image's frequencies, and without the sum's sign. Adding a constant changes this bar alone.",
    )


def _bars(ax: Axes, values: np.ndarray, colours: Sequence[str]) -> None:
    ax.bar(range(len(values)), values, color=list(colours), width=0.8)
    ax.axhline(0, color=style.GREY, linewidth=0.8)
    ax.set_xticks(range(len(values)))
    ax.tick_params(axis="x", length=0, labelsize=8)
    ax.grid(axis="x", visible=False)


def _key(fig: Figure) -> None:
    from matplotlib.patches import Patch

    colours = {"a number of the code, or an amplitude": style.BLUE, "k = 0: the size of the sum": style.VERMILION}
    colours |= {"mirror image of another": MIRRORED}
    handles = [Patch(color=colour, label=name) for name, colour in colours.items()]
    fig.legend(handles=handles, loc="outside lower center", ncols=3, handlelength=1)
