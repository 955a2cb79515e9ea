"""LPIPS beside the other scores: there where its files are named, absent where they are not."""

import numpy as np
import pytest
import torch

from medsyn_core.evaluation import Lpips, subject_lpips, translation_metrics, with_lpips
from tests.evaluation.test_lpips import made_up

RNG = np.random.default_rng(0)
PREDICTED, TARGET = RNG.random((2, 4, 32, 32), dtype=np.float32)
SUBJECT = np.array([5, 5, 2, 2])


def rows():
    seg = np.zeros(TARGET.shape, np.uint8)
    return translation_metrics(PREDICTED, TARGET, np.ones(TARGET.shape, bool), seg, SUBJECT)


@pytest.fixture
def files(tmp_path, monkeypatch):
    found = []
    for name, weights in zip(("BACKBONE", "HEADS"), made_up(), strict=True):
        found.append(tmp_path / f"{name}.pth")
        torch.save(weights, found[-1])
        monkeypatch.setenv(f"MEDSYN_LPIPS_{name}", str(found[-1]))
    return found


def test_every_row_gets_its_subjects_score(files):
    expected = subject_lpips(PREDICTED, TARGET, SUBJECT, Lpips.from_files(*files))
    scored = with_lpips(rows(), PREDICTED, TARGET, SUBJECT)
    assert [(row["subject"], row["lpips"]) for row in scored] == [(5, expected[5]), (2, expected[2])]
    assert expected[5] != expected[2] > 0
    assert [{k: v for k, v in row.items() if k != "lpips"} for row in scored] == rows()


def test_without_files_the_rows_stay_as_they_are(monkeypatch):
    for name in ("BACKBONE", "HEADS"):
        monkeypatch.delenv(f"MEDSYN_LPIPS_{name}", raising=False)
    assert with_lpips(rows(), PREDICTED, TARGET, SUBJECT) == rows()
