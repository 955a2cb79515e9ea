"""The dual-discriminator chapter's pictures and tables, from the records that ship with the book."""

import numpy as np
import pytest

from medsyn_core.experiments.exhibits import TO_RECORD, ExhibitError, results
from medsyn_core.experiments.tables import ANSWER, Table
from medsyn_core.figures import dual_d
from medsyn_core.figures.exhibits import exhibit, written


@pytest.fixture(scope="module")
def found():
    return results("dual-F4", "laptop")


def test_every_laptop_record_of_the_plan_fits_the_code(found):
    states = {str(job): job.state() for job in found.plan.jobs("laptop")}
    assert {state for state, _ in states.values()} == {"ok"}, states


@pytest.mark.parametrize("id", ["dual-T1", "dual-S3.1", "dual-S3.2"])
def test_an_exhibit_prints_results_claims_and_the_papers_numbers_apart(id):
    text = exhibit(id).markdown
    assert text.count(f"**{id}:") == 3
    assert "holds here?" in text and "3 seeds" in text and "the paper's own numbers" in text


def test_the_answer_to_a_claim_stands_beside_it():
    table = Table("x-T1", "claims", ("claim", "p", "n", ANSWER), (("A beats B", "0.01", "26", "yes"),))
    head, bars, row = written(table).markdown.splitlines()[2:5]
    assert head == f"| claim | {ANSWER} | p | n |" and row == "| A beats B | yes | 0.01 | 26 |"
    assert bars == "| :-- | :-- | --: | --: |"


def test_smoke_numbers_are_refused():
    with pytest.raises(ExhibitError, match="smoke numbers never reach a results table"):
        exhibit("dual-T1", "smoke")


def test_methods_side_by_side_say_their_error_inside_the_tumours(found):
    picture = dual_d.side_by_side(found, ["unet", "dual"])
    shared, arrays = dual_d._images(found)
    inside = shared["seg"] > 0
    error = 255 * np.abs(arrays["unet"]["translated"] - shared["target"])[inside].mean()
    assert f"U-Net {error:.1f}" in picture.alt
    assert len(picture.fig.axes) == 4 * len(shared["target"])


def test_the_attention_close_up_has_error_maps_for_both(found):
    picture = dual_d.attention_close_up(found, ["dual", "dual-attention"])
    titles = [ax.get_title() for ax in picture.fig.axes]
    assert sum("error" in title for title in titles) == 2


def test_confidence_is_averaged_over_subjects_for_each_seed(found):
    means = dual_d.confidence_means(found, "dual-attention")
    assert means["tumour"].shape == means["rest"].shape == (3, len(means["steps"]))
    first = [look for look in found.records["dual-attention"][1].extra["confidence"] if look["step"] == 0]
    assert means["tumour"][1, 0] == pytest.approx(np.mean([look["tumour"] for look in first]))
    assert "inside the tumour" in dual_d.confidence_curves(found, "dual-attention").alt


def test_the_slider_has_a_frame_for_each_look(found):
    slider = dual_d.confidence_slider(found, "dual-attention")
    assert len(slider.images) == len(dual_d.confidence_means(found, "dual-attention")["steps"])
    assert all("inside the tumours" in alt for alt in slider.alts)


def test_how_it_was_measured_is_behind_a_click_and_where_it_comes_from_is_not():
    plain = ("row", "n"), (("a", "3"),)
    notes = "mean of subjects", "one rule", "another", TO_RECORD + "python -m medsyn_core record x", "origin"
    open_, closed = written(Table("x-T1", "a title", *plain, notes)).markdown.split("<details")
    assert all(note in open_ for note in ("mean of subjects", "`python -m medsyn_core record x`", "origin"))
    assert "one rule" not in open_ and all(f"- {note}\n" in closed for note in ("one rule", "another"))
    claims = Table("x-T1", "claims", ("claim", ANSWER), (("a", "yes"),), ("the rule", "origin"))
    open_, closed = written(claims).markdown.split("<details")
    assert "origin" in open_ and "the rule" not in open_ and "- the rule\n" in closed
    for few in ((), ("origin",), ("mean of subjects", "origin")):
        text = written(Table("x-T1", "a title", *plain, few)).markdown
        assert "<details" not in text and all(text.count(note) == 1 for note in few)


def test_columns_of_numbers_stand_to_the_right():
    table = Table("x-T1", "a title", ("row", "n", "p"), (("a", "3 ± 1", "< 0.1"), ("b", "4", "–")), ("note",))
    text = written(table).markdown
    assert "| :-- | --: | --: |" in text and "3\u00a0±\u00a01" in text
