"""What an image loses with a memory slot: the same networks, the same image, and a bank that must not read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from medsyn_core.data.views import Unpaired
from medsyn_core.data.volume import NAMES
from medsyn_core.figures import style
from medsyn_core.figures.hifi_memory import groups
from medsyn_core.figures.picture import Picture
from medsyn_core.methods.hifi_syn import HEALTHY, WITH_TUMOUR, ContentTranslator
from medsyn_core.networks.memory_bank import MemoryBank

if TYPE_CHECKING:
    from ipywidgets import Widget
    from matplotlib.figure import Figure

    from medsyn_core.data import Cohort

LIMITS = (0.0, 1.1)


class WithoutSlots(nn.Module):
    """A memory bank as it reads where some slots get nothing: their affinity is 0, the others' still sum to 1.

    The bank itself stays as it is. A pixel that asked these slots alone reads zeros. Raises ValueError for slots that
    the bank does not have.
    """

    def __init__(self, bank: MemoryBank, slots: Sequence[int]):
        super().__init__()
        count = len(bank.structure)
        if wrong := [slot for slot in slots if not 0 <= slot < count]:
            raise ValueError(f"slot {wrong[0]} is not in the bank; it has {count}, 0 … {count - 1}.")
        self.bank, self.slots = bank, list(slots)

    def affinity(self, content: Tensor, structure: Tensor | None = None) -> Tensor:
        """As `MemoryBank.affinity`, (B, h * w, T)."""
        left = self.bank.affinity(content, structure).clone()
        left[..., self.slots] = 0.0
        return left / left.sum(dim=-1, keepdim=True).clamp_min(torch.finfo(left.dtype).tiny)

    def read(self, affinity: Tensor, modality: int, size: Sequence[int]) -> Tensor:
        """As `MemoryBank.read`."""
        return self.bank.read(affinity, modality, size)


def without(model: ContentTranslator, slots: Sequence[int]) -> ContentTranslator:
    """A translator of the same networks that reads the bank without some slots; `model` stays as it is.

    Raises ValueError for a model without a memory bank and for slots that it does not have.
    """
    if not isinstance(model, ContentTranslator) or not len(model.memory.structure):
        raise ValueError("this model has no memory slots; give one of HiFi-Syn with items.")
    networks = {name: getattr(model, name) for name in ("content", "attribute", "generator")}
    return ContentTranslator(networks | {"memory": WithoutSlots(model.memory, slots)}, model.modalities)


@torch.no_grad()  # looking, not training
def asked(model: ContentTranslator, image: Tensor, target: str, slots: Sequence[int]) -> np.ndarray:
    """How much of each pixel's read comes from some slots, (h, w) in 0 … 1; image: (H, W)."""
    device, source = next(model.parameters()).device, 1 - model.modalities.index(target)
    content = model.content(image[None, None].float().to(device), source)  # (1, C, h, w)
    affinity = model.memory.affinity(content)[0, :, list(slots)]  # (h * w, slots)
    return affinity.sum(dim=-1).reshape(content.shape[-2:]).float().cpu().numpy()


def ablation(
    model: ContentTranslator, image: Tensor, real: Tensor, target: str, slots: Sequence[int], name: str
) -> Picture:
    """A translation with the whole bank and without some slots, what changes, and where these slots were asked.

    image, real: (H, W) of one slice, scaled as in training with background 0, in the other modality and in `target`;
    name: of the slots, as the picture says it. Raises ValueError as `without` does.
    """
    fewer = without(model, slots)
    whole, less = (m.translate(image[None, None], target)[0, 0].numpy() for m in (model, fewer))
    head, truth, source = image.numpy() != 0, real.numpy(), model.modalities[1 - model.modalities.index(target)]
    change, part = 255 * np.abs(whole - less), asked(model, image, target, slots)
    grey = {NAMES[source]: image.numpy(), f"{NAMES[target]},\nwhole bank": whole, f"without\n{name}": less}
    off = lambda made: 255 * float(np.abs(made - truth)[head].mean())
    moved = float(change[head].mean())
    return Picture(
        _row(grey | {f"real {NAMES[target]}": truth}, change, part),
        alt=f"A slice in {NAMES[source]}, translated to {NAMES[target]} with the whole bank and without {name}, the "
        f"real {NAMES[target]}, the absolute change and the part that {name} had in each pixel's read. Mean change in "
        f"the head {moved:.2f} grey levels of 255; mean absolute error {off(whole):.1f} with, {off(less):.1f} without; "
        f"part in the read {100 * part.mean():.0f} %",
        caption=f"Without {name}: mean change {moved:.2f} grey levels of 255, error {off(whole):.1f} with, "
        f"{off(less):.1f} without.",
    )


@style.styled
def _row(images: dict[str, np.ndarray], change: np.ndarray, part: np.ndarray) -> Figure:
    """Grey images, then the change and the part in the read, each with its scale."""
    fig = style.figure(9.4, 2.2)
    axes = fig.subplots(1, len(images) + 2)
    for ax, (title, image) in zip(axes, images.items(), strict=False):
        ax.imshow(image, vmin=LIMITS[0], vmax=LIMITS[1])
        ax.set_title(title, fontsize=10)
    maps = (
        ("change,\ngrey levels", change, style.ERROR_MAP, float(change.max()) or 1.0),
        ("part of\neach read", part, style.CONFIDENCE_MAP, 1.0),
    )
    for ax, (title, values, colours, top) in zip(axes[len(images) :], maps, strict=True):
        shown = ax.imshow(values, cmap=colours, vmin=0, vmax=top)
        ax.set_title(title, fontsize=10)
        fig.colorbar(shown, ax=ax, shrink=0.8, ticks=[0, top], format="%.3g").outline.set_visible(False)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.grid(False)
    return fig


def choices(model: ContentTranslator) -> dict[str, tuple[int, ...]]:
    """What can be taken out: each slot, and each group of slots; name -> slots."""
    owners = model.memory.structure.cpu().numpy()
    blocks = groups(owners, len(HEALTHY) if owners.max() < len(HEALTHY) else len(WITH_TUMOUR))
    single = {f"slot {slot} ({name})": (int(slot),) for name, slots in blocks.items() for slot in slots}
    return single | {f"all {name} slots": tuple(map(int, slots)) for name, slots in blocks.items()}


def live(model: ContentTranslator, cohort: Cohort, subset: str = "test") -> Widget:
    """The ablation at a kernel: pick a slice, a direction and what the bank must do without.

    model: such as `run.model` or what `medsyn_core.methods.load` brings back. Raises ValueError for a model without
    memory slots and for a cohort that lacks one of its modalities.
    """
    import ipywidgets

    without(model, ())  # refuses what has no bank
    columns = {name: cohort.modality(name) for name in model.modalities}
    view = Unpaired(cohort.subset(subset))
    oracle, subject = view.oracle(range(len(view))), view.batch(range(len(view)))["subject"]
    whole = np.flatnonzero(oracle["present"][:, list(columns.values())].numpy().all(axis=1))
    if not len(whole):
        raise ValueError(f"no subject of the {subset} set has both of {', '.join(columns)}.")
    who = [cohort.subjects[int(subject[k])].id for k in whole]
    labels = {f"{id}, slice {who[:i].count(id) + 1}": int(k) for i, (k, id) in enumerate(zip(whole, who, strict=True))}
    first, second = model.modalities
    ways = {f"{NAMES[s]} to {NAMES[t]}": (s, t) for s, t in ((first, second), (second, first))}
    slots = choices(model)
    controls = [
        ipywidgets.Dropdown(options=labels, value=list(labels.values())[who.count(who[0]) // 2], description="slice"),
        ipywidgets.Dropdown(options=ways, description="direction"),
        ipywidgets.Dropdown(options=list(slots), description="without"),
    ]
    shown = ipywidgets.HTML()

    def show(_: Any = None) -> None:
        place, (source, target), name = (control.value for control in controls)
        image, real = (oracle["images"][place, columns[modality]] for modality in (source, target))
        shown.value = ablation(model, image, real, target, slots[name], name)._repr_html_()

    for control in controls:
        control.observe(show, "value")
    show()
    return ipywidgets.VBox([ipywidgets.HBox(controls, layout={"flex_flow": "row wrap"}), shown])
