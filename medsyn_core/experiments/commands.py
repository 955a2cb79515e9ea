"""The commands about experiments: equations, exhibits, records, record, show."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence

from medsyn_core.profiles import profile


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Add the commands of this module to a parser's subcommands; each sets `run`, a function of the
    arguments.
    """
    for name, run, text in (
        ("equations", _equations, "the 48 equations: function, test, status"),
        ("exhibits", _exhibits, "the 38 tables and figures: state, profile, device, seeds, page"),
    ):
        command = subparsers.add_parser(name, help=text, description=f"Print {text}.")
        command.add_argument("--json", action="store_true", help="as a JSON list of records")
        command.set_defaults(run=run)

    command = subparsers.add_parser("records", help="list the runs of a plan and their state")
    _choice(command)
    command.set_defaults(run=_records)

    command = subparsers.add_parser("record", help="make the runs that are missing or stale")
    _choice(command)
    command.add_argument("--jobs", type=int, default=1, help="runs at a time (default 1)")
    command.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    command.add_argument(
        "--precision", default=None, help="auto, 32-true, bf16-mixed or 16-mixed (default: the plan's)"
    )
    command.add_argument("--again", action="store_true", help="make them even if they are there")
    command.add_argument("--dry-run", action="store_true", help="only say what would be made")
    command.set_defaults(run=_record)

    command = subparsers.add_parser("show", help="print a table or figure's numbers from the records")
    command.add_argument("exhibit", help="such as dual-T1")
    command.add_argument("--profile", default=None, help="laptop (default) or gpu")
    command.set_defaults(run=_show)


def _choice(command: argparse.ArgumentParser) -> None:
    command.add_argument("paper", nargs="?", default="all", help="whose plan, or all (default: all)")
    command.add_argument("--profile", default=None, help="smoke, laptop or gpu (default: $MEDSYN_PROFILE, else laptop)")
    command.add_argument("--rows", nargs="+", default=None, metavar="ROW", help="some rows only")
    command.add_argument("--seeds", nargs="+", type=int, default=None, metavar="SEED", help="some seeds only")


def _jobs(arguments: argparse.Namespace) -> list:
    from medsyn_core.experiments.plans import PlanError, papers, plan

    if arguments.paper != "all":
        return plan(arguments.paper).jobs(arguments.profile, arguments.rows, arguments.seeds)
    plans = {name: plan(name) for name in papers()}
    has = {name: [row.name for row in one.rows] for name, one in plans.items()}
    for row in arguments.rows or ():
        if not any(row in rows for rows in has.values()):
            raise PlanError(f"no plan has a row {row!r}; name a plan to see its rows.")
    found = []
    for name, one in plans.items():  # of rows that are named, each plan makes those that it has
        rows = arguments.rows and [row for row in arguments.rows if row in has[name]]
        found += one.jobs(arguments.profile, rows, arguments.seeds) if rows or not arguments.rows else []
    return found


def _equations(arguments: argparse.Namespace) -> None:
    from medsyn_core.experiments import ledger

    rows = ledger.equations()
    if arguments.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        print(aligned(rows, ("id", "status", "title", "function")))


def _exhibits(arguments: argparse.Namespace) -> None:
    from medsyn_core.experiments import ledger

    rows = ledger.exhibits()
    if arguments.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        print(aligned(rows, ("id", "state", "profile", "device", "seeds", "title")))


def _records(arguments: argparse.Namespace) -> None:
    rows, remarks = [], []
    for job in _jobs(arguments):
        state, why = job.state()
        rows.append(
            {"plan": job.plan.paper, "row": job.row.name, "seed": job.seed, "profile": job.profile, "state": state}
        )
        remarks += [f"{job}: {why}"] if why else []
    print(aligned(rows, ("plan", "row", "seed", "profile", "state")))
    print("\n".join(remarks), end="\n" if remarks else "")


def _record(arguments: argparse.Namespace) -> int:
    from medsyn_core.experiments import batch

    if arguments.jobs < 1:
        raise ValueError(f"--jobs {arguments.jobs} must be at least 1.")
    jobs = _jobs(arguments)
    if arguments.dry_run:
        todo = [(job, job.state()) for job in jobs]
        todo = [(job, state) for job, state in todo if arguments.again or state[0] != "ok"]
        print("\n".join(f"would make {job} ({state[0]})" for job, state in todo) or "nothing to make")
        return 0
    failed = batch.make(
        jobs,
        device=arguments.device,
        precision=arguments.precision,
        processes=arguments.jobs,
        again=arguments.again,
        log=lambda line: print(line, flush=True),
    )
    return 1 if failed else 0


def _show(arguments: argparse.Namespace) -> None:
    from medsyn_core.experiments.exhibits import tables

    print("\n\n".join(table.text() for table in tables(arguments.exhibit, profile(arguments.profile).name)))


def aligned(rows: Sequence[Mapping], columns: Sequence[str]) -> str:
    """Plain rows as a text table: a header, one line a row, None as a dash."""
    cells = [list(columns)] + [["–" if r[c] is None else str(r[c]) for c in columns] for r in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)
