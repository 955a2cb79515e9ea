"""Where a number comes from: the package's sources, the versions and the machine."""

from __future__ import annotations

import ast
import hashlib
import platform
from functools import cache
from pathlib import Path

import medsyn_core

AREAS = ("evaluation", "losses", "methods", "networks", "training", "data/views.py")
"""Sources that can change what a training gives; the data are told apart by the cohort's own hash."""


@cache
def source_hash() -> str:
    """12 hex digits of the sources in AREAS; comments, docstrings and layout do not count."""
    package = Path(medsyn_core.__file__).parent
    digest = hashlib.sha256()
    named = [package / area for area in AREAS]
    for file in sorted(f for path in named for f in ([path] if path.is_file() else path.rglob("*.py"))):
        digest.update(file.relative_to(package).as_posix().encode())
        digest.update(meaning(file.read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:12]


def meaning(source: str) -> str:
    """Python source without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and (
            ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    import numpy
    import scipy
    import torch

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "medsyn_core": medsyn_core.__version__,
    }


def hardware(device: str) -> str:
    """What the device is: the GPU's name, or the processor's architecture and the threads in use."""
    import torch

    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{platform.machine()}, {torch.get_num_threads()} threads"
