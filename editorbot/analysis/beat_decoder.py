"""The best chain of beats through what the network heard and what the novelty shows.

Two judges score each step of a chain. The network says at which frames beats
lie: its log odds count once a beat, so half tempo leaves beats unearned and
double tempo pays for beats that nobody played. The linear models of
:mod:`editorbot.analysis.beat_weights` say how well the quarters of a beat and
its tempo suit the music: theirs count by time, and lead where the network is
unsure. One pass of dynamic programming finds the best chain: time
O(frames x periods), memory a byte a state.

References
----------
F. Krebs, S. Böck and G. Widmer, "An efficient state-space model for joint
tempo and meter tracking", ISMIR 2015: tempo changes at beats only. Deviation:
semi-Markov over whole beats instead of a pointer that moves each frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Int
from numba import njit

from editorbot.analysis.quick_start import loaded_alone

REACH = 2
"""Largest change of period from beat to beat [period steps]."""


@dataclass(frozen=True)
class ChainPrices:
    """What a chain of beats earns and pays."""

    change: float = 4.0
    """For a tempo change of 3 % from one beat to the next [nats]."""
    miss: float = 0.2
    """For a beat one frame off its tempo [nats]."""
    floor: float = -3.0
    """A beat costs at most this where the network hears none [nats]."""
    ceiling: float = 6.0
    """A beat earns at most this [nats]."""
    shift: float = 1.0
    """Added to the log odds of each beat [nats]: higher counts slow music double, lower counts fast music in half."""


@loaded_alone
@njit(cache=True, nogil=True)
@no_type_check
def _forward(odds, profile, tempo, hop, periods, change, miss_price, best, back):
    """Fill `best` (ring of frames, periods) and `back` with coded predecessors."""
    frames, count, keep = len(odds), len(periods), best.shape[0]
    for t in range(frames):
        row, earned = t % keep, odds[t]
        window = min((t + hop // 2) // hop, tempo.shape[0] - 1)
        for k in range(count):
            period = periods[k]
            step = profile[0, t]
            for quarter in range(1, 4):
                at = round(t - period + quarter * period / 4)
                if at >= 0:
                    step += profile[quarter, at]
            step = (step + tempo[window, k]) * period
            found, code = -1e30, -1
            for shift in range(2):
                origin = t - int(period) - shift
                if origin < 0:
                    continue
                miss = miss_price * abs(t - origin - period)
                source = origin % keep
                for other in range(max(0, k - REACH), min(count, k + REACH + 1)):
                    value = best[source, other] - change * abs(other - k) - miss
                    if value > found:
                        found = value
                        code = shift * (2 * REACH + 1) + other - k + REACH
            if code < 0:
                # The chain may begin anywhere in its first period: what lies before counts for its share.
                found = 0.0
                step *= min(1.0, (t + 1) / period)
            best[row, k] = found + step + earned
            back[t, k] = code


def best_chain(
    odds: Float32[np.ndarray, " frames"],
    profile: Float32[np.ndarray, "quarters frames"],
    tempo: Float32[np.ndarray, "windows periods"],
    hop_frames: int,
    periods_frames: np.ndarray,
    prices: ChainPrices,
) -> Int[np.ndarray, " beats"]:
    """Find the best chain of beats, from the first period of the recording to its last.

    Parameters
    ----------
    odds : np.ndarray, shape=(frames,), float32
        The network's log odds of a beat.
    profile : np.ndarray, shape=(4, frames), float32 [nats a frame]
        How well a frame fits as the beat, and as its second to fourth quarter.
    tempo : np.ndarray, shape=(windows, periods), float32 [nats a frame]
        How likely each period is.
    hop_frames : int [frames]
        Distance between the rows of `tempo`.
    periods_frames : np.ndarray, shape=(periods,) [frames]
        The periods, increasing.
    prices : ChainPrices
        What a chain earns and pays.

    Returns
    -------
    beats : np.ndarray, shape=(beats,), int64 [frames]
        Strictly increasing; may be empty for a recording shorter than a period.
    """
    frames, periods = len(odds), np.asarray(periods_frames, dtype=np.float64)
    keep = int(periods[-1]) + 3
    if frames <= keep:
        return np.empty(0, dtype=np.int64)
    best = np.zeros((keep, len(periods)), dtype=np.float64)
    back = np.empty((frames, len(periods)), dtype=np.int8)
    earned = np.clip(odds.astype(np.float64) + prices.shift, prices.floor, prices.ceiling)
    _forward(earned, profile, tempo, hop_frames, periods, prices.change, prices.miss, best, back)
    ends = np.arange(frames - keep + 2, frames)
    scores = best[ends % keep] * ((frames - 1) / ends)[:, None]
    scores[ends[:, None] < frames - periods] = -np.inf
    last, column = np.unravel_index(int(np.argmax(scores)), scores.shape)
    t, k = int(ends[last]), int(column)
    beats = [t]
    while back[t, k] >= 0:
        code = int(back[t, k])
        t, k = t - int(periods[k]) - code // (2 * REACH + 1), k + code % (2 * REACH + 1) - REACH
        beats.append(t)
    return np.array(beats[::-1], dtype=np.int64)
