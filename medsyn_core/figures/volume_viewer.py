"""A subject in NiiVue, at a kernel. ipyniivue is optional: where it is missing, what is shown says so."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import invalidate_caches
from importlib.util import find_spec
from typing import TYPE_CHECKING

from medsyn_core.figures.gallery import PARTS

if TYPE_CHECKING:
    from ipyniivue import NiiVue

    from medsyn_core.figures.volumes import Block

HEIGHT = 480  # page pixels


@dataclass(frozen=True)
class Missing:
    """What stands where a viewer would be: a sentence about what to install."""

    text: str = (
        "The viewer needs the package ipyniivue, which is not installed here. Run `%pip install ipyniivue` in a cell, "
        "then this cell again; if that is not enough, restart the kernel. The rest of the page works without it."
    )

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text


def colours() -> dict[str, list]:
    """The colours of the tumour's parts for NiiVue, one entry a code from 0 to 4: R, G, B, A and what it is called."""
    from matplotlib.colors import to_rgb

    table: dict[str, list] = {key: [0] * 5 for key in ("R", "G", "B", "A")} | {"labels": [""] * 5}
    for name, (code, colour) in PARTS.items():
        for key, share in zip("RGB", to_rgb(colour), strict=True):
            table[key][code] = round(255 * share)
        table["A"][code], table["labels"][code] = 255, name
    return table


def viewer(block: Block, opacity: float = 0.6) -> NiiVue | Missing:
    """A widget with three planes and the block in 3D, its labels over it in the book's colours; `Missing` without
    ipyniivue.

    Drag to turn it, scroll to move through planes. Its own attributes go on: volumes[0] is the image, volumes[1] the
    reference, then come the other labels, hidden at first: `w.volumes[2].opacity = 0.6`. Nothing is written to disk.
    opacity: of the reference, 0 … 1; ValueError outside.
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity={opacity!r} must lie within 0 … 1.")
    invalidate_caches()  # it may have been installed a moment ago
    if find_spec("ipyniivue") is None:
        return Missing()
    from ipyniivue import MultiplanarType, NiiVue, ShowRender, SliceType, Volume

    shown = NiiVue(
        height=HEIGHT,
        is_radiological_convention=True,
        sagittal_nose_left=True,
        multiplanar_layout=MultiplanarType.GRID,
        multiplanar_show_render=ShowRender.ALWAYS,
        show_legend=False,
        crosshair_width=0.5,
        scroll_requires_focus=True,
    )
    image, *layers = block.files().items()
    common = {"colorbar_visible": False}
    volumes = [Volume(name=_file(image[0]), data=image[1], colormap="gray", cal_min=0, cal_max=255, **common)]
    for k, (name, content) in enumerate(layers):
        labels = Volume(name=_file(name), data=content, opacity=0.0 if k else opacity, **common)
        labels.set_colormap_label(colours())
        volumes.append(labels)
    shown.load_volumes(volumes)
    shown.set_slice_type(SliceType.MULTIPLANAR)
    return shown


def _file(name: str) -> str:
    """A name by whose end NiiVue knows the format."""
    return f"{name}.nii.gz"
