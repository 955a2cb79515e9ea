"""What of a submission is marked: the functions asked for, and what they need; no prints, plots or installs.

From a .py file everything is taken. From a notebook: the cells that define the functions (solution cells win over
others), and from all cells the imports, functions, classes and plain constants whose names those use.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from medsyn_core.course.parts import Wrong

LARGEST = 20 * 2**20  # bytes of a file


def read(path: Path, functions: Sequence[str]) -> str:
    """The source to be marked of a .ipynb or .py file. Raises Wrong, naming the file and what is wrong with it."""
    path = Path(path)
    if path.suffix not in (".ipynb", ".py"):
        raise Wrong(f"{path.name} is neither a notebook (.ipynb) nor a Python file (.py)")
    try:
        if path.stat().st_size > LARGEST:
            raise Wrong(f"{path.name} is larger than {LARGEST >> 20} MiB; remove its outputs")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Wrong(f"{path.name} cannot be read: {error}") from None
    if path.suffix == ".py":
        _parse(text, path.name)
        return text
    return from_cells(_cells(text, path.name), functions)


def _cells(text: str, name: str) -> list[tuple[str, bool]]:
    """Code cells of a notebook file as (source, whether it is one to be written)."""
    try:
        found = []
        for cell in json.loads(text)["cells"]:
            if cell["cell_type"] == "code":
                mine = bool(cell.get("metadata", {}).get("nbgrader", {}).get("solution"))
                found.append(("".join(cell["source"]), mine))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Wrong(f"{name} is no notebook that can be read: save it again and hand in the new file") from None
    return found


def from_cells(cells: Iterable[tuple[str, bool]], functions: Sequence[str]) -> str:
    """The source to be marked, of code cells given as (source, whether it is one to be written).

    Raises Wrong where a function is missing, or a cell to be written is no Python (with its line).
    """
    blocks: list[_Block] = []
    for source, mine in sorted(cells, key=lambda cell: cell[1]):  # stable: those to be written come last, and win
        try:
            tree = _parse(_without_magics(source), "the cell")
        except Wrong as wrong:
            if mine and any(re.search(rf"def\s+{name}\b", source) for name in functions):
                raise Wrong(f"the cell of {' and '.join(functions)}: {wrong}") from None
            continue
        blocks += [_Block(part, mine) for part in tree.body if _counts(part, mine)]
    made: dict[str, list[int]] = {}  # a later definition replaces one; imports of one name stay together
    for k, block in enumerate(blocks):
        for name in block.makes:
            made[name] = [k, *(old for old in made.get(name, ()) if block.first and blocks[old].first)]
    if missing := [name for name in functions if name not in made]:
        raise Wrong(f"there is no function {', '.join(missing)} in this notebook; keep the names that were given")
    wanted, todo = set(), [k for name in (*functions, "*") for k in made.get(name, ())]
    while todo:
        if (k := todo.pop()) not in wanted:
            wanted.add(k)
            todo += [other for name in blocks[k].uses for other in made.get(name, ())]
    return "\n\n".join(ast.unparse(blocks[k].part) for k in sorted(wanted, key=lambda k: (not blocks[k].first, k)))


class _Block:
    """A statement at the top of a cell: which names it makes and which it uses."""

    def __init__(self, part: ast.stmt, mine: bool):
        self.part = part
        self.first = isinstance(part, ast.Import | ast.ImportFrom)
        self.uses = {node.id for node in ast.walk(part) if isinstance(node, ast.Name)}
        if self.first:
            self.makes = {(alias.asname or alias.name).split(".")[0] for alias in part.names}
        elif isinstance(part, ast.FunctionDef | ast.ClassDef):
            self.makes = {part.name}
        else:
            self.makes = {n.id for n in ast.walk(part) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _counts(part: ast.stmt, mine: bool) -> bool:
    """Whether a statement can be needed: definitions, imports, constants; in a cell to be written, any assignment."""
    if isinstance(part, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
        return True
    return isinstance(part, ast.Assign | ast.AnnAssign) and (mine or _is_plain(part.value))


def _is_plain(node: ast.expr | None) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return isinstance(node, ast.Lambda)
    return True


def _without_magics(source: str) -> str:
    """The cell without lines for Jupyter; `pass` keeps the numbers of all others and a block whole."""
    return re.sub(r"^([ \t]*)[%!?].*$", r"\1pass", source, flags=re.M)


def _parse(text: str, name: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise Wrong(f"line {error.lineno} of {name}: {error.msg}: {(error.text or '').strip()}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Wrong(f"{name} is no Python that can be read: {error}") from None


def of(functions: dict[str, Callable]) -> str:
    """The source behind live functions: the executed cells of a notebook, or the file that defines them. Raises Wrong
    where there is none."""
    first = next(iter(functions.values()))
    cells = getattr(first, "__globals__", {}).get("In")  # every cell that was executed; only a notebook has it
    if isinstance(cells, list):
        return from_cells([(str(cell), False) for cell in cells], list(functions))
    code = getattr(first, "__code__", None)
    if code is None:
        raise Wrong(f"write {next(iter(functions))} as a function, with def")
    return read(Path(code.co_filename), list(functions))
