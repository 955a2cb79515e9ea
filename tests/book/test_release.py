"""A release: every file with its hash, and nothing that disagrees with its tag."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = """# Changelog

## [Unreleased]

- to come

## [1.2.3] - 2026-01-31

- a change

## [1.2.2] - 2026-01-01

- old
"""


@pytest.fixture(scope="module")
def script():
    """scripts/release.py as a module."""
    sys.path.insert(0, str(ROOT / "scripts"))
    yield importlib.import_module("release")
    sys.path.remove(str(ROOT / "scripts"))


@pytest.fixture()
def site(tmp_path) -> Path:
    """A finished site of one page."""
    folder = tmp_path / "html"
    (folder / ".doctrees").mkdir(parents=True)
    for name in (".built", ".doctrees/index", "index.html"):
        (folder / name).write_text(name)
    return folder


def test_all_of_it_is_packed_and_hashed(script, site, tmp_path):
    dist, number = tmp_path / "dist", script.version()
    dist.mkdir()
    (dist / "medsyn_core-0.0.0.tar.gz").write_text("of an earlier release")
    script.release(site, None, dist)
    archives = {
        f"medsyn_core-{number}-py3-none-any.whl",
        f"medsyn_core-{number}.tar.gz",
        f"medsyn-{number}-site.tar.gz",
        f"medsyn-{number}-records.tar.gz",
    }
    assert {path.name for path in dist.iterdir()} == archives | {"SHA256SUMS", "notes.md"}
    check = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=dist, capture_output=True, text=True)
    assert check.returncode == 0 and check.stdout.count(": OK") == len(archives)
    with tarfile.open(dist / f"medsyn-{number}-site.tar.gz") as tar:
        assert tar.getnames() == [f"medsyn-{number}-site/index.html"]
    with tarfile.open(dist / f"medsyn-{number}-records.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")
    shown = lambda folder: {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.*") if p.name[0] != "."}
    assert shown(tmp_path / f"medsyn-{number}-records") == {
        path: data
        for path, data in shown(ROOT / "book" / "records").items()
        if (ROOT / "book/records" / path).is_file()
    }


def test_what_disagrees_is_refused(script, site, tmp_path):
    with pytest.raises(script.Failed, match="its tag would be"):
        script.release(site, "v9.9.9", tmp_path / "dist")
    with pytest.raises(script.Failed, match="not the finished site"):
        script.release(site.rename(tmp_path / "site-smoke"), None, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


def test_notes_are_the_versions_part_of_the_changelog(script):
    assert script.notes(CHANGELOG, "1.2.3", released=True) == "- a change\n"
    with pytest.raises(script.Failed, match=r"## \[1.2.4\] - YYYY-MM-DD"):
        script.notes(CHANGELOG, "1.2.4", released=True)
    with pytest.raises(script.Failed, match="YYYY"):
        script.notes("## [Unreleased]: 1.2.3\n\n- new\n", "1.2.3", released=True)
    assert script.notes("## [Unreleased]: 1.2.3\n\n- new\n", "1.2.3", released=False) == "- new\n"


def test_the_same_files_give_the_same_archive(script, site, tmp_path):
    script.pack(site, tmp_path / "a.tar.gz")
    first = (tmp_path / "a.tar.gz").read_bytes()
    (site / "index.html").touch()
    script.pack(site, tmp_path / "a.tar.gz")
    assert (tmp_path / "a.tar.gz").read_bytes() == first
    with pytest.raises(script.Failed, match="empty or not there"):
        script.pack(tmp_path / "no", tmp_path / "b.tar.gz")
