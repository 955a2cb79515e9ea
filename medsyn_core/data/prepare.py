"""From any source to a prepared cohort: made once, whole or not at all, by one process at a time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from medsyn_core.progress import quiet

from .cohort import Cohort, SubjectInfo
from .cut import ORDER, Settings
from .errors import DataError
from .scaling import background
from .store import FORMAT, Writer, cache_folder, part_shape, read_index, read_part
from .volume import Source, SubjectRef
from .workers import Job, default_jobs, run


def prepare(
    source: Source,
    settings: Settings,
    *,
    refs: Sequence[SubjectRef] | None = None,
    on_error: str = "raise",
    cache: str | Path | None = None,
    jobs: int | None = None,
) -> Cohort:
    """The cohort of `source` under `settings`, from the cache if it is there, else made now.

    refs: some of the source's subjects instead of all; on_error: "raise" at the first subject that cannot be
    read, or "skip" it and list it in `Cohort.skipped`; jobs: processes. The arrays are built in a hidden folder
    beside the final one and renamed at the end; a run that is interrupted goes on where it stopped, one that
    finds another at the same work waits for it, a damaged cohort or one whose files have changed is made again.
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f'on_error={on_error!r} must be "raise" or "skip".')
    refs = tuple(source.subjects() if refs is None else refs)
    if not refs:
        raise DataError(None, None, f"{source.name} has no subjects.", "Ask for at least one.")
    stamps = tuple(_stamp(ref) for ref in refs)
    digest = digest_of(source, settings, refs)
    stamp = hashlib.sha256("".join(stamps).encode()).hexdigest()[:12]
    folder = cache_folder(cache) / f"{source.name}-{digest}"
    index = read_index(folder, digest, stamp)
    if index is None:
        with _exclusively(folder):
            index = read_index(folder, digest, stamp)  # another process may have made it meanwhile
            if index is None:
                job = Job(source, refs, stamps, settings, folder.with_name(f".{folder.name}.parts"))
                index = _make(folder, job, on_error, jobs, {"hash": digest, "stamp": stamp})
    if index["skipped"] and on_error == "raise":
        raise DataError(**index["skipped"][0])
    return Cohort(
        root=folder,
        source=index["source"],
        hash=digest,
        notice=source.notice,
        modalities=tuple(index["modalities"]),
        subjects=tuple(SubjectInfo(**{**s, "present": tuple(s["present"])}) for s in index["subjects"]),
        settings=index["settings"],
        skipped=index["skipped"],
        notes=index["notes"],
    )


def _stamp(ref: SubjectRef) -> str:
    """Changes whenever a file of the subject does."""
    facts = []
    for name, path in sorted((ref.paths or {}).items()):
        status = os.stat(path)
        facts.append(f"{name}:{path}:{status.st_size}:{status.st_mtime_ns}")
    return "|".join(facts)


def digest_of(source: Source, settings: Settings, refs: Sequence[SubjectRef]) -> str:
    """12 hex digits that name the cohort: parameters, subjects and file sizes, but neither paths nor dates."""
    sizes = [[ref.id, {k: os.path.getsize(p) for k, p in sorted((ref.paths or {}).items())}] for ref in refs]
    key = {
        "format": FORMAT,
        "source": source.name,
        "key": source.key,
        "settings": asdict(settings),
        "subjects": sizes,
    }
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]


@contextmanager
def _exclusively(folder: Path) -> Iterator[None]:
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not quiet():
            print(f"{folder.name} is being prepared by another process; waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _make(folder: Path, job: Job, on_error: str, jobs: int | None, names: dict) -> dict:
    """Prepare every subject into its part, then join the parts; returns the index."""
    job.parts.mkdir(parents=True, exist_ok=True)
    kept = {k for k in range(len(job.refs)) if read_part(job.part(k), job.stamps[k]) is not None}
    todo = [k for k in range(len(job.refs)) if k not in kept]
    failed: dict[int, dict] = {}
    # Closed by hand: an error on its way out would keep the processes alive.
    with closing(run(job, todo, jobs or default_jobs(len(todo)))) as results:
        for number, error in _with_bar(results, job, len(kept)):
            if error and on_error == "raise":
                raise DataError(**error)
            if error:
                failed[number] = error
    good = [k for k in range(len(job.refs)) if k not in failed]
    if not good:
        first = failed[min(failed)]
        problem = f"none of the {len(failed)} subjects could be read; the first: {first['problem']}"
        raise DataError(first["subject"], first["path"], problem, first["advice"])
    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    index = {"skipped": [failed[k] for k in sorted(failed)], **names}
    _join(building, job, good, index)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(building, folder)
    shutil.rmtree(job.parts, ignore_errors=True)
    return index


def _with_bar(results: Iterator, job: Job, done: int) -> Iterator:
    from tqdm.auto import tqdm  # a widget in a notebook, where a plain bar would stand in red

    return tqdm(
        results,
        total=len(job.refs),
        initial=done,
        desc=f"preparing {job.source.name}",
        unit="subject",
        disable=quiet(),
    )


def _join(building: Path, job: Job, good: Sequence[int], index: dict) -> None:
    """Copy the parts into the cohort's arrays one by one and complete `index`."""
    shapes, metas = zip(*(part_shape(job.part(k)) for k in good), strict=True)
    modalities = tuple(m for m in ORDER if any(m in meta["modalities"] for meta in metas))
    count = sum(shape[0] for shape in shapes)
    writer = Writer(building, count, modalities, job.settings.px, background(job.settings.scaling))
    for number, k in enumerate(good):
        writer.add(number, read_part(job.part(k), job.stamps[k]))
    refs = [job.refs[k] for k in good]
    index |= {
        "source": job.source.name,
        "key": job.source.key,
        "notice": job.source.notice,
        "settings": asdict(job.settings),
        "modalities": modalities,
        "subjects": [
            {
                "id": ref.id,
                "patient": ref.patient,
                "site": ref.site,
                "grade": ref.grade,
                "present": [m in meta["modalities"] for m in modalities],
                "labelled": meta["labelled"],
                "has_tissue": meta["has_tissue"],
            }
            for ref, meta in zip(refs, metas, strict=True)
        ],
        "notes": {r.id: m["notes"] for r, m in zip(refs, metas, strict=True) if m["notes"]},
    }
    writer.close(index)
