"""The plans that exist, by paper; a paper with several cohorts or pairs of modalities has several."""

from __future__ import annotations

from medsyn_core.experiments.plan import Plan, PlanError


def papers() -> tuple[str, ...]:
    """Names that have a plan."""
    return ("dual", "dual-ct", "utad", "hifi", "hifi-ukb", "hifi-t2", "hifi-t1ce", "hifi-flair", "d2")


def plan(paper: str) -> Plan:
    """The plan of a name. Raises PlanError, naming those that exist."""
    if paper not in papers():
        raise PlanError(f"there is no plan for {paper!r}; there are: {', '.join(papers())}.")
    from medsyn_core.experiments import d2, dual_d, hifi, utad

    return {"dual": dual_d.PLAN, "dual-ct": dual_d.CT_PLAN, "utad": utad.PLAN, **hifi.PLANS, "d2": d2.PLAN}[paper]
