"""HiFi-Syn's idea in one picture: content and attribute apart, the memory bank between, from a live trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from medsyn_core.data.views import Unpaired
from medsyn_core.data.volume import NAMES
from medsyn_core.figures import drawn, style
from medsyn_core.figures.gallery import widest_slices
from medsyn_core.figures.hifi_memory import COLOURS, groups
from medsyn_core.figures.picture import Picture
from medsyn_core.methods.hifi_step import HiFiTrace
from medsyn_core.networks.memory_bank import MemoryBank
from medsyn_core.training import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL, GAP, BANK, HEAD, EDGE = 1.2, 0.32, 0.86, 0.3, 0.08  # inches: images, arrows, the bank, titles, edges
STRIP, MIDDLE, KEY = 0.15, 0.95, 0.3  # inches: an attribute, between the two lines, the legend
LIMITS = (0.0, 1.1)


def one_step(run: Run, who: tuple[int, int] = (0, 1)) -> HiFiTrace:
    """The trace of one step of a HiFi-Syn run: one slice of each of two test subjects.

    who: their numbers among the test subjects, the first shown in the first modality, the second in the second; of each
    the slice with most tumour or, without one, the middle. Nothing is mirrored, queries are spread evenly. Shows
    subjects in modalities that training may not have seen, so it is for looking only. Raises ValueError where there is
    no such subject, and for one subject twice.
    """
    method, subset = run.recipe.method, run.cohort.subset("test")
    if who[0] == who[1]:
        raise ValueError(f"who={who} is one subject twice; a step looks at two.")
    if not all(0 <= number < len(subset.numbers) for number in who):
        raise ValueError(f"who={who}: there are {len(subset.numbers)} test subjects, 0 … {len(subset.numbers) - 1}.")
    view = Unpaired(subset)
    rows = widest_slices(run.cohort, [subset.numbers[number] for number in who])  # places in the cohort
    given = {}
    for side, row, modality in zip("ij", rows, method.modalities, strict=True):
        place = np.flatnonzero(subset.indices == row)
        column = run.cohort.modality(modality)
        here = {"image": view.oracle(place)["images"][:, column : column + 1], "flip": torch.ones(1)}
        here |= {name: value for name, value in view.batch(place).items() if name not in ("image", "modality")}
        given |= {f"{name}_{side}": value for name, value in here.items()}
    given["pixels"] = (torch.arange(method.queries)[None] + 0.5) / method.queries  # (1, P)
    device = next(run.networks["content"].parameters()).device
    return method.trace(run.networks, {name: value.to(device) for name, value in given.items()})


def _pixels(features: Tensor, unit: bool = False) -> Tensor:
    """(1, C, h, w) -> (h, w, C) on the CPU, of unit length where the cosine is what counts."""
    pixels = features[0].detach().float().cpu().permute(1, 2, 0)
    return F.normalize(pixels, dim=-1) if unit else pixels


@style.styled
@torch.no_grad()  # looking, not training
def idea(trace: HiFiTrace, bank: MemoryBank) -> Picture:
    """A line a modality: image, content, memory bank, what the bank says, translation, and its content.

    trace: of one pair of slices, as `one_step` gives it; bank: the run's, `run.networks["memory"]`. Colours are
    directions in feature space: content and keys share one set of colours, values and reads another. The alt text has
    the cosine of each content with that of its translation. Raises ValueError for a bank without slots.
    """
    if not len(bank.structure):
        raise ValueError("this run has no memory slots; the idea is drawn of a recipe with items.")
    of = {"ij": (trace.content_i, trace.affinity_i, 1), "ji": (trace.content_j, trace.affinity_j, 0)}
    reads = {pair: bank.read(w, target, z.shape[-2:]) for pair, (z, w, target) in of.items()}
    content = [_pixels(z, unit=True) for z in (trace.content_i, trace.content_j, trace.content_ij, trace.content_ji)]
    queries = drawn.as_colours(*content, F.normalize(bank.keys.detach().float().cpu(), dim=-1))
    answers = drawn.as_colours(*(_pixels(read) for read in reads.values()), bank.values.detach().float().cpu())
    agree = [float((content[k] * content[2 + k]).sum(-1).mean()) for k in (0, 1)]
    apart = float((content[0] * content[1]).sum(-1).mean())
    names = [NAMES[name] for name in trace.settings.modalities]
    fig = drawn.sheet(5 * CELL + BANK + 5 * GAP + 2 * EDGE, 2 * (CELL + HEAD) + MIDDLE + 2 * EDGE + KEY)
    codes = [attribute.code[0].float().cpu().numpy() for attribute in (trace.attribute_i, trace.attribute_j)]
    images = ((trace.image_i, trace.translated_ij), (trace.image_j, trace.translated_ji))
    for line in (0, 1):
        letters, other = ("ij", "ji")[line], 1 - line
        (source, target), pair = (letters[0], letters[1]), rf"{letters[0]} \to {letters[1]}"
        shown = [
            (0, images[line][0][0, 0].float().cpu().numpy(), f"$m_{source}$ ({names[line]})"),
            (1, queries[line], f"content $z^c_{source}$"),
            (3, answers[line], rf"read $\bar{{z}}^a_{target}$"),
            (4, images[line][1][0, 0].float().cpu().numpy(), rf"$m_{{{pair}}}$ ({names[other]})"),
            (5, queries[2 + line], rf"content $z^c_{{{pair}}}$"),
        ]
        for column, image, title in shown:
            ax = _axes(fig, _left(column), line, CELL)
            ax.imshow(image, vmin=LIMITS[0], vmax=LIMITS[1])
            ax.set_title(title) if line == 0 else ax.set_xlabel(title)
            if column in (0, 4):
                drawn.frame(ax, style.MODALITY[trace.settings.modalities[line if column == 0 else other]])
        for column, whose in ((0, line), (4, other)):
            _attribute(fig, column, line, codes[whose], max(map(np.ptp, codes)), trace.settings.modalities[whose])
        for column, word in ((0, "$E^c$"), (1, "$w$"), (2, ""), (3, "$G$"), (4, "$E^c$")):
            _arrow(fig, column, line, word)
        _swap(fig, line, style.MODALITY[trace.settings.modalities[line]])
    _bank(fig, bank.structure.cpu().numpy(), queries[4], answers[2], names, len(trace.settings.items))
    return Picture(
        fig,
        alt=f"Two test slices of two subjects, {names[0]} above and {names[1]} below. From the left: the image with "
        f"its attribute, its content in colours, the memory bank of {len(bank.structure)} slots, what the bank says of "
        f"each pixel in the other modality, the translation with the other image's attribute, and its content again. "
        f"Mean cosine of content and content after translation: {agree[0]:.2f} above, {agree[1]:.2f} below; of the two "
        f"subjects, place by place: {apart:.2f}",
        caption="One step. Content asks the bank; attributes change places (crossing lines); each translation is "
        "encoded again, and its content should be what it was. Like colours are like features: content and keys share "
        "one set of colours, values and reads another.",
    )


def _left(column: int) -> float:
    """Where a column begins, in inches; the bank is column 2."""
    return EDGE + column * (CELL + GAP) - (CELL - BANK) * (column > 2)


def _top(fig: Figure, line: int) -> float:
    """The upper edge of a line's images, in inches from the bottom: titles are above the first line, below the
    second."""
    return fig.get_figheight() - EDGE - HEAD - line * (CELL + MIDDLE)


def _axes(fig: Figure, left: float, line: int, width: float) -> Axes:
    return drawn.place(fig, left, _top(fig, line) - CELL, width, CELL)


def _attribute(fig: Figure, column: int, line: int, code: np.ndarray, top: float, modality: str) -> None:
    """An attribute's code (size,) as a strip on the inner side of an image."""
    edge = _top(fig, line) - CELL - 0.08 - STRIP if line == 0 else _top(fig, line) + 0.08
    ax = drawn.place(fig, _left(column), edge, CELL, STRIP)
    ax.imshow(code[None], cmap="PuOr_r", vmin=-top, vmax=top, aspect="auto")
    ax.text(1.03, 0.5, "$z^a$", transform=ax.transAxes, va="center", fontsize=9) if column == 0 else None
    drawn.frame(ax, style.MODALITY[modality])


def _arrow(fig: Figure, column: int, line: int, word: str) -> None:
    """From a column to the next, with a word over it."""
    left, y = _left(column) + (BANK if column == 2 else CELL), _top(fig, line) - CELL / 2
    drawn.line(fig, (left + 0.03, y), (left + GAP - 0.03, y), color=style.GREY)
    drawn.words(fig, left + GAP / 2, y + 0.07, word, color=style.GREY)


def _swap(fig: Figure, line: int, colour: str) -> None:
    """The way of an attribute from its image to the other line's translation, behind the bank."""
    inner = lambda k: _top(fig, k) - CELL - 0.08 - STRIP / 2 if k == 0 else _top(fig, k) + 0.08 + STRIP / 2
    start, end = (_left(0) + CELL + 0.26, inner(line)), (_left(4) - 0.05, inner(1 - line))
    drawn.line(fig, start, end, color=colour, linewidth=1.6, zorder=0)


def _bank(
    fig: Figure, owners: np.ndarray, keys: np.ndarray, values: np.ndarray, names: list[str], structures: int
) -> None:
    """Slots from top to bottom: whose they are, their key and both values; owners (T,), keys (T, 3), values (2, T, 3)
    as colours."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    bottom, height = _top(fig, 1) - CELL, 2 * CELL + MIDDLE
    blocks = groups(owners, structures)
    whose = np.zeros((len(owners), 3))
    for name, slots in blocks.items():
        whose[slots] = to_rgb(COLOURS[name])
    side = (BANK - 0.1 - 3 * 0.04) / 3
    columns = [("", whose, 0.1, 0.0), ("$k$", keys, side, 0.14)]
    columns += [(name, values[m], side, 0.14 + (m + 1) * (side + 0.04)) for m, name in enumerate(names)]
    for title, colours, width, at in columns:
        ax = drawn.place(fig, _left(2) + at, bottom, width, height)
        ax.imshow(colours[:, None], aspect="auto")
        ax.set_title(title, fontsize=9)
        for slots in list(blocks.values())[1:]:
            ax.axhline(slots[0] - 0.5, color="white", linewidth=2)
    handles = [Patch(color=COLOURS[name], label=f"{name} ({len(slots)})") for name, slots in blocks.items()]
    fig.legend(handles=handles, loc="lower center", ncols=len(handles), handlelength=1, columnspacing=1.2, title=None)
