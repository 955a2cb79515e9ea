"""Fetch MathJax with npm into book/_vendor, so that the site draws its formulas without the web (git keeps none of it).

Where npm is missing or reaches nothing, the pages load it from its usual public address instead; an archive whose
checksum differs is an error.
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

FOLDER = Path(__file__).resolve().parent.parent / "book" / "_vendor" / "mathjax"
PACKAGE = "mathjax@3.2.2"
CHECKSUM = "1b9c0a1c44df864e915690558e72adb9cc5203360daefd385084ced3b6c64c09"  # SHA-256 of the archive
MEMBERS = {"package/LICENSE": "LICENSE", "package/es5/tex-svg.js": "tex-svg.js"}
FALLBACK = "the pages will load MathJax from the web."


def main() -> int:
    npm = shutil.which("npm")
    if npm is None:
        print(f"npm not found: {FALLBACK}")
        return 0
    if all((FOLDER / name).exists() for name in MEMBERS.values()):
        return 0
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", PACKAGE]
        try:
            done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=120)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            print(f"npm could not fetch {PACKAGE} ({error}): {FALLBACK}")
            return 0
        archive = Path(folder) / done.stdout.split()[-1]
        if hashlib.sha256(archive.read_bytes()).hexdigest() != CHECKSUM:
            print(f"FAILED: {PACKAGE} from npm has another checksum than expected.", file=sys.stderr)
            return 1
        with tarfile.open(archive) as tar:
            for member, name in MEMBERS.items():
                with atomic(FOLDER / name) as part:
                    part.write_bytes(tar.extractfile(member).read())
    print(f"vendored {PACKAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
