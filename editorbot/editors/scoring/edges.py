"""Moves the edges of kept stretches to where the sound changes, or to a beat.

The score is smooth, so its edges lie a few tenths of a second off. Close by,
the edge belongs where the sound before and after differ most; where the beat
is sure, on the nearest beat (a downbeat, if one is as near).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

from editorbot.analysis.analysis import STEP_MEL_BANDS, Analysis
from editorbot.timebase import STEP_S

SEARCH_STEPS = 2
"""How far an edge may move to a change of sound [steps], 0.37 s."""

SURE_BEAT = 0.35
"""Beat confidence from which edges go to beats."""

NEAREST_BEAT_S = 0.3
"""How far an edge may move to a beat [seconds]."""


def change_strength(steps: Float32[np.ndarray, "steps columns"]) -> Float[np.ndarray, " bounds"]:
    """Return how much the sound changes at each bound between steps, shape=(steps + 1,) [dB]."""
    mel = np.maximum(steps[:, :STEP_MEL_BANDS], -80.0)
    padded = np.concatenate([mel[:1], mel[:1], mel, mel[-1:], mel[-1:]])
    before = (padded[:-3] + padded[1:-2]) / 2
    after = (padded[2:-1] + padded[3:]) / 2
    return np.asarray(np.abs(after - before).mean(axis=1), np.float64)


def refine_edge(analysis: Analysis, strength: Float[np.ndarray, " bounds"], bound: int) -> float:
    """Return the time to which the edge at a step bound should move [seconds].

    Parameters
    ----------
    analysis : Analysis
        For its beats.
    strength : np.ndarray, shape=(steps + 1,)
        From :func:`change_strength`.
    bound : int
        The edge [steps].
    """
    if bound <= 0:
        return 0.0
    if bound >= len(strength) - 1:
        return analysis.duration_s
    near = np.arange(max(1, bound - SEARCH_STEPS), min(len(strength) - 1, bound + SEARCH_STEPS + 1))
    best = int(near[(strength[near] - 0.3 * np.abs(near - bound)).argmax()])
    time_s = best * STEP_S
    if analysis.beat_confidence < SURE_BEAT:
        return time_s
    beat_s = float(analysis.beats_s[np.abs(analysis.beats_s - time_s).argmin()])
    return beat_s if abs(beat_s - time_s) <= NEAREST_BEAT_S else time_s
