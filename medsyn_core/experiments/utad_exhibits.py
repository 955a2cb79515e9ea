"""What the exhibits of UTAD-Net need, claim and print."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import numpy as np

from medsyn_core.evaluation import summary
from medsyn_core.experiments import ledger
from medsyn_core.experiments.exhibits import SPREAD, UNRECORDED, Need, arrow, footing, in_every_seed
from medsyn_core.experiments.results import METRICS, Claim, Results
from medsyn_core.experiments.tables import ANSWER, Table, written

REFERENCES = ("copy", "atlas", "affine-copy", "own-look-up")
BASELINES = ("StarGAN", "DRIT++", "TarGAN", "ReMIC", "ResViT")
TRAINED = (
    "teacher-wt",
    "teacher-tc",
    "teacher-et",
    "student-wt",
    "student-tc",
    "student-et",
    "student-wt-tumours",
    "teacher-wt-long",
    "student-wt-long",
    "teacher-zeros",
    "teacher-random",
)
STRUCTURES = ("student-wt", "student-global", "student-no-encoder", "student-no-decoder")
CLOSE = 0.75
"""dB. The paper calls students slightly worse that lose between 0.09 and 0.73 dB (its Table I); this covers them."""


# -- Table I


def directions_table(id: str, found: Results, metric: str) -> Table:
    """One score in each direction, for the rows that frame the method and its teacher and student."""
    rows = ("copy", "atlas", "teacher-wt", "student-wt", "own-look-up")
    score = METRICS[metric]
    of = lambda row, direction: (
        "–" if row in found.missing else written(found.summary(row, metric, direction), score.decimals)
    )
    body = tuple((arrow(direction), *(of(row, direction) for row in rows)) for direction in found.directions)
    count = found.summary("copy", metric, found.directions[0]).subjects
    notes = (f"{SPREAD} n = {count} subjects in each direction.", found.provenance())
    title = f"{score.title} [{score.unit}] of each direction"
    return Table(id, title, ("direction", *map(found.title, rows)), body, notes)


def _whole_and_box(text: str, a: str, b: str, whole: str, box: str) -> tuple[Claim, Claim]:
    """One claim of Table I for the whole image and for the tumour box."""
    return (
        Claim(text, a, b, "psnr", f"{whole} dB (Table I)"),
        Claim(f"{text}, in the tumour box", a, b, "psnr_box", f"{box} dB (Table I)"),
    )


def _close(metric: str, where: str, paper: str) -> Claim:
    text = f"The student comes close to its teacher{where}: it is less than {CLOSE} dB worse"
    return Claim(text, "student-wt", "teacher-wt", metric, f"{paper} dB (Table I), “slightly worse”", margin=CLOSE)


CLAIMS = (
    *_whole_and_box(
        "The tumour's mask helps the teacher",
        "teacher-wt",
        "teacher-zeros",
        "31.57 against 29.26",
        "20.72 against 18.75",
    ),
    Claim(
        "What the mask gains sits inside the tumour box",
        "teacher-wt",
        "teacher-zeros",
        "psnr_box",
        "+1.97 dB in the box, +2.31 dB overall (Table I)",
        beyond="psnr",
    ),
    *_whole_and_box(
        "A random map hurts more than a map of zeros",
        "teacher-zeros",
        "teacher-random",
        "29.26 against 28.47",
        "18.75 against 18.26",
    ),
    *_whole_and_box(
        "The teacher is better than its student",
        "teacher-wt",
        "student-wt",
        "31.57 against 31.48",
        "20.72 against 20.21",
    ),
    _close("psnr", "", "31.48 against 31.57"),
    _close("psnr_box", " in the tumour box", "20.21 against 20.72"),
)

OURS = tuple(
    Claim(f"{text}{where}", better, than, metric, "not in the paper")
    for text, better, than in (
        ("The student is better than copying the source and than the atlas", "student-wt", "best of copy, atlas"),
        ("Distilling tumours by themselves helps the student", "student-wt-tumours", "student-wt"),
        ("Three times the steps help the student whose tumours are distilled", "student-wt-long", "student-wt-tumours"),
        ("The longest trained student is better than copy and atlas", "student-wt-long", "best of copy, atlas"),
    )
    for metric, where in (("psnr", ""), ("psnr_box", ", in the tumour box"))
)

T1 = Need(
    rows=(*REFERENCES, *TRAINED),
    optional=TRAINED[1:],
    awaited=BASELINES,
    metrics=("ssim", "psnr", "ssim_box", "psnr_box", "lpips"),
    baselines=("teacher-wt",),
    claims=(*CLAIMS, *OURS),
    tables=(partial(directions_table, metric="psnr"), partial(directions_table, metric="psnr_box")),
    published=(
        ("method", "SSIM", "PSNR [dB]", "local SSIM", "local PSNR [dB]", "LPIPS"),
        (
            ("StarGAN", "0.8477 ± 0.0005", "28.02 ± 1.30", "0.5886 ± 0.0008", "18.48 ± 1.40", "0.0930 ± 0.0228"),
            ("DRIT++", "0.8615 ± 0.0008", "30.24 ± 1.20", "0.6095 ± 0.0009", "19.16 ± 1.26", "0.0802 ± 0.0276"),
            ("TarGAN", "0.8588 ± 0.0006", "29.66 ± 1.24", "0.6037 ± 0.0010", "18.78 ± 1.31", "0.0860 ± 0.0235"),
            ("ReMIC", "0.8459 ± 0.0007", "29.31 ± 1.41", "0.6010 ± 0.0013", "18.69 ± 1.14", "0.0874 ± 0.0262"),
            ("ResViT", "0.8735 ± 0.0005", "30.45 ± 1.37", "0.6068 ± 0.0009", "19.33 ± 1.20", "0.0702 ± 0.0236"),
            ("teacher, WT", "0.8757 ± 0.0004", "31.57 ± 1.14", "0.6195 ± 0.0008", "20.72 ± 1.33", "0.0655 ± 0.0214"),
            ("teacher, TC", "0.8767 ± 0.0005", "31.89 ± 1.29", "0.6199 ± 0.0007", "20.44 ± 1.22", "0.0647 ± 0.0249"),
            ("teacher, ET", "0.8751 ± 0.0006", "31.61 ± 1.42", "0.6166 ± 0.0008", "20.39 ± 1.16", "0.0690 ± 0.0243"),
            ("student, WT", "0.8742 ± 0.0006", "31.48 ± 1.26", "0.6147 ± 0.0009", "20.21 ± 1.23", "0.0664 ± 0.0230"),
            ("student, TC", "0.8753 ± 0.0004", "31.34 ± 1.30", "0.6156 ± 0.0012", "19.96 ± 1.26", "0.0661 ± 0.0255"),
            ("student, ET", "0.8723 ± 0.0005", "30.88 ± 1.15", "0.6143 ± 0.0008", "19.93 ± 1.17", "0.0716 ± 0.0268"),
            ("zeros map", "0.8535 ± 0.0007", "29.26 ± 1.48", "0.6013 ± 0.0005", "18.75 ± 1.59", "0.0869 ± 0.0264"),
            ("random map", "0.8509 ± 0.0007", "28.47 ± 1.40", "0.5994 ± 0.0009", "18.26 ± 1.31", "0.0884 ± 0.0281"),
        ),
    ),
    published_note="Table I of the paper: BraTS 2020, 128 × 128 pixels, 159 test subjects, mean over all directions; "
    "it does not say what ± spreads over. By its own numbers the WT mask gains 1.97 dB in the tumour box and 2.31 dB "
    "over the whole image, and the ET student, said to beat all baselines, has a lower SSIM and a higher LPIPS than "
    "ResViT.",
)


# -- Table III: one number a seed

FEATURES = {
    "feature_mae": ("MAE", "0.0500, the others 0.1790 to 0.2514 (Table III)"),
    "feature_mse": ("MSE", "0.0124, the others 0.1423 to 0.2229 (Table III)"),
}
"""Score -> its name, and what the paper gives."""
FEATURE_NOTE = (
    "Error of the features that eq. utad-10 compares, against those of the frozen teacher, over all test slices in all "
    "modalities, in the features' own unit. Mean (standard deviation over seeds)."
)
FEATURE_RULE = (
    "Three numbers a row allow no test. Yes: at least three seeds, and the full structure has the smallest error in "
    "each of them. No: at least three seeds, and it has it in none. Not decided: everything else."
)


def feature_errors(found: Results, metric: str) -> dict[str, np.ndarray]:
    """Feature error of each recorded student structure, (seeds,); metric: "feature_mae" or "feature_mse"."""
    return {row: np.array([record.extra[metric] for record in seeds]) for row, seeds in found.records.items()}


def decimals(errors: Mapping[str, np.ndarray]) -> int:
    """Decimals that give the largest number four digits: a feature has no unit that would say how many are worth it."""
    top = max(float(np.max(values)) for values in errors.values())
    return max(0, 3 - math.floor(math.log10(top))) if top > 0 else 4


def feature_table(id: str, found: Results) -> Table:
    """Feature error of the four structures: mean and spread over seeds."""
    columns = []
    for errors in (feature_errors(found, metric) for metric in FEATURES):
        digits = decimals(errors)
        means = {row: written(summary(values[:, None]), digits) for row, values in errors.items()}
        columns.append([means.get(row, "–") for row in found.rows])
    rows = tuple(zip(map(found.title, found.rows), *columns, strict=True))
    title = next(row.title for row in ledger.EXHIBITS if row.id == id)
    heads = ("structure", *(name for name, _ in FEATURES.values()))
    return Table(id, title, heads, rows, (FEATURE_NOTE, *footing(found)))


def feature_claims(id: str, found: Results) -> Table:
    """Whether the full structure has the smallest error, seed by seed: three numbers a row allow no test."""
    full, *others = found.rows
    rows = []
    for metric, (name, paper) in FEATURES.items():
        errors = feature_errors(found, metric)
        words = ("The full structure has the smallest feature error", paper, name)
        if found.missing:
            rows.append((*words, "–", "–", UNRECORDED))
            continue
        ahead = np.min([errors[row] for row in others], axis=0) - errors[full]  # (seeds,)
        gaps = ", ".join(f"{gap:+.{decimals(errors)}f}" for gap in ahead)
        rows.append((*words, gaps, f"{(ahead > 0).sum()} of {len(ahead)}", in_every_seed(ahead)))
    columns = ("claim", "the paper's numbers", "in", "smallest other – full, each seed", "smallest in", ANSWER)
    return Table(id, "the claim of the paper", columns, tuple(rows), (FEATURE_RULE, *footing(found)))


T3 = Need(
    rows=STRUCTURES,
    optional=STRUCTURES[1:],
    tables=(feature_table, feature_claims),
    published=(
        ("structure", "MAE", "MSE"),
        (
            ("UTAD-Net, full structure", "0.0500", "0.0124"),
            ("only global branch", "0.2514", "0.2229"),
            ("without local encoder", "0.1912", "0.1588"),
            ("without local decoder", "0.1790", "0.1423"),
        ),
    ),
    published_note="Table III of the paper: features of its own networks on BraTS 2020, scale and spread not given.",
)

F3 = Need(
    # the copy brings what others are seen beside; the last is the translator's
    rows=("copy", "atlas", "teacher-zeros", "student-wt", "teacher-wt", "student-wt-long"),
    optional=("teacher-zeros", "student-wt", "student-wt-long"),
    awaited=BASELINES,
)
F5 = Need(rows=STRUCTURES, optional=STRUCTURES[1:])

NEEDS = {"utad-T1": T1, "utad-T3": T3, "utad-F3": F3, "utad-F5": F5}
