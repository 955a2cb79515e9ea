"""The workflows for GitHub run there; here, its schema accepts them and what they call exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from medsyn_core.profiles import profile

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text()
MAY_WRITE = {("site.yml", "deploy"): {"pages", "id-token"}, ("release.yml", "publish"): {"contents"}}


def validated(*files: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *files]
    return subprocess.run(command, capture_output=True, text=True)


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


def commands(workflow: dict) -> list[str]:
    """What every step runs."""
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def unknown(command: str) -> set[str]:
    """Targets of make, settings of it, and files of the repository that a command names and that do not exist."""
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.M))
    asked = {word for words in re.findall(r"\bmake ([^\n;&|]+)", command) for word in words.split()}
    settings = {word.partition("=")[0] for word in asked if "=" in word}
    files = set(re.findall(r"(?<![\w/.-])(?:scripts|\.ci|tests|benchmarks)/[\w./-]+", command))
    named = {word for word in asked if re.fullmatch(r"[a-z]+", word)}
    absent = {file for file in files if not (ROOT / file).exists()}
    return (named - targets) | {name for name in settings if f"$({name})" not in MAKEFILE} | absent


def test_github_would_read_them(tmp_path):
    assert {path.stem for path in WORKFLOWS} == {"tests", "site", "links", "fresh", "release"}
    done = validated(*WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr
    broken = tmp_path / "broken.yml"
    broken.write_text((FOLDER / "tests.yml").read_text().replace("runs-on:", "runs_on:"))
    assert validated(broken).returncode == 1


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_what_they_call_exists(path):
    assert commands(read(path))
    assert {command: unknown(command) for command in commands(read(path)) if unknown(command)} == {}
    for used in re.findall(r"uses: (\S+)", path.read_text()):
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", used), f"{used} is not pinned to a major version"


@pytest.mark.parametrize(
    ("command", "absent"),
    [
        ("make boook", "boook"),
        ("make book MEDSYN_PROFIL=smoke", "MEDSYN_PROFIL"),
        ("python scripts/no.py", "scripts/no.py"),
        ("bash .ci/walk && make book", ".ci/walk"),
    ],
)
def test_a_command_that_does_not_exist_is_seen(command, absent):
    assert unknown(command) == {absent}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_no_job_may_do_more_than_it_needs_or_run_forever(path):
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"} and "group" in workflow["concurrency"]
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 180
        written = {what for what, access in job.get("permissions", {}).items() if access != "read"}
        assert written == MAY_WRITE.get((path.name, name), set())
        if written:  # nothing of the repository, and none of its dependencies, runs where something may be written
            assert not [step for step in job["steps"] if "checkout" in step.get("uses", "")]


def test_they_look_where_make_puts_things():
    for path in WORKFLOWS:
        text = path.read_text()
        for name in re.findall(r"MEDSYN_PROFILE=(\w+)", text):
            assert profile(name).name == name
        sites = set(re.findall(r"_build/([\w-]+)", text))
        smoke = "make book MEDSYN_PROFILE=smoke" in text
        assert sites <= ({"site-smoke"} if smoke else {"html"}), path.name
    site = read(FOLDER / "site.yml")["jobs"]["build"]["steps"]
    assert site[-1]["with"]["path"] == "_build/html" and site[-2]["run"] == "make book"
