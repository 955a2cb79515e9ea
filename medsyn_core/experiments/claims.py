"""Every claim that an exhibit tests, with its answer from the records; what nothing tests is in the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from medsyn_core.experiments import dual_exhibits, exhibits, hifi_scores, ledger, utad_exhibits
from medsyn_core.experiments.results import Results
from medsyn_core.experiments.tables import ANSWER, Table

KINDS = ("yes", "no", "not decided", "not tested here")
ASKED = (
    utad_exhibits.feature_claims,
    hifi_scores.tissue_claims,
    hifi_scores.affinity_claims,
    hifi_scores.feature_claims,
)
"""Tables of exhibits that judge claims by rules of their own."""
OURS = "not in the paper"
"""How what stands for a paper's numbers begins where the question is not the paper's."""


@dataclass(frozen=True)
class Answer:
    """A claim as an exhibit's table answers it, in that table's words.

    exhibit: its id; text: the claim; numbers: the paper's; of: what is subtracted from what; score: of what; effect:
    the difference, with its interval or once a seed; n: subjects or, without a test, in how many seeds the claim is
    ahead; answer: "yes", "no" or "not decided", which may go on after a colon.
    """

    exhibit: str
    text: str
    numbers: str
    of: str
    score: str
    effect: str
    n: str
    answer: str

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return self.answer.partition(":")[0]

    @property
    def recorded(self) -> bool:
        """Whether the records that it needs are there."""
        return self.answer != exhibits.UNRECORDED

    @property
    def ours(self) -> bool:
        """Whether it is a question of this book that its paper does not ask."""
        return self.numbers.startswith(OURS)


@dataclass(frozen=True)
class Answers:
    """The claims of one exhibit, and what stands under their tables: rules, and where the numbers come from."""

    exhibit: str
    claims: tuple[Answer, ...]
    notes: tuple[str, ...]


class _Nothing(Results):
    """The rows of an exhibit as if none were recorded: its tables then name their claims and leave the rest empty."""

    @property
    def loaded(self) -> dict:
        return {}

    @property
    def missing(self) -> tuple[str, ...]:
        return self.rows

    def title(self, row: str) -> str:
        return self.plan.row(row).title

    def provenance(self) -> str:
        return "Nothing of it can be shown yet."


def of_exhibit(id: str) -> Answers:
    """The claims of one exhibit, from the same records as the exhibit itself (`exhibits.shown`)."""
    need, found = exhibits.needs()[id], exhibits.shown(id)
    if found is None:
        there = exhibits.results(id, exhibits.PROFILES[0])
        found = _Nothing(there.plan, there.profile, there.rows, there.optional, there.others, there.seeds)
    tables = [exhibits.claims_table(id, found, need.claims)] if need.claims else []
    tables += [table(id, found) for table in need.tables if table in ASKED]
    tables += [_confidence(id, found)] if dual_exhibits.confidence_table in need.tables else []
    notes = tuple(dict.fromkeys(note for table in tables for note in table.notes))
    return Answers(id, tuple(answer for table in tables for answer in _answers(table)), notes)


def tested(paper: str | None = None) -> Iterator[Answers]:
    """All exhibits that test claims, in the order of the ledger; paper: key of PAPERS, of this one alone."""
    for row in ledger.EXHIBITS:
        if row.id in exhibits.needs() and paper in (None, ledger.paper_of(row.id)):
            answers = of_exhibit(row.id)
            if answers.claims:
                yield answers


def counts(answers: Sequence[Answer], untested: Sequence[ledger.Untested]) -> dict[str, int]:
    """How many claims have an answer of each of KINDS; what the papers do not ask is not counted."""
    own = [answer.kind for answer in answers if not answer.ours]
    return {kind: own.count(kind) for kind in KINDS[:-1]} | {KINDS[-1]: len(untested)}


def _answers(table: Table) -> Iterator[Answer]:
    """Rows of a table of claims: claim and paper's numbers first, the effect after the score, the answer last."""
    place = table.columns.index("in")
    difference, _, unit = table.columns[place + 1].partition(" [")
    for row in table.rows:
        cells = dict(zip(table.columns, row, strict=True))
        of = cells.get("difference of", difference)
        score = f"{row[place]} [%]" if unit.startswith("%") else row[place]
        n = cells.get("n", row[-2])
        yield Answer(table.id, row[0], row[1], of, score, row[place + 1], n, row[-1])


def _confidence(id: str, found: Results) -> Table:
    """Whether tumours are trusted less than the rest of the brain at first: at the first look after training began."""
    columns = ("claim", "the paper's numbers", "difference of", "in", "here [95 %]", "p", "n", ANSWER)
    claim = ("Early on the local discriminator trusts tumours less than the rest", "said in section 3.2, no number")
    row, of = "dual-attention", "rest of the brain – tumours"
    if not found.records:
        empty = (*claim, of, "confidence M", "–", "–", "–", exhibits.UNRECORDED)
        return Table(id, "the claim of the paper", columns, (empty,), (found.provenance(),))
    whole = dual_exhibits.confidence_table(id, found)
    looks = [dict(zip(whole.columns, cells, strict=True)) for cells in whole.rows if cells[0] == found.title(row)]
    first = next(look for look in looks if int(look["step"]) > 0)
    told = (first["rest – tumour [95 %]"], first["p"], first["n"], first["lower in tumours?"])
    line = (*claim, of, f"confidence M, step {first['step']}", *told)
    return Table(id, "the claim of the paper", columns, (line,), whole.notes[2:])
