"""What the pages need from a browser: local copies of MathJax and NiiVue, each script once, no dead buttons; and
mended, what the theme writes that weighs too much or that a screen reader stumbles over."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

# What the theme writes on every page -> what should stand there.
MENDED: dict[str, str | Callable[[re.Match], str]] = {
    # names in code break at their joints, not inside a word
    r'(?<=<span class="pre">)[^<]*[_./][^<]*(?=</span>)': lambda name: re.sub(
        r"(?<=\w)([_./])(?=[a-z])", r"\1<wbr>", name[0]
    ),
    # label-content-name-mismatch (axe-core): who says what stands on a button reaches it
    r'<summary aria-label="Toggle hidden content">': "<summary>",
    r'title="Search" aria-label="Search"': 'title="Search"',
    # summary-name: an arrow alone says nothing
    r'<summary>(?=<span class="toctree-toggle")': '<summary aria-label="The pages below this one">',
    # aria-required-children: a list has items; the role that stands there is deprecated
    r'role="doc-biblioentry"': 'role="listitem"',
    # 1.5 MB that draws as SVG the icons which a style sheet and its fonts draw as well
    r"<script src=\"[^\"]*/fontawesome\.js[^\"]*\"></script>": "",
}
UNUSED = ("**/*.map", "scripts/fontawesome.js")


def use_vendored(app, config) -> None:
    """Serve from the site itself what `make` has fetched: MathJax for every page, NiiVue for who asks for 3D."""
    vendor = Path(app.confdir) / "book" / "_vendor"
    if vendor.is_dir():
        config.html_static_path = [*config.html_static_path, str(vendor)]
    if (vendor / "mathjax" / "tex-svg.js").exists():
        config.mathjax_path = "mathjax/tex-svg.js"


def no_download(app, config) -> None:
    """No button for the page's source: it would offer the executed copy; the repository and Colab have the chapter."""
    config.html_theme_options["use_download_button"] = False


def drop_doubled(app, pagename, templatename, context, doctree) -> None:
    """Keep the first of equal inline scripts: two extensions add theirs twice, and a second `const` is an error."""
    seen: set[str] = set()
    kept = []
    for script in context.get("script_files", []):
        body = getattr(script, "attributes", {}).get("body")
        if body and body in seen:
            continue
        seen.add(body)
        kept.append(script)
    context["script_files"][:] = kept


def mend(app, exception) -> None:
    """Put `MENDED` into the pages that were written, and leave out what they no longer ask for."""
    if exception is not None or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):  # also the page of search results
        text = page.read_text(encoding="utf-8")
        for wrong, right in MENDED.items():
            text = re.sub(wrong, right, text)
        page.write_text(text, encoding="utf-8")
    for pattern in UNUSED:
        for file in Path(app.outdir, "_static").glob(pattern):
            file.unlink()


def setup(app) -> dict:
    app.add_js_file("medsyn.js")
    app.connect("config-inited", use_vendored, priority=100)
    app.connect("config-inited", no_download)
    app.connect("html-page-context", drop_doubled, priority=990)
    app.connect("build-finished", mend)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
