"""The phantom's physics and tumours are in the order and the range that real ones have."""

import json

import numpy as np
import pytest
from scipy import ndimage

from medsyn_core.data.phantom import Grid, PhantomSubject
from medsyn_core.data.phantom.signal import InversionRecovery, Mprage, SpinEcho, null_time
from medsyn_core.data.phantom.tissues import draw_relaxation

GRID = Grid.standard(40)
MILLILITRE = GRID.step**3 / 1000


@pytest.fixture(scope="module")
def patients():
    return [PhantomSubject(i).render(GRID) for i in range(6)]


def _pure(volume, code):
    """Voxels of one tissue whose neighbours in plane are of it too, away from the tumour."""
    there = (volume.tissue == code) & ~ndimage.binary_dilation(volume.seg > 0, iterations=2)
    return ndimage.binary_erosion(there, np.ones((3, 3, 1)))


@pytest.mark.parametrize(
    ("modality", "order"), [("t1", (3, 2, 1)), ("t1ce", (3, 2, 1)), ("t2", (1, 2, 3)), ("flair", (2, 3, 1))]
)
def test_tissues_are_in_the_order_of_their_contrast(patients, modality, order):
    for volume in patients:
        bright = [np.median(volume.images[modality][_pure(volume, code)]) for code in order]
        assert bright[0] > bright[1] > bright[2], (volume.subject, bright)


def test_oedema_is_darker_than_white_matter_on_t1_and_brighter_on_t2_and_flair(patients):
    for volume in patients:
        oedema, white = volume.seg == 2, _pure(volume, 3)
        median = lambda modality, where, images=volume.images: np.median(images[modality][where])
        assert median("t1", oedema) < median("t1", white)
        assert median("t2", oedema) > 1.2 * median("t2", white)
        assert median("flair", oedema) > 1.1 * median("flair", white)


def test_enhancing_tumour_is_like_the_rest_of_the_solid_tumour_before_contrast_and_bright_after():
    physics = PhantomSubject(2).physics
    assert physics.relaxation["et"] == physics.relaxation["net"]
    assert physics.uptake["et"] > 5 * physics.uptake["net"]
    volume = PhantomSubject(2).render(GRID)
    enhancing, healthy = volume.seg == 4, _pure(volume, 3)
    assert enhancing.sum() > 100
    assert np.median(volume.images["t1"][enhancing]) < np.median(volume.images["t1"][healthy])
    assert np.median(volume.images["t1ce"][enhancing]) > 1.2 * np.median(volume.images["t1ce"][healthy])


def test_volumes_are_plausible(patients):
    for volume in patients:
        csf, gm, wm = (MILLILITRE * (volume.tissue == code).sum() for code in (1, 2, 3))
        assert 1100 < csf + gm + wm < 2100
        assert 60 < csf < 500
        assert 0.9 < gm / wm < 2.2
        assert 3 < MILLILITRE * (volume.seg > 0).sum() < 300
    high = [v for v in patients if v.grade == "HGG"]
    low = [v for v in patients if v.grade == "LGG"]
    assert high and low
    enhancing = lambda volumes: np.mean([(v.seg == 4).sum() / (v.seg > 0).sum() for v in volumes])
    assert enhancing(high) > 0.08 > enhancing(low)


def test_parameters_are_the_ground_truth_and_can_be_written_down():
    subject = PhantomSubject(1, sites="many")
    facts = json.loads(json.dumps(subject.parameters))
    assert facts["tumour"]["grade"] == subject.grade
    assert facts["site"] == subject.site
    assert facts["relaxation"]["csf"]["t1"] > facts["relaxation"]["gm"]["t1"] > facts["relaxation"]["wm"]["t1"]
    assert set(facts["protocol"]) == {"t1", "t1ce", "t2", "flair"}


@pytest.mark.parametrize(("kind", "modalities"), [("ixi", ("t1", "t2")), ("ukb", ("t1", "flair"))])
def test_healthy_people_have_no_tumour_and_their_own_modalities(kind, modalities):
    subject = PhantomSubject(0, kind, sites="many")
    volume = subject.render(GRID.plane(21))
    assert tuple(volume.images) == modalities
    assert volume.seg is None and volume.grade is None and subject.parameters["tumour"] is None


def test_many_sites_are_many_and_one_site_is_one():
    assert {PhantomSubject(i, "ixi", sites="many").site for i in range(30)} == {"Guys", "HH", "IOP"}
    assert len({PhantomSubject(i, "ixi").site for i in range(30)}) == 1
    echo = lambda sites: np.ptp([PhantomSubject(i, sites=sites).physics.scans["t2"].sequence.te for i in range(8)])
    assert echo("one") < 5 < echo("many")


def test_another_grid_shows_the_same_anatomy_and_tumour():
    coarse, fine = PhantomSubject(5).render(Grid.standard(32)), PhantomSubject(5).render(Grid.standard(64))
    millilitres = [(v.seg > 0).sum() * g.step**3 for v, g in ((coarse, Grid.standard(32)), (fine, Grid.standard(64)))]
    assert millilitres[0] == pytest.approx(millilitres[1], rel=0.1)
    merged = fine.tissue.reshape(32, 2, 32, 2, 28, 2).transpose(0, 2, 4, 1, 3, 5).reshape(32, 32, 28, 8) > 0
    same = (merged.mean(-1) > 0.5) == (coarse.tissue > 0)
    assert same.mean() > 0.99


def test_a_long_echo_train_lowers_grey_matter_less_than_the_plain_inversion_formula():
    times = draw_relaxation(np.random.default_rng(0), 3.0, 0.0)
    gm, wm = times["gm"].t1, times["wm"].t1
    contrast = lambda sequence: sequence.signal(gm, 80.0, 0.86) / sequence.signal(wm, 80.0, 0.86)
    plain, train = InversionRecovery(2000, 1000, 3), Mprage(2000, 1000, 3, 9, 7)
    assert 0.4 < contrast(plain) < contrast(train) < 1


def test_flair_nulls_fluid_and_a_long_repetition_leaves_proton_density():
    ti = null_time(3800, 9000)
    assert InversionRecovery(9000, ti, 100).signal(3800, 450, 1.0) == pytest.approx(0, abs=1e-6)
    assert SpinEcho(1e9, 0).signal(1000.0, 80.0, 0.8) == pytest.approx(0.8)


@pytest.mark.parametrize("arguments", [{"kind": "brats"}, {"sites": "two"}, {"index": -1}, {"index": 0, "seed": -1}])
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match=r"choose|give"):
        PhantomSubject(**{"index": 0, **arguments})
