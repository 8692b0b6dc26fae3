"""The best chain of beats through a recording.

A beat ends at frame t with the period k that led to it. The chain's score is
the sum, over its steps, of how well the step's quarters fit the music and how
likely its tempo is, less a price for changing tempo; both count by time, so
that half and double tempo compete fairly. One pass of dynamic programming
finds the best chain: time O(frames x periods), memory two bytes a state.

References
----------
F. Krebs, S. Böck and G. Widmer, "An efficient state-space model for joint
tempo and meter tracking", ISMIR 2015: the idea of changing tempo at beats
only. The semi-Markov form and the quarter profile are ours.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Int
from numba import njit

from editorbot.analysis.quick_start import loaded_alone

PERIOD_REACH = 2
"""Largest change of period from beat to beat [period steps]."""


@loaded_alone
@njit(cache=True, nogil=True)
@no_type_check
def _forward(profile, tempo, hop, periods, change_price, best, back):
    """Fill `best` (frames, periods) ring-free in blocks and `back` with coded predecessors."""
    frames = profile.shape[1]
    count = len(periods)
    keep = best.shape[0]
    for t in range(frames):
        window = min((t + hop // 2) // hop, tempo.shape[0] - 1)
        row = t % keep
        for k in range(count):
            period = periods[k]
            step = profile[0, t]
            for quarter in range(1, 4):
                at = round(t - period + quarter * period / 4)
                if at >= 0:
                    step += profile[quarter, at]
            step = (step + tempo[window, k]) * period
            found = -1e30
            code = -1
            for shift in range(2):
                origin = t - int(period) - shift
                if origin < 0:
                    continue
                miss = abs(t - origin - period)
                for move in range(-PERIOD_REACH, PERIOD_REACH + 1):
                    other = k + move
                    if other < 0 or other >= count:
                        continue
                    value = best[origin % keep, other] - change_price * abs(move) - 0.01 * miss
                    if value > found:
                        found = value
                        code = shift * (2 * PERIOD_REACH + 1) + move + PERIOD_REACH
            if code < 0:
                # The chain may begin anywhere in its first period: what lies before counts for its share.
                found = 0.0
                step *= min(1.0, (t + 1) / period)
            best[row, k] = found + step
            back[t, k] = code


def best_path(
    profile: Float32[np.ndarray, "quarters frames"],
    tempo: Float32[np.ndarray, "windows periods"],
    hop_frames: int,
    periods_frames: np.ndarray,
    change_price: float,
) -> Int[np.ndarray, " beats"]:
    """Find the best chain of beats.

    Parameters
    ----------
    profile : np.ndarray, shape=(4, frames), float32 [log-odds a frame]
        How well a frame fits as the beat, and as its second to fourth quarter.
    tempo : np.ndarray, shape=(windows, periods), float32 [log-odds a frame]
        How likely each period is.
    hop_frames : int [frames]
        Distance between the rows of `tempo`.
    periods_frames : np.ndarray, shape=(periods,) [frames]
        The periods, increasing.
    change_price : float [log-odds]
        Price of moving to a neighboring period.

    Returns
    -------
    beats : np.ndarray, shape=(beats,), int64 [frames]
        Strictly increasing; may be empty for a recording shorter than a period.
    """
    frames = profile.shape[1]
    keep = int(periods_frames[-1]) + 3
    best = np.zeros((keep, len(periods_frames)), dtype=np.float64)
    back = np.empty((frames, len(periods_frames)), dtype=np.int8)
    _forward(profile, tempo, hop_frames, np.asarray(periods_frames, dtype=np.float64), change_price, best, back)
    return _trace(best, back, periods_frames, keep)


def _trace(best: np.ndarray, back: np.ndarray, periods_frames: np.ndarray, keep: int) -> np.ndarray:
    """Walk back from the best end; a chain may end anywhere in its last period."""
    frames = len(back)
    ends = np.arange(max(1, frames - keep + 2), frames)
    if len(ends) == 0:
        return np.empty(0, dtype=np.int64)
    extended = best[ends % keep] * ((frames - 1) / ends)[:, None]
    extended[ends[:, None] < frames - periods_frames] = -np.inf
    last, column = np.unravel_index(int(np.argmax(extended)), extended.shape)
    t, k = int(ends[last]), int(column)
    width = 2 * PERIOD_REACH + 1
    beats = [t]
    while back[t, k] >= 0:
        code = int(back[t, k])
        t, k = t - int(periods_frames[k]) - code // width, k + code % width - PERIOD_REACH
        beats.append(t)
    return np.array(beats[::-1], dtype=np.int64)
