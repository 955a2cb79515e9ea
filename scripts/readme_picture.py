"""Render book/_static/phantom.png, the picture of the README and the site's front: python scripts/readme_picture.py.

Three phantom patients, each in the plane of the tumour's centre: the four modalities and the labels.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from medsyn_core.data.phantom import Grid, PhantomSubject
from medsyn_core.figures import gallery, style
from medsyn_core.files import atomic

PICTURE = Path(__file__).resolve().parent.parent / "book" / "_static" / "phantom.png"
SUBJECTS = (2, 0, 10)
SIDE, STEP = 144, 1.2  # voxels, mm
COLOURS = 128  # of the file; enough for noise and a handful of label colours


def show(array: np.ndarray) -> np.ndarray:
    """RAS (X, Y, 1) -> (H, W) with the front of the head in row 0 and the patient's right in column 0."""
    return array[:, :, 0].T[::-1, ::-1]


def main() -> None:
    images, tissue, seg, names = {}, [], [], []
    for index in SUBJECTS:
        subject = PhantomSubject(index)
        volume = subject.render(Grid((SIDE, SIDE), STEP, (float(subject.lesion.centre[2]),)))
        for modality, image in volume.images.items():
            brightest = np.percentile(image[image > 0], 99.5)
            images.setdefault(modality, []).append(show(image) / brightest)
        tissue.append(show(volume.tissue))
        seg.append(show(volume.seg))
        names.append(f"patient {len(names) + 1}")
    columns = {modality: np.stack(rows) for modality, rows in images.items()}
    figure = gallery.with_labels(columns, np.stack(tissue), np.stack(seg), names, cell=1.7)
    buffer = io.BytesIO()
    with style.look():
        figure.savefig(buffer, format="png", dpi=96, metadata={"Software": None})
    picture = Image.open(buffer).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    with atomic(PICTURE) as part, open(part, "wb") as file:
        picture.save(file, "PNG", optimize=True)
    print(f"{PICTURE.name}: {picture.width} x {picture.height} pixels, {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
