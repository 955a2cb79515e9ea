"""Pack a release into dist/: python scripts/release.py SITE [--tag v1.2.3].

Wheel and sdist, the built site, the recorded runs, SHA256SUMS of them all, and notes.md, the version's part of the
changelog. With a tag, the version and the changelog's heading must agree with it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import re
import shutil
import sys
import tarfile
import tomllib
from pathlib import Path

from environments import BUILDERS, ROOT, Failed, build

from medsyn_core.files import atomic


def version() -> str:
    """The project's version."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def notes(changelog: str, number: str, released: bool) -> str:
    """What the changelog says of a version. Raises Failed if it says nothing, or, of a released one, no date."""
    heading = rf"^## \[{re.escape(number)}\] - \d{{4}}-\d\d-\d\d$" if released else rf"^## .*{re.escape(number)}.*$"
    parts = re.split(heading, changelog, maxsplit=1, flags=re.M)
    text = re.split(r"^## ", parts[1], maxsplit=1, flags=re.M)[0].strip() if len(parts) == 2 else ""
    if not text:
        wanted = f"## [{number}] - YYYY-MM-DD" if released else f"a heading with {number}"
        raise Failed(f"CHANGELOG.md has nothing under {wanted!r}")
    return text + "\n"


def pack(folder: Path, archive: Path) -> None:
    """A tar.gz of a folder's files without hidden ones; the same files give the same bytes."""
    root = archive.name.removesuffix(".tar.gz")
    files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    shown = [p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    if not shown:
        raise Failed(f"{folder} is empty or not there")
    with (
        atomic(archive) as part,
        part.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for path in shown:
            entry = tarfile.TarInfo(f"{root}/{path.relative_to(folder).as_posix()}")
            entry.size = path.stat().st_size
            with path.open("rb") as file:
                tar.addfile(entry, file)


def sums(folder: Path) -> str:
    """Lines of sha256sum for every file of a folder."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def release(site: Path, tag: str | None, dist: Path) -> None:
    """Everything into an emptied `dist`. Raises Failed for a site, a tag or a changelog that cannot be released."""
    number = version()
    if tag is not None and tag != f"v{number}":
        raise Failed(f"the tag is {tag}, but pyproject.toml says version {number}: its tag would be v{number}")
    told = notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), number, released=tag is not None)
    if site.name != "html" or not (site / ".built").exists():
        raise Failed(f"{site} is not the finished site of the laptop profile; run `make book`")
    if dist.exists():
        shutil.rmtree(dist)
    dist.mkdir()
    for kind in BUILDERS:
        build(kind, dist)
    pack(site, dist / f"medsyn-{number}-site.tar.gz")
    pack(ROOT / "book" / "records", dist / f"medsyn-{number}-records.tar.gz")
    hashes = sums(dist)
    with atomic(dist / "SHA256SUMS") as part:
        part.write_text(hashes)
    with atomic(dist / "notes.md") as part:
        part.write_text(told, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, help="the folder of the built site")
    parser.add_argument("--tag", help="the tag that the version must agree with")
    given = parser.parse_args()
    try:
        release(given.site, given.tag, ROOT / "dist")
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print((ROOT / "dist" / "SHA256SUMS").read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
