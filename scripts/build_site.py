"""Build the site from executed chapters: python scripts/build_site.py EXECUTED SITE.

EXECUTED holds the executed copies of the chapters that _toc.yml names. The other pages are put beside them, the
table of runtimes is written from the copies' metadata, and Sphinx reads that folder with every warning an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent
REDIRECT = (
    '<!doctype html><html lang="en"><title>{title}</title><meta http-equiv="refresh" content="0; url={page}"></html>'
)
WEIGHT = "SITE-WEIGHT"  # stands in book/appendix/runtimes.md


def pages(toc: dict) -> list[str]:
    """Every page that the table of contents names, the root first."""
    chapters = [c for part in toc["parts"] for c in part["chapters"]]
    below = [s for c in chapters for s in c.get("sections", [])]
    return [toc["root"], *(c["file"] for c in chapters + below)]


def stage(executed: Path) -> None:
    """Put everything but the notebooks beside their executed copies; what is gone from the book goes here too."""
    for old in executed.rglob("*"):
        if old.is_file() and old.suffix not in {".ipynb", ".d"}:
            old.unlink()
    for path in (ROOT / "book").rglob("*"):
        inside = path.relative_to(ROOT)
        hidden = any(part.startswith((".", "__")) for part in inside.parts)
        if path.is_dir() or path.suffix == ".ipynb" or hidden or "records" in inside.parts:
            continue
        (executed / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, executed / inside)
    for name in ("_config.yml", "_toc.yml", "CHANGELOG.md"):
        shutil.copyfile(ROOT / name, executed / name)


def write_runtimes(executed: Path, names: list[str]) -> None:
    """book/appendix/runtimes-table.md: what each chapter cost when these very copies were executed."""
    lines = ["| chapter | seconds | peak memory (MB) | profile |", "|:--|--:|--:|:--|"]
    for name in names:
        path = executed / f"{name}.ipynb"
        if path.exists():
            cost = nbformat.read(path, as_version=4).metadata["medsyn"]
            row = (f"{{doc}}`/{name}`", f"{cost['seconds']:.0f}", str(cost["peak_mb"]), cost["profile"])
            lines.append(f"| {' | '.join(row)} |")
    table = executed / "book" / "appendix" / "runtimes-table.md"
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text("\n".join(lines) + "\n")


def weigh(site: Path) -> str:
    """What the whole site weighs, and what of it is what."""
    size = lambda found: f"{sum(path.stat().st_size for path in found) / 1e6:.1f} MB"
    files = [path for path in site.rglob("*") if path.is_file()]
    shared = [path for path in files if "_static" in path.relative_to(site).parts]
    written = [path for path in files if path.suffix == ".html"]
    heaviest = max(written, key=lambda path: path.stat().st_size)
    return (
        f"{size(files)}, uncompressed: {size(written)} in pages, the heaviest of them {size([heaviest])} "
        f"({heaviest.relative_to(site).as_posix()}), and {size(shared)} in scripts, styles and fonts"
    )


def state_weight(site: Path) -> None:
    """Put the site's weight where its page of runtimes has a place for it; before the build nobody knows it."""
    page = site / "book" / "appendix" / "runtimes.html"
    if page.exists():
        page.write_text(page.read_text(encoding="utf-8").replace(WEIGHT, weigh(site)), encoding="utf-8")


def main() -> int:
    executed, site = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    names = pages(toc)
    for name in names:
        if not any((ROOT / f"{name}{suffix}").exists() for suffix in (".md", ".ipynb")):
            print(f"FAILED: _toc.yml names {name}, which is neither a .md nor a .ipynb file.", file=sys.stderr)
            return 1
    stage(executed)
    write_runtimes(executed, names)
    shutil.rmtree(site, ignore_errors=True)
    doctrees = site.with_name(f".doctrees-{site.name}")
    binaries = Path(sys.executable).parent
    config = [binaries / "jupyter-book", "config", "sphinx", executed]
    subprocess.run(config, check=True, stdout=subprocess.DEVNULL)
    # -a -E: every page is read and written, for a warning of an unchanged page is otherwise seen once only
    strict = ["-a", "-E", "-n", "-W", "--keep-going", "-q", "-d", doctrees]
    where = {**os.environ, "PYTHONPATH": str(executed / "book" / "_ext")}
    done = subprocess.run([binaries / "sphinx-build", *strict, executed, site], cwd=executed, env=where)
    if done.returncode:
        print("FAILED: the site was not built; the warnings above are its errors.", file=sys.stderr)
        return 1
    state_weight(site)
    title = yaml.safe_load((ROOT / "_config.yml").read_text())["title"]
    (site / "index.html").write_text(REDIRECT.format(title=title, page=f"{toc['root']}.html"))
    print(f"{len(names)} pages built")
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
