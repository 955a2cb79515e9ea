"""Run two chapters in an environment like Colab's: python scripts/colab_install.py [CHAPTER ...].

Colab has another Python, torch and numpy than the book's, an old IPython and ipywidgets, some of the libraries that the
package needs, and no Jupyter Book. This makes such an environment, lets the first cell of a chapter install the package
there (from this checkout's sources, packed as an sdist, instead of the public repository) and executes the chapters in
the smoke profile. torch, numpy and ipywidgets must stay as they are: Colab's pages know no newer widgets.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys

from environments import ROOT, Environment, Failed, build, outside, pinned

CHAPTERS = ("book/part1/mr_contrast.ipynb", "book/part2/dual_discriminator.ipynb")
KERNEL = ("ipython==7.34.0", "ipykernel==6.17.1", "ipywidgets==7.7.1", "nbclient")  # Colab has kept these three
# What the package needs and Colab's list has (github.com/googlecolab/backend-info, pip-freeze.txt, June 2026). The
# others come with the first cell: nilearn, lightning-fabric, monai, dipy.
PRESENT = (
    *("scipy", "nibabel", "safetensors", "filelock", "tqdm", "matplotlib", "seaborn", "pandas", "tabulate"),
    *("scikit-learn", "scikit-image", "umap-learn", "psutil"),
)
NEWEST = ("python3.14", "python3.13", "python3.12")


def newer_python() -> str:
    """The newest interpreter on the path that can make environments, else this one."""
    for name in NEWEST:
        test = [name, "-c", "import venv, ensurepip"]
        if shutil.which(name) and subprocess.run(test, capture_output=True).returncode == 0:
            return name
    return sys.executable


def others(torch: str | None, numpy: str | None) -> list[str]:
    """Requirements for another torch and an older numpy than the pinned ones, or for the versions that were asked for.

    Raises Failed if one that was asked for is the pinned one.
    """
    pins = {name: pinned(name) for name in ("torch", "numpy")}
    for name, version in (("torch", torch), ("numpy", numpy)):
        if version == pins[name]:
            raise Failed(f"{name} {version} is the version of requirements.txt; Colab's is another: choose one")
    minor = ".".join(pins["numpy"].split(".")[:2])
    return [
        f"torch=={torch}" if torch else f"torch>=2.4,!={pins['torch']}",
        f"numpy=={numpy}" if numpy else f"numpy>=1.26,<{minor}",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", default=CHAPTERS, metavar="CHAPTER", help=" ".join(CHAPTERS))
    parser.add_argument("--torch", metavar="VERSION", help="default: what pip chooses, but not the pinned one")
    parser.add_argument("--numpy", metavar="VERSION", help="default: the newest older one")
    parser.add_argument("--python", metavar="PATH", help="default: the newest on the path")
    parser.add_argument("--keep", action="store_true", help="leave the environment where it is")
    given = parser.parse_args()
    try:
        with outside(given.keep) as folder:
            environment = Environment.create(folder / "colab", given.python or newer_python())
            seconds = environment.install(*others(given.torch, given.numpy), *KERNEL, *PRESENT)
            print(f"an environment like Colab's made in {seconds:.0f} s", flush=True)
            source = build("sdist", folder)  # pip builds it as it would a clone; git cannot filter a shallow one
            chapters = [(ROOT / chapter).resolve() for chapter in given.chapters]
            print(environment.run_copy("check_colab.py", source.as_uri(), *chapters), end="")
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
