"""What the pages need from a browser: a local copy of MathJax, each script once, no dead buttons."""

from __future__ import annotations

from pathlib import Path


def use_vendored(app, config) -> None:
    """Serve MathJax from the site itself where `make` has fetched it."""
    vendor = Path(app.confdir) / "book" / "_vendor"
    if (vendor / "mathjax" / "tex-svg.js").exists():
        config.html_static_path = [*config.html_static_path, str(vendor)]
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


def setup(app) -> dict:
    app.connect("config-inited", use_vendored, priority=100)
    app.connect("config-inited", no_download)
    app.connect("html-page-context", drop_doubled, priority=990)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
