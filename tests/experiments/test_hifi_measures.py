import sys

import numpy as np
import pytest

from medsyn_core.evaluation import dice
from medsyn_core.experiments import hifi_queries, hifi_tissue
from tests.experiments import small_hifi


@pytest.fixture
def rng():
    return np.random.default_rng(3)


# -- the sample


def maps(rng):
    """(12, 6, 6) structures of four subjects; structure 4 is in one slice of one subject alone."""
    structure = rng.integers(0, 4, (12, 6, 6))
    structure[7, 2, :2] = 4
    return structure, np.repeat([3, 5, 8, 9], 3)


def test_a_sample_has_as_many_of_every_structure_of_every_subject(rng):
    structure, subject = maps(rng)
    sample = hifi_queries.draw(structure, subject, 2, limit=120)  # 17 cells, two modalities: 3 each
    cells = np.stack([sample.modality, sample.subject, sample.structure])
    kinds, counts = np.unique(cells, axis=1, return_counts=True)
    assert kinds.shape == (3, 34) and len(sample.pixel) <= 120
    assert set(counts) == {3, 2} and set(counts[kinds[2] == 4]) == {2}  # there are no more than two


def test_a_sample_says_the_truth_and_says_it_again(rng):
    structure, subject = maps(rng)
    sample = hifi_queries.draw(structure, subject, 1)
    where = sample.slices[sample.place]
    np.testing.assert_array_equal(structure.reshape(12, -1)[where, sample.pixel], sample.structure)
    np.testing.assert_array_equal(subject[where], sample.subject)
    np.testing.assert_array_equal(hifi_queries.draw(structure, subject, 1).pixel, sample.pixel)
    assert len({*zip(sample.modality, sample.place, sample.pixel, strict=True)}) == len(sample.pixel)


def test_a_sample_never_exceeds_its_limit_and_looks_where_most_is_seen(rng):
    structure, subject = np.zeros((30, 4, 4), int), np.repeat([0, 1, 2], 10)
    structure[[7, 15, 29]] = np.arange(16).reshape(4, 4) % 4
    sample = hifi_queries.draw(structure, subject, 2, limit=10)
    assert len(sample.pixel) == 10
    assert {7, 15, 29} < set(sample.slices) and len(sample.slices) == 3 * hifi_queries.SLICES


def test_values_are_taken_where_the_queries_are(rng):
    structure, subject = maps(rng)
    sample = hifi_queries.draw(structure, subject, 2)
    values = rng.normal(size=(2, len(sample.slices), 36, 3))
    for k in (0, 11):
        np.testing.assert_array_equal(
            sample.take(values)[k], values[sample.modality[k], sample.place[k], sample.pixel[k]]
        )


def test_eight_of_each_structure_even_where_there_are_two(rng):
    structure, subject = maps(rng)
    sample = hifi_queries.draw(structure, subject, 1)
    some = sample.some()
    assert some.shape == (5, 8)
    np.testing.assert_array_equal(sample.structure[some], np.repeat(np.arange(5), 8).reshape(5, 8))
    assert len(set(some[4])) == 2 and len(set(some[0])) == 8


# -- how content is sorted


def test_purity_is_the_share_of_the_nearest_that_are_alike(rng):
    features, structure = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    shares = []
    for k in range(40):
        cosines = [
            -2 if j == k else features[k] @ features[j] / np.linalg.norm(features[k]) / np.linalg.norm(features[j])
            for j in range(40)
        ]
        shares.append(np.mean(structure[np.argsort(cosines)[-5:]] == structure[k]))
    assert hifi_queries.purity(features, structure, neighbours=5) == pytest.approx(np.mean(shares))


def test_neighbours_vote_only_where_they_are_of_other_subjects(rng):
    structure, subject = np.arange(60) % 2, np.arange(60) // 10
    told = np.eye(2)[structure] + 0.05 * rng.normal(size=(60, 2))
    assert hifi_queries.accuracy(told, structure, subject) == 1
    # features that say who it is, and in each subject the opposite: its own pixels would vote for themselves
    turned = np.eye(12)[2 * subject + structure] + 0.01 * np.eye(12)[:, ::-1][2 * subject + structure]
    assert hifi_queries.purity(turned, structure, 4) == 1
    assert hifi_queries.accuracy(turned, structure, subject) < 0.7


def test_structures_count_alike_however_rare(rng):
    structure = np.array([0] * 36 + [1] * 4)
    subject = np.arange(40) % 4
    features = np.tile([1.0, 0.0], (40, 1)) + 0.01 * rng.normal(size=(40, 2))  # everything looks like the first
    assert hifi_queries.accuracy(features, structure, subject) == pytest.approx(0.5, abs=0.03)


def test_silhouette_of_clusters_is_high_and_of_noise_about_zero(rng):
    structure = np.arange(60) % 3
    assert hifi_queries.silhouette(np.eye(3)[structure] + 0.05 * rng.normal(size=(60, 3)), structure) > 0.9
    assert abs(hifi_queries.silhouette(rng.normal(size=(60, 3)), structure)) < 0.2


# -- how a bank is read


def test_a_bank_that_is_read_evenly():
    even = np.full((20, 8), 1 / 8)
    assert hifi_queries.entropy(even) == pytest.approx(np.log(8))
    assert hifi_queries.dead_slots(even) == 0
    owners = [0, 0, 1, -1, -1, -1, -1, 2]  # structures have two, one and one of four slots
    structure = np.repeat([0, 1], [15, 5])
    assert hifi_queries.own_share(even, structure, owners) == pytest.approx((2 / 4 + 1 / 4) / 2)


def test_a_bank_that_is_read_one_slot_a_query():
    single = np.eye(4)[np.array([0, 0, 1, 1])]
    assert hifi_queries.entropy(single) == pytest.approx(0, abs=1e-6)
    assert hifi_queries.dead_slots(single) == 2
    np.testing.assert_array_equal(hifi_queries.usage(single), [0.5, 0.5, 0, 0])
    assert hifi_queries.own_share(single, np.array([0, 0, 1, 1]), [0, 1, 1, -1]) == 1
    assert hifi_queries.own_share(single, np.array([1, 1, 0, 0]), [0, 1, 1, -1]) == 0


def test_a_slot_is_dead_below_a_tenth_of_an_even_share():
    affinity = np.array([[0.019, 0.021, 0.46, 0.25, 0.25]])
    assert hifi_queries.dead_slots(affinity) == 1


def test_keys_that_collapsed_have_a_cosine_of_one(rng):
    assert hifi_queries.mean_cosine(np.outer([1, 2, 3.0], [0.3, 0.4])) == pytest.approx(1)
    keys = rng.normal(size=(5, 4))
    unit = keys / np.linalg.norm(keys, axis=1, keepdims=True)
    pairs = [unit[i] @ unit[j] for i in range(5) for j in range(5) if i != j]
    assert hifi_queries.mean_cosine(keys) == pytest.approx(np.mean(pairs))


# -- tissue


def brain():
    """One subject of the tiny cohort: T1 (D, H, W), brain, tissue."""
    volume = small_hifi.rings("ixi").volume(0)
    return volume["images"][0].astype(np.float32), volume["brain"], volume["tissue"]


def test_tissue_of_a_clean_image_is_found():
    image, inside, tissue = brain()
    found = hifi_tissue.segment(image, inside)
    assert found.dtype == np.uint8 and not found[~inside].any()
    for label in (1, 2, 3):
        assert dice(found == label, tissue == label) > 0.9


def test_brightness_is_no_matter_and_the_same_image_gives_the_same_tissue():
    image, inside, _ = brain()
    found = hifi_tissue.segment(image, inside)
    np.testing.assert_array_equal(hifi_tissue.segment(0.4 * image, inside), found)
    np.testing.assert_array_equal(hifi_tissue.segment(image, inside), found)


def test_no_tissue_is_lost_where_nothing_is_dark():
    """DIPY's background would be left empty, and with it everything else."""
    image, inside, tissue = brain()
    bright = np.where(inside, 0.5 + 0.5 * image, 0)
    found = hifi_tissue.segment(bright, inside)
    assert dice(found == 3, tissue == 3) > 0.9


def test_planes_are_no_neighbours():
    image, inside, _ = brain()
    image, inside = np.concatenate([image, image[:, ::-1]]), np.concatenate([inside, inside[:, ::-1]])
    found = hifi_tissue.segment(image, inside)
    order = np.array([2, 0, 3, 1])
    np.testing.assert_array_equal(hifi_tissue.segment(image[order], inside[order]), found[order])


def test_volumetric_similarity_compares_sizes_alone():
    a, b = np.zeros(10, bool), np.zeros(10, bool)
    assert hifi_tissue.volumetric_similarity(a, b) == 1
    a[:3] = True
    assert hifi_tissue.volumetric_similarity(a, b) == 0
    b[5:6] = True
    assert hifi_tissue.volumetric_similarity(a, b) == pytest.approx(1 - 2 / 4)
    b[5:8] = True
    assert hifi_tissue.volumetric_similarity(a, b) == 1


def test_without_dipy_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "dipy.segment.tissue", None)
    image, inside, _ = brain()
    with pytest.raises(ImportError, match=r'tissue segmentation needs DIPY: pip install "medsyn-core\[book\]"'):
        hifi_tissue.segment(image, inside)
