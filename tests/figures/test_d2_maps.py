"""Maps of codes and features, and silhouettes of what was mapped."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.metrics import silhouette_score

from medsyn_core.experiments.results import ExhibitError, Results
from medsyn_core.figures import d2_maps, style
from medsyn_core.figures.d2_maps import Maps, Sorted
from tests.experiments import small_d2
from tests.figures import d2_made as made

NAMES = {"T1": "#111111", "T1ce": "#222222", "T2": "#333333", "FLAIR": "#444444"}


def codes(apart):
    found = made.codes(apart)
    return Sorted(found["codes"], found["code_modality"])


def first_two(values, perplexity):
    """In the place of t-SNE: the first two numbers, enlarged by the perplexity."""
    return perplexity * np.asarray(values[:, :2], float)


@pytest.fixture
def maps(monkeypatch):
    monkeypatch.setattr(d2_maps, "embed", first_two)
    seen = {"neither": codes(0.2), "both": codes(3.0)}
    return Maps(seen, NAMES, "F6", "codes", ("codes", "spectra"), perplexities=(3, 9), points=80)


def grid(picture, lines=2, columns=3):
    return np.array(picture.fig.axes).reshape(lines, columns)


# -- the maps


def test_a_line_a_title_and_a_column_a_perplexity(maps):
    axes = grid(maps.picture())
    assert [ax.get_title() for ax in axes[0]] == ["perplexity 3", "perplexity 9", "silhouette before mapping"]
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["neither", "both"]
    drawn = maps.drawn["both"]
    points = axes[1, 1].collections[0]
    np.testing.assert_allclose(points.get_offsets(), 9 * drawn.values[:, :2].astype(float))
    expected = [list(NAMES.values())[k] for k in drawn.kind]
    assert [to_hex(c) for c in points.get_facecolors()] == expected


def test_points_are_shared_evenly_among_kinds(maps):
    assert np.bincount(maps.drawn["both"].kind).tolist() == [20] * 4


def test_the_legend_names_the_kinds_and_the_caption_what_maps_do_not_say(maps):
    picture = maps.picture()
    assert [text.get_text() for text in picture.fig.legends[0].get_texts()] == list(NAMES)
    assert "mean nothing" in picture.caption and "(3, 9)" in picture.caption
    assert "not taken from the maps" in picture.caption


# -- silhouettes


def test_silhouettes_are_of_what_is_mapped_and_of_all_of_it(maps):
    run = maps.seen["both"]
    for space, values in (("codes", run.values.astype(np.float32)), ("spectra", spectra(run.values))):
        each = maps.scores["both"][space]
        assert each.mean() == pytest.approx(silhouette_score(values, run.kind, metric="cosine"), abs=1e-4)
    assert maps.scores["both"]["codes"].mean() > 0.4 > 0.1 > maps.scores["neither"]["codes"].mean()


def spectra(codes):
    return np.abs(np.fft.fft(codes.astype(np.float64), axis=1))


def test_maps_do_not_change_silhouettes(maps, monkeypatch):
    before = maps.scores["both"]["codes"]
    monkeypatch.setattr(d2_maps, "embed", lambda values, perplexity: np.zeros((len(values), 2)))
    again = Maps(maps.seen, NAMES, "F6", "codes", ("codes",), perplexities=(3,), points=80)
    again.picture()
    np.testing.assert_array_equal(again.scores["both"]["codes"], before)


def test_each_kind_has_a_dot_and_their_mean_a_bar(maps):
    beside = grid(maps.picture())[1, 2]
    scores = maps.scores["both"]
    dots = [float(line.get_xdata()[0]) for line in beside.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots, np.concatenate([scores["codes"], scores["spectra"]]))
    assert [t.get_text() for t in beside.texts] == [f"{scores[name].mean():.2f}" for name in ("codes", "spectra")]
    assert [t.get_text() for t in beside.get_yticklabels()] == ["codes", "spectra"]
    each = ", ".join(f"{name} {v:.2f}" for name, v in zip(NAMES, scores["codes"], strict=True))
    assert f"“both”, codes: {scores['codes'].mean():.2f} ({each})" in maps.picture().alt


def test_a_kind_that_does_not_occur_has_no_silhouette(maps):
    run = codes(1.0)
    some = run.kind != 2
    few = Maps({"x": Sorted(run.values[some], run.kind[some])}, NAMES, "F6", "codes", ("codes",), (3,), 80)
    assert np.isnan(few.scores["x"]["codes"]).tolist() == [False, False, True, False]
    assert np.isfinite(few.scores["x"]["codes"][[0, 1, 3]]).all()
    few.picture()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": np.zeros(192, int)}, r"'x': kinds \[0\]; at least two of 0 … 3 are due \(T1, T1ce"),
        ({"kind": np.arange(192) % 5}, r"kinds \[0, 1, 2, 3, 4\]"),
        ({"kind": np.arange(191) % 4}, r"'x': values \(192, 8\), kind \(191,\)"),
        ({"values": np.zeros(192)}, r"values \(192,\)"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Maps({"x": codes(1.0)._replace(**change)}, NAMES, "F6", "codes", ("codes",))


def test_too_few_points_for_a_perplexity_are_refused():
    with pytest.raises(ValueError, match="'x': 192 points are too few for perplexity 80; give more than 240"):
        Maps({"x": codes(1.0)}, NAMES, "F6", "codes", ("codes",))


def test_tsne_keeps_neighbours_of_sorted_codes_and_is_the_same_twice():
    run = codes(8.0)
    places = d2_maps.embed(run.values, 10)
    assert places.shape == (192, 2)
    np.testing.assert_array_equal(places, d2_maps.embed(run.values, 10))
    away = np.linalg.norm(places[:, None] - places[None], axis=-1) + 1e9 * np.eye(192)
    assert (run.kind[away.argmin(axis=1)] == run.kind).mean() > 0.95


# -- from records


@pytest.fixture
def found(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSYN_RECORDS", str(tmp_path))
    rows = ("base", "spatial", "frequency", "sfmc", "no-td", "full")
    made.save(rows)
    return Results(small_d2.MADE, "laptop", rows)


def test_figure_6_takes_the_codes_of_four_rows_by_modality(found):
    maps = d2_maps.code_maps(found)
    assert list(maps.seen) == ["neither", "spatial", "frequency", "both"]
    kept = found.records["frequency"][0].arrays()
    np.testing.assert_array_equal(maps.seen["frequency"].values, kept["codes"])
    np.testing.assert_array_equal(maps.seen["frequency"].kind, kept["code_modality"])
    assert maps.names == {"T1": style.MODALITY["t1"], "T1ce": style.MODALITY["t1ce"]} | {
        "T2": style.MODALITY["t2"],
        "FLAIR": style.MODALITY["flair"],
    }
    assert list(maps.scores["both"]) == ["codes", "spectra"]


def test_figure_7_takes_the_features_of_two_rows_by_class(found):
    maps = d2_maps.feature_maps(found)
    assert list(maps.seen) == ["without TD stage", "with TD stage"]
    kept = found.records["no-td"][0].arrays()
    np.testing.assert_array_equal(maps.seen["without TD stage"].values, kept["features"])
    assert list(maps.names) == ["background", "NCR", "ED", "ET"]
    assert maps.scores["with TD stage"]["features"].mean() > maps.scores["without TD stage"]["features"].mean()


def test_a_row_that_keeps_no_codes_is_named(found):
    with pytest.raises(ExhibitError, match="row 'no-td', seed 0, keeps no 'codes'"):
        d2_maps.code_maps(found, {"no-td": "x"})
