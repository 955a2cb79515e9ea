"""HiFi-Syn's memory bank in pictures: who may use which slot, and what queries read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from medsyn_core.experiments.hifi_queries import own_share
from medsyn_core.figures import style
from medsyn_core.figures.picture import Picture
from medsyn_core.methods.hifi_syn import HEALTHY, WITH_TUMOUR
from medsyn_core.networks.memory_bank import GLOBAL, MemoryBank

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COMMON = "common"
COLOURS = {
    **style.TISSUE,
    "necrosis": style.VERMILION,
    "oedema": style.GREEN,
    "enhancing": style.YELLOW,
    COMMON: style.PURPLE,
}


def structure_names(count: int) -> tuple[str, ...]:
    """Names of `count` structures, those of healthy brains or of brains with tumours; else ValueError."""
    for names in (HEALTHY, WITH_TUMOUR):
        if len(names) == count:
            return names
    raise ValueError(
        f"{count} structures; there are {len(HEALTHY)} in healthy brains, {len(WITH_TUMOUR)} with tumours."
    )


def groups(owners: np.ndarray, structures: int) -> dict[str, np.ndarray]:
    """Name -> places of its slots, in the order of the bank, for each structure that has any, then the common ones;
    owners: (T,), as `MemoryBank.structure`."""
    names = {GLOBAL: COMMON} | dict(enumerate(structure_names(structures)))
    if unknown := set(np.unique(owners).tolist()) - set(names):
        raise ValueError(f"owners names the structures {sorted(unknown)}; there are 0 … {structures - 1} and {GLOBAL}.")
    found = {name: np.flatnonzero(owners == code) for code, name in sorted(names.items(), key=lambda n: n[0] == GLOBAL)}
    return {name: slots for name, slots in found.items() if len(slots)}


def _borders(ax: Axes, blocks: Mapping[str, np.ndarray], counts: bool = False) -> None:
    """Names under the blocks of slots, and a white line between them."""
    labels = [f"{name} ({len(slots)})" if counts else name for name, slots in blocks.items()]
    ax.set_xticks([slots.mean() for slots in blocks.values()], labels, rotation=35, ha="right", rotation_mode="anchor")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.grid(False)
    for slots in list(blocks.values())[1:]:
        ax.axvline(slots[0] - 0.5, color="white", linewidth=3)


# -- figure 3


def rights(bank: MemoryBank, structures: int) -> np.ndarray:
    """Which slots a pixel of each structure, and at last one without a label, may use: (structures + 1, T) bool."""
    labelled = bank.allowed(torch.arange(structures, device=bank.structure.device))  # (structures, T)
    return torch.cat([labelled, torch.ones_like(labelled[:1])]).cpu().numpy()


@style.styled
def setting(bank: MemoryBank, structures: int = 4) -> Picture:
    """HiFi-Syn F3: a column a slot, a line a kind of pixel; filled where the pixel may read the slot, dotted where it
    may also write it in training.

    Pixels without label are those at test time, when nothing is written. Raises ValueError for a bank without slots.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    owners = bank.structure.cpu().numpy()
    if not len(owners):
        raise ValueError("this bank has no slots: there is nothing to read or write.")
    blocks, names = groups(owners, structures), structure_names(structures)
    allowed = rights(bank, structures)  # (structures + 1, T)
    cells = np.ones((*allowed.shape, 3))
    for name, slots in blocks.items():
        cells[:, slots] = np.where(allowed[:, slots, None], 0.45 + 0.55 * np.array(to_rgb(COLOURS[name])), 0.93)
    fig = style.figure(7.6, 1.8 + 0.34 * len(allowed))
    ax = fig.subplots()
    ax.imshow(cells, aspect="auto")
    lines, slots = np.nonzero(allowed[:-1])  # the last line is a pixel at test time
    ax.plot(slots, lines, "o", color="black", markersize=4)
    for slot in range(1, len(owners)):
        ax.axvline(slot - 0.5, color="white", linewidth=0.8)
    for line in range(1, len(allowed)):
        ax.axhline(line - 0.5, color="white", linewidth=3)
    ax.set_yticks(range(len(allowed)), [*names, "any, no label"])
    ax.set_xlim(-0.5, len(owners) - 0.5)
    ax.set(xlabel="slots, each with one key and one value for each modality", ylabel="pixels")
    _borders(ax, blocks, counts=True)
    handles = [
        Patch(facecolor="0.6", label="may read"),
        ax.plot([], [], "o", color="black", markersize=4, label="and write, in training")[0],
        Patch(facecolor="0.93", label="neither"),
    ]
    fig.legend(handles=handles, loc="outside upper center", ncols=3, handlelength=1)
    said = [f"{name} {line.sum()}" for name, line in zip(names, allowed, strict=False)]
    held = ", ".join(f"{len(slots)} of {name}" for name, slots in blocks.items()).replace("of common", "common ones")
    return Picture(
        fig,
        alt=f"The {len(owners)} slots of a memory bank: {held}. How many a pixel with a label may read and write in "
        f"training: {', '.join(said)}. A pixel without label reads {allowed[-1].sum()} and writes none",
        caption="HiFi-Syn F3: which slots a pixel may use. In training its label opens the slots of its own structure "
        "and the common ones; at test time there is no label, so it reads them all and nothing is written.",
    )


# -- figure 8


@style.styled
def affinities(seen: Mapping[str, np.ndarray], owners: np.ndarray) -> Picture:
    """HiFi-Syn F8: a line a query, sorted by structure, a column a slot; one map a title, on one scale.

    seen: title -> affinity (structures, queries, T), of which each line sums to 1 (hifi-1, read without labels);
    owners: (T,) the structure of each slot, negative for common ones. Red frames: where a query meets slots of its own
    structure. Raises ValueError for shapes that do not fit and for lines that do not sum to 1.
    """
    from matplotlib.patches import Rectangle

    first = np.shape(next(iter(seen.values())))
    for title, w in seen.items():
        if np.ndim(w) != 3 or np.shape(w) != first or first[2] != len(owners):
            raise ValueError(
                f"{title!r}: affinity has shape {np.shape(w)}; structures x queries x {len(owners)} slots are due."
            )
        if not np.allclose(np.sum(w, axis=2, dtype=np.float32), 1, atol=0.02):  # what float16 may lose
            raise ValueError(f"{title!r}: the affinities of a query must sum to 1; give them as hifi-1 has them.")
    structures, queries, slots = first
    blocks, names = groups(owners, structures), structure_names(structures)
    fig = style.figure(1.4 + 3.2 * len(seen), 1.4 + 0.11 * queries * structures)
    axes, top = fig.subplots(1, len(seen), squeeze=False)[0], max(float(np.max(w)) for w in seen.values())
    for ax, (title, w) in zip(axes, seen.items(), strict=True):
        lines = np.reshape(w, (-1, slots)).astype(np.float32)  # (structures * queries, T)
        shown = ax.imshow(lines, aspect="auto", cmap="viridis", vmin=0, vmax=top)
        ax.set(title=title, yticks=[])
        _borders(ax, blocks)
        for s, name in enumerate(names):
            if s:
                ax.axhline(s * queries - 0.5, color="white", linewidth=3)
            if name in blocks:
                corner, width = (blocks[name][0] - 0.5, s * queries - 0.5), len(blocks[name])
                frame = Rectangle(corner, width, queries, fill=False, edgecolor=style.VERMILION, linewidth=2, zorder=3)
                ax.add_patch(frame)
    axes[0].set_yticks((np.arange(structures) + 0.5) * queries - 0.5, names)
    axes[0].set_ylabel(f"{queries} queries of each structure")
    fig.colorbar(shown, ax=axes, label="affinity $w$", aspect=30).outline.set_visible(False)
    even = {name: len(blocks[name]) / (owners >= 0).sum() for name in names if name in blocks}
    said = [f"{title}: {_shares(w, owners, names, blocks)}" for title, w in seen.items()]
    return Picture(
        fig,
        alt=f"Affinity of {queries} queries of each of {structures} structures to {slots} slots, on one scale from 0 "
        f"to {top:.2f}. Of the weight on slots that belong to a structure, queries give to those of their own: "
        f"{'; '.join(said)}. Spread evenly: {', '.join(f'{name} {100 * part:.0f} %' for name, part in even.items())}",
        caption="HiFi-Syn F8: affinities, read as at test time, without labels. Each line sums to one; frames are "
        "where queries meet the slots of their own structure.",
    )


def _shares(w: np.ndarray, owners: np.ndarray, names: tuple[str, ...], blocks: Mapping[str, np.ndarray]) -> str:
    """How much each structure's queries give to its own slots, in words."""
    share = lambda s: own_share(np.asarray(w[s], np.float32), np.full(len(w[s]), s), owners)
    return ", ".join(f"{name} {100 * share(s):.0f} %" for s, name in enumerate(names) if name in blocks)
