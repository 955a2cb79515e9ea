"""Fetch the browser libraries that the site serves itself, with npm, into book/_vendor (git keeps none of it).

Where npm is missing or reaches nothing, the pages take the same libraries from their usual public addresses instead;
a file whose checksum differs is an error.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from medsyn_core.files import atomic

DESTINATION = Path(__file__).resolve().parent.parent / "book" / "_vendor"
FALLBACK = "the pages will load MathJax and the widget manager from the web."

# npm package: (SHA-256 of its archive, {member: file under book/_vendor})
PACKAGES = {
    "mathjax@3.2.2": (
        "1b9c0a1c44df864e915690558e72adb9cc5203360daefd385084ced3b6c64c09",
        {"package/es5/tex-svg.js": "mathjax/tex-svg.js", "package/LICENSE": "mathjax/LICENSE"},
    ),
    "@jupyter-widgets/html-manager@1.0.15": (
        "2b9d65cb7913e1c7d671757a10008b32c9c2448d4429513371e55c07d6107638",
        {
            "package/dist/embed.js": "html-manager/embed.js",
            "package/dist/embed.js.LICENSE.txt": "html-manager/embed.js.LICENSE.txt",
            "package/dist/1551f4f60c37af51121f.woff2": "html-manager/1551f4f60c37af51121f.woff2",
            "package/dist/7a3337626410ca2f4071.woff2": "html-manager/7a3337626410ca2f4071.woff2",
            "package/dist/d878b0a6a1144760244f.woff2": "html-manager/d878b0a6a1144760244f.woff2",
        },
    ),
}


def pack(npm: str, package: str, folder: str) -> Path:
    """The archive of `package`, as npm downloads it into `folder`."""
    command = [npm, "pack", "--silent", package]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=120)
    return Path(folder) / done.stdout.split()[-1]


def unpack(archive: Path, members: dict[str, str]) -> None:
    """Copy the wanted members of the archive to their places."""
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())
        for member, place in members.items():
            if member not in names:
                raise ValueError(f"{archive.name} holds no {member}; the table in scripts/vendor_js.py is wrong.")
            with atomic(DESTINATION / place) as part:
                part.write_bytes(tar.extractfile(member).read())


def main() -> int:
    npm = shutil.which("npm")
    if npm is None:
        print(f"npm not found: {FALLBACK}")
        return 0
    for package, (checksum, members) in PACKAGES.items():
        if all((DESTINATION / place).exists() for place in members.values()):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                archive = pack(npm, package, folder)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                print(f"npm could not fetch {package} ({error}): {FALLBACK}")
                return 0
            if hashlib.sha256(archive.read_bytes()).hexdigest() != checksum:
                print(f"FAILED: {package} from npm has another checksum than expected.", file=sys.stderr)
                return 1
            unpack(archive, members)
        print(f"vendored {package}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
