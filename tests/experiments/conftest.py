import os

import pytest

from tests.experiments import small


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Cohorts of these tests go to a folder of their own; the value is where they would have gone."""
    with pytest.MonkeyPatch.context() as patch:
        before = os.environ.get("MEDSYN_CACHE", "")
        patch.setenv("MEDSYN_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("MEDSYN_PROGRESS", "0")
        yield before


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Records of each test go to a folder of its own."""
    monkeypatch.setenv("MEDSYN_RECORDS", str(tmp_path / "records"))
    monkeypatch.delenv("MEDSYN_PROFILE", raising=False)
    return tmp_path / "records"


@pytest.fixture
def plan(monkeypatch):
    """The tiny plan in place of Dual-D's."""
    monkeypatch.setattr("medsyn_core.experiments.dual_d.PLAN", small.PLAN)
    return small.PLAN
