"""Execute one notebook into a copy: python scripts/execute.py SOURCE COPY.

The copy keeps what the run cost (seconds, peak memory, profile) in its metadata; beside it goes COPY.d, the package
modules that the notebook imported, for make. A failing cell fails the command and leaves no copy behind.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from medsyn_core.files import atomic
from medsyn_core.profiles import profile

ROOT = Path(__file__).resolve().parent.parent
CELL_SECONDS = 1800
WIDGET = "application/vnd.jupyter.widget-view+json"
CONTROL = "*Here is a control for readers with a kernel: open this chapter in Colab or JupyterLab to move it.*"
MODULES = (
    "import sys as _s; print('\\n'.join(sorted({m.__file__ for n, m in list(_s.modules.items())"
    " if n.split('.')[0] == 'medsyn_core' and getattr(m, '__file__', None)})))"
)


class PeakMemory(threading.Thread):
    """Watches the resident memory of a process and its children until `stop`; `.bytes` is the largest seen."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.process, self.bytes, self.done = psutil.Process(pid), 0, threading.Event()

    def look(self) -> None:
        try:
            family = [self.process, *self.process.children(recursive=True)]
            self.bytes = max(self.bytes, sum(p.memory_info().rss for p in family))
        except psutil.NoSuchProcess:  # a child that ended between the two calls; the next look counts the others
            return

    def run(self) -> None:
        while not self.done.wait(0.1):
            self.look()

    def stop(self) -> int:
        """The largest memory in MB, the present moment included."""
        self.done.set()
        self.join()
        self.look()
        return round(self.bytes / 2**20)


def run(source: Path) -> tuple[nbformat.NotebookNode, list[str]]:
    """The executed notebook, its cost in metadata["medsyn"], and the files of the package that it imported."""
    notebook = nbformat.read(source, as_version=4)
    folder = {"metadata": {"path": str(source.parent)}}
    quiet = ["--log-level=ERROR"]
    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", resources=folder, extra_arguments=quiet
    )
    # Nobody here plays the browser's part for widgets: a client that answers a kernel at work has waited forever for
    # its next word (nbclient issue 312). What a widget would have caught is an output of its cell.
    client.comm_open_handlers = {}
    start = time.perf_counter()
    with client.setup_kernel():
        memory = PeakMemory(client.km.provisioner.pid)
        memory.start()
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        seconds = time.perf_counter() - start
        peak = memory.stop()
        probe = nbformat.v4.new_code_cell(MODULES)
        notebook.cells.append(probe)
        client.execute_cell(probe, len(notebook.cells) - 1)
    files = "".join(output.text for output in notebook.cells.pop().outputs).split()
    replace_widgets(notebook)
    cost = {"seconds": round(seconds, 1), "peak_mb": peak, "profile": profile().name}
    notebook.metadata["medsyn"] = cost
    return notebook, files


def replace_widgets(notebook: nbformat.NotebookNode) -> None:
    """Put a sentence where a control was: without a kernel behind it, it would move and do nothing."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if WIDGET in output.get("data", {}):
                output.data = {"text/markdown": CONTROL}


def write_dependencies(copy: Path, files: list[str]) -> None:
    """COPY.d for make: the copy depends on these files; one that was deleted since is no error."""
    inside = [Path(f).relative_to(ROOT).as_posix() for f in files if Path(f).is_relative_to(ROOT)]
    lines = [f"{copy.as_posix()}: {' '.join(inside)}", *(f"{f}:" for f in inside)]
    with atomic(f"{copy}.d") as part:
        part.write_text("\n".join(lines) + "\n")


def main() -> int:
    source, copy = Path(sys.argv[1]), Path(sys.argv[2])
    print(f"executing {source} ({profile().name}) ... ", end="", flush=True)
    try:
        notebook, files = run(source)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        copy.unlink(missing_ok=True)
        told = re.sub(r"\x1b\[[\d;]*m", "", str(error))  # without the colours of a terminal
        print(f"failed\n{told}\nFAILED: {source} did not run; the failing cell stands above.", file=sys.stderr)
        return 1
    with atomic(copy) as part:
        nbformat.write(notebook, part)
    write_dependencies(copy, files)
    print(f"{notebook.metadata['medsyn']['seconds']} s, {notebook.metadata['medsyn']['peak_mb']} MB")
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
