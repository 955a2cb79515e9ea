"""Rows that take turns in one process, because machines are noisy; and fresh processes, for their peak memory."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor

from columns import Columns

from medsyn_core.training import Recipe


def taken(
    recipes: Mapping[str, Recipe], data: Columns, steps: int, rounds: int, options: dict
) -> dict[str, list[tuple[float, float]]]:
    """Seconds a step of each row, round by round: by the clock and of the processor, all its threads together.

    On a machine that does something else as well, the processor's is the one to trust. Not for bf16 in several threads:
    there oneDNN's convolutions wait for each other busily, and what is waited for counts.
    """
    found: dict[str, list[tuple[float, float]]] = {row: [] for row in recipes}
    for recipe in recipes.values():
        recipe.configure(steps=1).fit(data, **options)  # warm up, imports included
    for _ in range(rounds):
        for row, recipe in recipes.items():
            began = time.process_time()
            seconds = recipe.configure(steps=steps).fit(data, **options).seconds
            found[row].append((seconds / steps, (time.process_time() - began) / steps))
    return found


def best(rounds: list[tuple[float, float]]) -> tuple[float, float]:
    """The least of each column."""
    clock, busy = (min(column) for column in zip(*rounds, strict=True))
    return clock, busy


def apart(function, *arguments):
    """The function's answer, from a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()
