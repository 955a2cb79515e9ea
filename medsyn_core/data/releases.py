"""What the public collections look like: names, label codes and quirks, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

ALIASES: Mapping[str, str] = {
    **dict.fromkeys(("t1", "t1n", "t1w"), "t1"),
    **dict.fromkeys(("t1ce", "t1c", "t1gd", "t1post"), "t1ce"),
    **dict.fromkeys(("t2", "t2w"), "t2"),
    **dict.fromkeys(("flair", "t2f", "fla"), "flair"),
    "ct": "ct",
    **dict.fromkeys(("seg", "label", "labels", "segmentation"), "seg"),
    "tissue": "tissue",
}
"""Last word of a file's name, in lower case -> what the file is. Never matched inside a word: t1 is in t1ce."""

TISSUE_CODES = {0: 0, 1: 1, 2: 2, 3: 3}


@dataclass(frozen=True)
class Release:
    """One public release.

    ids: pattern of a subject's name, whose group "patient" (else the whole) is the patient; codes: label in the
    file -> BraTS code; title, notice: for people.
    """

    name: str
    title: str
    ids: str
    codes: Mapping[int, int] = field(default_factory=lambda: {0: 0, 1: 1, 2: 2, 4: 4})
    notice: str = "BraTS data: see the challenge's terms of use and cite its papers."

    def match(self, subject: str) -> re.Match | None:
        return re.fullmatch(self.ids, subject, re.IGNORECASE)

    def patient(self, subject: str) -> str:
        found = self.match(subject)
        return (found.groupdict().get("patient") if found else None) or subject


_2023 = {0: 0, 1: 1, 2: 2, 3: 4}
_POST = {**_2023, 4: 0}

RELEASES: Mapping[str, Release] = {
    release.name: release
    for release in (
        Release("brats2017", "BraTS 2017", r"(?P<patient>Brats17_.+)_\d+"),
        Release("brats2018", "BraTS 2018", r"(?P<patient>Brats18_.+)_\d+"),
        Release("brats2019", "BraTS 2019", r"(?P<patient>BraTS19_.+)_\d+"),
        Release("brats2020", "BraTS 2020", r"BraTS20_(Training|Validation)_\d+"),
        Release("brats2021", "BraTS 2021", r"BraTS2021_\d+"),
        # From 2023 on the last number is a time point of the same patient, and 3 is the enhancing tumour.
        Release("brats2023", "BraTS 2023", r"(?P<patient>BraTS-[A-Z]+-\d+)-0\d\d", _2023),
        # 2024's post-treatment scans count time points from 100; their 4 is the resection cavity, not a tumour.
        Release("brats2024", "BraTS 2024 post-treatment", r"(?P<patient>BraTS-GLI-\d+)-1\d\d", _POST),
        Release(
            "msd",
            "Medical Segmentation Decathlon, Task01",
            r"BRATS_\d+",
            {0: 0, 1: 2, 2: 1, 3: 4},
            "Medical Segmentation Decathlon Task01 (CC BY-SA 4.0): Antonelli et al. 2022.",
        ),
        Release(
            "phantom",
            "a phantom written as a folder",
            r"phantom-.+",
            notice="Synthetic, not patients: see the README in the data folder.",
        ),
    )
}

OTHER = Release("other", "BraTS-like folders", r".+")
"""Names of no known release: four modalities by their last word, labels 0, 1, 2, 4."""

MSD_CHANNELS = ("flair", "t1", "t1ce", "t2")
"""Order of the fourth axis of the Decathlon's images."""

IXI_NAME = r"(?P<id>IXI\d+)-(?P<site>[A-Za-z]+)-\d+-(?P<what>T1|T2|PD|mask|tissue)"
IXI_NOTICE = "IXI dataset, brain-development.org, CC BY-SA 3.0."


def release_of(subject: str) -> Release:
    """The release whose naming `subject` follows, else OTHER."""
    return next((release for release in RELEASES.values() if release.match(subject)), OTHER)
