"""The loss laboratory on a static page: what can be moved, and what each row shows. What the page's script does with it
is tested in a browser, in tests/book."""

from __future__ import annotations

import base64
import html
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from medsyn_core.evaluation import significance
from medsyn_core.figures import laboratory, laboratory_edits
from medsyn_core.figures.laboratory_curves import HIGH, WIDE, chart, limits, path, said
from medsyn_core.figures.laboratory_edits import Bench, Curve
from medsyn_core.figures.laboratory_pictures import pictures
from tests.experiments import small, small_d2
from tests.figures import d2_made, hifi_made
from tests.figures import laboratory_made as made

ROWS = ["copy", "dual-attention", "unet", "fcn", "dual"]


@pytest.fixture(autouse=True)
def nothing_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSYN_RECORDS", str(tmp_path))
    monkeypatch.setenv("MEDSYN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def page():
    made.save(ROWS, effects={"unet": -2.0}, off={"unet": 0.2})
    return laboratory.Laboratory([made.bench()])._repr_html_()


def rows(page):
    return json.loads(html.unescape(re.search(r'data-rows="([^"]*)"', page)[1]))


def panels(page, title):
    """The panel of a row's scores."""
    ends = r'<div data-panel|<p class="title">The terms'
    return next(p for p in re.findall(rf'<div data-panel="\d+".*?(?={ends})', page) if title in p)


def pixels(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))).convert("L"), float)


def test_the_page_knows_the_weights_of_every_row(page):
    bench = made.bench()
    known = rows(page)
    assert [row["title"] for row in known] == [edit.title for edit in bench.edits]
    assert [row["weights"] for row in known] == [list(edit.weights.values()) for edit in bench.edits]
    assert [row["seeds"] for row in known] == [len(edit.seeds) for edit in bench.edits]


def test_the_loss_table_begins_with_the_whole_method(page):
    losses = made.PLAN.row("dual-attention").recipe("laptop").losses
    lines = re.findall(r'<tr data-usual="([^"]*)"><td><input type="checkbox"([^>]*)> (\w+)</td>', page)
    assert [name for _, _, name in lines] == list(losses)
    assert [("checked" in tick) for _, tick, _ in lines] == [losses[name].weight != 0 for name in losses]
    # what a term weighs once it is ticked: its weight in the whole method, or in the first row that has it
    usual = {name: float(weight) for weight, _, name in lines}
    assert usual["gradient_penalty"] == 10 and usual["synthesis"] == 1


def test_rows_with_the_same_weights_stand_together(page):
    groups = dict(re.findall(r'<optgroup label="([^"]*)">(.*?)</optgroup>', page))
    assert "FCN" in groups[next(name for name in groups if "U-Net" in groups[name])]
    assert "the whole method&#x27;s weights" in groups
    assert "with global_adversarial 0.05, local_adversarial 0.05" in groups
    line = next(row["line"] for row in rows(page) if row["title"] == "U-Net")
    assert line.startswith("2 rows have exactly these weights")


def test_a_row_shows_its_scores_beside_the_whole_method(page):
    shown = panels(page, '<p class="title">U-Net</p>')
    bench = made.bench()
    effect = bench.effects(bench.edit("unet"))["psnr"]
    cells = re.findall("<td>(.*?)</td>", shown)[:7]
    assert cells[0] == "PSNR (dB) ↑"
    assert cells[1].startswith(f"{effect.difference.mean:+.2f} [")
    assert cells[2:4] == ["no", "yes"]
    assert cells[4] == f"{effect.own.mean:.2f} ± {effect.own.sd_seeds:.2f}"
    assert "3 of 3 seeds, 8 test subjects" in shown
    assert html.escape(significance.RULE) in page


def test_settings_that_differ_are_named(page):
    assert "It differs in settings too: generator: unet -&gt; fcn." in panels(page, '<p class="title">FCN</p>')
    assert "differs in settings" not in panels(page, '<p class="title">U-Net</p>')


def test_a_row_that_is_not_recorded_says_so_with_its_command(page):
    shown = panels(page, '<p class="title">sGAN, local discriminator</p>')
    assert "Not yet recorded" in shown and "<table" not in shown
    assert "python -m medsyn_core record dual --profile laptop --rows sgan-local<" in shown
    assert "sGAN, local discriminator (not yet recorded)</option>" in page
    assert "4 of 8 rows are not yet recorded." in page


@pytest.mark.parametrize("name", laboratory_edits.names())
def test_without_any_record_the_page_stands_and_says_so(name):
    page = laboratory.recorded(name)._repr_html_()
    assert "Nothing of this method is recorded yet." in page and "there are no curves" in page
    assert "<img" not in page and "<path" not in page


def test_pictures_are_those_of_the_records(page):
    images = re.findall(r'<img src="([^"]*)" alt="([^"]*)"', page)
    target = np.random.default_rng(0).uniform(0.2, 0.8, (4, made.PX, made.PX))
    real = next(pixels(uri) for uri, alt in images if alt.startswith("The real images"))
    expected = np.concatenate(list(target), axis=1) / 1.1 * 255
    assert np.abs(real - expected).mean() < 6  # the page's images are compressed
    unet = next(html.unescape(alt) for _, alt in images if "U-Net" in alt)
    assert unet == "What “U-Net” made of them: mean absolute error in these brains 51.0 grey levels of 255"
    assert sum("dual discriminators made" in alt or "“" in alt for _, alt in images) == len(ROWS) - 1


def test_hifi_s_pictures_are_two_slices_a_direction():
    hifi_made.save("hifi", ("copy", "full", "baseline"))
    found = pictures(Bench("HiFi-Syn", hifi_made.plan("hifi"), "full"))
    assert found.columns == ("T1 → T2", "T1 → T2", "T2 → T1", "T2 → T1")
    np.testing.assert_allclose(found.made["full"] - found.real, hifi_made.OFF["full"], atol=2e-3)
    assert found.given.shape == found.real.shape == (4, hifi_made.PX, hifi_made.PX)
    assert np.allclose(found.given[0], found.real[2])  # the same slice, the other way round


def test_utad_s_pictures_are_the_four_directions_of_its_figure():
    small.save_utad(("copy", "student-wt", "teacher-wt"))
    found = pictures(Bench("UTAD-Net", small.UTAD, "student-wt"))
    assert found.columns == ("T1ce → T1", "FLAIR → T2", "T1 → T1ce", "FLAIR → T1ce")
    off = (found.made["student-wt"] - found.real)[0]
    assert off.min() > -2e-3 and off.max() < 0.21  # as it was made up
    assert set(found.made) == {"student-wt", "teacher-wt"}


def test_d2_s_pictures_are_coloured_and_only_the_whole_method_has_them():
    d2_made.save(("full", "base"))
    bench = Bench("D²-Net", small_d2.MADE, "full")
    found = pictures(bench)
    assert list(found.made) == ["full"] and found.made["full"].shape[-1] == 3
    page = laboratory.section(bench)
    assert "has kept no pictures" in page and "Dice of the whole volumes" in page
    assert "</span> ED" in page  # the key of the colours


def test_several_laboratories_can_stand_on_a_page(page):
    assert not re.search(r"\sid=", page)
    assert not re.search(r"https?://|<script|src=\"(?!data:)", page)


def test_nothing_but_no_bench_is_refused():
    with pytest.raises(ValueError, match="at least one bench; there are: dual, utad"):
        laboratory.Laboratory([])


# -- curves


def test_a_path_runs_from_left_to_right_and_stays_in_its_frame():
    moves = path(np.array([0.0, 1.0, 0.5, 9.0]), 0.0, 1.0)
    start, steps = moves.removeprefix("M").split("l")
    at = np.array(start.split(), int) + np.vstack([[0, 0], np.cumsum(np.array(steps.split(), int).reshape(-1, 2), 0)])
    assert at[:, 0].tolist() == [0, round(WIDE / 3), round(2 * WIDE / 3), WIDE]
    assert at[:, 1].tolist() == [HIGH, 0, HIGH // 2, 0]


def test_a_single_value_is_a_level_line():
    assert path(np.array([2.0]), *limits([np.array([2.0])])) == f"M0 {HIGH // 2}l{WIDE} 0"


def test_limits_leave_the_beginning_out():
    assert limits([np.array([100.0, *np.linspace(2, 1, 19)]), np.full(20, 0.5)]) == pytest.approx((0.5, 1.94), abs=0.02)


def test_a_chart_shows_one_row_over_the_reference_and_says_its_numbers():
    curves = {0: Curve(np.array([2.0, 1.0]), 0.01, 3), 2: Curve(np.array([2.0, 1.5]), None, 1)}
    drawn = chart("dice", curves, shown=2, reference=0)
    shown = dict(re.findall(r'data-row="(\d)" data-said="[^"]*" display="(\w+)"', drawn))
    assert shown == {"0": "none", "2": "inline"} and len(re.findall("<path", drawn)) == 3
    assert 'aria-label="dice: from 2 to 1.5"' in drawn
    assert said(curves[0]) == "from 2 to 1 ± 0.01 over 3 runs"
    assert 'aria-label="dice: off"' in chart("dice", curves, shown=1, reference=0)
