"""Try the installed package as its README shows it: python check_installed.py CHECKOUT.

Runs with the interpreter that it was installed for, from a folder outside the repository, and imports nothing else of
the project: scripts/fresh_install.py runs a copy. One that does not keep a promise ends with a message and status 1.
"""

from __future__ import annotations

import importlib
import pkgutil
import platform
import re
import sys
import time
from importlib import metadata
from pathlib import Path

JUPYTER = ("IPython", "ipykernel", "ipywidgets", "jupyter_client", "jupyter_core", "nbformat", "notebook")


def without_jupyter() -> None:
    """From here on, importing any part of Jupyter raises ImportError, as where there is none."""
    sys.modules.update(dict.fromkeys(JUPYTER))


def import_everything() -> int:
    """Import every module of the package that is not run as a command; how many there are."""
    package = importlib.import_module("medsyn_core")
    names = [m.name for m in pkgutil.walk_packages(package.__path__, "medsyn_core.") if "__main__" not in m.name]
    for name in names:
        importlib.import_module(name)
    return len(names)


def example(readme: str) -> str:
    """The one block of Python of the README."""
    blocks = re.findall(r"```python\n(.*?)```", readme, flags=re.S)
    if len(blocks) != 1:
        raise SystemExit(f"the README holds {len(blocks)} blocks of Python; one was expected")
    return blocks[0]


def run_example(code: str) -> int:
    """Run the README's block; the steps that its own term was trained for."""
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    run = names["run"]
    if not run.history.series.get("edges") or not run.metrics:
        raise SystemExit("the README's example ran, but left no history of its term or no metrics")
    return len(run.history.series["edges"])


def read_records(checkout: Path) -> int:
    """Read every recorded run that the checkout has from the installed package; how many there are."""
    from medsyn_core.experiments import records

    folder = records.folder().resolve()
    package = Path(sys.modules["medsyn_core"].__file__).resolve().parent
    if not folder.is_relative_to(package):
        raise SystemExit(f"recorded runs are looked for in {folder}, which is not in the installed package {package}")
    there = {path.relative_to(folder) for path in folder.rglob("*.json")}
    origin = checkout / "book" / "records"
    absent = sorted(str(p.relative_to(origin)) for p in origin.rglob("*.json") if p.relative_to(origin) not in there)
    if absent or not there:
        raise SystemExit(f"recorded runs that were not installed: {', '.join(absent[:5]) or 'all'} ({len(absent)})")
    for path in there:
        records.load(folder / path).arrays()  # raises where the arrays beside it are not the ones it was saved with
    return len(there)


def from_checkout(checkout: Path) -> list[str]:
    """Modules in memory whose file lies in the checkout (an environment inside it is none of it)."""
    files = ((name, getattr(module, "__file__", None)) for name, module in list(sys.modules.items()))
    paths = [(name, Path(file).resolve()) for name, file in files if file and name != "__main__"]
    prefix = Path(sys.prefix).resolve()
    return sorted(n for n, p in paths if p.is_relative_to(checkout) and not p.is_relative_to(prefix))


def main() -> None:
    checkout = Path(sys.argv[1]).resolve()
    without_jupyter()
    start = time.perf_counter()
    modules = import_everything()
    imported = time.perf_counter()
    steps = run_example(example((checkout / "README.md").read_text(encoding="utf-8")))
    trained = time.perf_counter()
    if wrong := from_checkout(checkout):
        raise SystemExit(f"imported from the checkout: {len(wrong)} modules, {', '.join(wrong[:5])}")
    count = read_records(checkout)
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "numpy", "medsyn-core"))
    print(f"Python {platform.python_version()}, {versions}")
    print(f"{modules} modules imported without Jupyter in {imported - start:.1f} s")
    print(f"the README's example ran in {trained - imported:.1f} s ({steps} values of its own term)")
    print(f"{count} recorded runs read from the package")


if __name__ == "__main__":
    main()
