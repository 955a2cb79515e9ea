"""How a subject is scanned: one scanner with small jitter by default, or many as in multi-centre collections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medsyn_core.data.phantom.signal import (
    InversionRecovery,
    Mprage,
    Sequence,
    SpinEcho,
    SpoiledGradientEcho,
    null_time,
)

KINDS = {"glioma": ("t1", "t1ce", "t2", "flair"), "ixi": ("t1", "t2"), "ukb": ("t1", "flair"), "ct": ("t1", "ct")}
"""Cohorts and their modalities: patients as BraTS, healthy people as IXI and UK Biobank, whole heads for MR → CT."""

SITES = ("one", "many")


@dataclass(frozen=True)
class Scanner:
    """Where a subject was scanned: the site's name and the field in tesla."""

    site: str
    tesla: float


@dataclass(frozen=True)
class Scan:
    """One modality's acquisition.

    noise: sd in units of white matter's signal for a 1 mm voxel; blur: Gaussian sd in mm; bias: log-sd of the
    coil's shading; shift: residual misregistration in plane, mm; gain: white matter's brightness in the file.
    """

    sequence: Sequence
    noise: float
    blur: float
    bias: float
    shift: tuple[float, float]
    gain: float


def draw_scanner(rng: np.random.Generator, kind: str, sites: str) -> Scanner:
    """`sites="one"`: the cohort's single scanner; "many": 1.5 or 3 T, for IXI its three hospitals."""
    u = rng.random()
    if sites == "one":
        return {"ixi": Scanner("Guys", 1.5), "ukb": Scanner("UKB", 3.0)}.get(kind, Scanner("A", 3.0))
    if kind == "ixi":
        return Scanner("Guys", 1.5) if u < 0.55 else Scanner("HH", 3.0) if u < 0.87 else Scanner("IOP", 1.5)
    return Scanner("3T", 3.0) if u < 0.5 else Scanner("1.5T", 1.5)


def draw_scans(rng: np.random.Generator, kind: str, sites: str, scanner: Scanner, fluid_t1: float) -> dict[str, Scan]:
    """One subject's acquisition per modality; FLAIR's TI is set close to the null of the subject's fluid."""
    draw = _many_sites if sites == "many" and kind == "glioma" else _fixed_protocol
    sequences = draw(rng, kind, scanner, fluid_t1)
    narrow = sites == "one"
    scans = {}
    for modality in sequences:
        shift = rng.normal(0, 0.35, 2) * (modality != "t1")
        spread = rng.uniform(-1, 1)
        scans[modality] = Scan(
            sequences[modality],
            noise=float(rng.uniform(0.022, 0.032) if narrow else rng.uniform(0.018, 0.045)),
            blur=float(rng.uniform(0.45, 0.60) if narrow else rng.uniform(0.35, 0.75)),
            bias=float(rng.uniform(0.04, 0.08) if narrow else rng.uniform(0.05, 0.14)),
            shift=(float(shift[0]), float(shift[1])),
            gain=float(600 * np.exp((0.1 if narrow else 0.9) * spread)),
        )
    return scans


def _fixed_protocol(rng: np.random.Generator, kind: str, scanner: Scanner, fluid_t1: float) -> dict[str, Sequence]:
    """The protocol of one site, every timing within a per cent or two of its setting."""
    near = lambda value: float(value * (1 + rng.uniform(-0.015, 0.015)))
    if kind == "ixi":
        ti, flip, spacing = {"Guys": (1000, 8, 9.7), "HH": (1050, 8, 9.7), "IOP": (850, 9, 7.0)}[scanner.site]
        tr, te = {"Guys": (8178, 100), "HH": (5725, 100), "IOP": (6000, 92)}[scanner.site]
        return {"t1": Mprage(2200, near(ti), 4.6, near(flip), spacing), "t2": SpinEcho(near(tr), near(te))}
    anatomical = lambda: Mprage(near(2000), near(1000), 3.0, near(9), 7.0)
    tr = near(9000 if kind == "glioma" else 7000)
    flair = InversionRecovery(tr, null_time(fluid_t1, tr) * float(rng.uniform(0.96, 0.99)), near(115))
    if kind == "ukb":
        return {"t1": anatomical(), "flair": flair}
    if kind == "ct":
        return {"t1": anatomical()}
    return {"t1": anatomical(), "t1ce": anatomical(), "t2": SpinEcho(near(4500), near(98)), "flair": flair}


def _many_sites(rng: np.random.Generator, kind: str, scanner: Scanner, fluid_t1: float) -> dict[str, Sequence]:
    """Protocols as they come from many hospitals: other sequences, other timings, every subject its own."""
    u = rng.uniform
    spin_echo = lambda: SpinEcho(u(400, 600), u(8, 13))
    mprage = lambda: Mprage(u(1900, 2400), u(900, 1100), 3.0, u(8, 10), u(6.5, 8))
    gradient_echo = lambda: SpoiledGradientEcho(u(14, 24), u(2, 5), u(18, 25))
    t1 = spin_echo() if u() < 0.6 else mprage()
    choice = u()
    t1ce = spin_echo() if choice < 0.35 else mprage() if choice < 0.68 else gradient_echo()
    tr = u(8500, 10500)
    flair = InversionRecovery(tr, null_time(fluid_t1, tr) * u(0.93, 1.01), u(100, 140))
    return {"t1": t1, "t1ce": t1ce, "t2": SpinEcho(u(3500, 6000), u(85, 115)), "flair": flair}
