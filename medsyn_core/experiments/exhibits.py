"""Tables and figures of the papers from run records: what each needs, whether it is there, and its
numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from medsyn_core.evaluation import RULE
from medsyn_core.experiments import ledger, records
from medsyn_core.experiments.plans import plan
from medsyn_core.experiments.results import METRICS, Claim, ExhibitError, Results
from medsyn_core.experiments.tables import Table, p_value, written

SPREAD = "Mean ± standard deviation over test subjects (standard deviation over seeds of their means)."
PROFILES = ("laptop", "gpu")  # whose numbers are shown


@dataclass(frozen=True)
class Need:
    """What an exhibit is made of.

    rows: of a plan; plan: its name where it is not the paper's; metrics: columns of its table; baselines: the best of
    them is what p-values compare with; claims: of the paper; published: the paper's own numbers as (headings, rows),
    or None.
    """

    rows: tuple[str, ...]
    plan: str | None = None
    metrics: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    table: Callable[[str, Results], Table] | None = None
    published: tuple[tuple[str, ...], tuple[tuple[str, ...], ...]] | None = None
    published_note: str = ""


def needs() -> dict[str, Need]:
    """Exhibit id -> what it needs, for every exhibit that can be recorded."""
    from medsyn_core.experiments.dual_exhibits import NEEDS

    return dict(NEEDS)


def results(id: str, profile: str) -> Results:
    """The checked records of an exhibit. Raises ExhibitError for an id that no paper has or no plan fills."""
    if id not in {row.id for row in ledger.EXHIBITS}:
        raise ExhibitError(f"there is no exhibit {id!r}; list them: python -m medsyn_core exhibits")
    if id not in needs():
        raise ExhibitError(f"{id} is not yet made: no plan fills it; see python -m medsyn_core exhibits")
    need = needs()[id]
    return Results(plan(need.plan or ledger.paper_of(id)), profile, need.rows)


def state(exhibit: ledger.Exhibit) -> dict:
    """What the records say of an exhibit now: state, profile, device, seeds, page; "not yet" and None where
    it is not whole."""
    for profile in PROFILES if exhibit.id in needs() else ():
        found = results(exhibit.id, profile)
        if not (records.folder() / found.plan.paper / profile).is_dir():
            continue  # nothing at all: no need to look at each run
        if all(job.state()[0] == "ok" for job in found.jobs):
            trained = [r for row in found.records.values() for r in row if r.kind == "training"]
            return {
                "state": f"recorded at {profile}",
                "profile": profile,
                "device": ", ".join(sorted({r.device for r in trained})),
                "seeds": len({r.seed for r in trained}),
                "page": exhibit.page,
            }
    return {"state": ledger.NOT_YET, "profile": None, "device": None, "seeds": None, "page": None}


def tables(id: str, profile: str) -> list[Table]:
    """An exhibit's tables: results, claims, and apart from them the paper's own numbers.

    Raises ExhibitError if it is not recorded, at the smoke profile, and for a figure of images.
    """
    found, need = results(id, profile), needs().get(id)
    if not need.metrics and need.table is None:
        page = next(row.page for row in ledger.EXHIBITS if row.id == id)
        raise ExhibitError(f"{id} is a figure of images: see {page}, drawn from the same records.")
    made = [results_table(id, found, need)] if need.metrics else []
    made += [need.table(id, found)] if need.table else []
    made += [claims_table(id, found, need.claims)] if need.claims else []
    return made + ([published_table(id, need)] if need.published else [])


def results_table(id: str, found: Results, need: Need) -> Table:
    """Rows of an exhibit with their scores, and Wilcoxon p-values of PSNR against the best baseline."""
    best = found.best(need.baselines)
    chosen = [METRICS[key] for key in need.metrics]
    rows = []
    for row in need.rows:
        cells = [written(found.summary(row, m.key), m.decimals) for m in chosen]
        p = "–" if row == best else p_value(found.compare(row, best, "psnr").p)
        rows.append((found.title(row), *cells, str(found.summary(row, "psnr").subjects), p))
    heads = [f"{m.title} [{m.unit}]" if m.unit else m.title for m in chosen]
    title = next(row.title for row in ledger.EXHIBITS if row.id == id)
    notes = [SPREAD, f"p: two-sided Wilcoxon signed-rank test of PSNR over subjects against {found.title(best)}."]
    if any(key.endswith("_tumour") for key in need.metrics):
        count = found.summary(best, "psnr_tumour").subjects
        notes.append(f"Tumour scores are means over the {count} test subjects whose slices show a tumour.")
    columns = ("", *heads, "n", "p")
    return Table(id, title, columns, tuple(rows), (*notes, found.provenance()))


def claims_table(id: str, found: Results, claims: tuple[Claim, ...]) -> Table:
    """What the paper claims, what was measured, and whether it holds here."""
    rows = []
    for claim in (resolved(found, c) for c in claims):
        metric, c = METRICS[claim.metric], found.compare(claim.a, claim.b, claim.metric)
        number = lambda x, m=metric: f"{x:+.{m.decimals}f}"
        measured = f"{number(c.mean)} {metric.unit} [{number(c.low)}, {number(c.high)}]"
        pair = f"{found.title(claim.a)} – {found.title(claim.b)}"
        words = (claim.text, claim.paper, pair, metric.title, measured)
        rows.append((*words, p_value(c.p), str(c.subjects), found.judge(claim)))
    columns = ("claim", "the paper's numbers", "difference of", "in", "here [95 %]", "p", "n", "holds here?")
    smallest = ", ".join(
        f"{METRICS[key].title} {METRICS[key].smallest:g} {METRICS[key].unit}".strip()
        for key in dict.fromkeys(c.metric for c in claims)
    )
    notes = (RULE, f"Smallest differences worth naming: {smallest}.", found.provenance())
    return Table(id, "the claims of the paper", columns, tuple(rows), notes)


def resolved(found: Results, claim: Claim) -> Claim:
    """The claim with "best of …" replaced by the row that it is here."""
    if not claim.b.startswith("best of "):
        return claim
    rows = claim.b.removeprefix("best of ").split(", ")
    return Claim(claim.text, claim.a, found.best(rows, claim.metric), claim.metric, claim.paper)


def published_table(id: str, need: Need) -> Table:
    """The paper's own numbers: its data and metrics are others, so they never share a column with ours."""
    columns, rows = need.published
    return Table(id, "the paper's own numbers, on its own data", columns, rows, (need.published_note,))
