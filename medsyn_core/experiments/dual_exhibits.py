"""What the exhibits of the dual-discriminator paper need, claim and print."""

from __future__ import annotations

import numpy as np

from medsyn_core.evaluation import RULE, compare, summary, verdict
from medsyn_core.experiments.exhibits import SPREAD, Need
from medsyn_core.experiments.results import Claim, Results
from medsyn_core.experiments.tables import Table, p_value, written

REFERENCES = ("copy", "atlas", "look-up", "affine-copy")
BASELINES = ("fcn", "unet", "sgan-global")
PAPER_DATA = "BraTS, 94 test subjects; the range of intensities behind MAE and PSNR is not given."

T1 = Need(
    rows=(*REFERENCES, *BASELINES, "dual-attention"),
    metrics=("mae", "psnr", "ssim", "psnr_brain", "psnr_tumour"),
    baselines=BASELINES,
    claims=(
        Claim(
            "The full method has a higher PSNR than the best baseline",
            "dual-attention",
            f"best of {', '.join(BASELINES)}",
            "psnr",
            "27.5 against 26.2 dB (Table 1)",
        ),
        Claim(
            "The full method has a lower MAE than the best baseline",
            "dual-attention",
            f"best of {', '.join(BASELINES)}",
            "mae",
            "25.8 against 27.0 (Table 1)",
        ),
        Claim("U-Net is better than FCN", "unet", "fcn", "psnr", "26.2 against 25.0 dB (Table 1)"),
        Claim(
            "A global discriminator lowers the MAE of a U-Net",
            "sgan-global",
            "unet",
            "mae",
            "27.0 against 28.8 (Table 1)",
        ),
    ),
    published=(
        ("method", "MAE", "PSNR [dB]"),
        (
            ("FCN", "34.5 (8.6)", "25.0 (2.3)"),
            ("U-Net", "28.8 (6.9)", "26.2 (1.8)"),
            ("sGAN", "27.0 (5.7)", "26.0 (1.5)"),
            ("dual discriminators + attention", "25.8 (5.2)", "27.5 (1.4)"),
        ),
    ),
    published_note=f"Table 1 of the paper: T1 to T2, {PAPER_DATA} Its text gives 27.3 dB for sGAN and more than "
    "28.3 dB for the full method.",
)

T2 = Need(
    plan="dual-ct",
    rows=("copy", "atlas", "look-up", "affine-copy", "fcn", "unet", "sgan-global", "dual-attention"),
    metrics=("mae", "psnr", "ssim", "mae_brain", "psnr_brain"),
    baselines=BASELINES,
    claims=(
        Claim(
            "The full method has a higher PSNR than the best baseline",
            "dual-attention",
            f"best of {', '.join(BASELINES)}",
            "psnr",
            "28.6 against 27.3 dB (Table 2)",
        ),
        Claim(
            "The full method has a lower MAE than the best baseline",
            "dual-attention",
            f"best of {', '.join(BASELINES)}",
            "mae",
            "18.4 against 20.4 (Table 2)",
        ),
        Claim(
            "A global discriminator raises the PSNR of a U-Net", "sgan-global", "unet", "psnr", "27.3 against 26.7 dB"
        ),
        Claim("U-Net is better than FCN", "unet", "fcn", "psnr", "26.7 against 22.7 dB (Table 2)"),
    ),
    published=(
        ("method", "MAE", "PSNR [dB]"),
        (
            ("FCN", "24.4 (15.1)", "22.7 (3.2)"),
            ("U-Net", "21.8 (12.8)", "26.7 (2.1)"),
            ("sGAN", "20.4 (11.2)", "27.3 (1.7)"),
            ("dual discriminators + attention", "18.4 (10.3)", "28.6 (1.8)"),
        ),
    ),
    published_note="Table 2 of the paper: MR to CT, 16 subjects of a brain dataset that it does not name. Here “brain” "
    "is the whole head, and 255 grey levels span 3000 Hounsfield units.",
)

S31 = Need(
    rows=("unet", "sgan-global", "sgan-local", "dual"),
    metrics=("psnr", "psnr_brain", "ssim_brain", "psnr_tumour", "ssim_tumour"),
    baselines=("sgan-global", "sgan-local"),
    claims=(
        Claim(
            "A local discriminator is better than a global one",
            "sgan-local",
            "sgan-global",
            "psnr",
            "27.6 against 27.3 dB",
        ),
        Claim(
            "Both discriminators are better than the global one alone",
            "dual",
            "sgan-global",
            "psnr",
            "28.3 against 27.3 dB",
        ),
        Claim(
            "Both discriminators are better than the local one alone",
            "dual",
            "sgan-local",
            "psnr",
            "28.3 against 27.6 dB",
        ),
        Claim("Both discriminators are better than none", "dual", "unet", "psnr", "not in section 3.1"),
    ),
    published=(
        ("method", "PSNR [dB]"),
        (("global discriminator", "27.3"), ("local discriminator", "27.6"), ("dual discriminators", "28.3")),
    ),
    published_note=f"Section 3.1 of the paper, L1 loss, no attention; {PAPER_DATA}",
)

S32 = Need(
    rows=("dual", "dual-attention", "dual-attention-even", "dual-attention-strong"),
    metrics=("mae", "psnr", "psnr_brain", "psnr_tumour", "ssim_tumour"),
    baselines=("dual",),
    claims=(
        Claim("Attention raises the PSNR", "dual-attention", "dual", "psnr", "+0.2 dB"),
        Claim("Attention raises the PSNR inside tumours", "dual-attention", "dual", "psnr_tumour", "+0.6 dB"),
        Claim(
            "Attention whose mean is divided out raises the PSNR inside tumours",
            "dual-attention-even",
            "dual",
            "psnr_tumour",
            "not in the paper",
        ),
    ),
    published=(("where", "gain in PSNR [dB]"), (("whole image", "+0.2"), ("tumour", "+0.6"))),
    published_note=f"Section 3.2 of the paper: attention on, minus off; {PAPER_DATA}",
)

SMALLEST_CONFIDENCE = 0.01


def confidence(found: Results, row: str, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean confidence M inside tumours and in the rest of the brain before a step, each (seeds, subjects)."""
    looks = [[x for x in record.extra["confidence"] if x["step"] == step] for record in found.records[row]]
    inside, rest = (np.array([[x[where] for x in look] for look in looks]) for where in ("tumour", "rest"))
    return inside, rest


def confidence_table(id: str, found: Results) -> Table:
    """How real the local discriminator finds tumours and the rest of synthetic images, as training goes
    on.
    """
    rows = []
    for row in ("dual", "dual-attention"):
        for step in sorted({look["step"] for look in found.records[row][0].extra["confidence"]}):
            inside, rest = confidence(found, row, step)
            c = compare(rest, inside)
            measured = f"{c.mean:+.3f} [{c.low:+.3f}, {c.high:+.3f}]"
            means = (written(summary(inside), 3), written(summary(rest), 3))
            answer = verdict(rest - inside, SMALLEST_CONFIDENCE)
            rows.append((found.title(row), str(step), *means, measured, p_value(c.p), str(c.subjects), answer))
    heads = ("method", "step", "M in tumours", "M in the rest of the brain")
    heads += ("rest – tumour [95 %]", "p", "n", "lower in tumours?")
    claim = "The paper (section 3.2): at first tumours are judged to be poorly synthesised, by low confidence."
    smallest = f"Smallest difference worth naming: {SMALLEST_CONFIDENCE}."
    notes = (claim, SPREAD, RULE, smallest, found.provenance())
    return Table(id, "confidence of the local discriminator on test subjects", heads, tuple(rows), notes)


F3 = Need(rows=("copy", "dual", "dual-attention"), tables=(confidence_table,))
F4 = Need(rows=("copy", "fcn", "unet", "sgan-global", "sgan-local", "dual", "dual-attention"))

NEEDS = {"dual-T1": T1, "dual-T2": T2, "dual-S3.1": S31, "dual-S3.2": S32, "dual-F3": F3, "dual-F4": F4}
