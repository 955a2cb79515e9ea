import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from medsyn_core.experiments import provenance, records
from medsyn_core.experiments.records import RecordError, StaleRecord
from tests.experiments.small import written


@pytest.fixture
def job(plan):
    return plan.jobs("laptop", ["unet"], [0])[0]


def test_a_record_comes_back_as_it_was(job):
    record = written(job)
    where = records.save(record)
    again = records.load(where)
    assert where == record.path == again.path
    for name in ("config", "data_hash", "seed", "versions", "kind"):
        assert getattr(again, name) == getattr(record, name)
    for ours, theirs in zip(again.metrics, record.metrics, strict=True):
        assert ours.keys() == theirs.keys()
        assert ours["psnr"] == pytest.approx(theirs["psnr"], rel=1e-5)


def test_arrays_stand_beside_and_belong_to_their_record(job):
    arrays = {"translated": np.random.default_rng(0).random((4, 8, 8)).astype(np.float16)}
    record = records.load(records.save(written(job), arrays))
    np.testing.assert_array_equal(record.arrays()["translated"], arrays["translated"])
    beside = record.path.with_suffix(".safetensors")
    beside.write_bytes(beside.read_bytes()[:-1] + b"x")
    with pytest.raises(RecordError, match=r"does not belong to unet-seed0\.json.*record dual --profile laptop"):
        record.arrays()
    beside.unlink()
    assert job.state()[0] == "damaged"


def test_a_record_without_arrays_leaves_none_of_an_earlier_one(job):
    records.save(written(job), {"a": np.zeros(3)})
    record = records.load(records.save(written(job)))
    assert record.arrays() == {}
    assert [p.name for p in record.path.parent.iterdir()] == ["unet-seed0.json"]


def test_a_number_that_is_not_finite_is_refused_by_its_place_and_the_old_record_stays(job):
    where = records.save(written(job))
    before = where.read_text()
    bad = written(job)
    bad.metrics[2]["psnr"] = float("inf")
    with pytest.raises(RecordError, match=r"metrics\[2\].psnr is inf"):
        records.save(bad)
    assert where.read_text() == before
    assert [p.name for p in where.parent.iterdir()] == [where.name]


def test_floats_are_kept_at_sensible_digits(job):
    history = {"steps": [0], "series": {"l1": [0.123456789]}}
    record = records.load(records.save(written(job, history=history)))
    assert record.history["series"]["l1"] == [0.12346]
    assert len(str(record.metrics[0]["psnr"])) <= 7


def test_a_long_run_of_the_largest_table_stays_small(job):
    series = {f"a_long_name_of_a_loss_term_{k}": list(np.random.default_rng(k).random(200)) for k in range(8)}
    history = {"steps": list(range(0, 20000, 100)), "series": series}
    where = records.save(written(job, subjects=26, history=history))
    assert where.stat().st_size < 30_000


def test_another_recipe_is_stale_with_both_hashes_the_difference_and_the_command(job):
    record = written(job)
    new = json.loads(json.dumps(record.config))
    new["training"]["steps"] = 99
    with pytest.raises(StaleRecord) as caught:
        records.check(record, new, "feedfeedfeed", record.data_hash)
    text = str(caught.value)
    assert record.config_hash in text
    assert "feedfeedfeed" in text
    assert "training.steps: 4 -> 99" in text
    assert "python -m medsyn_core record dual --profile laptop --rows unet --seeds 0" in text


def test_other_data_are_stale(job):
    record = written(job)
    with pytest.raises(StaleRecord, match=rf"made on data {record.data_hash}.*now give beefbeefbeef.*Re-make it"):
        records.check(record, record.config, record.config_hash, "beefbeefbeef")


def test_older_sources_are_only_reported(job):
    records.save(written(job))
    assert job.state() == ("ok", "made by other sources of the package")
    records.save(written(job, source_hash=provenance.source_hash()))
    assert job.state() == ("ok", "")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "colour": 3}', "{}"])
def test_a_damaged_record_says_so(job, text):
    where = records.save(written(job))
    where.write_text(text)
    with pytest.raises(RecordError, match=r"unet-seed0.json is damaged"):
        records.load(where)
    assert job.state()[0] == "damaged"


def test_a_record_of_another_format_is_refused(job):
    where = records.save(written(job))
    where.write_text(where.read_text().replace('"format": 1', '"format": 0'))
    with pytest.raises(RecordError, match="another format"):
        records.load(where)


def test_a_missing_record_names_the_command(job, tmp_path):
    with pytest.raises(RecordError, match=r"not been recorded yet\. Make it: python -m medsyn_core record dual"):
        job.load()
    with pytest.raises(RecordError, match="there is no record"):
        records.load(tmp_path / "nothing.json")


def test_differences_name_places_that_changed_came_and_went():
    old = {"a": 1, "b": {"c": [1, 2], "d": 0}}
    new = {"a": 1, "b": {"c": [1, 3], "e": 0}}
    assert records.differences(old, new) == ["b.c: [1, 2] -> [1, 3]", "b.d: 0 -> nothing", "b.e: nothing -> 0"]
    assert records.differences(old, old) == []


def test_where_records_are_kept(monkeypatch, tmp_path):
    assert records.folder() == tmp_path / "records"
    monkeypatch.delenv("MEDSYN_RECORDS")
    assert records.folder().parts[-2:] == ("book", "records")  # this checkout
    monkeypatch.setattr(records.files, "__file__", str(tmp_path / "site" / "medsyn_core" / "files.py"))
    assert records.folder() == tmp_path / "site" / "medsyn_core" / "_records"


def test_records_can_be_saved_by_two_at_once(job, plan):
    record = written(job)
    code = (
        "from medsyn_core.experiments import records; import sys\n"
        "for _ in range(20): records.save(records.load(sys.argv[1]))"
    )
    where = records.save(record)
    others = [subprocess.Popen([sys.executable, "-c", code, str(where)]) for _ in range(2)]
    for _ in range(20):
        assert records.load(where).row == "unet"
    assert [p.wait() for p in others] == [0, 0]


def test_sources_count_by_meaning_only():
    one = 'def f(x):\n    """Say."""\n    return x + 1  # why\n'
    two = "def f(x):\n\n    return (x + 1)\n"
    assert provenance.meaning(one) == provenance.meaning(two)
    assert provenance.meaning(one) != provenance.meaning(two.replace("1", "2"))
    assert len(provenance.source_hash()) == 12


def test_a_record_is_frozen(job):
    with pytest.raises(dataclasses.FrozenInstanceError):
        written(job).seed = 3
