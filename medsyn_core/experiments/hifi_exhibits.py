"""What the exhibits of HiFi-Syn need, claim and print."""

from __future__ import annotations

from functools import partial

from medsyn_core.experiments import hifi_published as published
from medsyn_core.experiments.exhibits import SPREAD, Need, arrow, footing
from medsyn_core.experiments.hifi_scores import (
    affinity_claims,
    affinity_table,
    feature_claims,
    feature_table,
    tissue_claims,
    tissue_table,
)
from medsyn_core.experiments.references import TITLES
from medsyn_core.experiments.results import METRICS, Claim, Results
from medsyn_core.experiments.tables import Table, p_value, written

REFERENCES = tuple(TITLES)
ABLATION = ("baseline", "pixel-no-map", "pixel-no-bank", "pixel", "pixel-structure", "full")
"""The rows of the paper's Table 5, in its order."""
IXI, UKB = ("t1-t2", "t2-t1"), ("t1-flair", "flair-t1")
TUMOUR = ("t1-t2", "t2-t1", "t1-t1ce", "t1ce-t1", "t1-flair", "flair-t1")


# -- tables of directions


def direction_table(
    id: str, found: Results, title: str, directions: tuple[str, ...], metrics: tuple[str, ...], awaited: tuple[str, ...]
) -> Table:
    """Rows with their scores in each direction and, a subject's directions averaged first, over all of them; p against
    the full method. A direction that is not recorded yet is left empty."""
    there = tuple(direction for direction in directions if direction in found.directions)
    chosen = [METRICS[key] for key in metrics]
    columns = [(m, d) for d in directions for m in chosen]
    head = lambda m, where: f"{where} {m.title}" + (f" [{m.unit}]" if m.unit else "")
    cell = lambda row, m, where: written(found.summary(row, m.key, where), m.decimals)
    p = lambda row, m: "–" if row == "full" else p_value(found.compare(row, "full", m.key, there).p)
    width = len(columns) + 2 * len(chosen) + 1
    rows = []
    for row in found.rows:
        if row in found.missing or not there:
            rows.append((found.title(row), *["–"] * width))
            continue
        single = (cell(row, m, d) if d in there else "–" for m, d in columns)
        means = (cell(row, m, there) for m in chosen)
        count = str(found.summary(row, metrics[0], there).subjects)
        rows.append((found.title(row), *single, *means, count, *(p(row, m) for m in chosen)))
    rows[len(REFERENCES) : len(REFERENCES)] = [(f"{name} (not yet run)", *["–"] * width) for name in awaited]
    heads = ("method", *(head(m, arrow(d)) for m, d in columns), *(head(m, "mean") for m in chosen), "n")
    notes = (
        SPREAD,
        f"mean: over {len(there)} directions, subject by subject; n counts subjects. p: two-sided Wilcoxon signed-rank "
        f"test of that mean against {found.title('full')}.",
    )
    notes = notes if there else ()
    return Table(id, title, (*heads, *(f"p, {m.title}" for m in chosen)), tuple(rows), (*notes, *footing(found)))


# -- claims


def _both(text: str, a: str, b: str, where: tuple[str, ...], numbers: tuple[str, str]) -> tuple[Claim, Claim]:
    """A claim about PSNR and SSIM in some directions; numbers: the paper's, of each."""
    psnr, ssim = numbers
    of = partial(Claim, text, a, b, directions=where)
    return of("psnr", psnr), of("ssim", ssim)


def _beats_nothing(where: tuple[str, ...], metric: str = "psnr") -> Claim:
    text = "HiFi-Syn is better than copying the source and than the atlas"
    return Claim(text, "full", "best of copy, atlas", metric, "not in the paper", directions=where)


HEALTHY_CLAIMS = (
    *_both(
        "HiFi-Syn is better than its backbone alone",
        "full",
        "baseline",
        IXI,
        ("24.01 against 22.28 dB for DRIT++ (Table 1, IXI)", "0.831 against 0.789 (Table 1, IXI)"),
    ),
    *_both(
        "HiFi-Syn is better than its backbone alone",
        "full",
        "baseline",
        UKB,
        ("24.17 against 22.91 dB for DRIT++ (Table 1, UKB)", "0.840 against 0.819 (Table 1, UKB)"),
    ),
    _beats_nothing(IXI),
    _beats_nothing(UKB),
)

TUMOUR_CLAIMS = (
    *_both(
        "HiFi-Syn is better than its backbone alone",
        "full",
        "baseline",
        (),
        ("24.83 against 22.63 dB for DRIT++ (Table 2)", "0.874 against 0.839 (Table 2)"),
    ),
    Claim(
        "HiFi-Syn is better than its backbone alone inside tumours",
        "full",
        "baseline",
        "psnr_tumour",
        "shown in Fig. 5, no number",
    ),
    _beats_nothing(()),
    _beats_nothing((), "psnr_tumour"),
)


def _printed(row: str, direction: str) -> tuple[float, float]:
    """PSNR and SSIM of a row in Table 5."""
    numbers = published.ABLATION[1][ABLATION.index(row)][1:]
    first = 2 * IXI.index(direction)
    return float(numbers[first]), float(numbers[first + 1])


def _step(text: str, a: str, b: str) -> tuple[Claim, ...]:
    """One claim of Table 5, in both directions."""
    made: list[Claim] = []
    for direction in IXI:
        psnr, ssim = zip(_printed(a, direction), _printed(b, direction), strict=True)
        numbers = f"{psnr[0]:.2f} against {psnr[1]:.2f} dB (Table 5)", f"{ssim[0]:.3f} against {ssim[1]:.3f} (Table 5)"
        made += _both(text, a, b, (direction,), numbers)
    return tuple(made)


ABLATION_CLAIMS = (
    *_step("The annotation map helps PGD", "pixel", "pixel-no-map"),
    *_step("The memory bank helps PGD", "pixel", "pixel-no-bank"),
    *_step("PGD helps the backbone", "pixel", "baseline"),
    *_step("SGD helps on top of PGD", "pixel-structure", "pixel"),
    *_step("GGD helps on top of PGD and SGD", "full", "pixel-structure"),
    *_step("All three help the backbone", "full", "baseline"),
)


# -- exhibits

TWO = ("baseline", "full")
quality = partial(direction_table, metrics=("psnr", "ssim"))
six = partial(direction_table, directions=TUMOUR, awaited=published.BASELINES)

T1 = Need(
    rows=(*REFERENCES, *TWO),
    optional=("baseline",),
    others=("hifi-ukb",),
    awaited=published.BASELINES,
    tables=(
        partial(quality, title="T1 and T2 of IXI's kind", directions=IXI, awaited=published.BASELINES),
        partial(quality, title="T1 and FLAIR of UK Biobank's kind", directions=UKB, awaited=published.BASELINES),
    ),
    claims=HEALTHY_CLAIMS,
    published=published.HEALTHY,
    published_note=published.HEALTHY_NOTE,
)

T2 = Need(
    plan="hifi-t2",
    others=("hifi-t1ce", "hifi-flair"),
    rows=(*REFERENCES, *TWO),
    optional=("baseline",),
    awaited=published.BASELINES,
    tables=tuple(
        partial(six, title=f"{METRICS[key].title} in six directions", metrics=(key,))
        for key in ("psnr", "ssim", "psnr_tumour")
    ),
    claims=TUMOUR_CLAIMS,
    published=published.TUMOUR,
    published_note=published.TUMOUR_NOTE,
)

T3 = Need(
    rows=("atlas", "affine-copy", "own-look-up", "real", *TWO),
    optional=("baseline",),
    awaited=published.BASELINES,
    tables=(
        partial(tissue_table, against="real", awaited=published.BASELINES),
        partial(tissue_table, against="labels"),
        tissue_claims,
    ),
    published=published.TISSUE,
    published_note=published.TISSUE_NOTE,
)

BEYOND = ("full-no-pixel", "full-sharp")  # rows that the paper's table does not have
T5 = Need(
    rows=(*REFERENCES, *ABLATION, *BEYOND),
    optional=(*ABLATION[:-1], *BEYOND),
    tables=(partial(quality, title="T1 and T2 of IXI's kind", directions=IXI, awaited=()),),
    claims=ABLATION_CLAIMS,
    published=published.ABLATION,
    published_note=published.ABLATION_NOTE,
)

BESIDE = ("copy", "atlas", *TWO)  # the copy brings what others are seen beside
F4 = Need(rows=BESIDE, optional=("baseline",), others=("hifi-ukb",), awaited=published.BASELINES)
F5 = Need(
    plan="hifi-t2",
    rows=BESIDE,
    optional=("baseline",),
    others=("hifi-t1ce", "hifi-flair"),
    awaited=published.BASELINES,
)
F3 = Need(rows=("full",))
BANKS = ("full", *BEYOND, "pixel-structure", "pixel", "pixel-no-map")
F8 = Need(rows=BANKS, optional=BANKS[1:], tables=(affinity_table, affinity_claims))
FEATURES = (*BANKS, "pixel-no-bank", "baseline")
F9 = Need(rows=FEATURES, optional=FEATURES[1:], tables=(feature_table, feature_claims))

NEEDS = {
    "hifi-T1": T1,
    "hifi-T2": T2,
    "hifi-T3": T3,
    "hifi-T5": T5,
    "hifi-F3": F3,
    "hifi-F4": F4,
    "hifi-F5": F5,
    "hifi-F8": F8,
    "hifi-F9": F9,
}
