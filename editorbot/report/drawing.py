"""Shapes of the page's pictures, as SVG path data and plain numbers.

Conventions
-----------
Pictures over time are `WIDTH` units wide, whatever the width on the screen.
Waveforms are 100 units high with zero at 50; scores run from 0 at the bottom
(100) to 1 at the top (0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from editorbot.report.peaks import Peaks

WIDTH = 1_000.0
"""Width of every picture over time [units]."""

TICK_STEPS_S = (
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 18_000.0, 36_000.0),
)
"""Distances between marks on a time axis [seconds]."""

MOST_TICKS = 6
"""Marks that fit beside each other on a phone."""

LETTER_PERCENT = 2.2
"""Width of a letter of a mark on a phone, in percent of the axis."""

SCORE_COLUMNS = 1_000
"""Columns of the score's curve; more beats than that are averaged."""


@dataclass(frozen=True)
class Tick:
    """One mark on a time axis."""

    percent: float
    """Place, in [0, 100]."""
    label: str
    """Time, ``1:30`` for example; empty where it would reach over the end of the axis."""


def wave_paths(peaks: Peaks, shown: Bool[np.ndarray, " columns"]) -> tuple[str, str]:
    """Path data of the outline and of the power of the `shown` columns, scaled to the loudest column."""
    largest = max(float(np.abs(peaks.lowest).max()), float(np.abs(peaks.highest).max()), 1e-9)
    outline = _band_path(peaks, peaks.lowest / largest, peaks.highest / largest, shown)
    inside = np.minimum(peaks.rms / largest, np.maximum(np.abs(peaks.lowest), np.abs(peaks.highest)) / largest)
    return outline, _band_path(peaks, -inside, inside, shown)


def _band_path(
    peaks: Peaks,
    low: Float32[np.ndarray, " columns"],
    high: Float32[np.ndarray, " columns"],
    shown: Bool[np.ndarray, " columns"],
) -> str:
    """Draw one closed shape for each run of shown columns, never thinner than a hair."""
    edges = np.minimum(np.arange(peaks.columns + 1) * peaks.column_samples / peaks.samples, 1.0) * WIDTH
    top, bottom = 50 - 49 * np.maximum(high, 0.008), 50 - 49 * np.minimum(low, -0.008)
    marks = np.flatnonzero(np.diff(np.concatenate(([0], shown.astype(int), [0]))))
    return "".join(
        _outline(edges[first : last + 1], top[first:last], bottom[first:last])
        for first, last in zip(marks[::2], marks[1::2])
    )


def _outline(
    edges: Float[np.ndarray, " edges"], top: Float[np.ndarray, " columns"], bottom: Float[np.ndarray, " columns"]
) -> str:
    """Draw a shape through the middles of its columns, closed at its first and last edge."""
    middles = (edges[:-1] + edges[1:]) / 2
    x = np.concatenate((edges[:1], middles, edges[-1:]))
    upper, lower = np.pad(top, 1, mode="edge"), np.pad(bottom, 1, mode="edge")
    points = [f"{a:.1f},{b:.1f}" for a, b in zip(x, upper)]
    points += [f"{a:.1f},{b:.1f}" for a, b in zip(x[::-1], lower[::-1])]
    return "M" + "L".join(points) + "Z"


def score_path(at_s: Float[np.ndarray, " beats"], scores: Float[np.ndarray, " beats"], duration_s: float) -> str:
    """Draw a step curve of the scores of beats, filled down to 0, with at most SCORE_COLUMNS steps.

    Parameters
    ----------
    at_s : np.ndarray, shape=(beats,), float64 [seconds]
        Where the beats start, increasing.
    scores : np.ndarray, shape=(beats,), float64
        Their scores; those outside [0, 1] are drawn at the border.
    duration_s : float [seconds]
        Length of the recording.
    """
    if len(at_s) == 0:
        return ""
    group = -(-len(at_s) // SCORE_COLUMNS)
    firsts = np.arange(0, len(at_s), group)
    sizes = np.diff(np.append(firsts, len(at_s)))
    height = 100 * (1 - np.clip(np.add.reduceat(scores, firsts) / sizes, 0, 1))
    x = np.append(at_s[firsts], duration_s) / duration_s * WIDTH
    steps = "".join(f"H{a:.1f}V{b:.1f}" for a, b in zip(x[:-1], height))
    return f"M{x[0]:.1f},100{steps}H{x[-1]:.1f}V100Z"


def flow_path(raw: tuple[float, float], track: tuple[float, float], *, reverse: bool = False) -> str:
    """Draw a ribbon from a stretch of the recording (above) to its place in the track (below), both in [0, 1]."""
    a, b = (WIDTH * share for share in raw)
    c, d = (WIDTH * share for share in track)
    if reverse:
        c, d = d, c
    return f"M{a:.2f},0C{a:.2f},20 {c:.2f},20 {c:.2f},40L{d:.2f},40C{d:.2f},20 {b:.2f},20 {b:.2f},0Z"


def ticks(duration_s: float) -> tuple[Tick, ...]:
    """Place marks on a time axis, few enough for a phone."""
    step_s = next((step for step in TICK_STEPS_S if duration_s / step <= MOST_TICKS), TICK_STEPS_S[-1])
    count = int(duration_s / step_s * (1 - 1e-9))
    return tuple(_tick(100 * k * step_s / duration_s, _tick_label(k * step_s)) for k in range(count + 1))


def _tick(percent: float, label: str) -> Tick:
    return Tick(percent, label if percent + LETTER_PERCENT * len(label) <= 100 else "")


def _tick_label(time_s: float) -> str:
    minutes, seconds = divmod(round(time_s, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{int(seconds):02d}" if seconds == int(seconds) else f"{seconds:04.1f}"
    return f"{hours}:{minutes:02d}:{text}" if hours else f"{minutes}:{text}"
