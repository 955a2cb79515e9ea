"""What must not be published: the lines of solutions, and where they might turn up."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.course.bank import TEACHING, author, edition

SHORTEST = 25  # characters; shorter lines are everybody's
TEXT = {".ipynb", ".md", ".html", ".js", ".txt", ".py", ".json", ".css", ".rst", ".yml", ".svg", ".xml"}


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def lines(text: str) -> set[str]:
    """Lines that are long enough to be told from others', with single spaces and without a comment at their end;
    imports are everybody's, too."""
    plain = (" ".join(re.sub(r"\s+#.*$", "", line).split()) for line in text.splitlines())
    return {line for line in plain if len(line) > SHORTEST and not re.match(r"(from \S+ )?import ", line)}


def solution(text: str) -> str:
    """What stands between the marks of a solution; the whole cell where there are none."""
    regions = re.findall(r"### BEGIN SOLUTION\n(.*?)\n\s*### END SOLUTION", text, flags=re.S)
    return "\n".join(regions) or text


def secrets(name: str) -> set[str]:
    """Lines that only a teacher has: solutions and answers, rubric, and the bank's right ways."""
    mine = [
        solution("".join(cell["source"]))
        for cell in cells(author(name))
        if cell["metadata"].get("nbgrader", {}).get("solution")
    ]
    mine += [path.read_text(encoding="utf-8") for path in (TEACHING / "bank" / name).glob("right_*.py")]
    mine.append((TEACHING / "rubric" / f"{name}.md").read_text(encoding="utf-8"))
    given = lines("\n".join("".join(cell["source"]) for cell in cells(edition(name))))
    return {line for text in mine for line in lines(text)} - given


def strings(value: object) -> Iterator[str]:
    """All words of a JSON document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        if all(isinstance(inner, str) for inner in value):
            yield "".join(value)  # a source as a list of lines
        else:
            for inner in value:
                yield from strings(inner)


def text(path: Path) -> str:
    """What a file says, with single spaces: JSON unpacked, tags and entities of a page removed."""
    said = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix in (".ipynb", ".json"):
        said = "\n".join(strings(json.loads(said)))
    if path.suffix == ".html":
        said = html.unescape(re.sub(r"<[^>]+>", "", said))
    return " ".join(said.split())


def leaks(paths: Iterable[Path], hidden: set[str]) -> list[tuple[str, str]]:
    """Where a hidden line stands, as (file, line)."""
    found = []
    for path in paths:
        if path.suffix in TEXT and path.is_file():
            said = text(path)
            found += [(str(path), line) for line in sorted(hidden) if line in said]
    return found
