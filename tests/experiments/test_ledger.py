import ast
import importlib
import json
from pathlib import Path

import pytest

from medsyn_core.experiments import ledger

ROOT = Path(__file__).resolve().parents[2]
EXHIBITS = {
    "utad": "T1 T2 T3 F3 F5",
    "hifi": "T1 T2 T3 T4 T5 T6 F3 F4 F5 F6 F7 F8 F9",
    "d2": "T1 T2 T3 T4 T5 T6 T7 T8 T9 F1 F5 F6 F7 F8",
    "dual": "T1 T2 S3.1 S3.2 F3 F4",
}


def resolve(path):
    module, _, rest = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), rest)
    except ModuleNotFoundError:
        return getattr(resolve(module), rest)


def test_all_48_equations_are_listed_in_order():
    wanted = [f"{p}-{k}" for p, n in (("utad", 13), ("hifi", 17), ("d2", 11), ("dual", 7)) for k in range(1, n + 1)]
    assert [row["id"] for row in ledger.equations()] == wanted
    assert len(wanted) == 48


def test_all_38_exhibits_are_listed_in_order():
    wanted = [f"{paper}-{name}" for paper, names in EXHIBITS.items() for name in names.split()]
    assert [row["id"] for row in ledger.exhibits()] == wanted
    assert len(wanted) == 38


def test_rows_have_the_published_keys_and_survive_json():
    keys = ["id", "paper", "title", "function", "test", "status", "note"]
    assert all(list(row) == keys for row in ledger.equations())
    keys = ["id", "paper", "title", "state", "profile", "device", "seeds", "page"]
    assert all(list(row) == keys for row in ledger.exhibits())
    for rows in (ledger.equations(), ledger.exhibits()):
        assert json.loads(json.dumps(rows, allow_nan=False)) == rows


@pytest.mark.parametrize("row", [r for r in ledger.equations() if r["function"]], ids=lambda r: r["id"])
def test_a_done_equation_has_a_function_and_a_test_that_exist(row):
    function = resolve(row["function"])
    assert callable(function)
    assert row["id"] in function.__doc__
    path, _, name = row["test"].partition("::")
    tests = [node.name for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)]
    assert name in tests
    assert row["status"] == "as printed" or row["status"].startswith("changed because ")


def test_an_equation_is_done_whole_or_not_at_all():
    for row in ledger.equations():
        done = row["status"] != ledger.NOT_YET
        assert (row["function"] is not None) == done
        assert (row["test"] is not None) == done


def test_every_equation_of_the_four_papers_is_done():
    assert [row["id"] for row in ledger.equations() if not row["function"]] == []


@pytest.mark.parametrize(
    ("id", "words"),
    [
        ("utad-1", "maximises"),
        ("utad-8", "prime"),
        ("utad-12", "not detached"),
        ("hifi-1", "runs over N"),
        ("hifi-4", "normalisation"),
        ("hifi-9", "area"),
        ("hifi-11", "repels"),
        ("d2-2", "no gradient"),
        ("d2-5", "M G^2"),
        ("d2-7", "minus sign"),
        ("d2-8", "affinity_gradient=True"),
        ("d2-9", "teacher || student"),
        ("dual-2", "batch normalisation"),
        ("dual-6", "detached"),
    ],
)
def test_slips_of_the_papers_are_named(id, words):
    assert words in ledger.equation(id).note


def test_an_unknown_equation_is_refused():
    with pytest.raises(ValueError, match=r"'dual-8' does not exist"):
        ledger.equation("dual-8")


def test_without_records_nothing_is_shown():
    for row in ledger.exhibits():
        assert row["state"] == ledger.NOT_YET
        assert row["profile"] is row["device"] is row["seeds"] is row["page"] is None


def test_pages_of_exhibits_exist():
    for exhibit in ledger.EXHIBITS:
        assert exhibit.page is None or (ROOT / exhibit.page).exists()
