"""What the three granularities pull together and push apart, against the rules read from the paper."""

from __future__ import annotations

import numpy as np
import pytest

from medsyn_core.figures import hifi_pairs as pairs

KIND = {"PGD: pixels": [1, 2, 2, 3, 2, 2, 3, 3], "SGD: structures": [1, 2, 3, 1, 2, 3], "GGD: whole images": [0, 0]}


@pytest.fixture(params=pairs.GRANULARITIES, ids=lambda make: make.__name__)
def what(request):
    return request.param()


def test_pairs_follow_subject_structure_and_presence(what):
    """A naive loop: the same thing's translation is positive; other subjects and other structures are negative."""
    kind, count = KIND[what.title], len(what.names)
    for a in range(count):
        for b in range(2 * count):
            k = b % count
            there = bool(what.there[a] and what.there[k])
            positive = there and b == count + a
            differs = what.subjects[a] != what.subjects[k] or kind[a] != kind[k]
            assert bool(what.pairs[0][a, b]) == positive, (a, b)
            assert bool(what.pairs[1][a, b]) == (there and differs and not positive), (a, b)


def test_the_structure_that_one_subject_lacks_is_compared_with_nothing():
    what = pairs.structure()
    absent = what.names.index("B, CSF")
    assert not what.there[absent] and what.there.sum() == 5
    assert not (what.pairs[0] | what.pairs[1])[absent].any()


def test_steps_lower_the_loss_pull_positives_and_push_negatives(what):
    (before, there, first), (after, there_after, last) = pairs.moved(what, 200)
    assert last < first
    cosines = [np.concatenate([a, b]) @ a.T for a, b in ((before, there), (after, there_after))]
    for where, sign in zip(what.pairs, (1, -1), strict=True):
        assert sign * (cosines[1].T[where].mean() - cosines[0].T[where].mean()) > 0
    np.testing.assert_allclose(np.linalg.norm(after[what.there], axis=1), 1, atol=1e-5)


def test_what_is_absent_does_not_move():
    what = pairs.structure()
    (before, *_), (after, *_) = pairs.moved(what, 20)
    still = np.all(before == after, axis=1)
    np.testing.assert_array_equal(still, ~what.there.numpy())


def test_the_picture_shows_the_masks_of_the_loss(what):
    picture = pairs.granularity(what, steps=3)
    matrix, before, after = picture.fig.axes
    positive, negative = (mask.numpy() for mask in what.pairs)
    np.testing.assert_array_equal(matrix.images[0].get_array(), positive + 2 * negative)
    assert [label.get_text() for label in matrix.get_yticklabels()] == list(what.names)
    drawn = int(what.there.sum())
    assert len(before.lines) == len(after.lines) == 1 + 3 * drawn  # the circle; a line, a dot and a ring each
    assert f"{positive.sum()} pairs are pulled together, {negative.sum()} pushed apart" in picture.alt


def test_the_numbers_are_those_of_the_steps(what):
    few, many = (pairs.granularity(what, steps=n) for n in (1, 100))
    assert few.fig.axes[1].get_title() == many.fig.axes[1].get_title()  # before
    assert few.fig.axes[2].get_title() != many.fig.axes[2].get_title()
    assert many.fig.axes[2].get_title() == f"after 100 steps: {pairs.moved(what, 100)[1][2]:.2f}"


def test_no_step_is_refused(what):
    with pytest.raises(ValueError, match="steps=0; give one at least"):
        pairs.granularity(what, steps=0)
