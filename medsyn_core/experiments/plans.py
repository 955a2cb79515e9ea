"""The plans that exist, by paper."""

from __future__ import annotations

from medsyn_core.experiments.plan import Plan, PlanError


def papers() -> tuple[str, ...]:
    """Papers that have a plan."""
    return ("dual",)


def plan(paper: str) -> Plan:
    """The plan of a paper. Raises PlanError, naming those that exist."""
    if paper == "dual":
        from medsyn_core.experiments.dual_d import PLAN

        return PLAN
    raise PlanError(f"there is no plan for {paper!r}; there are: {', '.join(papers())}.")
