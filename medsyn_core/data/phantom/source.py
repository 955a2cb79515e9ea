"""The phantom as a source of volumes: the same door real folders come through."""

from __future__ import annotations

from functools import cached_property

from medsyn_core.data.phantom.grid import FIELD_OF_VIEW, HEAD_FIELD_OF_VIEW, Grid
from medsyn_core.data.phantom.notice import NOTICE
from medsyn_core.data.phantom.protocol import KINDS
from medsyn_core.data.phantom.subject import GENERATOR_VERSION, PhantomSubject, check
from medsyn_core.data.phantom.template import template
from medsyn_core.data.volume import SubjectRef, Volume


class PhantomSource:
    """`subjects` synthetic people on the isotropic grid of px x px voxels of 192/px mm, rendered when read.

    kind: "glioma" (t1, t1ce, t2, flair), "ixi" (t1, t2), "ukb" (t1, flair) or "ct" (t1 and CT of the whole head,
    with voxels of 240/px mm); sites: "one" or "many".
    Raises ValueError for unknown kinds or sites, no subjects, or a px below 16.
    """

    name = "phantom"
    notice = NOTICE

    def __init__(self, kind: str = "glioma", subjects: int = 96, px: int = 64, seed: int = 0, sites: str = "one"):
        check(kind, sites)
        if subjects < 1:
            raise ValueError(f"subjects={subjects}: a cohort needs at least one subject.")
        self.kind, self.count, self.px, self.seed, self.sites = kind, subjects, px, seed, sites
        self.modalities = KINDS[kind]
        self.grid = Grid.standard(px, HEAD_FIELD_OF_VIEW if kind == "ct" else FIELD_OF_VIEW)

    @property
    def key(self) -> dict:
        """What, with the subjects' ids, identifies the data; the number of subjects does not change any of them."""
        return {
            "generator": GENERATOR_VERSION[self.kind],
            "template": template().digest,
            "kind": self.kind,
            "px": self.px,
            "seed": self.seed,
            "sites": self.sites,
        }

    @cached_property
    def _refs(self) -> list[SubjectRef]:
        refs = []
        for index in range(self.count):
            subject = self._subject(index)
            refs.append(SubjectRef(subject.id, subject.id, subject.site, subject.grade))
        return refs

    def subjects(self) -> list[SubjectRef]:
        """All subjects in order, without rendering them."""
        return list(self._refs)

    def read(self, ref: SubjectRef) -> Volume:
        """Render one subject."""
        return self._subject(int(ref.id.rsplit("-", 1)[1])).render(self.grid)

    def _subject(self, index: int) -> PhantomSubject:
        return PhantomSubject(index, self.kind, self.seed, self.sites)
