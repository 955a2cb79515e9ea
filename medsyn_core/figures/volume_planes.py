"""A block plane by plane, from three sides, with the tumour's parts outlined: plain HTML, without a kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medsyn_core.figures.gallery import PARTS
from medsyn_core.figures.slider import FrameSlider
from medsyn_core.figures.volumes import Block

SIDE, WIDTH = 384, 280  # pixels of a frame, and of the page; less than 1.5 times as many, or it would be enlarged
LINE = 3  # pixels
FRAMES = 64  # at most, of one side
MARGIN = 8.0  # millimetres round the head


@dataclass(frozen=True)
class Side:
    """One of the three ways to cut. axis: of (X, Y, Z), across the planes; letter: of the label; caption: what the
    slider does."""

    name: str
    axis: int
    letter: str
    caption: str


SIDES = (
    Side("Axial", 2, "z", "Axial, from low to high"),
    Side("Coronal", 1, "y", "Coronal, from back to front"),
    Side("Sagittal", 0, "x", "Sagittal, from left to right"),
)


def plane(array: np.ndarray, axis: int, k: int) -> np.ndarray:
    """Plane k of (X, Y, Z) as radiologists hang it: (H, W), up is anterior or superior, left is the patient's right or,
    from the side, anterior."""
    return np.take(array, k, axis=axis).T[::-1, ::-1]


def outlined(grey: np.ndarray, labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image (H, W) in 0 … 1 enlarged to `size` without smoothing, the borders of the tumour's parts drawn inside
    them in their colours: (*size, 3) uint8."""
    from matplotlib.colors import to_rgb

    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int) for new, old in zip(size, grey.shape, strict=True)
    )
    enlarged = lambda array: array[np.ix_(rows, columns)]
    out = np.repeat((255 * enlarged(grey)).round().astype(np.uint8)[..., None], 3, axis=-1)  # (H', W', 3)
    codes = enlarged(labels)
    for code, colour in PARTS.values():
        mask = np.pad(codes == code, LINE)
        inner = mask.copy()
        for step in (-LINE, LINE):
            inner &= np.roll(mask, step, 0) & np.roll(mask, step, 1)
        out[(mask & ~inner)[LINE:-LINE, LINE:-LINE]] = [round(255 * share) for share in to_rgb(colour)]
    return out


def cropped(block: Block) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, labels and the corner (3,) in voxels of what holds the head, with a margin, inside the block."""
    found = np.argwhere((block.image > 0) | (block.labels > 0))
    if not len(found):
        raise ValueError(f"{block.title} of {block.name} is black everywhere.")
    margin = np.ceil(MARGIN / block.voxel_mm).astype(int)
    low = np.maximum(found.min(axis=0) - margin, 0)
    high = np.minimum(found.max(axis=0) + 1 + margin, block.image.shape)
    part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return block.image[part], block.labels[part], low


def described(labels: np.ndarray) -> str:
    """What is labelled in a plane: "12 pixels of ED, 3 of NCR", or that nothing is."""
    there = [(name, int((labels == code).sum())) for name, (code, _) in PARTS.items() if (labels == code).any()]
    if not there:
        return "no tumour"
    first, *others = there
    return ", ".join([f"{first[1]} pixels of {first[0]}", *(f"{many} of {name}" for name, many in others)])


def slider(block: Block, side: Side) -> FrameSlider:
    """All planes of one side, at most `FRAMES`, opening where most of the tumour is, or in the middle."""
    image, labels, corner = cropped(block)
    mm, axis = block.voxel_mm, side.axis
    across = [k for k in range(3) if k != axis]
    longest = (np.array(image.shape) * mm).max()
    height, width = (round(SIDE * image.shape[k] * mm[k] / longest) for k in reversed(across))
    many = image.shape[axis]
    places = np.unique(np.linspace(0, many - 1, min(many, FRAMES)).round().astype(int))
    frames, names, alts = [], [], []
    for k in places:
        seg = plane(labels, axis, k)
        frame = np.zeros((SIDE, SIDE, 3), np.uint8)  # all sides at one scale, in equal squares
        top, left = (SIDE - height) // 2, (SIDE - width) // 2
        frame[top : top + height, left : left + width] = outlined(plane(image, axis, k), seg, (height, width))
        voxel = [0, 0, 0, 1.0]
        voxel[axis] = k + corner[axis]
        at = (np.asarray(block.affine) @ voxel)[axis]
        frames.append(frame)
        names.append(f"{side.letter} = {at:.0f} mm".replace("-", "−"))
        alts.append(f"{side.name} plane of {block.title} at {names[-1]}: {described(seg)}")
    sizes = (labels > 0).sum(axis=tuple(across))[places]
    start = int(sizes.argmax()) if sizes.any() else len(places) // 2
    return FrameSlider(frames, names, alts, side.caption, width=WIDTH, start=start)


def sliders(block: Block) -> list[FrameSlider]:
    """Axial, coronal and sagittal."""
    return [slider(block, side) for side in SIDES]
