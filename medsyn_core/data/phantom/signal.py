"""MR signal equations: from T1, T2 and proton density to the brightness of a voxel.

Every sequence is a frozen set of timings (ms, degrees) with `signal(t1, t2, pd)`: arrays or floats of one shape
in, the same shape out, in arbitrary units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

T2_STAR = 0.6
"""T2* as a fraction of T2 for gradient echoes."""


@dataclass(frozen=True)
class SpinEcho:
    """S = PD (1 − exp(−TR/T1)) exp(−TE/T2): T1-weighted with short TR and TE, T2-weighted with long ones."""

    tr: float
    te: float

    def signal(self, t1, t2, pd):
        return pd * (1 - np.exp(-self.tr / t1)) * np.exp(-self.te / t2)


@dataclass(frozen=True)
class SpoiledGradientEcho:
    """S = PD sin α (1 − E) / (1 − E cos α) exp(−TE/T2*), E = exp(−TR/T1)."""

    tr: float
    te: float
    flip: float

    def signal(self, t1, t2, pd):
        decay, angle = np.exp(-self.tr / t1), np.deg2rad(self.flip)
        steady = float(np.sin(angle)) * (1 - decay) / (1 - float(np.cos(angle)) * decay)
        return pd * steady * np.exp(-self.te / (T2_STAR * t2))


@dataclass(frozen=True)
class InversionRecovery:
    """S = PD |1 − 2 exp(−TI/T1) + exp(−TR/T1)| exp(−TE/T2); FLAIR when TI nulls fluid."""

    tr: float
    ti: float
    te: float

    def signal(self, t1, t2, pd):
        recovered = 1 - 2 * np.exp(-self.ti / t1) + np.exp(-self.tr / t1)
        return pd * np.abs(recovered) * np.exp(-self.te / t2)


@dataclass(frozen=True)
class Mprage:
    """Inversion, then a train of `echoes` small flips every `spacing` ms; the centre echo at TI gives the contrast.

    The train drives the magnetisation towards its own steady state, so the plain inversion formula (far too dark
    grey matter at 3 T) does not hold: the cycle's steady state is solved (Wang et al. 2014).
    """

    tr: float
    ti: float
    te: float
    flip: float
    spacing: float
    echoes: int = 160

    def signal(self, t1, t2, pd):
        n, cosine = self.echoes, float(np.cos(np.deg2rad(self.flip)))
        train = n * self.spacing
        before = max(self.ti - train / 2, 20.0)
        after = max(self.tr - before - train, 0.0)
        echo, rise, rest = (np.exp(-t / t1) for t in (self.spacing, before, after))
        shrink = echo * cosine
        half = shrink ** (n // 2)
        full = half * half if n % 2 == 0 else shrink**n
        drive = (1 - echo) / (1 - shrink)
        end = (1 - rest + rest * (drive * (1 - full) + full * (1 - rise))) / (1 + rest * full * rise)
        centre = drive * (1 - half) + half * (1 - rise - rise * end)
        return pd * np.abs(centre) * float(np.sin(np.deg2rad(self.flip))) * np.exp(-self.te / (T2_STAR * t2))


Sequence = SpinEcho | SpoiledGradientEcho | InversionRecovery | Mprage


def null_time(t1: float, tr: float) -> float:
    """TI at which tissue of `t1` gives no signal in an inversion recovery of `tr`: T1 (ln 2 − ln(1 + exp(−TR/T1)))."""
    return float(t1 * (np.log(2) - np.log1p(np.exp(-tr / t1))))
