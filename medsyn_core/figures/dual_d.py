"""Pictures of the dual-discriminator chapter, from its recorded runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from medsyn_core.data.volume import NAMES
from medsyn_core.experiments.dual_exhibits import confidence
from medsyn_core.experiments.results import Results
from medsyn_core.figures import style
from medsyn_core.figures.curves import curves
from medsyn_core.figures.panels import close_up, panels
from medsyn_core.figures.picture import Picture
from medsyn_core.figures.slider import FrameSlider

CLOSE = 0.45  # side of a close-up, as a part of the image


def _images(found: Results) -> tuple[dict[str, np.ndarray], dict[str, dict[str, np.ndarray]]]:
    """(what all rows share, row -> its arrays), float32; labels as they are."""
    kept = found.pictures()
    rows = {row: {name: np.asarray(a, np.float32) for name, a in arrays.items()} for row, arrays in kept.items()}
    return {**rows["copy"], "seg": kept["copy"]["seg"]}, rows


def _error(translated: np.ndarray, shared: Mapping[str, np.ndarray]) -> float:
    """Mean absolute error inside the tumours shown (in the head, where there are none), in grey levels of 255."""
    inside = shared["seg"] > 0 if (shared["seg"] > 0).any() else shared["brain"] > 0
    return float(np.abs(translated - shared["target"])[inside].mean() * 255)


def _slices(shared: Mapping[str, np.ndarray]) -> list[str]:
    return [f"slice {k + 1}" for k in range(len(shared["target"]))]


SHORT = {
    "sgan-global": "sGAN,\nglobal",
    "sgan-local": "sGAN,\nlocal",
    "dual": "dual-D",
    "dual-attention": "dual-D +\nattention",
}


def side_by_side(found: Results, rows: Sequence[str]) -> Picture:
    """Dual-D F4: source, every row's translation and the target; whole slices, seed 0."""
    shared, arrays = _images(found)
    pair = found.records[rows[0]][0].config["method"]
    source, target = NAMES[pair["source"]], NAMES[pair["target"]]
    images = {source: shared["source"]}
    images |= {SHORT.get(row, found.title(row)): arrays[row]["translated"] for row in rows}
    images[f"real {target}"] = shared["target"]
    fig = panels(images, _slices(shared), seg=shared["seg"], limits=(0, 1.1), cell=1.25)
    errors = ", ".join(f"{found.title(r)} {_error(arrays[r]['translated'], shared):.1f}" for r in rows)
    where = "inside the outlined tumours" if (shared["seg"] > 0).any() else "inside the heads"
    return Picture(
        fig,
        alt=f"{len(shared['target'])} test slices, each as {source}, as translated by {len(rows)} methods and as real "
        f"{target}. Mean absolute error {where}, in grey levels of 255: {errors}",
        caption=f"Dual-D F4, {source} to {target}: methods on the same slices (seed 0; chosen by the data).",
    )


def attention_close_up(found: Results, rows: Sequence[str]) -> Picture:
    """Dual-D F3: close-ups of the tumour in the source, the translations, the target, and the error maps."""
    shared, arrays = _images(found)
    size = round(shared["target"].shape[-1] * CLOSE)
    near = lambda image: close_up(image, shared["seg"], size)
    images = {"T1": near(shared["source"])}
    images |= {SHORT[row]: near(arrays[row]["translated"]) for row in rows}
    images["real T2"] = near(shared["target"])
    maps = {f"error,\n{SHORT[row]}": near(np.abs(arrays[row]["translated"] - shared["target"])) for row in rows}
    fig = panels(images, _slices(shared), seg=near(shared["seg"]), limits=(0, 1.1), maps=maps)
    errors = " and ".join(f"{_error(arrays[r]['translated'], shared):.1f} for {found.title(r)}" for r in rows)
    return Picture(
        fig,
        alt=f"Close-ups of {len(shared['target'])} tumours: T1, translations without and with attention, real T2 and "
        f"absolute errors. Mean absolute error inside these tumours, in grey levels of 255: {errors}",
        caption="Dual-D F3. Tumours without and with difficult-region attention (seed 0, the slices of F4).",
    )


def confidence_slider(found: Results, row: str) -> FrameSlider:
    """Dual-D F3, the second part: the confidence map of one row as its training goes on; whole slices, seed 0."""
    shared, arrays = _images(found)
    looks = sorted(name for name in arrays[row] if name.startswith("confidence-"))
    steps = [int(name.removeprefix("confidence-")) for name in looks]
    inside, outside = shared["seg"] > 0, (shared["brain"] > 0) & (shared["seg"] == 0)
    frames, alts = [], []
    for step, name in zip(steps, looks, strict=True):
        maps = {f"M, slice {k + 1}": m[None] for k, m in enumerate(arrays[row][name])}
        frames.append(
            panels({}, [""], maps=maps, map_limits=(0, 1), map_label="confidence M", map_colours=style.CONFIDENCE_MAP)
        )
        m = arrays[row][name]
        alts.append(
            f"Confidence maps of {len(m)} slices at step {step}: mean {m[inside].mean():.2f} inside the tumours, "
            f"{m[outside].mean():.2f} in the rest of the brain"
        )
    return FrameSlider(
        frames,
        [f"step {step}" for step in steps],
        alts,
        caption=f"Dual-D F3, the confidence map of “{found.title(row)}” on the same slices as its training goes on.",
    )


def confidence_means(found: Results, row: str) -> dict[str, np.ndarray]:
    """Mean of M over training: "steps" (S,), "tumour" and "rest" (seeds, S), averaged over test subjects."""
    steps = sorted({look["step"] for look in found.records[row][0].extra["confidence"]})
    both = [[m.mean(axis=1) for m in confidence(found, row, step)] for step in steps]  # S x (tumour, rest) x (seeds,)
    tumour, rest = np.array(both).transpose(1, 2, 0)  # 2, seeds, S
    return {"steps": np.array(steps), "tumour": tumour, "rest": rest}


def confidence_curves(found: Results, row: str) -> Picture:
    """How sure the local discriminator is, inside tumours and in the rest of the brain, over training, all seeds."""
    means = confidence_means(found, row)
    series = {"inside the tumour": means["tumour"], "rest of the brain": means["rest"]}
    fig = curves(series, ylabel="mean confidence M", steps=means["steps"])
    end = {name: values[:, -1].mean() for name, values in series.items()}
    return Picture(
        fig,
        alt="Mean confidence of the local discriminator over training: it ends at "
        + " and ".join(f"{value:.2f} {name}" for name, value in end.items()),
        caption=f"Confidence of “{found.title(row)}” on the test subjects: mean and standard deviation over seeds.",
    )
