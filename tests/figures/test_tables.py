"""Tables of results: rounding, the best in bold, what stands under them."""

from __future__ import annotations

import pytest

from medsyn_core.evaluation import summary
from medsyn_core.experiments.tables import Table as Plain
from medsyn_core.figures import listing, provenance, scores

ROWS = {
    "copy": {"psnr": summary([[30.0, 31.0], [30.0, 31.0]]), "mae": None},
    "U-Net": {"psnr": summary([[24.0, 26.0], [25.0, 27.0]]), "mae": summary([[9.0, 11.0], [9.0, 11.0]])},
    "dual": {"psnr": summary([[25.0, 27.0], [26.0, 28.0]]), "mae": summary([[8.0, 10.0], [8.0, 10.0]])},
}


def cells(table) -> list[list[str]]:
    return [[c.strip() for c in line.strip("|").split("|")] for line in table.markdown.splitlines()]


def test_mean_and_spread_with_the_best_of_the_ranked_rows_in_bold():
    head, _, copy, unet, dual = cells(scores(ROWS, ["psnr", "mae"], rank=["U-Net", "dual"]))
    assert head[1].startswith("PSNR") and head[1].endswith("↑") and head[2].endswith("↓")
    assert copy == ["copy", "30.50\u00a0±\u00a00.71", "–"]  # better, but nobody's rival
    assert unet == ["U-Net", "25.50\u00a0±\u00a01.41", "10.00\u00a0±\u00a01.41"]
    assert dual == ["dual", "**26.50\u00a0±\u00a01.41**", "**9.00\u00a0±\u00a01.41**"]


def test_spread_over_seeds_and_ties():
    rows = {"a": {"psnr": summary([[20.0], [22.0]])}, "b": {"psnr": summary([[20.001], [22.001]])}}
    _, _, a, b = cells(scores(rows, ["psnr"], spread="seeds"))
    assert a[1] == b[1] == "**21.00\u00a0±\u00a01.41**"  # equal as far as the table shows
    assert not any("**" in c for row in cells(scores({"a": rows["a"]}, ["psnr"])) for c in row)  # no best of one


def test_what_stands_under_a_table():
    under = provenance(profile="laptop", device="CPU", seeds=3, subjects=1)
    table = scores(ROWS, ["psnr"], under=under)
    assert str(table).endswith("subjects. Profile laptop, CPU, 3 seeds, 1 test subject.*")
    assert "Profile" not in str(table.body)
    assert "no results" in provenance(profile="smoke", device="CPU", seeds=1, subjects=2)


@pytest.mark.parametrize(("columns", "spread"), [(["psmr"], "subjects"), (["psnr"], "slices")])
def test_unknown_scores_and_spreads_are_refused(columns, spread):
    with pytest.raises(ValueError, match=r"subjects, seeds|psnr"):
        scores(ROWS, columns, spread=spread)


def test_a_listing_escapes_what_would_break_it():
    table = listing([{"a": "x|y", "b": None}, {"a": "two\nlines", "b": 0}], {"a": "A", "b": "B"}, "lr")
    assert table.markdown.splitlines() == ["| A | B |", "| :-- | --: |", "| x\\|y | – |", "| two lines | 0 |"]
    with pytest.raises(ValueError, match="no rows"):
        listing([], {"a": "A"})


@pytest.mark.parametrize("heading", ["", " "])
def test_a_column_without_a_heading_is_refused(heading):
    with pytest.raises(ValueError, match="without a heading"):
        listing([{"": "U-Net", "n": 1}], {"": heading, "n": "patients"})
    with pytest.raises(ValueError, match="needs a heading"):
        Plain("x-T1", "a table", (heading, "n"), (("U-Net", "1"),))
