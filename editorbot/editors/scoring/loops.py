"""Finds the turns of a vamp that was played too often.

Much music repeats a bar or a phrase as a matter of course. What gives a vamp
away is that it repeats what was just played more faithfully than the rest of
the recording does at the same distance, for a whole turn or longer, and
without a stop. The first turn stays; the turns after it are candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float32

from editorbot.timebase import STEP_S

SHORTEST_LOOP_STEPS = round(1.4 / STEP_S)
"""The shortest loop looked for [steps]; shorter ones are rhythm."""

LONGEST_LOOP_STEPS = round(42 / STEP_S)
"""The longest loop looked for [steps], 16 bars at 90 BPM."""

SMOOTH_STEPS = 7
"""Similarities are averaged over this [steps], 1.3 s."""

LEAST_SIMILARITY = 0.45
"""Below this nothing is a repeat, however little the rest repeats itself."""

LEAST_TURNS = 0.75
"""A candidate lasts at least this many turns beyond the first."""

MOST_OVERLAP = 0.3
"""A candidate whose share inside better ones is larger says nothing new."""


@dataclass(frozen=True)
class Turns:
    """A stretch that repeats what was played one loop before it."""

    start: int
    """First step of the repeat: the loop was played once already."""
    end: int
    """Step after its last."""
    lag: int
    """Length of the loop [steps]."""
    similarity: float
    """Mean cosine with what was played a loop before."""
    weakest: float
    """Its 15th percentile."""
    usual: float
    """Median similarity at this distance over the whole recording."""
    strong: float
    """75th percentile of the same."""
    loopiness: float
    """Median over the recording of the best similarity at any of the distances."""

    @property
    def steps(self) -> int:
        """Length [steps]."""
        return self.end - self.start


def find_turns(vectors: Float32[np.ndarray, "steps dimensions"], is_song: Bool[np.ndarray, " steps"]) -> list[Turns]:
    """Return stretches that repeat what was just played; candidates, not verdicts.

    Parameters
    ----------
    vectors : np.ndarray, shape=(steps, dimensions), float32
        Unit vectors of the steps.
    is_song : np.ndarray, shape=(steps,), bool
        Steps that are music of the recording; no loop reaches across others.

    Returns
    -------
    turns : list of Turns
        The most striking first, hardly overlapping.

    Notes
    -----
    Time O(steps x LONGEST_LOOP_STEPS x dimensions), memory O(steps x LONGEST_LOOP_STEPS).
    """
    alike = _similarities(vectors, is_song)
    if not np.isfinite(alike).any():
        return []
    best = np.max(np.where(np.isnan(alike), -1.0, alike), axis=0)
    loopiness = float(np.median(best[is_song]))
    found: list[Turns] = []
    for row, lag in zip(alike, range(SHORTEST_LOOP_STEPS, SHORTEST_LOOP_STEPS + len(alike))):
        found += _turns_at(row, lag, loopiness)
    found.sort(key=lambda one: -(one.similarity - one.usual) * np.sqrt(one.steps))
    taken = np.zeros(len(vectors), dtype=bool)
    chosen = []
    for one in found:
        if taken[one.start : one.end].mean() < MOST_OVERLAP:
            chosen.append(one)
            taken[one.start : one.end] = True
    return chosen


def _similarities(
    vectors: Float32[np.ndarray, "steps dimensions"], is_song: Bool[np.ndarray, " steps"]
) -> Float32[np.ndarray, "lags steps"]:
    """Return the smoothed cosine of each step with the one a lag before; NaN across stops and before the start."""
    count = len(vectors)
    lags = range(SHORTEST_LOOP_STEPS, max(SHORTEST_LOOP_STEPS, min(LONGEST_LOOP_STEPS, count - SMOOTH_STEPS)))
    alike = np.full((len(lags), count), np.nan, np.float32)
    stops = np.concatenate([[0], np.cumsum(~is_song)])
    for row, lag in zip(alike, lags):
        cosines = np.einsum("ij,ij->i", vectors[lag:], vectors[:-lag])
        unbroken = stops[lag + 1 :] == stops[: count - lag]
        row[lag:] = np.where(unbroken, scipy.ndimage.uniform_filter1d(cosines, SMOOTH_STEPS, mode="nearest"), np.nan)
    return alike


def _turns_at(row: Float32[np.ndarray, " steps"], lag: int, loopiness: float) -> list[Turns]:
    """Return the stretches of at least most of a turn in which one lag stands out."""
    known = row[~np.isnan(row)]
    if len(known) == 0:
        return []
    usual, strong = float(np.median(known)), float(np.percentile(known, 75))
    least = max(usual + 0.3 * (1.0 - usual), LEAST_SIMILARITY)
    on = np.nan_to_num(row, nan=-1.0) > least
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]]).astype(int)))
    return [
        Turns(
            start=int(a),
            end=int(b),
            lag=lag,
            similarity=float(row[a:b].mean()),
            weakest=float(np.percentile(row[a:b], 15)),
            usual=usual,
            strong=strong,
            loopiness=loopiness,
        )
        for a, b in zip(edges[::2], edges[1::2])
        if b - a >= max(LEAST_TURNS * lag, SHORTEST_LOOP_STEPS)
    ]


def turn_cues(turns: list[Turns], rehearsal: float) -> dict[str, Float32[np.ndarray, " turns"]]:
    """Return what speaks for and against each candidate, by name; `rehearsal` is the recording's cue of that name."""
    columns = {
        "similarity": [one.similarity for one in turns],
        "above_usual": [one.similarity - one.usual for one in turns],
        "usual": [one.usual for one in turns],
        "above_strong": [one.similarity - one.strong for one in turns],
        "weakest": [one.weakest for one in turns],
        "loopiness": [one.loopiness for one in turns],
        "turns": [one.steps / one.lag for one in turns],
        "log_seconds": [float(np.log(one.steps * STEP_S)) for one in turns],
        "log_lag_s": [float(np.log(one.lag * STEP_S)) for one in turns],
        "rehearsal": [rehearsal] * len(turns),
    }
    return {name: np.array(values, np.float32) for name, values in columns.items()}
