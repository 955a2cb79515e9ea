"""Small curves as inline SVG, many in one frame, so that a page can show one of them and hide the others."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np

from medsyn_core.figures import style
from medsyn_core.figures.laboratory_edits import Curve

WIDE, HIGH = 200, 64
"""The frame, in its own units; the page stretches it."""
START = 0.1
"""The part of a run that does not set the frame's limits: losses of untrained networks would flatten the rest."""


def limits(curves: Sequence[np.ndarray]) -> tuple[float, float]:
    """(lowest, highest) of curves (P,), each without its beginning; apart by more than nothing."""
    late = np.concatenate([curve[int(START * len(curve)) :] for curve in curves])
    low, high = float(late.min()), float(late.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def path(values: np.ndarray, low: float, high: float) -> str:
    """Values (P,) as the data of an SVG path from left to right; what leaves the limits stays at the border. A single
    value is a level line."""
    values = np.repeat(values, 2) if len(values) == 1 else values
    x = np.linspace(0, WIDE, len(values)).round().astype(int)
    part = np.clip((np.asarray(values, float) - low) / (high - low), 0, 1)
    y = (HIGH * (1 - part)).round().astype(int)
    moves = "".join(f"{dx} {dy} " for dx, dy in zip(np.diff(x), np.diff(y), strict=True))
    return f"M{x[0]} {y[0]}l{moves}".strip()


def said(curve: Curve) -> str:
    """Where a curve begins and ends, in words."""
    spread = "" if curve.spread is None else f" ± {curve.spread:.2g} over {curve.seeds} runs"
    return f"from {curve.mean[0]:.3g} to {curve.mean[-1]:.3g}{spread}"


def chart(title: str, curves: Mapping[int, Curve], shown: int, reference: int | None = None) -> str:
    """A frame with the curves of many rows, of which one is shown; `reference` lies behind it in grey.

    curves: number of a row -> its curve. A row without a curve shows none, and the text says that nothing was computed.
    """
    low, high = limits([curve.mean for curve in curves.values()])
    lines = []
    if reference in curves:
        lines.append(f'<path d="{path(curves[reference].mean, low, high)}" stroke="{style.GREY}" stroke-width="1.2"/>')
    for number, curve in curves.items():
        on = "inline" if number == shown else "none"
        lines.append(
            f'<path data-row="{number}" data-said="{said(curve)}" display="{on}" stroke="{style.VERMILION}" '
            f'stroke-width="2" d="{path(curve.mean, low, high)}"/>'
        )
    now = said(curves[shown]) if shown in curves else "off"
    name = html.escape(title)
    return (
        f'<div class="chart" data-term="{name}"><b>{name.replace("_", "_<wbr>")}</b>'
        f'<svg viewBox="0 -3 {WIDE} {HIGH + 6}" role="img" aria-label="{name}: {now}" fill="none" '
        f'stroke-linejoin="round">{"".join(lines)}</svg>'
        f"<span class=range>frame {low:.3g} … {high:.3g}</span><span class=said>{now}</span></div>"
    )
