"""D²-Net's table I as a map: every value in its place, dots for what is there, and the words that tell it."""

from __future__ import annotations

import numpy as np
import pytest

from medsyn_core.data.volume import REGIONS
from medsyn_core.experiments.results import Results
from medsyn_core.figures import d2_subsets, style
from tests.experiments import small_d2
from tests.figures import d2_made as made


def distinct():
    """A value of its own for every cell: 1.0, 2.0, … along the lines."""
    keys = [("+".join(keep), name) for keep in made.SUBSETS for name in REGIONS]
    return {key: float(k + 1) for k, key in enumerate(keys)}


def test_every_value_stands_in_its_line_and_column_and_the_mean_below():
    picture = d2_subsets.subsets(distinct(), "Cap.")
    left, right, bar = picture.fig.axes
    cells = np.asarray(right.images[0].get_array())
    assert cells.shape == (16, 3)
    np.testing.assert_array_equal(cells[:15].ravel(), np.arange(1, 46))
    np.testing.assert_allclose(cells[15], [22, 23, 24])
    written = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in right.texts}
    assert written == {(line, column): f"{value:.1f}" for (line, column), value in np.ndenumerate(cells)}
    assert [t.get_text() for t in right.get_xticklabels()] == list(REGIONS)
    assert bar.get_ylabel() == "Dice [%]" and right.images[0].get_clim() == (0, 100)
    assert any(t.get_text() == "mean of 15" for t in left.texts)


def test_a_filled_dot_is_a_modality_that_is_there():
    left, *_ = d2_subsets.subsets(distinct(), "Cap.").fig.axes
    assert [t.get_text() for t in left.get_xticklabels()] == ["FLAIR", "T1ce", "T2", "T1"]
    columns = dict(enumerate(("flair", "t1ce", "t2", "t1")))
    dots = [line for line in left.lines if line.get_marker() == "o"]
    assert len(dots) == 15 * 4
    for dot in dots:
        ((column,), (line,)) = dot.get_data()
        name = columns[column]
        there = name in made.SUBSETS[line]
        assert dot.get_markerfacecolor() == (style.MODALITY[name] if there else "white")


def test_the_order_in_which_a_choice_is_named_does_not_matter():
    turned = {("+".join(reversed(choice.split("+"))), name): v for (choice, name), v in distinct().items()}
    _, cells = d2_subsets.grid(turned)
    np.testing.assert_array_equal(cells.ravel(), np.arange(1, 46))


def test_the_words_tell_means_ends_and_what_t1ce_is_worth():
    values = made.table()
    alt = d2_subsets.subsets(values, "Cap.").alt
    of = lambda name, want=lambda choice: True: np.mean([v for (c, n), v in values.items() if n == name and want(c)])
    assert f"WT: mean {of('WT'):.1f}, most from FLAIR, T1ce, T2, T1 ({values['t1+t1ce+t2+flair', 'WT']:.1f})" in alt
    assert f"least from T1 ({values['t1', 'WT']:.1f}). TC: " in alt
    with_, without = of("ET", lambda c: "t1ce" in c), of("ET", lambda c: "t1ce" not in c)
    assert alt.endswith(f"ET with T1ce {with_:.1f}, without {without:.1f}")
    assert with_ > 70 > 10 > without  # the made-up table is one where this says something


def test_gains_have_a_sign_and_zero_in_the_middle_of_the_colours():
    values = {key: value - 23 for key, value in distinct().items()}
    picture = d2_subsets.gains(values, "Cap.")
    right = picture.fig.axes[1]
    assert right.images[0].get_clim() == (-22, 22)
    texts = [t.get_text() for t in right.texts]
    assert texts[0] == "-22.0" and "+0.0" in texts and texts[44] == "+22.0"
    assert "mean -1.0, most from" in picture.alt


def test_fewer_modalities_have_fewer_lines():
    two = {k: v for k, v in distinct().items() if set(k[0].split("+")) <= {"t1", "t2"}}
    picture = d2_subsets.subsets(two, "Cap.")
    assert np.shape(picture.fig.axes[1].images[0].get_array()) == (4, 3)
    assert "T1ce" not in picture.alt


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda v: {k: x for k, x in v.items() if k != ("t1+t2", "TC")},
            r"1 of 45 values are missing, such as .*t1\+t2 TC",
        ),
        (lambda v: v | {("t1+pd", "WT"): 1.0}, "'pd' is no modality; there are: t1, t1ce"),
        (lambda v: v | {("t1", "NCR"): 1.0}, "'NCR' is no tumour region; there are: WT, TC, ET"),
        (lambda v: {}, "0 of 0 values are missing"),
    ],
)
def test_tables_that_are_not_whole_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        d2_subsets.subsets(change(distinct()), "Cap.")


def test_records_give_the_means_of_a_row_or_its_gain_over_another(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSYN_RECORDS", str(tmp_path))
    small_d2.save(["full", "base"], effect={"full": 10.0}, t1ce={"full": 5.0})
    found = Results(small_d2.MADE, "laptop", ("full", "base"))
    own = d2_subsets.means(found)
    assert len(own) == 45
    assert own["t1+flair", "TC"] == found.summary("full", "dice_tc", "t1+flair").mean
    gain = d2_subsets.means(found, over="base")
    assert gain["t1+t2", "WT"] == pytest.approx(10, abs=0.5)
    assert gain["t1+t1ce", "ET"] == pytest.approx(15, abs=0.5)
