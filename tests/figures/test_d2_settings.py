"""D²-Net's figure 8 and its smaller tables as pictures: dots, the ringed value, intervals over paired subjects."""

from __future__ import annotations

import numpy as np
import pytest

from medsyn_core.experiments import d2
from medsyn_core.experiments.results import ExhibitError, Results
from medsyn_core.figures import d2_settings
from tests.experiments import small_d2

RNG = np.random.default_rng(0)
OWN = RNG.normal(60, 8, 40)


def shifted(by, noise=1.0):
    """The same subjects, better by about `by` points each."""
    return OWN + by + noise * RNG.standard_normal(40)


VALUES = {
    "spatial_contrast": {0.0: shifted(-3), 0.5: shifted(-1), 1.0: OWN, 2.0: shifted(0.1)},
    "logit_distillation": {0.0: shifted(-2), 1.0: OWN, 2.0: shifted(1)},
}


def dots(ax):
    """x -> y of the panel's dots."""
    found = [line for line in ax.lines if line.get_marker() == "o" and line.get_markersize() == 6]
    return {float(x): float(y) for line in found for x, y in zip(*line.get_data(), strict=True)}


def test_a_panel_a_loss_with_the_mean_of_each_weight():
    picture = d2_settings.weights(VALUES)
    assert [ax.get_title() for ax in picture.fig.axes] == ["$L_{sc}$", r"$L_{kd\_logit}$"]
    for ax, cases in zip(picture.fig.axes, VALUES.values(), strict=True):
        assert dots(ax) == pytest.approx({weight: np.mean(found) for weight, found in cases.items()})
        assert [t.get_text() for t in ax.get_xticklabels()] == [f"{weight:g}" for weight in cases]
        (ring,) = (line for line in ax.lines if line.get_markersize() == 13)
        assert [float(v[0]) for v in ring.get_data()] == pytest.approx([1.0, OWN.mean()])
    assert len({ax.get_ylim() for ax in picture.fig.axes}) == 1  # one scale
    assert "One seed" in picture.caption and "one seed" in picture.alt


def test_bars_are_intervals_of_paired_differences():
    """Subjects differ by 8 points, the differences by 1: only paired they tell."""
    ax = d2_settings.weights(VALUES).fig.axes[0]
    bars = {line.get_xdata()[0]: line.get_ydata() for line in ax.lines if line.get_alpha()}
    assert sorted(bars) == [0.0, 0.5, 2.0]  # the ringed value has none: it is compared with
    low, high = bars[0.0]
    assert low < np.mean(VALUES["spatial_contrast"][0.0]) < high < OWN.mean()
    assert 0.3 < high - low < 1.2  # about four standard errors of the differences


def test_the_words_have_every_mean_and_its_difference():
    alt = d2_settings.weights(VALUES).alt
    off = np.mean(VALUES["spatial_contrast"][0.0] - OWN)
    assert f"spatial contrast 0.0: {np.mean(VALUES['spatial_contrast'][0.0]):.1f} ({off:+.1f}, " in alt
    assert f"1.0: {OWN.mean():.1f} (ringed)" in alt and "logit distillation" in alt


def test_words_stand_side_by_side_and_panels_in_two_lines():
    level = {"image": shifted(-1), "maps": shifted(-0.5), "codes": OWN}
    values = {"level": level, "layers": {1: shifted(-1), 2: OWN}, "a": {1: OWN}, "b": {1: OWN}}
    picture = d2_settings.settings(values, {"level": "codes", "layers": 2, "a": 1, "b": 1}, caption="Cap.")
    assert len(picture.fig.axes) == 4
    assert sorted(dots(picture.fig.axes[0])) == [0, 1, 2]
    assert [t.get_text() for t in picture.fig.axes[0].get_xticklabels()] == ["image", "maps", "codes"]
    assert "level image: " in picture.alt and "codes: " in picture.alt


@pytest.mark.parametrize(
    ("values", "chosen", "message"),
    [
        ({}, {}, "values is empty"),
        ({"layers": {1: OWN, 3: OWN}}, {"layers": 2}, "'layers' has no value 2; it has 1, 3"),
        ({"layers": {1: OWN[:-1], 2: OWN}}, {"layers": 2}, "'layers': 1 has 39 subjects, 2 has 40"),
    ],
)
def test_what_cannot_be_compared_is_refused(values, chosen, message):
    with pytest.raises(ValueError, match=message):
        d2_settings.settings(values, chosen, caption="Cap.")


# -- from records


@pytest.fixture(autouse=True)
def records(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSYN_RECORDS", str(tmp_path))


def results(*rows):
    return Results(small_d2.MADE, "laptop", rows, optional=tuple(row for row in rows if row != "full"), seeds=(0,))


def test_rows_of_weights_stand_at_their_weight_and_rows_that_are_missing_nowhere():
    rows = [f"{name}-{weight:g}" for name in d2.TERMS for weight in d2.WEIGHED]
    recorded = [row for row in rows if row != "logit-2"]
    small_d2.save([*recorded, "full"], seeds=[0], effect={"spatial-0": -5.0})
    found = results("full", *rows)
    values = d2_settings.weighed(found)
    assert list(values) == list(d2.TERMS.values()) == list(d2_settings.LOSSES)
    assert list(values["spatial_contrast"]) == [0.0, 0.5, 1.0, 2.0]
    assert list(values["logit_distillation"]) == [0.0, 0.5, 1.0]
    assert values["spatial_contrast"][0.0] == found.values("spatial-0", "dice")[0]
    assert all(cases[1.0] == found.values("full", "dice")[0] for cases in values.values())
    panel = dots(d2_settings.weights(values).fig.axes[0])
    assert panel[0.0] == pytest.approx(panel[1.0] - 5, abs=0.3)


def test_a_loss_at_one_weight_alone_is_no_panel():
    small_d2.save(["full", "spatial-0"], seeds=[0])
    rows = [f"{name}-{weight:g}" for name in d2.TERMS for weight in d2.WEIGHED]
    assert list(d2_settings.weighed(results("full", *rows))) == ["spatial_contrast"]


def test_weights_wait_for_records():
    small_d2.save(["full"], seeds=[0])
    rows = [f"{name}-{weight:g}" for name in d2.TERMS for weight in d2.WEIGHED]
    with pytest.raises(ExhibitError, match="no loss is recorded at another weight"):
        d2_settings.weighed(results("full", *rows))


def test_rows_of_a_setting_stand_in_its_order():
    small_d2.save(["full", "layers-4", "layers-1"], seeds=[0])
    found = results("layers-4", "full", "layers-1")
    layers = d2_settings.cases(found, lambda recipe: recipe.method.layers)
    assert list(layers) == [1, found.plan.row("full").recipe("laptop").method.layers, 4]
    assert layers[4] == found.values("layers-4", "dice")[0]
    some = d2_settings.cases(found, lambda recipe: f"{recipe.method.layers} layers", ["layers-4", "layers-1"])
    assert list(some) == ["4 layers", "1 layers"]  # words stay in the order of the rows
