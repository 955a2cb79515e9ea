"""What unpaired translation is seen beside, whatever the paper: rows that nobody trains, and the slices to show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np

from medsyn_core.data.views import Unpaired, draw_modalities
from medsyn_core.evaluation import affine_matched_copy, copy_source, own_lookup, training_mean, translation_metrics
from medsyn_core.evaluation.lpips import with_lpips
from medsyn_core.experiments.dual_d import tumour_slices

TITLES = {
    "copy": "copy of the source",
    "atlas": "training mean (atlas)",
    "affine-copy": "affine-matched copy (oracle)",
    "own-look-up": "each subject's own look-up (oracle)",
}
"""Row -> its title, the least knowing first."""
ORACLES = {"affine-copy": affine_matched_copy, "own-look-up": own_lookup}
SETTINGS = {"pairing": 0, "version": 1}
PICTURES = 4

Pair = tuple[str, str]


def everything(cohort: Any, subset: str, modalities: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """All slices of a subset, for evaluation: images (N, M, H, W) of these modalities (default: all the cohort has),
    brain, seg, tissue (N, H, W), subject, index (N,)."""
    view = Unpaired(cohort.subset(subset))
    batch, oracle = view.batch(range(len(view))), view.oracle(range(len(view)))
    columns = [cohort.modality(name) for name in modalities or cohort.modalities]
    found = {name: batch[name].numpy() for name in ("seg", "tissue", "subject", "index")}
    return found | {"images": oracle["images"][:, columns].numpy(), "brain": batch["brain"][:, 0].numpy() > 0}


def four_slices(test: Mapping[str, np.ndarray]) -> np.ndarray:
    """Places of the four slices to show, (4,); where fewer subjects have a tumour, some come twice."""
    return np.resize(tumour_slices(test, PICTURES), PICTURES)


def predicted(
    name: str, cohort: Any, test: Mapping[str, np.ndarray], modalities: Sequence[str]
) -> dict[Pair, np.ndarray]:
    """What a row of `TITLES` says of the slices of `everything`, in every direction: (source, target) -> (N, H, W)."""
    images = dict(zip(modalities, test["images"].swapaxes(0, 1), strict=True))  # modality -> (N, H, W)
    if name == "copy":
        return {(s, t): copy_source(images[s]) for s, t in permutations(modalities, 2)}
    if name in ORACLES:
        answer = lambda s, t: ORACLES[name](images[s], images[t], test["brain"], test["subject"])
        return {(s, t): answer(s, t) for s, t in permutations(modalities, 2)}
    means = {target: _atlas(cohort, test, modalities, target) for target in modalities}
    return {(s, t): means[t] for s, t in permutations(modalities, 2)}


def _atlas(cohort: Any, test: Mapping[str, np.ndarray], modalities: Sequence[str], target: str) -> np.ndarray:
    """Of what training shows: one of these modalities a subject."""
    subset = cohort.subset("train")
    drawn = draw_modalities(subset, SETTINGS["pairing"], [cohort.modality(name) for name in modalities])
    column = cohort.modality(target)
    rows = subset.indices[[drawn.get(int(k)) == column for k in cohort.subject[subset.indices]]]
    images = cohort.images[rows, column].astype(np.float32)
    return training_mean(images, cohort.z_mm[rows], cohort.z_mm[test["index"]], test["brain"])


def scores(test: Mapping[str, np.ndarray], answers: Mapping[Pair, np.ndarray], modalities: Sequence[str]) -> list[dict]:
    """`translation_metrics` of every direction: one dict a direction and subject."""
    rows = []
    for (source, target), images in answers.items():
        pair = images, test["images"][:, modalities.index(target)]
        found = translation_metrics(*pair, *(test[key] for key in ("brain", "seg", "subject")))
        rows += [{"direction": f"{source}-{target}", **row} for row in with_lpips(found, *pair, test["subject"])]
    return rows


def beside(
    test: Mapping[str, np.ndarray], shown: np.ndarray, masks: Iterable[str] = ("brain", "seg")
) -> dict[str, np.ndarray]:
    """What pictures of all rows are seen beside: images (k, M, H, W) float16, masks (k, H, W) uint8, index (k,)."""
    arrays = {"images": test["images"][shown].astype(np.float16), "index": test["index"][shown]}
    return arrays | {key: test[key][shown].astype(np.uint8) for key in masks}
