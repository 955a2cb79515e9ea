"""Made-up D²-Net answers: heads with a tumour of three nested parts, segmented the worse the fewer modalities there
are, and ET alone from T1ce; codes that are the better sorted the more contrast their row has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medsyn_core.data.views import all_subsets
from medsyn_core.data.volume import MODALITIES, REGIONS, regions
from medsyn_core.evaluation import dice
from medsyn_core.experiments import records
from medsyn_core.figures.d2_shown import Shown
from medsyn_core.methods import d2net
from tests.experiments import small_d2
from tests.methods import small_clinic

SUBSETS = all_subsets(MODALITIES)
SHOWS = {"t1": (0.3, 0.2, 0.0), "t1ce": (0.5, 0.8, 0.9), "t2": (0.7, 0.4, 0.05), "flair": (0.9, 0.4, 0.05)}
"""How much of WT, TC and ET each modality shows."""


def quality(keep: tuple[str, ...]) -> np.ndarray:
    """(3,) how well WT, TC and ET are found from a choice, 0 … 1."""
    return 1 - np.prod([1 - 0.9 * np.array(SHOWS[name]) for name in keep], axis=0)


def table(lift: float = 0.0) -> dict[tuple[str, str], float]:
    """Dice in % of every choice and region, as a table of means has them; lift: added to all."""
    return {
        ("+".join(keep), name): round(100 * value + lift, 3)
        for keep in SUBSETS
        for name, value in zip(REGIONS, quality(keep), strict=True)
    }


def blob(px: int, radius: float, at: tuple[float, float]) -> np.ndarray:
    """(px, px) bool: an ellipse."""
    y, x = np.mgrid[:px, :px] / px
    return ((x - at[0]) / 1.0) ** 2 + ((y - at[1]) / 1.2) ** 2 < radius**2


def labels(px: int, at: tuple[float, float], size: Sequence[float] = (1, 1, 1)) -> np.ndarray:
    """BraTS codes (px, px): oedema round a core with an enhancing rim; size: of WT, TC and ET against the truth."""
    seg = np.zeros((px, px), np.uint8)
    seg[blob(px, 0.20 * size[0], at)] = 2
    core = blob(px, 0.12 * size[1], at)
    seg[core] = 1
    seg[core & ~blob(px, 0.12 * (1 - 0.5 * size[2]), at)] = 4
    return seg


def images(px: int, seg: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(4, px, px) as z-scores, background exactly 0."""
    head = blob(px, 0.42, (0.5, 0.5))
    ventricle = blob(px, 0.08, (0.5, 0.45))
    noise = lambda: 0.25 * rng.standard_normal((px, px))
    bright = {"t1": (-0.6, -0.8, -0.4), "t1ce": (-0.6, -0.7, 2.0), "t2": (1.8, 1.5, 1.0), "flair": (2.2, 0.8, 0.9)}
    made = []
    for name in MODALITIES:
        image = noise() + (1 if name in ("t2",) else -1) * 2.0 * ventricle
        for code, level in zip((2, 1, 4), bright[name], strict=True):
            image[seg == code] += level
        made.append(np.where(head, image, 0))
    return np.stack(made).astype(np.float16)


def arrays(px: int = 48, subjects: int = 3) -> dict[str, np.ndarray]:
    """The arrays shown_… of a record."""
    rng = np.random.default_rng(0)
    places = [(0.38, 0.4), (0.62, 0.55), (0.45, 0.62)][:subjects]
    truth = np.stack([labels(px, at) for at in places])
    made = np.stack([[labels(px, at, quality(keep)) for keep in SUBSETS] for at in places])  # (S, 15, H, W)
    found = [[_dice(a, t) for a in answers] for answers, t in zip(made, truth, strict=True)]
    return {
        "shown_images": np.stack([images(px, seg, rng) for seg in truth]),
        "shown_truth": truth,
        "shown_labels": made,
        "shown_dice": np.array(found, np.float16),
        "shown_subject": np.arange(subjects, dtype=np.int32),
    }


def _dice(a: np.ndarray, b: np.ndarray) -> list[float]:
    return [dice(ours, theirs) for ours, theirs in zip(regions(a).values(), regions(b).values(), strict=True)]


def shown(px: int = 48) -> Shown:
    """What `d2_shown.shown` makes of them."""
    made = arrays(px)
    return Shown(*(made[f"shown_{name}"] for name in ("images", "truth", "labels", "dice")))


def codes(apart: float, subjects: int = 6, slices: int = 8, size: int = 8) -> dict[str, np.ndarray]:
    """Codes of every modality of some slices: modalities `apart` times their spread apart."""
    rng = np.random.default_rng(1)
    modality = np.tile(np.arange(4), subjects * slices)
    subject = np.repeat(np.arange(subjects), slices * 4)
    centres, own = 2 * rng.normal(size=(4, size)), 0.8 * rng.normal(size=(subjects, size))
    codes = rng.normal(size=(len(modality), size)) + own[subject] + apart * centres[modality] / 2
    return {
        "codes": codes.astype(np.float16),
        "code_modality": modality.astype(np.uint8),
        "code_subject": subject.astype(np.int32),
    }


def features(apart: float, voxels: int = 100, size: int = 8) -> dict[str, np.ndarray]:
    """Features of as many voxels of each class."""
    rng = np.random.default_rng(2)
    kind = np.repeat(np.arange(4), voxels)
    made = rng.normal(size=(len(kind), size)) + apart * rng.normal(size=(4, size))[kind]
    return {"features": made.astype(np.float16), "feature_class": kind.astype(np.uint8)}


APART = {"base": 0.3, "spatial": 1.0, "frequency": 0.8, "sfmc": 3.0, "no-td": 0.6, "full": 1.5}
"""How far apart what a row keeps is."""


def kept(job) -> dict[str, np.ndarray]:
    """The arrays beside a made-up record: what its row keeps of seed 0."""
    if job.seed or job.row.observe is None:
        return {}
    apart = APART.get(job.row.name, 1.0)
    made = {"codes": lambda: codes(apart, 11), "features": lambda: features(apart), "shown": lambda: arrays(32)}
    return {name: array for what in job.row.observe.keywords["what"] for name, array in made[what]().items()}


def save(rows: Sequence[str], leave_out: Sequence[str] = (), **hows) -> None:
    """Made-up records of these rows of D²-Net's plan; leave_out: names of arrays; hows: see `small_d2.scores`."""
    for job in small_d2.MADE.jobs("laptop", rows):
        how = {what: of[job.row.name] for what, of in hows.items() if job.row.name in of}
        left = {name: array for name, array in kept(job).items() if name not in leave_out}
        records.save(small_d2.written(job, **how), left)


def recipe():
    """The smallest D²-Net, three steps on `small_clinic`'s patients."""
    return d2net.recipe("smoke").configure(**small_clinic.SIZES, steps=3, batch_size=2)
