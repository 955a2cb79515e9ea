"""When the records of an exhibit were made: by their own word, else by the commit that brought them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from medsyn_core.experiments import records
from medsyn_core.experiments.results import Results


def committed() -> dict[Path, str]:
    """File of the records folder -> day of the last commit that changed it, as YYYY-MM-DD.

    Files that differ from what was committed are not there. Nothing is, where git is not installed, where the folder
    lies in no repository, and where the history is shallow: its one commit brought nothing.
    """
    folder = records.folder()
    shallow = _git(folder, "rev-parse", "--is-shallow-repository")
    if shallow is None or shallow.strip() != "false":
        return {}
    changed = (_git(folder, "diff", "--name-only", "--relative", "HEAD", "--", ".") or "").splitlines()
    log = (_git(folder, "log", "--format=/%as", "--name-only", "--relative", "--", ".") or "").splitlines()
    found, day = {}, ""
    for line in filter(None, log):  # the newest commit first; a day begins with a slash, as no name here does
        if line.startswith("/"):
            day = line[1:]
        elif line not in changed:
            found.setdefault(folder / line, day)
    return found


def last(found: Results, by_commit: Mapping[Path, str]) -> tuple[str | None, bool]:
    """Day of the newest record that an exhibit shows, None where one of them has none, and whether all days are their
    own; found: as `exhibits.results` gives it, recorded; by_commit: what `committed` gives.
    """
    seen = [job for job in found.jobs if job.row.name not in found.missing and job.plan not in found.absent]
    own = {job.path: records.load(job.path).made for job in seen}
    days = [day or by_commit.get(path) for path, day in own.items()]
    return (None if None in days else max(days)), all(own.values())


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints, None where there is no git or it finds no repository."""
    if shutil.which("git") is None or not folder.is_dir():
        return None
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    return None if done.returncode else done.stdout
