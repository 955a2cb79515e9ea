"""One synthetic person: drawn from seeds, rendered on any grid."""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property

import numpy as np

from medsyn_core.data.phantom.acquisition import Physics, acquire, average_over_voxels
from medsyn_core.data.phantom.anatomy import Anatomy
from medsyn_core.data.phantom.composition import compose, labels
from medsyn_core.data.phantom.ct import render_head
from medsyn_core.data.phantom.distractors import Distractors
from medsyn_core.data.phantom.fields import Points
from medsyn_core.data.phantom.grid import Grid
from medsyn_core.data.phantom.head import Head
from medsyn_core.data.phantom.lesion import Lesion, draw_plan
from medsyn_core.data.phantom.protocol import KINDS, SITES, draw_scanner
from medsyn_core.data.volume import Volume

GENERATOR_VERSION = {"glioma": 3, "ixi": 2, "ukb": 2, "ct": 2}
"""By kind, raised whenever the same seeds would give other images; part of every cohort's key, not of the seeds."""

_STREAMS = ("anatomy", "lesion", "physics", "noise")
_ROOT = 1


class PhantomSubject:
    """Subject `index` of a cohort `kind` ("glioma", "ixi", "ukb", "ct"); a continuous function of position in mm.

    What is drawn depends on kind, seed and index alone: not on how many subjects there are, nor on the grid. sites:
    "one" scanner with small protocol jitter or "many". Raises ValueError for an unknown kind or sites, or a
    negative index.
    """

    def __init__(self, index: int, kind: str = "glioma", seed: int = 0, sites: str = "one"):
        check(kind, sites)
        if index < 0 or seed < 0:
            raise ValueError(f"index={index}, seed={seed}: both count from 0; give numbers that are not negative.")
        self.index, self.kind, self.seed, self.sites = index, kind, seed, sites
        self.modalities = KINDS[kind]
        sequence = np.random.SeedSequence([_ROOT, list(KINDS).index(kind), seed, index])
        # one stream a part: another draw in one of them leaves the others as they are
        self._streams = dict(zip(_STREAMS, sequence.spawn(len(_STREAMS)), strict=True))

    @property
    def id(self) -> str:
        """Unique in the cohort, e.g. "phantom-glioma-0007"."""
        return f"phantom-{self.kind}-{self.index:04d}"

    def _rng(self, stream: str) -> np.random.Generator:
        return np.random.default_rng(self._streams[stream])

    @cached_property
    def _healthy(self) -> tuple[Anatomy, Distractors]:
        rng = self._rng("anatomy")
        anatomy = Anatomy(rng)
        return anatomy, Distractors(rng, anatomy)

    @cached_property
    def physics(self) -> Physics:
        """Relaxation times, contrast uptake and protocol."""
        return Physics(self._rng("physics"), self.kind, self.sites)

    @cached_property
    def lesion(self) -> Lesion | None:
        """The glioma, None in healthy cohorts."""
        return Lesion(self._rng("lesion"), self._healthy[0]) if self.kind == "glioma" else None

    @cached_property
    def _head(self) -> Head:
        return Head(self._rng("lesion"))  # nobody has both a tumour and a skull: the stream is free

    @property
    def grade(self) -> str | None:
        """HGG or LGG, None in healthy cohorts; the first thing drawn, so it costs nothing to ask."""
        return draw_plan(self._rng("lesion")).grade if self.kind == "glioma" else None

    @property
    def site(self) -> str:
        """The scanner's site; the first thing drawn, so it costs nothing to ask."""
        return draw_scanner(self._rng("physics"), self.kind, self.sites).site

    @property
    def parameters(self) -> dict:
        """Ground truth, JSON-able: age, scanner, T1/T2 (ms) and PD, contrast (mM), protocol, tumour."""
        physics = self.physics
        return {
            "age": self._healthy[0].age,
            "site": physics.scanner.site,
            "tesla": physics.scanner.tesla,
            "relaxation": {name: asdict(times) for name, times in physics.relaxation.items()},
            "contrast_mmol": physics.uptake,
            "protocol": {
                modality: asdict(scan) | {"kind": type(scan.sequence).__name__}
                for modality, scan in physics.scans.items()
            },
            "tumour": self.lesion.parameters if self.lesion else None,
        }

    def render(self, grid: Grid) -> Volume:
        """The subject on `grid`: images as a scanner's whole numbers, tissue and tumour labels, all (X, Y, Z)."""
        planes = [self._render_plane(grid, k) for k in range(len(grid.z))]
        stack = lambda name: np.stack([plane[name] for plane in planes], axis=-1)
        return Volume(
            subject=self.id,
            patient=self.id,
            images={modality: stack(modality) for modality in self.modalities},
            seg=stack("seg") if self.lesion else None,
            tissue=stack("tissue"),
            affine=grid.affine,
            site=self.site,
            grade=self.grade,
        )

    def _render_plane(self, grid: Grid, k: int) -> dict[str, np.ndarray]:
        """One plane, alone: nothing in it depends on other planes."""
        anatomy, distractors = self._healthy
        composition = compose(Points.on(*grid.fine_axes(k)), anatomy, distractors, self.lesion)
        tissue = composition.tissue
        brain, classes, seg = labels(composition, average_over_voxels(grid, tissue.points))
        variation = self.physics.log_variation(composition, self.lesion.texture if self.lesion else None)
        signals = self.physics.signals(composition, variation, distractors.iron(tissue))
        key = int(self._streams["noise"].generate_state(1)[0])
        if self.kind == "ct":
            images = render_head(anatomy, self._head, self.physics, composition, signals, grid, k, key)
            return images | {"tissue": classes, "seg": seg}
        fine = {m: tissue.points.put(signal).mean(0) for m, signal in signals.items()}  # X·2, Y·2: sub-samples
        plane = {m: acquire(self.physics, m, image, brain, grid, k, key) for m, image in fine.items()}
        return plane | {"tissue": classes, "seg": seg}


def check(kind: str, sites: str) -> None:
    """Raise ValueError where the cohort's kind or its sites do not exist."""
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is no phantom cohort; choose one of: {', '.join(KINDS)}.")
    if sites not in SITES:
        raise ValueError(f"sites={sites!r} is unknown; choose one of: {', '.join(SITES)}.")
