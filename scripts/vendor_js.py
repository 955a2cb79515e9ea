"""Fetch with npm what browsers need, at pinned versions (git keeps none of it).

MathJax goes into book/_vendor, so that the site draws its formulas without the web, and NiiVue, which a page fetches
when a reader asks for 3D; axe-core goes into _build, for the accessibility tests alone: the site ships none of it.
Where npm is missing or reaches nothing, the pages load MathJax from its usual public address, 3D says that it is not
there, and those tests are skipped; an archive whose checksum differs is an error.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from medsyn_core.files import atomic

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Package:
    """name@version on npm; checksum: SHA-256 of its archive; folder: where its members go, "member": "file"; without:
    what happens where it cannot be fetched; licence: its text, where the archive has none."""

    name: str
    checksum: str
    folder: Path
    members: dict[str, str]
    without: str
    licence: Path | None = None

    @property
    def there(self) -> bool:
        """Whether every file has been fetched."""
        files = [*self.members.values(), *(["LICENSE"] if self.licence else [])]
        return all((self.folder / file).exists() for file in files)


PACKAGES = (
    Package(
        "mathjax@3.2.2",
        "1b9c0a1c44df864e915690558e72adb9cc5203360daefd385084ced3b6c64c09",
        ROOT / "book" / "_vendor" / "mathjax",
        {"package/LICENSE": "LICENSE", "package/es5/tex-svg.js": "tex-svg.js"},
        "the pages will load MathJax from the web.",
    ),
    Package(
        "@niivue/niivue@0.69.0",
        "6e9a6a471b428eb3b258a0086beca9187d95e43a781a39e8a519c6da246af485",
        ROOT / "book" / "_vendor" / "niivue",
        {"package/dist/niivue.umd.js": "niivue.umd.js"},
        "the button that opens a subject in 3D will say that the viewer is not there.",
        ROOT / "scripts" / "niivue-LICENSE.txt",
    ),
    Package(
        "axe-core@4.14.1",
        "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
        ROOT / "_build" / "axe-core",
        {"package/LICENSE": "LICENSE", "package/axe.min.js": "axe.min.js"},
        "the accessibility tests will be skipped.",
    ),
)


def fetch(package: Package, npm: str) -> bool:
    """Put a package's files into its folder; False where it cannot be had. Raises ValueError for another archive."""
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", package.name]
        try:
            done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=120)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            print(f"npm could not fetch {package.name} ({error}): {package.without}")
            return False
        archive = Path(folder) / done.stdout.split()[-1]
        if hashlib.sha256(archive.read_bytes()).hexdigest() != package.checksum:
            raise ValueError(f"{package.name} from npm has another checksum than expected.")
        with tarfile.open(archive) as tar:
            for member, file in package.members.items():
                with atomic(package.folder / file) as part:
                    part.write_bytes(tar.extractfile(member).read())
        if package.licence:
            with atomic(package.folder / "LICENSE") as part:
                part.write_bytes(package.licence.read_bytes())
    return True


def main() -> int:
    npm = shutil.which("npm")
    for package in PACKAGES:
        if package.there:
            continue
        if npm is None:
            print(f"npm not found, so there is no {package.name}: {package.without}")
            continue
        try:
            fetched = fetch(package, npm)
        except ValueError as error:
            print(f"FAILED: {error}", file=sys.stderr)
            return 1
        if fetched:
            print(f"vendored {package.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
