import pytest


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """No bars in the log, and the smallest default sizes."""
    monkeypatch.setenv("MEDSYN_PROGRESS", "0")
    monkeypatch.setenv("MEDSYN_PROFILE", "smoke")


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache of the test's own; the phantom's tests share the real one, where its template is."""
    monkeypatch.setenv("MEDSYN_CACHE", str(tmp_path / "cache"))
