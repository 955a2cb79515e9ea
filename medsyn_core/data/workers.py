"""Preparing subjects in several processes that never re-run the caller's script or notebook.

Each worker is a fresh Python fed with subject numbers through its standard input, so it works the same from a
notebook, a script without a main guard, on Linux, macOS and Windows.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from .cut import Settings, cut
from .errors import DataError
from .store import write_part
from .volume import Source, SubjectRef


@dataclass(frozen=True)
class Job:
    """What every worker needs to know. parts: where subject k's slices go, as <k>.npz."""

    source: Source
    refs: tuple[SubjectRef, ...]
    stamps: tuple[str, ...]
    settings: Settings
    parts: Path

    def part(self, number: int) -> Path:
        return self.parts / f"{number}.npz"

    def do(self, number: int) -> dict | None:
        """Prepare one subject; returns None, or the four parts of the DataError that prevents it."""
        try:
            volume = self.source.read(self.refs[number])
            write_part(self.part(number), cut(volume, self.settings), self.stamps[number])
        except DataError as error:
            return {
                "subject": error.subject or self.refs[number].id,
                "path": error.path,
                "problem": error.problem,
                "advice": error.advice,
            }
        return None


def default_jobs(subjects: int) -> int:
    """At most 4 processes, no more than there are cores or eights of subjects; 1 inside a daemonic process."""
    if multiprocessing.current_process().daemon:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, 4, subjects // 8))


def run(job: Job, numbers: Sequence[int], jobs: int) -> Iterator[tuple[int, dict | None]]:
    """Prepare the subjects `numbers`, yielding (number, error or None) as they are done.

    A source that is defined in the caller's own script cannot be handed over and is prepared in this process.
    """
    in_script = type(job.source).__module__ == "__main__"
    if jobs <= 1 or len(numbers) <= 1 or in_script:
        yield from ((number, job.do(number)) for number in numbers)
        return
    (job.parts / "job.pickle").write_bytes(pickle.dumps(job))
    todo: SimpleQueue[int] = SimpleQueue()
    done: SimpleQueue[tuple[int, dict | None] | Exception] = SimpleQueue()
    for number in numbers:
        todo.put(number)
    logs = [job.parts / f"worker-{k}.txt" for k in range(min(jobs, len(numbers)))]
    workers = [_start(job.parts / "job.pickle", log) for log in logs]
    threads = [Thread(target=_feed, args=(*pair, todo, done), daemon=True) for pair in zip(workers, logs, strict=True)]
    try:
        for thread in threads:
            thread.start()
        for _ in numbers:
            result = done.get()
            if isinstance(result, Exception):
                raise result
            yield result
    finally:
        for worker in workers:
            worker.kill()
        for thread in threads:
            thread.join()
        for worker in workers:
            worker.communicate()


def _start(job: Path, log: Path) -> subprocess.Popen:
    single = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = {**os.environ, **single, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    command = [sys.executable, "-c", "from medsyn_core.data.workers import main; main()", str(job)]
    pipe = subprocess.PIPE
    with open(log, "w") as errors:
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=environment)


def _feed(worker: subprocess.Popen, log: Path, todo: SimpleQueue, done: SimpleQueue) -> None:
    while True:
        try:
            number = todo.get_nowait()
        except Empty:
            return
        try:
            worker.stdin.write(f"{number}\n")
            worker.stdin.flush()
            done.put((number, json.loads(worker.stdout.readline())))
        except (OSError, ValueError):  # it died: its last words say why
            code = worker.wait()
            last = log.read_text(encoding="utf-8", errors="replace").strip() or f"it ended with code {code}"
            done.put(RuntimeError(f"a process that prepares subjects stopped:\n{last}"))
            return


def main() -> None:
    """A worker: one subject's number a line in, one line of JSON out, until the input closes."""
    # Whatever a library prints must not be taken for an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    job: Job = pickle.loads(Path(sys.argv[1]).read_bytes())
    for line in sys.stdin:
        print(json.dumps(job.do(int(line))), file=answers, flush=True)
