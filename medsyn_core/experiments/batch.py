"""Making the records of a plan: what is missing or stale, one after the other or a few at a time."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from medsyn_core.experiments.metrics import METRICS
from medsyn_core.experiments.plan import Job
from medsyn_core.experiments.records import Record


def make(
    jobs: Sequence[Job],
    *,
    device: str = "auto",
    precision: str | None = None,
    processes: int = 1,
    again: bool = False,
    log: Callable[[str], None] = print,
) -> list[Job]:
    """Run what is missing, stale or damaged (with `again`, everything) and save a record each; returns what
    failed.

    A finished run is on disk before the next begins, so a batch that was stopped goes on where it was. A run
    that fails is logged with its traceback and the others go on. processes: runs at a time, each in a process
    of its own.
    """
    todo = [job for job in jobs if again or job.state()[0] != "ok"]
    log(f"{len(jobs) - len(todo)} of {len(jobs)} runs are recorded; {len(todo)} to make.")
    if not todo:
        return []
    for job in todo if again else ():
        if job.folder is not None:
            shutil.rmtree(job.folder, ignore_errors=True)  # else its checkpoint would be found finished
    todo[0].cohort()  # prepared once, before anybody trains
    failed = []
    outcomes = _outcomes(todo, device, precision, processes, log)
    for done, (job, outcome) in enumerate(outcomes, start=1):
        head = f"[{done}/{len(todo)}] {job}"
        if isinstance(outcome, Record):
            log(f"{head}: {outcome.seconds:.0f} s, {_scores(outcome)}")
        else:
            failed.append(job)
            log(f"{head} FAILED\n{outcome}")
    if failed:
        log(f"{len(failed)} of {len(todo)} runs failed: {', '.join(map(str, failed))}")
    return failed


def _outcomes(todo: Sequence[Job], device, precision, processes, log) -> Iterable[tuple[Job, Record | str]]:
    """Each job with its record, or with the text of what went wrong."""
    if processes == 1:
        for job in todo:
            log(f"{time.strftime('%H:%M:%S')} {job} starts")
            yield job, _attempt(job, device, precision)
        return
    import multiprocessing

    # Fresh processes: a forked one would inherit torch's threads and hang.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(_attempt, job, device, precision, processes): job for job in teachers_first(todo)}
        for future in as_completed(running):
            error = future.exception()  # the process itself died: nothing it could have returned
            yield running[future], str(error) if error else future.result()


def teachers_first(jobs: Iterable[Job]) -> list[Job]:
    """The same jobs, those that learn from another row's run last: beside it they would only wait for it."""
    return sorted(jobs, key=lambda job: getattr(job.row, "teacher", None) is not None)


def _attempt(job: Job, device: str, precision: str, processes: int = 1) -> Record | str:
    if processes > 1:
        import torch

        torch.set_num_threads(max(1, torch.get_num_threads() // processes))
    try:
        return job.run(device, precision)
    except Exception:  # one bad row must not lose the others; the batch reports it and fails at the end
        return traceback.format_exc()


def _scores(record: Record) -> str:
    """Means of the headline scores that a record has, for the log."""
    first, told = record.metrics[0], []
    for metric in METRICS.values():
        if metric.headline and metric.key in first:
            mean = sum(map(metric.read, record.metrics)) / len(record.metrics)
            told.append(f"{metric.title} {mean:.{metric.decimals}f} {metric.unit}".strip())
    return f"{', '.join(told)} over {len(record.metrics)} rows"
