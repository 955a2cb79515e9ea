"""Draw the picture of the README and the first page, book/_static/patients.webp: python scripts/readme_picture.py."""

from __future__ import annotations

from pathlib import Path

from medsyn_core import data
from medsyn_core.figures import gallery, style
from medsyn_core.files import atomic

PICTURE = Path(__file__).resolve().parent.parent / "book" / "_static" / "patients.webp"
SUBJECTS = (2, 0, 10)


def main() -> None:
    cohort = data.load("phantom", subjects=11, px=128, slices=24)
    rows = gallery.widest_slices(cohort, SUBJECTS)
    with style.look(), atomic(PICTURE) as part:
        fig = gallery.subjects(cohort, rows, [f"patient {k + 1}" for k in range(len(rows))], cell=1.6)
        fig.savefig(part, format="webp", dpi=150, pil_kwargs={"quality": 85, "method": 6})
    print(f"{PICTURE.name}: {PICTURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
