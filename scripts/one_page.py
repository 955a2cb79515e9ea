"""The built site as one HTML document, for scripts/print_book.py.

Ids get their page's name before them, and links between pages become links inside the document.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urldefrag

from bs4 import BeautifulSoup, Tag

NAMES = ("id", "for", "aria-labelledby", "aria-describedby", "aria-controls")
# The document has contents of its own, with page numbers; and nobody installs the package from paper, in each chapter.
UNWANTED = 'section:has(> .toctree-wrapper), .cell:has(pre:-soup-contains("find_spec("))'
OUTSIDE = re.compile(r"(?:[a-z]+:)?//|data:|mailto:")


class PrintError(RuntimeError):
    """The book cannot be printed as it was meant."""


@dataclass(frozen=True)
class Entry:
    """A line of the contents. depth: 0 for parts, 1 for chapters, 2 for sections; id: its place in the document."""

    depth: int
    id: str
    title: str


def parts(toc: dict, only: list[str]) -> list[tuple[str, list[str]]]:
    """Captions and page names in the book's order; the front page has none. Raises PrintError for a strange name."""
    every = [("", [toc["root"]])] + [(p["caption"], [c["file"] for c in p["chapters"]]) for p in toc["parts"]]
    if strange := set(only) - {name for _, names in every for name in names}:
        raise PrintError(f"_toc.yml has no {', '.join(sorted(strange))}.")
    kept = [(caption, [name for name in names if name in only or not only]) for caption, names in every]
    return [(caption, names) for caption, names in kept if names]


def slug(name: str) -> str:
    """The id of a page's chapter: "part1-adversarial"."""
    return name.removeprefix("book/").replace("/", "-")


def said(tag: Tag) -> str:
    """The text of a heading."""
    return " ".join(tag.get_text().split())


class Chapter:
    """A page of the site as a section of the document; printed: all its pages.

    Raises PrintError where the site has not this page, or where the page leads to something that the site has not.
    """

    def __init__(self, site: Path, name: str, printed: list[str]) -> None:
        file = site / f"{name}.html"
        if not file.exists():
            raise PrintError(f"{file} is not there; run `make book` first.")
        self.site, self.name, self.id, self.printed = site, name, slug(name), printed
        self.page = BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")
        self.article = self.page.select_one("article.bd-article")
        if self.article is None or not self.article.h1:
            raise PrintError(f"{file} has no article with a heading.")
        for unwanted in self.article.select(UNWANTED):
            unwanted.decompose()
        for link in self.article.select("a.headerlink"):
            link.string = ""  # the link itself stays: Chromium keeps only places that something links to
        for tag in self.article.find_all(True):
            for key in tag.attrs.keys() & NAMES:
                names = tag[key] if isinstance(tag[key], list) else tag[key].split()
                tag[key] = " ".join(f"{self.id}--{name}" for name in names)
            self._lead(tag)
        self.title = said(self.article.h1)
        self.sections = {h2.parent["id"]: said(h2) for h2 in self.article.select("section[id] > h2")}
        self.article.name, self.article["id"] = "section", self.id
        self.article["class"] = [*self.article["class"], "chapter"]

    def _lead(self, tag: Tag) -> None:
        """Let a link or a source of this page lead to where that is in the document, or beside it."""
        for key in tag.attrs.keys() & {"src", "href"}:
            if OUTSIDE.match(tag[key]):
                continue
            path, anchor = urldefrag(tag[key])
            path = unquote(path.partition("?")[0])
            path = normpath(join(dirname(self.name), path)) if path else f"{self.name}.html"
            page = path.removesuffix(".html")
            if not (self.site / path).exists():
                raise PrintError(f"{self.name} leads to {tag[key]}, which the site has not.")
            if page in self.printed:
                tag[key] = f"#{slug(page)}--{anchor}" if anchor else f"#{slug(page)}"
            elif key == "src" or tag.name == "link":
                tag[key] = path
            else:  # a page that was left out
                del tag[key]

    def head(self) -> Iterator[str]:
        """The page's style sheets and what draws its formulas, of which not every page has any."""
        for tag in self.page.head.select('link[rel="stylesheet"], script'):
            if tag.name == "link" or "MathJax =" in tag.text or "mathjax" in tag.get("src", ""):
                self._lead(tag)
                yield str(tag)

    def running(self) -> str:
        """The style that writes this chapter's title above its pages."""
        title = json.dumps(self.title, ensure_ascii=False)
        return f"@page {self.id} {{ @top-left {{ content: {title} }} }} #{self.id} {{ page: {self.id} }}"


def entries(found: list[tuple[str, list[Chapter]]]) -> Iterator[Entry]:
    """The contents, with sections."""
    for k, (caption, chapters) in enumerate(found):
        if caption:
            yield Entry(0, f"part-{k}", caption)
        for chapter in chapters:
            yield Entry(bool(caption), chapter.id, chapter.title)
            yield from (Entry(bool(caption) + 1, *section) for section in chapter.sections.items())


def document(site: Path, named: list[tuple[str, list[str]]], title: str, front: list[str]) -> tuple[str, list[Entry]]:
    """The whole document and its contents. named: from `parts`; front: lines of HTML for the title page."""
    printed = [name for _, names in named for name in names]
    found = [(caption, [Chapter(site, name, printed) for name in names]) for caption, names in named]
    chapters = [chapter for _, of_part in found for chapter in of_part]
    known = list(entries(found))
    shown = {chapter.id for chapter in chapters} | {f"part-{k}" for k in range(len(found))}
    lines = "".join(
        f'<li class="depth-{e.depth}"><a href="#{e.id}"><span>{html.escape(e.title)}</span> <i></i> '
        f'<b data-page="{e.id}"></b></a></li>'
        for e in known
        if e.id in shown
    )
    body = ""
    for k, (caption, of_part) in enumerate(found):
        heading = f'<p class="part" id="part-{k}">{html.escape(caption)}</p>' if caption else ""
        of_part[0].article.insert(0, BeautifulSoup(heading, "html.parser"))
        body += "".join(str(chapter.article) for chapter in of_part)
    head = "".join(dict.fromkeys(tag for chapter in chapters for tag in chapter.head()))
    styles = "".join(chapter.running() for chapter in chapters)
    text = (
        '<!doctype html><html lang="en" data-theme="light" data-mode="light"><head><meta charset="utf-8">'
        f'<title>{html.escape(title)}</title>{head}<style>{styles}</style></head><body class="book">'
        f'<main class="bd-content"><header class="front"><p class="title">{html.escape(title)}</p>'
        f'{"".join(f"<p>{line}</p>" for line in front)}</header><nav class="pages"><p class="title">Contents</p>'
        f"<ol>{lines}</ol></nav>{body}</main></body></html>"
    )
    return text, known
