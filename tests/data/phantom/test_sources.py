"""The phantom comes through the same door as real folders, and survives the trip to disk and back."""

import pickle

import nibabel as nib
import numpy as np
import pytest

from medsyn_core.data.phantom import PhantomSource
from medsyn_core.data.phantom import template as template_module
from medsyn_core.data.volume import Source
from medsyn_core.data.write import write_folder


@pytest.fixture(scope="module")
def source():
    return PhantomSource(subjects=2, px=24)


def test_it_is_a_source_that_workers_can_get_a_copy_of(source):
    assert isinstance(source, Source)
    again = pickle.loads(pickle.dumps(source))
    assert again.key == source.key and again.subjects() == source.subjects()
    assert "synthetic, not patients" in source.notice
    assert "Copyright (C) 1993-2009 Louis Collins" in source.notice


def test_the_key_tells_cohorts_apart():
    keys = [
        PhantomSource(**arguments).key
        for arguments in ({}, {"px": 32}, {"seed": 1}, {"sites": "many"}, {"kind": "ixi"}, {"kind": "ukb"})
    ]
    assert len({tuple(sorted(key.items())) for key in keys}) == len(keys)
    assert all(key["template"] == keys[0]["template"] for key in keys)


def test_a_plain_reader_finds_the_same_numbers_in_the_written_folder(source, tmp_path):
    write_folder(source, tmp_path)
    for ref in source.subjects():
        volume = source.read(ref)
        for name, array in {**volume.images, "seg": volume.seg, "tissue": volume.tissue}.items():
            image = nib.as_closest_canonical(nib.load(tmp_path / ref.id / f"{ref.id}_{name}.nii.gz"))
            np.testing.assert_array_equal(np.asarray(image.dataobj), array)
            np.testing.assert_allclose(image.affine, volume.affine)
    assert "synthetic, not patients" in (tmp_path / "README").read_text()


@pytest.mark.parametrize("arguments", [{"subjects": 0}, {"px": 8}, {"kind": "mouse"}, {"sites": "none"}])
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match=r"least|choose"):
        PhantomSource(**arguments)


def test_the_template_is_made_once_and_found_again(tmp_path, monkeypatch):
    small = np.zeros((12, 12, 12), np.float32)
    small[2:10, 2:10, 2:10] = 0.5
    reads = []

    def read():
        reads.append(1)
        return small, small, small, np.zeros(3), "0123456789ab"

    monkeypatch.setenv("MEDSYN_CACHE", str(tmp_path))
    monkeypatch.setattr(template_module, "_read_nilearn", read)
    first = template_module.template()
    template_module._load.cache_clear()  # as a second process would
    second = template_module.template()
    template_module._load.cache_clear()
    assert len(reads) == 1
    assert first.digest == second.digest == "0123456789ab"
    np.testing.assert_array_equal(first.surface, second.surface)
    assert not list(tmp_path.rglob("*.part"))
