"""`python -m medsyn_core check`."""

from __future__ import annotations

import csv
import subprocess
import sys

import pytest

from medsyn_core.__main__ import main
from tests.course.sources import NAME, RIGHT, function


def test_files_are_marked_and_written_as_a_table(tmp_path, capsys):
    (tmp_path / "good.py").write_text(RIGHT)
    (tmp_path / "bad.py").write_text(function("return fake.mean()"))
    (tmp_path / "broken.ipynb").write_text("{")
    files = [str(tmp_path / name) for name in ("good.py", "bad.py", "broken.ipynb")]
    table = tmp_path / "marks.csv"
    assert main(["check", NAME, *files, "--no-probe", "--jobs", "2", "--csv", str(table)]) == 0
    said = capsys.readouterr().out
    assert "good.py: 12 of 12 points" in said and "0/4  right on three examples" in said and "up to 5 for" in said
    rows = list(csv.DictReader(table.open(newline="")))
    assert [row["file"] for row in rows] == files
    assert [row["points"] for row in rows] == ["12", rows[1]["points"], "0"] and int(rows[1]["points"]) < 12
    assert rows[0]["value"] == "4" and rows[0]["words"] == "" and "no notebook" in rows[2]["words"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.py", "broken.ipynb", "good.py", "marks.csv"]


def test_a_table_that_could_not_be_written_is_refused_before_anything_is_marked(tmp_path, capsys):
    (tmp_path / "good.py").write_text(RIGHT)
    assert main(["check", NAME, str(tmp_path / "good.py"), "--csv", str(tmp_path / "no" / "marks.csv")]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "there is no folder" in err


@pytest.mark.parametrize("wrong", [["nothing"], [NAME], [NAME, "a.py", "--jobs", "0"]])
def test_a_wrong_call_is_refused(wrong):
    with pytest.raises(SystemExit) as stopped:
        main(["check", *wrong])
    assert stopped.value.code == 2


def test_other_commands_do_not_wait_for_torch():
    code = "import sys, medsyn_core.__main__ as m; m.parser(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
