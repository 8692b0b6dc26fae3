"""The best chain of beats through what the network heard.

Each beat of a chain earns the network's log odds there; a step costs where the
tempo changes, and where it departs from its tempo by a frame. So half tempo
leaves beats unearned and double tempo pays for beats that nobody played. One
pass of dynamic programming finds the best chain: time O(frames x periods).

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

CHAIN_PERIODS_FRAMES = np.exp(np.linspace(np.log(11.5), np.log(66.0), 60))
"""Periods considered [frames]: 224 down to 39 beats a minute in steps of 3 %."""

REACH = 2
"""Largest change of period from beat to beat [period steps]."""


@dataclass(frozen=True)
class ChainPrices:
    """What a chain of beats pays."""

    change: float = 2.5
    """For a tempo change of 3 % from one beat to the next [nats]."""
    miss: float = 0.3
    """For a beat one frame off its tempo [nats]."""
    floor: float = -3.0
    """A beat costs at most this where none was heard [log odds]."""
    ceiling: float = 4.0
    """A beat earns at most this [log odds]."""
    shift: float = 0.5
    """Added to the odds of each beat [log odds]."""


@njit(cache=True)
@no_type_check
def _forward(odds, periods, change, miss_price, best, back):
    """Fill `best` (ring of frames, periods) and `back` with coded predecessors."""
    frames, count, keep = len(odds), len(periods), best.shape[0]
    whole = np.floor(periods).astype(np.int64)
    for t in range(frames):
        row = t % keep
        earned = odds[t]
        for k in range(count):
            found, code = -1e30, -1
            for shift in range(2):
                origin = t - whole[k] - shift
                if origin < 0:
                    continue
                miss = miss_price * abs(whole[k] + shift - periods[k])
                source = origin % keep
                for other in range(max(0, k - REACH), min(count, k + REACH + 1)):
                    value = best[source, other] - change * abs(other - k) - miss
                    if value > found:
                        found = value
                        code = shift * (2 * REACH + 1) + other - k + REACH
            if code < 0:
                found = 0.0
            best[row, k] = found + earned
            back[t, k] = code


def best_chain(odds: Float32[np.ndarray, " frames"], prices: ChainPrices) -> Int[np.ndarray, " beats"]:
    """Find the best chain of beats, from the first period of the recording to its last.

    Parameters
    ----------
    odds : np.ndarray, shape=(frames,), float32
        Log odds of a beat at each frame.
    prices : ChainPrices
        What it pays.

    Returns
    -------
    beats : np.ndarray, shape=(beats,), int64 [frames]
        Strictly increasing; may be empty for a recording shorter than a period.
    """
    frames, periods = len(odds), CHAIN_PERIODS_FRAMES
    keep = int(periods[-1]) + 3
    if frames <= keep:
        return np.empty(0, dtype=np.int64)
    best = np.zeros((keep, len(periods)), dtype=np.float64)
    back = np.empty((frames, len(periods)), dtype=np.int8)
    earned = np.clip(odds.astype(np.float64) + prices.shift, prices.floor, prices.ceiling)
    _forward(earned, periods, prices.change, prices.miss, best, back)
    ends = np.arange(frames - keep + 2, frames)
    scores = best[ends % keep]
    scores[ends[:, None] < frames - periods] = -np.inf
    last, column = np.unravel_index(int(np.argmax(scores)), scores.shape)
    t, k = int(ends[last]), int(column)
    beats = [t]
    while back[t, k] >= 0:
        code = int(back[t, k])
        t, k = t - int(periods[k]) - code // (2 * REACH + 1), k + code % (2 * REACH + 1) - REACH
        beats.append(t)
    return np.array(beats[::-1], dtype=np.int64)
