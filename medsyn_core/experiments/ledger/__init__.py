"""What the four papers state and show, row by row: 48 equations, 38 exhibits, and claims that nothing here tests."""

from __future__ import annotations

from dataclasses import asdict

from medsyn_core.experiments.ledger import d2, dual, hifi, utad
from medsyn_core.experiments.ledger.claims import UNTESTED
from medsyn_core.experiments.ledger.rows import NOT_YET, PAPERS, Equation, Exhibit, Untested, paper_of

EQUATIONS: tuple[Equation, ...] = (*utad.EQUATIONS, *hifi.EQUATIONS, *d2.EQUATIONS, *dual.EQUATIONS)
EXHIBITS: tuple[Exhibit, ...] = (*utad.EXHIBITS, *hifi.EXHIBITS, *d2.EXHIBITS, *dual.EXHIBITS)

__all__ = [
    "EQUATIONS",
    "EXHIBITS",
    "NOT_YET",
    "PAPERS",
    "UNTESTED",
    "Equation",
    "Exhibit",
    "Untested",
    "equation",
    "equations",
    "exhibits",
    "paper_of",
]


def equations() -> list[dict]:
    """The equation ledger as plain rows: id, paper, title, function, test, status, note."""
    order = ("id", "paper", "title", "function", "test", "status", "note")
    rows = [asdict(e) | {"paper": PAPERS[paper_of(e.id)]} for e in EQUATIONS]
    return [{key: row[key] for key in order} for row in rows]


def exhibits() -> list[dict]:
    """The exhibit ledger as plain rows: id, paper, title, and what the records say now (see
    `exhibits.state`).
    """
    from medsyn_core.experiments.exhibits import state  # the rows know of no records, their state does

    return [{"id": e.id, "paper": PAPERS[paper_of(e.id)], "title": e.title, **state(e)} for e in EXHIBITS]


def equation(id: str) -> Equation:
    """One equation by its id. Raises ValueError for an id that no paper has."""
    for row in EQUATIONS:
        if row.id == id:
            return row
    raise ValueError(f"equation {id!r} does not exist; ids run from utad-1 to {EQUATIONS[-1].id}.")
