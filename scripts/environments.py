"""Empty virtual environments, for trying the package where nothing of the checkout helps."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parent.parent
BUILDERS = {"wheel": WheelBuilder, "sdist": SdistBuilder}
LEADS_BACK = re.compile("MEDSYN_|PYTHON|VIRTUAL_ENV|CONDA|JUPYTER|IPYTHON|MPL|MAKE")  # variables not handed on


class Failed(RuntimeError):
    """The package did not do in an environment what it promises; the message says what and where."""


def build(kind: str, folder: Path) -> Path:
    """The repository packed into `folder` as "wheel" or "sdist"."""
    return Path(next(iter(BUILDERS[kind](str(ROOT)).build(directory=str(folder), versions=["standard"]))))


def pinned(name: str) -> str:
    """The version of a distribution in requirements.txt. Raises KeyError for one that is not there."""
    pins = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line)
    return pins[name]


def surroundings(folder: Path) -> dict[str, str]:
    """The caller's environment variables without those that lead back to its Python; smoke profile, caches in
    `folder`."""
    kept = {name: value for name, value in os.environ.items() if not LEADS_BACK.match(name)}
    own = {
        "MEDSYN_PROFILE": "smoke",
        "MEDSYN_PROGRESS": "0",
        "MEDSYN_CACHE": str(folder / "cache"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONNOUSERSITE": "1",
    }
    return kept | own


@contextmanager
def outside(keep: bool = False) -> Iterator[Path]:
    """An empty folder that is not in the repository, removed afterwards unless `keep`."""
    folder = Path(tempfile.mkdtemp(prefix="medsyn-fresh-")).resolve()
    try:
        if folder.is_relative_to(ROOT):
            raise Failed(f"temporary files go to {folder.parent}, which lies in the repository; set TMPDIR elsewhere")
        yield folder
    finally:
        if keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder)


@dataclass(frozen=True)
class Environment:
    """A virtual environment in folder/venv; commands run in `folder`, which lies outside the repository."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, python: str) -> Environment:
        """A new, empty one of the interpreter `python`."""
        folder.mkdir()
        environment = cls(folder)
        environment.run([python, "-m", "venv", str(folder / "venv")])
        return environment

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "venv" / "bin" / "python"

    def run(self, command: Sequence[str | Path]) -> str:
        """What a command prints on stdout. Raises Failed with the end of all that it printed if it fails."""
        env = surroundings(self.folder)
        done = subprocess.run([*map(str, command)], cwd=self.folder, env=env, capture_output=True, text=True)
        if done.returncode:
            printed = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
            raise Failed(f"{' '.join(map(str, command))} ended with status {done.returncode}:\n{printed}")
        return done.stdout

    def install(self, *what: str) -> float:
        """`pip install` them together; the seconds it took."""
        start = time.perf_counter()
        self.run([self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what])
        return time.perf_counter() - start

    def run_copy(self, script: str, *arguments: str | Path) -> str:
        """Run a copy of scripts/`script` with its interpreter: beside the original it would find the checkout."""
        copy = shutil.copy(ROOT / "scripts" / script, self.folder)
        return self.run([self.python, copy, *arguments])
