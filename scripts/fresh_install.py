"""Install the package into empty environments and use it there: python scripts/fresh_install.py [wheel] [sdist].

Each archive is built from this checkout and installed into a virtual environment of its own; there the README's example
runs in the smoke profile, from a folder outside the repository, without Jupyter, and the recorded runs are read.
"""

from __future__ import annotations

import argparse
import sys
import time

from environments import BUILDERS, ROOT, Environment, Failed, build, outside


def check(kind: str, python: str, torch: str | None, keep: bool) -> None:
    """Build, install, use one archive; print what was seen. Raises Failed."""
    print(f"--- {kind}", flush=True)
    with outside(keep) as folder:
        start = time.perf_counter()
        archive = build(kind, folder)
        built = time.perf_counter() - start
        print(f"{archive.name}: {archive.stat().st_size / 1e6:.1f} MB, built in {built:.0f} s", flush=True)
        environment = Environment.create(folder / kind, python)
        if torch:
            print(f"torch {torch} installed in {environment.install(f'torch=={torch}'):.0f} s", flush=True)
        print(f"{kind} installed in {environment.install(str(archive)):.0f} s", flush=True)
        print(environment.run_copy("check_installed.py", ROOT), end="")
        print(f"{kind}: good, {time.perf_counter() - start:.0f} s in all", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{' or '.join(BUILDERS)}; both without")
    parser.add_argument("--torch", metavar="VERSION", help="install this torch first, instead of what pip would choose")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="interpreter of the environments")
    parser.add_argument("--keep", action="store_true", help="leave the environments where they are")
    given = parser.parse_args()
    if unknown := set(given.kinds) - set(BUILDERS):
        parser.error(f"no such archive: {', '.join(sorted(unknown))}; there are {' and '.join(BUILDERS)}")
    try:
        for kind in given.kinds or BUILDERS:
            check(kind, given.python, given.torch, given.keep)
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
