"""Maps of content queries, and the numbers of the features that they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from medsyn_core.figures import hifi_umap
from medsyn_core.figures.hifi_umap import Queries, QueryMaps


def queries(apart, seed=0, count=120, subjects=4):
    """Four structures whose directions are `apart` times their spread apart; every subject shows all."""
    rng, kind = np.random.default_rng(seed), np.arange(count) % 4
    features = rng.normal(size=(count, 6)) + apart * np.eye(6)[kind]
    return Queries(features.astype(np.float16), kind, np.arange(count) // (count // subjects))


def first_two(features, neighbours):
    """In the place of UMAP: the first two features, enlarged by the number of neighbours."""
    return neighbours * np.asarray(features[:, :2], float)


@pytest.fixture
def maps(monkeypatch):
    monkeypatch.setattr(hifi_umap, "embed", first_two)
    seen = {"with": [queries(8, s) for s in range(2)], "without": [queries(1, s) for s in range(2)]}
    return QueryMaps(seen, neighbours=(3, 9), points=60)


def test_points_are_shared_evenly_among_structures_and_always_the_same():
    whole = queries(1)
    some = whole.some(22)
    assert np.bincount(some.kind).tolist() == [5, 5, 5, 5]
    np.testing.assert_array_equal(some.features, whole.some(22).features)
    assert {tuple(row) for row in some.features} <= {tuple(row) for row in whole.features}


def test_a_line_a_seed_and_a_column_a_number_of_neighbours(maps):
    picture = maps.picture()
    axes = np.array(picture.fig.axes).reshape(2, 2, 2)  # title, seed, neighbours
    assert [ax.get_title() for ax in axes[0, 0]] == ["3 neighbours", "9 neighbours"]
    assert [ax.get_ylabel() for ax in axes[0, :, 0]] == ["seed 0", "seed 1"]
    drawn = maps.drawn["without"][1]
    points = axes[1, 1, 1].collections[0]
    np.testing.assert_allclose(points.get_offsets(), 9 * drawn.features[:, :2].astype(float))
    colours = [hifi_umap.COLOURS[("background", "CSF", "GM", "WM")[s]] for s in drawn.kind]
    assert len(np.unique(points.get_facecolors(), axis=0)) == len(set(colours)) == 4
    first = {c: points.get_facecolors()[k].tolist() for k, c in enumerate(colours)}
    assert all(first[c] == points.get_facecolors()[k].tolist() for k, c in enumerate(colours))


def test_scores_are_of_the_features_and_tell_sorted_ones_from_mixed(maps):
    scores = maps.scores
    assert (scores["with"]["told"] > 0.95).all() and (scores["without"]["told"] < 0.7).all()
    assert (scores["with"]["silhouette"] > scores["without"]["silhouette"]).all()
    assert (
        f"“with” {scores['with']['told'].mean():.2f}" in maps.picture().alt and "guessing: 0.25" in maps.picture().alt
    )


def test_scores_use_all_queries_whatever_is_drawn(maps):
    few = QueryMaps(maps.seen, neighbours=(3, 9), points=40)
    for name in ("told", "silhouette"):
        np.testing.assert_array_equal(few.scores["without"][name], maps.scores["without"][name])


def test_a_map_that_keeps_its_neighbours_is_trusted(monkeypatch):
    flat = queries(3)
    flat = flat._replace(features=flat.features[:, :2] + np.float16(10))  # a plane needs no flattening
    monkeypatch.setattr(hifi_umap, "embed", lambda features, n: features / np.linalg.norm(features, axis=1)[:, None])
    kept = QueryMaps({"x": [flat]}, neighbours=(3,), points=60).scores["x"]["kept 3"]
    monkeypatch.setattr(
        hifi_umap, "embed", lambda features, n: np.random.default_rng(0).normal(size=(len(features), 2))
    )
    lost = QueryMaps({"x": [flat]}, neighbours=(3,), points=60).scores["x"]["kept 3"]
    assert kept[0] > 0.98 and lost[0] < 0.7


def test_the_table_gives_mean_and_spread_over_seeds(maps):
    text = str(maps.table())
    told = maps.scores["without"]["told"]
    assert f"| without | {told.mean():.2f} ± {told.std(ddof=1):.2f} |" in text
    assert "trustworthiness, 3 ↑ | trustworthiness, 9 ↑" in text and "over 2 seeds" in text


def test_a_single_seed_has_no_spread(maps):
    one = QueryMaps({title: runs[:1] for title, runs in maps.seen.items()}, neighbours=(3,), points=60)
    assert "±" not in one.table().markdown


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": np.zeros(120, int)}, "'x', seed 0: all queries have one kind"),
        ({"subject": np.zeros(120, int)}, "all queries have one subject"),
        ({"subject": np.arange(119)}, r"features \(120, 6\), kind \(120,\), subject \(119,\)"),
    ],
)
def test_queries_that_cannot_be_compared_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        QueryMaps({"x": [queries(1)._replace(**change)]})


def test_too_few_queries_and_unequal_seeds_are_refused():
    with pytest.raises(ValueError, match="120 queries have no 200 neighbours"):
        QueryMaps({"x": [queries(1)]}, neighbours=(5, 200))
    with pytest.raises(ValueError, match="seeds differ: 'a' 1, 'b' 2"):
        QueryMaps({"a": [queries(1)], "b": [queries(1)] * 2})


def test_umap_lays_sorted_queries_apart_and_is_the_same_twice():
    found = queries(20, count=60)
    places = hifi_umap.embed(found.features, 5)
    assert places.shape == (60, 2) and places.dtype == np.float32
    np.testing.assert_array_equal(places, hifi_umap.embed(found.features, 5))
    away = np.linalg.norm(places[:, None] - places[None], axis=-1) + 1e9 * np.eye(60)
    assert (found.kind[away.argmin(axis=1)] == found.kind).mean() > 0.95
