"""Pictures of the UTAD-Net chapter, from its recorded runs."""

from __future__ import annotations

import numpy as np

from medsyn_core.data.volume import NAMES
from medsyn_core.evaluation import tumour_boxes
from medsyn_core.experiments.results import METRICS, Results
from medsyn_core.experiments.utad import SHOWN
from medsyn_core.experiments.utad_exhibits import STRUCTURES
from medsyn_core.figures import style
from medsyn_core.figures.picture import Picture
from medsyn_core.figures.translations import Direction, side_by_side, square_round

SHORT = {
    "atlas": "atlas",
    "teacher-zeros": "teacher,\nzeros map",
    "student-wt": "student",
    "student-wt-long": "student,\n3 × steps",
    "teacher-wt": "teacher",
    "student-global": "only global\nbranch",
    "student-no-encoder": "no local\nencoder",
    "student-no-decoder": "no local\ndecoder",
}


# -- figure 3


def translations(found: Results) -> Picture:
    """UTAD-Net F3: four directions, three lines each: whole images, the tumour magnified, errors on one scale."""
    kept = {row: arrays for row, arrays in found.pictures().items() if row in SHORT}
    shared = found.records["copy"][0].arrays()
    modalities = found.records["copy"][0].data["modalities"]
    boxes = tumour_boxes(shared["seg"])  # (4, H, W)
    methods = {row: kept[row]["shown"].astype(np.float32) for row in SHORT if row in kept}  # (4, H, W) each
    shown, said = [], []
    for k, (source, target) in enumerate(SHOWN):
        real = shared["images"][k].astype(np.float32)  # (M, H, W)
        images = {"source": real[modalities.index(source)], "ground truth": real[modalities.index(target)]}
        images |= {row: own[k] for row, own in methods.items()}
        inside = boxes[k] if boxes[k].any() else shared["brain"][k] > 0
        shown.append(Direction((source, target), images, inside, square_round(boxes[k])))
        errors = [f"“{found.title(row)}” {shown[k].off(row):.1f}" for row in methods]
        said.append(f"{NAMES[source]} to {NAMES[target]}: {', '.join(errors)}")
    return Picture(
        side_by_side([[direction] for direction in shown], SHORT, plain=("source", "ground truth")),
        alt="Four directions, one test slice each, three lines a direction: whole images, the framed tumour magnified, "
        f"absolute errors. Columns: source, ground truth and {len(methods)} methods. Mean absolute error inside the "
        f"tumour's box, in grey levels of 255. {'; '.join(said)}",
        caption="UTAD-Net F3 (seed 0; slices chosen by the size of their tumour). The frame is what the second line "
        "shows. Errors share one colour scale; the numbers are their means inside the tumour's box, in grey levels of "
        "255.",
    )


# -- figure 5


def as_square(values: np.ndarray) -> np.ndarray:
    """(C,) -> the smallest square that holds them, row by row; nan where there is none."""
    side = int(np.ceil(np.sqrt(len(values))))
    padded = np.full(side * side, np.nan)
    padded[: len(values)] = values
    return padded.reshape(side, side)


@style.styled
def feature_maps(found: Results) -> Picture:
    """UTAD-Net F5: mean absolute error of every feature channel against the teacher, one small square a structure."""
    kept = found.pictures()
    errors = {row: kept[row]["feature_error"] for row in STRUCTURES if row in kept}  # (C,) each
    top = max(float(e.max()) for e in errors.values())
    fig = style.figure(0.3 + 1.7 * len(errors) + 0.9, 2.3)
    axes = fig.subplots(1, len(errors), squeeze=False)[0]
    for ax, (row, values) in zip(axes, errors.items(), strict=True):
        shown = ax.imshow(as_square(values), cmap=style.ERROR_MAP, vmin=0, vmax=top)
        ax.set_title("full" if row == STRUCTURES[0] else SHORT[row])
        ax.set_xlabel(f"mean {values.mean():.3g}")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.grid(False)
    fig.colorbar(shown, ax=axes, label="absolute error").outline.set_visible(False)
    said = "; ".join(
        f"“{found.title(row)}” mean {v.mean():.3g}, smallest {v.min():.3g}, largest {v.max():.3g}"
        for row, v in errors.items()
    )
    return Picture(
        fig,
        alt=f"Feature error of {len(errors)} student structures, a square of {len(values)} pixels each, one pixel a "
        f"channel, on one scale from 0 to {top:.3g}. {said}",
        caption="UTAD-Net F5: mean absolute error of each channel of the features of eq. utad-10 against those of the "
        "teacher, over all test slices in all modalities (seed 0).",
    )


# -- the numbers of table I as pictures


def gains(found: Results, row: str, over: str, metric: str) -> np.ndarray:
    """Mean of row - over in a metric for each direction, (source, target), nan on the diagonal."""
    modalities = found.records[row][0].data["modalities"]
    out = np.full((len(modalities),) * 2, np.nan)
    for direction in found.directions:
        s, t = (modalities.index(name) for name in direction.split("-"))
        means = [found.summary(name, metric, direction).mean for name in (row, over)]
        out[s, t] = means[0] - means[1]
    return out


@style.styled
def twelve_directions(found: Results, row: str, over: str = "copy") -> Picture:
    """Gain in PSNR of one row over another (default: copying the source), direction by direction, for the whole image
    and for the tumour's box."""
    names = [NAMES[name] for name in found.records[row][0].data["modalities"]]
    maps = {METRICS[key].title: gains(found, row, over, key) for key in ("psnr", "psnr_box")}
    top = max(float(np.nanmax(np.abs(gain))) for gain in maps.values()) or 1.0
    fig = style.figure(7.6, 3.6)
    axes = fig.subplots(1, 2)
    for ax, (title, gain) in zip(axes, maps.items(), strict=True):
        shown = ax.imshow(gain, cmap="PuOr_r", vmin=-top, vmax=top)
        for (s, t), value in np.ndenumerate(gain):
            if np.isfinite(value):
                colour = "white" if abs(value) > 0.6 * top else "black"
                ax.text(t, s, f"{value:+.1f}", ha="center", va="center", color=colour)
        ax.set(title=title, xlabel="target", xticks=range(len(names)), yticks=range(len(names)))
        ax.set_xticklabels(names)
        ax.set_yticklabels(names)
        ax.spines[:].set_visible(False)
        ax.set_facecolor("#E3E6EA")  # the diagonal: no direction, not a gain of zero
        ax.tick_params(length=0)
        ax.grid(False)
    axes[0].set_ylabel("source")
    fig.colorbar(shown, ax=axes, label="gain [dB]", shrink=0.8).outline.set_visible(False)
    return Picture(
        fig,
        alt=f"Gain in PSNR of “{found.title(row)}” over “{found.title(over)}” in each direction. "
        + " ".join(_said(title, gain, names) for title, gain in maps.items()),
        caption=f"PSNR of “{found.title(row)}” minus that of “{found.title(over)}”, mean over test subjects and seeds.",
    )


def _said(title: str, gain: np.ndarray, names: list[str]) -> str:
    """The ends and the mean of a matrix of gains, in words."""
    place = lambda flat: " to ".join(names[i] for i in np.unravel_index(flat, gain.shape))
    best, worst = np.nanargmax(gain), np.nanargmin(gain)
    count = int((gain > 0).sum())
    return (
        f"{title}: above zero in {count} of {np.isfinite(gain).sum()} directions, {np.nanmean(gain):+.1f} dB on "
        f"average; most from {place(best)} ({gain.flat[best]:+.1f} dB), least from {place(worst)} "
        f"({gain.flat[worst]:+.1f} dB)."
    )
