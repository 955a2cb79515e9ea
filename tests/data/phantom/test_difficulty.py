"""The phantom's tasks stay honest: context is needed, tumours are hard, enhancement shows on T1ce only.

A cheap model stands for a network: boosted trees that see a voxel, its surroundings at three scales and its place.
"""

from functools import cache

import numpy as np
import pytest
from scipy import ndimage
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from medsyn_core.data.phantom import Grid, PhantomSubject

GRID = Grid.standard(64)
TRAIN, TEST = range(14), range(14, 22)


@cache
def planes(index: int) -> dict[str, np.ndarray]:
    """Five planes a subject, the middle one through the tumour: modality -> (5, X, Y) scaled, with seg and brain."""
    subject = PhantomSubject(index)
    middle = int(np.argmin(np.abs(np.array(GRID.z) - subject.lesion.centre[2])))
    chosen = np.clip(middle + np.array([-9, -3, 0, 3, 9]), 12, 44)
    volumes = [subject.render(GRID.plane(int(k))) for k in chosen]
    stack = lambda get: np.stack([get(volume)[..., 0] for volume in volumes])
    brain = stack(lambda v: v.tissue) > 0
    images = {}
    for modality in subject.modalities:
        image = stack(lambda v, modality=modality: v.images[modality])
        images[modality] = image / np.percentile(image[brain], 99.5)
    return images | {"seg": stack(lambda v: v.seg), "brain": brain, "z": np.array(GRID.z)[chosen]}


def features(index: int, modalities: tuple[str, ...]) -> np.ndarray:
    """(voxels of the brain, features) of one subject's planes."""
    data = planes(index)
    brain = data["brain"]
    columns = []
    for modality in modalities:
        columns.append(data[modality])
        for width in (1.0, 2.5, 5.0):
            weight = ndimage.gaussian_filter(brain.astype(np.float32), (0, width, width))
            blurred = ndimage.gaussian_filter(data[modality], (0, width, width))
            columns.append(blurred / np.maximum(weight, 0.05))
    x, y = np.meshgrid(*GRID.axes, indexing="ij")
    columns += [np.broadcast_to(c, brain.shape) for c in (np.abs(x), y, data["z"][:, None, None])]
    return np.stack([c[brain] for c in columns], 1).astype(np.float32)


def values(index: int, name: str) -> np.ndarray:
    return planes(index)[name][planes(index)["brain"]]


def fit(model, modalities: tuple[str, ...], target) -> list[np.ndarray]:
    """Predictions for the voxels of each test subject."""
    model.fit(np.concatenate([features(i, modalities) for i in TRAIN]), np.concatenate([target(i) for i in TRAIN]))
    predict = getattr(model, "predict_proba", model.predict)
    return [predict(features(i, modalities)) for i in TEST]


def look_up() -> list[np.ndarray]:
    """T2 as the best function of T1's brightness alone: the mean of T2 in 100 bins of T1."""
    bins = lambda i: np.clip((values(i, "t1") * 100).astype(int), 0, 119)
    where = np.concatenate([bins(i) for i in TRAIN])
    count = np.bincount(where, minlength=120)
    total = np.bincount(where, np.concatenate([values(i, "t2") for i in TRAIN]), 120)
    known = np.flatnonzero(count > 10)
    table = np.interp(np.arange(120), known, total[known] / count[known])
    return [table[bins(i)] for i in TEST]


def decibel(predicted: list[np.ndarray], region) -> np.ndarray:
    """PSNR of T2 per test subject over the voxels that `region` chooses."""
    errors = [(p - values(i, "t2"))[region(i)] for p, i in zip(predicted, TEST, strict=True)]
    return np.array([-10 * np.log10((e**2).mean()) for e in errors])


everywhere = lambda i: np.ones(len(values(i, "seg")), bool)
tumour = lambda i: values(i, "seg") > 0
healthy = lambda i: ~tumour(i)


@pytest.fixture(scope="module")
def with_context():
    model = HistGradientBoostingRegressor(max_iter=80, early_stopping=False, random_state=0)
    return fit(model, ("t1",), lambda i: values(i, "t2"))


def test_context_beats_a_look_up_of_brightness(with_context):
    gain = decibel(with_context, everywhere) - decibel(look_up(), everywhere)
    assert gain.mean() > 0.5
    assert (gain > 0).mean() >= 0.75


def test_the_tumour_is_harder_than_the_rest(with_context):
    lost = decibel(with_context, healthy) - decibel(with_context, tumour)
    assert lost.mean() > 2
    assert (lost > 0).mean() > 0.8


def test_brightness_alone_does_not_solve_the_task():
    assert decibel(look_up(), everywhere).mean() < 24


def test_enhancement_needs_the_contrast_image():
    def dice(modalities):
        model = HistGradientBoostingClassifier(max_iter=40, early_stopping=False, random_state=0)
        found = [p[:, 1] > 0.4 for p in fit(model, modalities, lambda i: values(i, "seg") == 4)]
        there = [values(i, "seg") == 4 for i in TEST]
        overlap = sum((f & t).sum() for f, t in zip(found, there, strict=True))
        return 2 * overlap / (sum(f.sum() for f in found) + sum(t.sum() for t in there))

    assert dice(("t1", "t1ce", "t2", "flair")) > 0.5
    assert dice(("t1", "t2", "flair")) < 0.25
