"""Tables and figures of the papers from run records: what each needs, whether it is there, and its
numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from medsyn_core.data.volume import NAMES
from medsyn_core.experiments import ledger, records
from medsyn_core.experiments.plan import Reference
from medsyn_core.experiments.plans import plan
from medsyn_core.experiments.results import METRICS, Claim, ExhibitError, Results
from medsyn_core.experiments.tables import ANSWER, Table, p_value, written

SPREAD = "Mean ± standard deviation over test subjects (standard deviation over seeds of their means)."
PROFILES = ("laptop", "gpu")  # whose numbers are shown
TO_RECORD = "Not yet recorded; make it: "
UNRECORDED = "not decided: not recorded yet"
MARGIN = (
    "A claim of being less than a margin worse is judged by the same rule on the difference plus the margin; its "
    "p-value asks, as the others do, whether there is any difference at all."
)
BEYOND = (
    "A claim that one gain is larger than another is judged by the same rule on the difference of the two gains, "
    "subject by subject; it is answered yes only if the first gain is itself a yes."
)


@dataclass(frozen=True)
class Need:
    """What an exhibit is made of.

    rows: of a plan; optional: those of them without which it can already be shown; awaited: titles of rows of the paper
    that no plan has yet; plan: its name where it is not the paper's; others: names of plans whose same rows are shown
    with them; seeds: how many of them are shown, None for all; metrics: columns of its table; baselines: the best of
    them is what p-values compare with; claims: of the paper; tables: what else is printed; published: the paper's own
    numbers as (headings, rows), or None.
    """

    rows: tuple[str, ...]
    optional: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    plan: str | None = None
    others: tuple[str, ...] = ()
    seeds: int | None = None
    metrics: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    tables: tuple[Callable[[str, Results], Table], ...] = ()
    published: tuple[tuple[str, ...], tuple[tuple[str, ...], ...]] | None = None
    published_note: str = ""


def needs() -> dict[str, Need]:
    """Exhibit id -> what it needs, for every exhibit that can be recorded."""
    from medsyn_core.experiments import d2_exhibits, dual_exhibits, hifi_exhibits, utad_exhibits

    return {**dual_exhibits.NEEDS, **utad_exhibits.NEEDS, **hifi_exhibits.NEEDS, **d2_exhibits.NEEDS}


def results(id: str, profile: str) -> Results:
    """The checked records of an exhibit: of its rows those that its plan has at this profile.

    Raises ExhibitError for an id that no paper has or no plan fills.
    """
    if id not in {row.id for row in ledger.EXHIBITS}:
        raise ExhibitError(f"there is no exhibit {id!r}; list them: python -m medsyn_core exhibits")
    if id not in needs():
        raise ExhibitError(f"{id} is not yet made: no plan fills it; see python -m medsyn_core exhibits")
    need = needs()[id]
    own, others = plan(need.plan or ledger.paper_of(id)), tuple(map(plan, need.others))
    rows = tuple(row for row in need.rows if own.has(row, profile))
    seeds = None if need.seeds is None else tuple(range(need.seeds))
    return Results(own, profile, rows, need.optional, others, seeds)


def shown(id: str) -> Results | None:
    """The records that an exhibit is shown from: of the profiles that can be shown those with most rows, the first of
    them where they are equal; None where there are none.
    """
    best, most = None, 0
    for profile in PROFILES if id in needs() else ():
        found = results(id, profile)
        if not (records.folder() / found.plan.paper / profile).is_dir():
            continue  # nothing at all: no need to look at each run
        if _can_be_shown(found) and found.recorded > most:
            best, most = found, found.recorded
    return best


def state(exhibit: ledger.Exhibit) -> dict:
    """What the records say of an exhibit now: state, profile, device, seeds, page; "not yet" and None where
    it cannot be shown. A state of "recorded at laptop, 6 of 17 rows" can be shown, with rows that are still empty.
    """
    best = shown(exhibit.id)
    if best is None:
        return {"state": ledger.NOT_YET, "profile": None, "device": None, "seeds": None, "page": None}
    need = needs()[exhibit.id]
    trained = [r for row in best.records.values() for r in row if r.kind == "training"]
    rows = len(best.rows) * (1 + len(need.others)) + len(need.awaited)
    return {
        "state": f"recorded at {best.profile}" + ("" if best.recorded == rows else f", {best.recorded} of {rows} rows"),
        "profile": best.profile,
        "device": ", ".join(sorted({r.device for r in trained})),
        "seeds": len({r.seed for r in trained}),
        "page": exhibit.page,
    }


def _can_be_shown(found: Results) -> bool:
    """Whether every run is recorded and fits the code, but for missing ones of optional rows."""
    left_out = lambda job: job.row.name in found.missing or job.plan in found.absent
    states = ((job, job.state()[0]) for job in found.jobs)
    return all(state == "ok" or (state == "missing" and left_out(job)) for job, state in states)


def tables(id: str, profile: str) -> list[Table]:
    """An exhibit's tables: results, claims, and apart from them the paper's own numbers.

    Raises ExhibitError if it is not recorded, at the smoke profile, and for a figure of images.
    """
    found, need = results(id, profile), needs().get(id)
    if not need.metrics and not need.tables:
        page = next(row.page for row in ledger.EXHIBITS if row.id == id)
        raise ExhibitError(f"{id} is a figure of images: see {page}, drawn from the same records.")
    made = [results_table(id, found, need)] if need.metrics else []
    made += [table(id, found) for table in need.tables]
    made += [claims_table(id, found, need.claims)] if need.claims else []
    return made + ([published_table(id, need)] if need.published else [])


def results_table(id: str, found: Results, need: Need) -> Table:
    """Rows of an exhibit with their scores, and Wilcoxon p-values of PSNR against the best baseline."""
    best = found.best(need.baselines)
    chosen = [METRICS[key] for key in need.metrics if not METRICS[key].absent or found.has(key)]
    nothing = ("–",) * (len(chosen) + 2)
    rows = []
    for row in need.rows:
        if row in found.missing:
            rows.append((found.title(row), *nothing))
            continue
        cells = [written(found.summary(row, m.key), m.decimals) for m in chosen]
        p = "–" if row == best else p_value(found.compare(row, best, "psnr").p)
        rows.append((found.title(row), *cells, str(found.summary(row, "psnr").subjects), p))
    first = sum(isinstance(found.plan.row(row), Reference) for row in need.rows)  # the paper's rows begin here
    rows[first:first] = [(f"{title} (not yet run)", *nothing) for title in need.awaited]
    heads = [f"{m.title} [{m.unit}]" if m.unit else m.title for m in chosen]
    title = next(row.title for row in ledger.EXHIBITS if row.id == id)
    notes = [SPREAD, f"p: two-sided Wilcoxon signed-rank test of PSNR over subjects against {found.title(best)}."]
    if local := [m.key for m in chosen if m.key.endswith(("_tumour", "_box"))]:
        count = found.summary(best, local[0]).subjects
        notes.append(f"Tumour scores are means over the {count} test subjects whose slices show a tumour.")
    notes += [METRICS[key].absent for key in need.metrics if METRICS[key] not in chosen]
    columns = ("method", *heads, "n", "p")
    return Table(id, title, columns, tuple(rows), (*notes, *averaging(found), *footing(found)))


def averaging(found: Results) -> tuple[str, ...]:
    """What n counts, where a subject was scored in several directions."""
    if len(found.directions) < 2:
        return ()
    of_subject = max(Counter(subject for _, subject in found.cases).values())
    return (
        f"Scores of a subject are averaged over {of_subject} {found.plan.cases} first: n counts subjects, since "
        "answers to the same images are no independent cases.",
    )


def footing(found: Results) -> tuple[str, ...]:
    """What stands under every table of ours: how to record what is missing, and where the numbers come from."""
    missing = (f"{TO_RECORD}{found.command()}",) if found.unrecorded else ()
    return (*missing, found.provenance())


def claims_table(id: str, found: Results, claims: tuple[Claim, ...]) -> Table:
    """What the paper claims, what was measured, and whether it holds here."""
    claims = tuple(resolved(found, c) if can_be_judged(found, c) else c for c in claims)
    rows = []
    for claim in claims:
        metric = METRICS[claim.metric]
        score = f"{metric.title} – {METRICS[claim.beyond].title}" if claim.beyond else metric.title
        score = ", ".join((score, *((claim.where,) if claim.where else map(arrow, claim.directions))))
        pair = " – ".join(found.title(row) for row in claim.rows)
        words = (claim.text, claim.paper, pair, score)
        if not can_be_judged(found, claim):
            rows.append((*words, "–", "–", "–", UNRECORDED))
            continue
        c = found.measure(claim)
        number = lambda x, m=metric: f"{x:+.{m.decimals}f}"
        measured = f"{number(c.mean)} {metric.step} [{number(c.low)}, {number(c.high)}]"
        rows.append((*words, measured, p_value(c.p), str(c.subjects), found.judge(claim)))
    columns = ("claim", "the paper's numbers", "difference of", "in", "here [95 %]", "p", "n", ANSWER)
    smallest = ", ".join(
        f"{METRICS[key].title} {METRICS[key].smallest:g} {METRICS[key].step}".strip()
        for key in dict.fromkeys(c.metric for c in claims)
    )
    kinds = [MARGIN] * any(c.margin for c in claims) + [BEYOND] * any(c.less for c in claims)
    kinds += ["pp: percentage points."] * any(METRICS[c.metric].step == "pp" for c in claims)
    kinds += averaging(found) if any(len(c.directions) != 1 and not c.where for c in claims) else ()
    notes = (found.statistics.RULE, f"Smallest differences worth naming: {smallest}.", *kinds, *footing(found))
    return Table(id, "the claims of the paper", columns, tuple(rows), notes)


def resolved(found: Results, claim: Claim) -> Claim:
    """The claim with "best of …" replaced by the row that it is here."""
    if not claim.b.startswith("best of "):
        return claim
    return replace(claim, b=found.best(claim.rows[1:], claim.metric, claim.directions or None))


def can_be_judged(found: Results, claim: Claim) -> bool:
    """Whether the rows and directions that a claim speaks of are recorded."""
    return not set(claim.rows) & set(found.missing) and {*claim.directions, *claim.than} <= set(found.directions)


def in_every_seed(ahead: Sequence[float]) -> str:
    """ "yes", "no" or "not decided" where each run gives one number, which allows no test; ahead: (seeds,) by how much
    the claim holds. Yes: at least three seeds, and above 0 in each. No: at least three, and in none. Else not decided.
    """
    if len(ahead) < 3:
        return "not decided"
    return "yes" if min(ahead) > 0 else "no" if max(ahead) <= 0 else "not decided"


def arrow(direction: str) -> str:
    """A direction as it is printed: "t1-t2" becomes "T1 → T2"."""
    return " → ".join(NAMES.get(name, name) for name in direction.split("-"))


def published_table(id: str, need: Need) -> Table:
    """The paper's own numbers: its data and metrics are others, so they never share a column with ours."""
    columns, rows = need.published
    return Table(id, "the paper's own numbers, on its own data", columns, rows, (need.published_note,))
