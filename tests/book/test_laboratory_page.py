"""What the loss laboratory's script does in a browser, over made-up records."""

from __future__ import annotations

import pytest

from medsyn_core.figures import laboratory
from medsyn_core.figures.laboratory_edits import Bench
from tests.experiments import small
from tests.figures import laboratory_made as made

ROWS = ["copy", "dual-attention", "unet", "fcn", "dual"]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Two laboratories below each other, the first with two methods."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDSYN_RECORDS", str(tmp_path_factory.mktemp("records")))
        patch.setenv("MEDSYN_CACHE", str(tmp_path_factory.mktemp("cache")))
        made.save(ROWS)
        dual, utad = made.bench(), Bench("UTAD-Net", small.UTAD, "student-wt")
        return "".join(laboratory.Laboratory(benches)._repr_html_() for benches in ([dual, utad], [made.bench()]))


@pytest.fixture
def tab(browser, page):
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    wrong = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.set_content(f"<body>{page}</body>")
    yield tab
    tab.close()
    assert wrong == []


@pytest.fixture
def first(tab):
    return tab.locator("figure.laboratory").first


def title(bench) -> str | None:
    """The row whose panel is shown."""
    shown = bench.locator("[data-panel] p.title:visible")
    return shown.inner_text() if shown.count() else None


def tick(bench, term, on):
    bench.locator(f"input[aria-label='{term} on']").set_checked(on)


def weigh(bench, term, weight):
    box = bench.locator(f"input[aria-label='weight of {term}']")
    box.fill(str(weight))
    box.press("Tab")


def weights(bench) -> dict[str, float]:
    """What stands in the table, 0 where it is not ticked."""
    lines = "trs => trs.map(t => [t.querySelector('[type=number]').dataset.weight, "
    lines += "t.querySelector('[type=checkbox]').checked ? +t.querySelector('[type=number]').value : 0])"
    return dict(bench.locator("tr[data-usual]").evaluate_all(lines))


def test_ticks_lead_to_the_row_with_these_weights(first):
    dual = first.locator("[data-bench=dual]")
    assert title(dual) == "dual discriminators + attention"
    tick(dual, "difficult_region", False)
    assert title(dual) is None
    tick(dual, "synthesis", True)
    assert title(dual) == "dual discriminators"
    assert dual.locator("[data-pick] option:checked").inner_text() == "dual discriminators"
    assert dual.locator("tr.edited").count() == 2


def test_a_row_that_is_picked_sets_ticks_and_weights(first):
    dual, bench = first.locator("[data-bench=dual]"), made.bench()
    for k, edit in enumerate(bench.edits):
        dual.locator("[data-pick]").select_option(str(k))
        assert weights(dual) == pytest.approx(edit.weights)
        assert title(dual) == edit.title


def test_a_combination_that_was_not_recorded_names_the_nearest_and_leads_there(first):
    dual = first.locator("[data-bench=dual]")
    weigh(dual, "gradient_penalty", 3)
    said = dual.locator("output")
    assert title(dual) is None and said.inner_text().startswith("No row of the plan has these weights")
    assert dual.locator("[data-pick]").input_value() == "-1"
    offered = said.locator("button")
    assert offered.count() == 3
    assert offered.first.inner_text() == "dual discriminators + attention (gradient_penalty 10)"
    offered.first.click()
    assert title(dual) == "dual discriminators + attention" and weights(dual)["gradient_penalty"] == 10
    assert said.locator("button").count() == 0


def test_a_row_that_is_not_recorded_names_recorded_ones(first):
    dual = first.locator("[data-bench=dual]")
    dual.locator("[data-pick]").select_option(label="sGAN, local discriminator (not yet recorded)")
    offered = dual.locator("output button").all_inner_texts()
    assert offered[0] == "FCN (local_adversarial 0, local_discriminator 0)"
    assert not any("sGAN" in text for text in offered)
    utad = first.locator("[data-bench=utad]")
    first.locator("select").first.select_option("1")
    tick(utad, "distillation", False)
    assert "Nearest" not in utad.locator("output").inner_text()  # nothing of this method is recorded


def test_a_weight_of_zero_is_as_good_as_no_tick(first):
    dual = first.locator("[data-bench=dual]")
    weigh(dual, "difficult_region", 0)
    tick(dual, "synthesis", True)
    assert title(dual) == "dual discriminators"


def test_of_rows_with_the_same_weights_the_picked_one_stays(first):
    dual = first.locator("[data-bench=dual]")
    dual.locator("[data-pick]").select_option(label="U-Net")
    tick(dual, "local_discriminator", True)
    tick(dual, "local_discriminator", False)
    assert title(dual) == "FCN"  # nothing was picked in between: the first of both
    dual.locator("[data-pick]").select_option(label="U-Net")
    weigh(dual, "synthesis", 1.0)
    assert title(dual) == "U-Net"
    assert dual.locator("output").inner_text().startswith("2 rows have exactly these weights")


def test_curves_are_those_of_the_row_and_say_so(first):
    dual = first.locator("[data-bench=dual]")
    chart = dual.locator(".chart[data-term=local_adversarial]")
    label = lambda: chart.locator("svg").get_attribute("aria-label")
    assert "over 3 runs" in label() and chart.locator("path[data-row]:visible").count() == 1
    dual.locator("[data-pick]").select_option(label="U-Net")
    assert label() == "local_adversarial: off" and chart.locator("path[data-row]:visible").count() == 0
    dual.locator("[data-pick]").select_option(label="sGAN, local discriminator (not yet recorded)")
    assert label() == "local_adversarial: not yet recorded"
    assert "Not yet recorded" in dual.locator("[data-panel]:visible").first.inner_text()


def test_the_keyboard_moves_everything(tab, first):
    first.locator("select").first.focus()
    tab.keyboard.press("ArrowDown")
    assert first.locator("[data-bench]:visible").get_attribute("data-bench") == "utad"
    tab.keyboard.press("ArrowUp")
    dual = first.locator("[data-bench=dual]")
    dual.locator("input[aria-label='difficult_region on']").focus()
    tab.keyboard.press("Space")
    assert title(dual) is None
    first.locator("output button:visible").first.focus()
    tab.keyboard.press("Enter")
    assert title(dual) is not None
    assert tab.evaluate("document.activeElement.matches('[data-pick]')")


def test_laboratories_do_not_touch_each_other_and_fit_a_phone(tab, first):
    tick(first.locator("[data-bench=dual]"), "difficult_region", False)
    second = tab.locator("figure.laboratory").nth(1).locator("[data-bench=dual]")
    assert title(second) == "dual discriminators + attention" and weights(second)["difficult_region"] == 1
    assert tab.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
