import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Every test its own cache, and no bars in the log."""
    monkeypatch.setenv("MEDSYN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MEDSYN_PROGRESS", "0")
    monkeypatch.setenv("MEDSYN_PROFILE", "smoke")
