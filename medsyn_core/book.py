"""What a chapter needs to talk to the book. Nothing here needs Sphinx, so all of it works in Jupyter and Colab too."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import platform
import textwrap
from collections.abc import Iterable
from importlib import metadata
from typing import Any, TypeVar

from medsyn_core.experiments.cohorts import volume_px
from medsyn_core.figures.tables import Table, listing
from medsyn_core.profiles import profile
from medsyn_core.progress import quiet

DISTRIBUTION = "medsyn-core"
BRANCH = "main"
T = TypeVar("T")


def glue(name: str, value: Any) -> None:
    """Keep `value` under `name` for {glue:text}`name` and its kin on the page; shows nothing by itself.

    Numbers may be formatted there ({glue:text}`name:.2f`); a Table or Markdown is shown with {glue:md}.
    """
    from IPython import get_ipython
    from IPython.display import publish_display_data

    shell = get_ipython()
    if shell is None:  # a plain Python script has no page
        return
    if getattr(value, "shape", None) == ():  # a scalar of numpy or torch prints its type, which no format can read
        value = value.item()
    prefix = "application/papermill.record/"  # a prefix that no front end displays, the site's builder knows it
    data, info = shell.display_formatter.format(value)
    info["scrapbook"] = {"name": name, "mime_prefix": prefix}
    publish_display_data({prefix + kind: content for kind, content in data.items()}, info)


def repository() -> str:
    """The repository's address, as the installed package states it."""
    for entry in metadata.metadata(DISTRIBUTION).get_all("Project-URL") or ():
        label, _, address = entry.partition(", ")
        if label == "Repository":
            return address
    raise LookupError(f"{DISTRIBUTION} was installed without its repository's address; install it again.")


def _resolve(path: str) -> Any:
    """The object behind a dotted path."""
    module, _, rest = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), rest)
    except ModuleNotFoundError:
        return getattr(_resolve(module), rest)


def link(obj: Any) -> str:
    """Markdown link to the lines of the repository that define `obj` (or the object at a dotted path)."""
    obj = inspect.unwrap(_resolve(obj) if isinstance(obj, str) else obj)
    lines, first = inspect.getsourcelines(obj)
    module = obj.__module__
    place = f"{module.replace('.', '/')}.py#L{first}-L{first + len(lines) - 1}"
    return f"[`{module.rpartition('.')[2]}.{obj.__qualname__}`]({repository()}/blob/{BRANCH}/{place})"


def link_test(test: str) -> str:
    """Markdown link to the file of a test given as path::name."""
    path, _, name = test.partition("::")
    return f"[`{name or path}`]({repository()}/blob/{BRANCH}/{path})"


def _without_docstring(code: str) -> str:
    """The same lines without the docstring of the outermost definition."""
    body = ast.parse(code).body[0].body
    first = body[0]
    if len(body) == 1 or not (isinstance(first, ast.Expr) and isinstance(getattr(first, "value", None), ast.Constant)):
        return code
    lines = code.splitlines()
    kept = lines[: first.lineno - 1] + lines[first.end_lineno :]
    return "\n".join(kept)


def source(obj: Any, *, docstring: bool = False, fold: bool = False) -> Any:
    """The package's own code of `obj`, as it runs, with a link to its lines.

    docstring: show it as well; fold: behind a click, for long ones.
    """
    from IPython.display import Markdown

    code = textwrap.dedent(inspect.getsource(inspect.unwrap(obj))).rstrip()
    code = code if docstring else _without_docstring(code)
    block = f"```python\n{code}\n```"
    shown = f"{block}\n\n{link(obj)}"
    if fold:
        name = inspect.unwrap(obj).__qualname__
        shown = f"<details><summary>Code of <code>{name}</code></summary>\n\n{shown}\n\n</details>"
    return Markdown(shown)


def head(*, minutes: float, memory: float, volumes: bool = False) -> Table:
    """What stands under a chapter's title: what the laptop profile needs (minutes, GB), and where this copy ran;
    volumes: whether it looks at whole volumes instead of slices."""
    import torch

    cuda = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if cuda else f"CPU, {os.cpu_count()} cores"
    size = profile()
    planes = f"{size.px} x {size.px} pixels, {size.slices} slices each"
    voxels = f"whole volumes of {volume_px(size)} x {volume_px(size)} pixels and all their slices"
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "numpy", DISTRIBUTION))
    row = {
        "needs": f"about {minutes:g} min and {memory:g} GB on two CPU cores",
        "profile": f"{size.name}: {size.subjects} subjects, {voxels if volumes else planes}",
        "run": f"{device}; Python {platform.python_version()}, {versions}",
    }
    return listing([row], {"needs": "in the laptop profile", "profile": "profile of this copy", "run": "executed on"})


def progress(items: Iterable[T], label: str = "") -> Iterable[T]:
    """`items` behind a bar for people at a kernel; no bar where MEDSYN_PROGRESS=0 (the book's own build)."""
    from tqdm.auto import tqdm

    return tqdm(items, desc=label, disable=quiet())
