"""Run chapters as Colab does: python check_colab.py ADDRESS CHAPTER...

Runs with the interpreter of an environment that has torch, numpy, ipywidgets and a kernel, but neither the package nor
Jupyter Book. The first cell of the first chapter installs the package; it is executed as it stands but for the address,
which is ADDRESS instead of the public repository's. Says what it took; status 1 if one of the three was touched.
"""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import sys
import time
from importlib import metadata
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

KEPT = ("torch", "numpy", "ipywidgets")
ADDRESS = re.compile(r"git\+https://[^\s\"]+")
INSTALL_SECONDS = 120  # what a reader should not have to wait longer for; more is reported, and no failure
CELL_SECONDS = 1800
PROBE = "import sys, medsyn_core; print(sys.prefix, medsyn_core.__file__, sep='\\n')"


def versions() -> dict[str, str]:
    """Every installed distribution with its version."""
    return {d.metadata["Name"].lower(): d.version for d in metadata.distributions()}


def fingerprint(name: str) -> str:
    """The version of a distribution with a hash of its files' names, sizes and times."""
    distribution = metadata.distribution(name)
    hashed = hashlib.sha256()
    for file in sorted(map(str, distribution.files)):
        path = Path(distribution.locate_file(file))
        if path.suffix == ".pyc":  # written by the first import
            continue
        stat = path.stat()
        hashed.update(f"{file} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino}\n".encode())
    return f"{distribution.version} ({len(distribution.files)} files, {hashed.hexdigest()[:12]})"


def prepared(notebook: nbformat.NotebookNode, address: str) -> nbformat.NotebookNode:
    """The notebook, its first code cell installing from `address`. Raises SystemExit if that cell installs nothing."""
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.source, times = ADDRESS.subn(address, first.source)
    if times != 1 or "%pip install" not in first.source:
        raise SystemExit(f"the first cell does not install the package from an address:\n{first.source}")
    return notebook


def execute(path: Path, address: str) -> tuple[float, float, str]:
    """Seconds of the first code cell, seconds of the others, and what the chapter's head shows.

    Raises SystemExit if a cell fails, or if the package did not come from this environment.
    """
    notebook = prepared(nbformat.read(path, as_version=4), address)
    probe = nbformat.v4.new_code_cell(PROBE)
    notebook.cells.append(probe)
    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    taken = []
    try:
        with client.setup_kernel():
            for index, cell in enumerate(notebook.cells):
                start = time.perf_counter()
                client.execute_cell(cell, index)
                if cell.cell_type == "code":
                    taken.append(time.perf_counter() - start)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise SystemExit(f"{path.name} did not run:\n{error}") from error
    prefix, file = probe.outputs[0].text.split()
    if prefix != sys.prefix or not Path(file).is_relative_to(prefix):
        raise SystemExit(f"{path.name} ran in {prefix} with the package of {file}, not in {sys.prefix}")
    head = next(cell for cell in notebook.cells if cell.cell_type == "code" and "book.head(" in cell.source)
    return taken[0], sum(taken[1:]), head.outputs[-1].data["text/markdown"]


def main() -> None:
    address, *chapters = sys.argv[1:]
    before, kept = versions(), {name: fingerprint(name) for name in KEPT}
    if there := {"medsyn-core", "jupyter-book"} & set(before):
        raise SystemExit(f"not an environment like Colab's: it has {', '.join(sorted(there))}")
    shown = ", ".join(f"{name} {before[name]}" for name in (*KEPT, "ipython", "ipykernel"))
    print(f"Python {platform.python_version()}, {shown}; {len(before)} distributions", flush=True)
    for number, chapter in enumerate(chapters):
        installing, running, head = execute(Path(shutil.copy(chapter, ".")).resolve(), address)
        if number == 0:
            slow = f": MORE than {INSTALL_SECONDS} s" if installing > INSTALL_SECONDS else ""
            print(f"the first cell installed the package in {installing:.0f} s{slow}")
        print(f"{Path(chapter).name}: {running:.0f} s in the smoke profile; its head says:\n{head}", flush=True)
    after = versions()
    for name in KEPT:
        if (now := fingerprint(name)) != kept[name]:
            raise SystemExit(f"{name} was touched: {kept[name]} before, {now} afterwards")
    if "jupyter-book" in after:
        raise SystemExit("the first cell installed jupyter-book, which no chapter needs")
    print(f"untouched: {', '.join(f'{name} {text}' for name, text in kept.items())}")
    changed = [f"{name} {old} -> {after.get(name)}" for name, old in before.items() if after.get(name) != old]
    new = len(set(after) - set(before))
    print(f"{new} distributions are new; of those before, changed: {', '.join(changed) or 'none'}")


if __name__ == "__main__":
    main()
