"""The page of claims: what the papers say, what was found here, and what nothing here answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medsyn_core.experiments import claims, ledger
from medsyn_core.experiments.claims import Answer, Answers
from medsyn_core.experiments.tables import ANSWER
from medsyn_core.figures import places
from medsyn_core.figures.exhibits import folded, set_note, unbroken
from medsyn_core.figures.tables import Table, listing

ANSWERED = {
    "text": "claim",
    "answer": ANSWER,
    "of": "difference of",
    "score": "in",
    "effect": "here [95 %]",
    "n": "n",
    "numbers": "the paper's numbers",
    "place": "exhibit",
}
"""The answer stands beside its claim, where a phone shows it without scrolling."""
UNTESTED = {
    "text": "claim",
    "where": "in the paper",
    "numbers": "its numbers",
    "why": "why it is not tested here",
    "needed": "what it would take",
    "place": "exhibit",
}


ORDER = ("dual", "utad", "hifi", "d2")
"""The papers as the book takes them."""


def judged() -> dict[str, tuple[Answers, ...]]:
    """Key of PAPERS -> its exhibits that test claims, with the answers that the records give now."""
    return {paper: tuple(claims.tested(paper)) for paper in ORDER}


def counted(found: Mapping[str, Sequence[Answers]]) -> dict[str, dict[str, int]]:
    """Name of a paper -> answer -> how many of its claims have it; of all papers under "all"."""
    rows = {ledger.PAPERS[paper]: claims.counts(_every(own), _untested(paper)) for paper, own in found.items()}
    return rows | {"all": {kind: sum(row[kind] for row in rows.values()) for kind in claims.KINDS}}


def summary(found: Mapping[str, Sequence[Answers]]) -> Table:
    """How many claims of each paper have which answer; found: what `judged` gives."""
    rows = []
    for paper, numbers in counted(found).items():
        written = {kind: str(count) for kind, count in numbers.items()}
        rows.append({"paper": paper, **written, "claims": str(sum(numbers.values()))})
    waiting = sum(not answer.recorded and not answer.ours for own in found.values() for answer in _every(own))
    under = "A claim counts once for each score and each group of directions that it is tested in."
    under += f" Of those not decided {waiting} wait for records." if waiting else ""
    columns = {key: key for key in ("paper", *claims.KINDS, "claims")}
    return Table(listing(rows, columns, "lrrrrr").markdown, f"*{under}*")


def answered(found: Sequence[Answers], ours: bool = False) -> Table:
    """The claims of one paper that exhibits test, with their answers; ours: instead of them, questions that the
    exhibits ask and the paper does not."""
    rows = [
        {key: unbroken(text) for key, text in vars(answer).items()}
        | {"answer": f"**{answer.answer}**", "place": _place(answer.exhibit)}
        for answer in _every(found)
        if answer.ours == ours
    ]
    return listing(rows, ANSWERED, "llllrrll")


def untested(paper: str) -> Table:
    """The claims of a paper (key of PAPERS) that nothing here tests: why, and what it would take."""
    place = lambda row: _place(row.exhibit) if row.exhibit else places.chapter(paper, "chapter")
    return listing([vars(row) | {"place": place(row)} for row in _untested(paper)], UNTESTED)


def rules(found: Sequence[Answers]) -> Table:
    """How the claims of one paper are judged, and which records the answers come from, behind a click."""
    whose: dict[str, list[str]] = {}
    for exhibit in found:
        for note in exhibit.notes:
            whose.setdefault(set_note(note), []).append(exhibit.exhibit)
    of = lambda ids: f"*{', '.join(ids)}*: " if len(ids) < len(found) else ""
    lines = [f"{of(ids)}{note}" for note, ids in whose.items()]
    return Table(folded("Rules, and where the answers come from", lines))


def _every(found: Sequence[Answers]) -> list[Answer]:
    return [answer for exhibit in found for answer in exhibit.claims]


def _untested(paper: str) -> list[ledger.Untested]:
    return [row for row in ledger.UNTESTED if row.paper == paper]


def _place(id: str) -> str:
    """Links to an exhibit's line in the ledger and to the chapter that shows it, or would."""
    return f"{places.exhibit(id)}, {places.shown(id, 'chapter') or places.chapter(ledger.paper_of(id), 'chapter')}"
