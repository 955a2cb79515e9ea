"""Arrays beside records, or a clear word on what is not there."""

from __future__ import annotations

import numpy as np

from medsyn_core.experiments.records import Record
from medsyn_core.experiments.results import ExhibitError, Results


def kept(record: Record, name: str) -> np.ndarray:
    """One of the arrays beside a record; ExhibitError where it has none of this name, with those that it has."""
    arrays = record.arrays()
    if name not in arrays:
        there = ", ".join(arrays) or "none at all"
        raise ExhibitError(f"row {record.row!r}, seed {record.seed}, keeps no {name!r}; its arrays: {there}.")
    return arrays[name]


def of_row(found: Results, row: str) -> list[Record]:
    """The records of a row, one a seed; ExhibitError where these results are of other rows."""
    if row not in found.records:
        make = found.command([row])
        raise ExhibitError(f"row {row!r} is not here; make it: {make}. Here: {', '.join(found.records)}.")
    return found.records[row]
