"""Tells a vamp played too often from music that is made of loops.

Much music repeats a bar or a phrase as a matter of course. What gives a vamp
away is that it repeats itself more than the rest of the recording does at the
same distance, and that no stop lies between the plays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float32, Int

from editorbot.editors.scoring.repetition import LONG_STEPS, SHORT_STEPS
from editorbot.timebase import STEP_S

SHORTEST_LOOP_STEPS = round(1.4 / STEP_S)
"""The shortest loop looked for [steps]; shorter ones are rhythm."""

LONGEST_LOOP_STEPS = round(42 / STEP_S)
"""The longest loop looked for [steps], 16 bars at 90 BPM."""


@dataclass(frozen=True)
class Loops:
    """How much each step repeats what was just played."""

    excess: Float32[np.ndarray, " steps"]
    """Similarity to what was played one loop earlier, above what is usual at that distance."""
    similarity: Float32[np.ndarray, " steps"]
    """That similarity itself."""
    lag: Int[np.ndarray, " steps"]
    """Length of the loop [steps]."""
    excess_ahead: Float32[np.ndarray, " steps"]
    """The same against what is played one loop later."""


def find_loops(vectors: Float32[np.ndarray, "steps dimensions"], is_song: Bool[np.ndarray, " steps"]) -> Loops:
    """Return for each step the loop length that stands out most.

    Parameters
    ----------
    vectors : np.ndarray, shape=(steps, dimensions), float32
        Unit vectors of the steps.
    is_song : np.ndarray, shape=(steps,), bool
        Steps that are music of the recording; loops never reach across others.

    Returns
    -------
    loops : Loops
        Zeros where nothing is repeated.
    """
    count = len(vectors)
    stops = np.concatenate([[0], np.cumsum(~is_song)])
    best = np.full(count, -1.0, np.float32)
    similarity, lag_of, ahead = np.zeros(count, np.float32), np.zeros(count, np.int64), np.full(count, -1.0, np.float32)
    for lag in range(SHORTEST_LOOP_STEPS, min(LONGEST_LOOP_STEPS, count - SHORT_STEPS)):
        alike = np.einsum("ij,ij->i", vectors[lag:], vectors[:-lag])
        window = int(np.clip(lag, SHORT_STEPS, LONG_STEPS))
        alike = scipy.ndimage.uniform_filter1d(alike, window, mode="nearest")
        unbroken = stops[lag + 1 :] - stops[: count - lag] == 0
        if unbroken.sum() < window:
            continue
        over = np.where(unbroken, alike - np.median(alike[unbroken]), -1.0)
        better = over > best[lag:]
        best[lag:][better], similarity[lag:][better], lag_of[lag:][better] = over[better], alike[better], lag
        np.maximum(ahead[:-lag], over, out=ahead[:-lag])
    found = best > -1
    return Loops(np.where(found, best, 0), similarity, lag_of, np.where(ahead > -1, ahead, 0))
