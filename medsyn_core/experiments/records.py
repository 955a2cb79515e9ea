"""Run records: everything a page says about a run, in one small file, and refused once it no longer fits the
code.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from medsyn_core import files

FORMAT = 1
METRIC_DIGITS, HISTORY_DIGITS = 6, 5  # significant digits kept


class RecordError(ValueError):
    """A record is missing, damaged, or cannot be written as it is."""


class StaleRecord(RecordError):
    """A record was made by another recipe or on other data than the code would use now."""


@dataclass(frozen=True)
class Record:
    """One run. kind: "training" or "reference" (nothing was trained).

    config, config_hash: the recipe; data, data_hash: the cohort and its division; source_hash: the package's
    sources; device: "cpu", "cuda"…; hardware: its name; seconds, peak_mb: cost (None if unknown); metrics:
    one dict a test subject and direction; history: {"steps", "series"}; extra: what the plan observed on the
    way; sidecar: {"sha256", "names"} of the arrays beside it, None without; made: the day it was saved, in UTC, None in
    records that are older than this field.
    """

    paper: str
    row: str
    seed: int
    profile: str
    title: str
    kind: str
    config: dict
    config_hash: str
    data: dict
    data_hash: str
    source_hash: str
    device: str
    hardware: str
    precision: str
    versions: dict
    seconds: float | None
    peak_mb: float | None
    metrics: list[dict]
    history: dict = field(default_factory=lambda: {"steps": [], "series": {}})
    extra: dict = field(default_factory=dict)
    sidecar: dict | None = None
    made: str | None = None

    @property
    def path(self) -> Path:
        """Where this record lives in the records folder."""
        return path(self.paper, self.profile, self.row, self.seed)

    @property
    def command(self) -> str:
        """The command that makes this record anew."""
        return remake(self.paper, self.profile, self.row, self.seed)

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays beside the record, by name. Raises RecordError if they are not the ones it was saved
        with.
        """
        if self.sidecar is None:
            return {}
        from safetensors.numpy import load_file

        beside = self.path.with_suffix(".safetensors")
        if not beside.exists() or _sha256(beside) != self.sidecar["sha256"]:
            raise RecordError(f"{beside} does not belong to {self.path.name}. Re-make both: {self.command}")
        return load_file(beside)


def folder() -> Path:
    """Where records are kept: $MEDSYN_RECORDS, else book/records of a checkout, else the installed package's
    own.
    """
    if os.environ.get("MEDSYN_RECORDS"):
        return Path(os.environ["MEDSYN_RECORDS"]).expanduser()
    package = Path(files.__file__).parent
    checkout = package.parent / "book" / "records"
    return checkout if checkout.is_dir() else package / "_records"


def path(paper: str, profile: str, row: str, seed: int) -> Path:
    """<records>/<paper>/<profile>/<row>-seed<k>.json"""
    return folder() / paper / profile / f"{row}-seed{seed}.json"


def remake(paper: str, profile: str, row: str, seed: int) -> str:
    """The one command that makes a record."""
    return f"python -m medsyn_core record {paper} --profile {profile} --rows {row} --seeds {seed}"


def save(record: Record, arrays: dict[str, np.ndarray] | None = None) -> Path:
    """Write a record and its arrays, each atomically, the record last: it names the arrays' hash.

    Raises RecordError for a number that is not finite, naming its place.
    """
    where = record.path
    beside = where.with_suffix(".safetensors")
    sidecar = None
    if arrays:
        from safetensors.numpy import save_file

        with files.atomic(beside) as temporary:
            save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, temporary)
            sidecar = {"sha256": _sha256(temporary), "names": sorted(arrays)}
    today = datetime.now(UTC).date().isoformat()
    plain = asdict(replace(record, sidecar=sidecar, made=today))
    plain["history"] = rounded(plain["history"], HISTORY_DIGITS, "history")
    for name in ("seconds", "peak_mb", "metrics", "extra"):
        plain[name] = rounded(plain[name], METRIC_DIGITS, name)
    with files.atomic(where) as temporary:
        temporary.write_text(_text({"format": FORMAT, **plain}), encoding="utf-8")
    if sidecar is None:
        beside.unlink(missing_ok=True)
    return where


def load(where: str | Path) -> Record:
    """Read one record. Raises RecordError if it is not there or not a whole record; says nothing about
    staleness.
    """
    where = Path(where)
    try:
        plain = json.loads(where.read_text(encoding="utf-8"))
        if plain.pop("format") != FORMAT:
            raise RecordError(f"{where} is of another format of records. Re-make it: python -m medsyn_core record")
        return Record(**plain)
    except FileNotFoundError:
        raise RecordError(f"there is no record {where}") from None
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise RecordError(f"{where} is damaged ({error}); delete it and record the run again") from error


def check(record: Record, config: dict, config_hash: str, data_hash: str) -> None:
    """Raise StaleRecord if the code would now train another recipe, or on other data, than the record's."""
    if record.config_hash != config_hash:
        changed = "; ".join(differences(record.config, config)) or "the way it is written down"
        raise StaleRecord(
            f"{record.path} was made with config {record.config_hash}, the code's is {config_hash}. "
            f"What differs: {changed}. Re-make it: {record.command}"
        )
    if record.data_hash != data_hash:
        raise StaleRecord(
            f"{record.path} was made on data {record.data_hash}, the cohort's settings now give {data_hash} "
            f"(it was {record.data}). Re-make it: {record.command}"
        )


def differences(old: Any, new: Any, place: str = "") -> list[str]:
    """Where two plain values differ, as "training.steps: 800 -> 1500"."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        absent = "nothing"
        return [
            line
            for key in keys
            for line in differences(old.get(key, absent), new.get(key, absent), f"{place}.{key}".lstrip("."))
        ]
    return [] if old == new else [f"{place}: {old} -> {new}"]


def rounded(value: Any, digits: int, place: str) -> Any:
    """Plain data with its floats at so many significant digits. Raises RecordError at one that is not
    finite.
    """
    if isinstance(value, dict):
        return {str(k): rounded(v, digits, f"{place}.{k}") for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v, digits, f"{place}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    number = float(value)
    if not math.isfinite(number):
        raise RecordError(f"{place} is {number}; a record keeps finite numbers only.")
    return float(f"{number:.{digits}g}")


def _text(plain: dict) -> str:
    """JSON with one line a field and one line a metrics row: small, and readable in a diff."""
    compact = lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    rows = lambda value: "[\n" + ",\n".join("  " + compact(row) for row in value) + "\n ]" if value else "[]"
    lines = [f" {compact(k)}: {rows(v) if k == 'metrics' else compact(v)}" for k, v in plain.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
