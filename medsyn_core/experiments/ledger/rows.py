"""The kinds of ledger rows, as they are written down by hand."""

from __future__ import annotations

from dataclasses import dataclass

PAPERS = {
    "utad": "UTAD-Net",
    "hifi": "HiFi-Syn",
    "d2": "D²-Net",
    "dual": "Dual-D",
}
NOT_YET = "not yet"


@dataclass(frozen=True)
class Equation:
    """A numbered equation of a paper and the one function that computes it.

    function: importable dotted path; test: path::name of its naive twin; status: "not yet", "as printed" or
    "changed because …"; note: what the paper leaves open or gets wrong, and what the code does about it.
    """

    id: str
    title: str
    note: str = ""
    function: str | None = None
    test: str | None = None
    status: str = NOT_YET


@dataclass(frozen=True)
class Exhibit:
    """A table or figure of a paper; page: where the book shows it again. Its state is computed, never written
    here.
    """

    id: str
    title: str
    page: str | None = None


@dataclass(frozen=True)
class Untested:
    """A claim of a paper that nothing here answers.

    paper: key of PAPERS; where: the place in it; text: the claim; numbers: the paper's own, empty where it gives none;
    why: nothing here answers it; needed: what would; exhibit: id of the one that it is about, if any.
    """

    paper: str
    where: str
    text: str
    numbers: str
    why: str
    needed: str
    exhibit: str | None = None


def paper_of(id: str) -> str:
    """The prefix of an id: "dual" of "dual-S3.1"."""
    return id.split("-", 1)[0]
