"""Decodes the best sequence of beats, by dynamic programming over frames and periods.

Two scores add up over a sequence. The network's log odds of a beat count once a beat, so half tempo misses beats, and
double tempo pays for beats that nobody plays. The linear models (how well the quarters of a beat and its tempo fit the
music) count by time, and lead where the network is unsure or is not used. A beat ends at frame t with the period k
that led to it; changing the period costs.

References
----------
F. Krebs, S. Böck and G. Widmer, "An efficient state-space model for joint tempo and meter tracking", ISMIR 2015: the
tempo changes at beats only. Deviation: semi-Markov over whole beats instead of a pointer that moves each frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int
from numba import njit

from editorbot.analysis.numba_startup import loaded_without_compiler

REACH = 2
"""Largest change of period from beat to beat [period steps]."""


@dataclass(frozen=True)
class DecoderCosts:
    """Costs of a beat sequence [nats], and how the network's log odds of a beat are bounded."""

    tempo_change: float = 4.0
    """Of a tempo change of 3 % from one beat to the next."""
    off_tempo: float = 0.2
    """Of a beat that is one frame off its tempo."""
    lowest: float = -3.0
    """Least log odds that a beat counts."""
    highest: float = 6.0
    """Most log odds that a beat counts."""
    shift: float = 1.0
    """Added to the log odds first: higher counts slow music double, lower counts fast music in half."""


@loaded_without_compiler
@njit(cache=True, nogil=True)
@no_type_check
def _forward(beat_odds, profile, tempo, hop, periods, tempo_change, off_tempo, best, back):
    """Fill `best`, a ring of frames by periods, and `back` with coded predecessors, -1 where a sequence begins."""
    frames, count, ring = len(beat_odds), len(periods), best.shape[0]
    for t in range(frames):
        window = min((t + hop // 2) // hop, tempo.shape[0] - 1)
        for k in range(count):
            period = periods[k]
            fit = profile[0, t]
            for quarter in range(1, 4):
                at = round(t - period + quarter * period / 4)
                if at >= 0:
                    fit += profile[quarter, at]
            fit = (fit + tempo[window, k]) * period
            found, code = -1e30, -1
            for shift in range(2):
                origin = t - int(period) - shift
                if origin < 0:
                    continue
                miss = off_tempo * abs(t - origin - period)
                row = origin % ring
                for other in range(max(0, k - REACH), min(count, k + REACH + 1)):
                    value = best[row, other] - tempo_change * abs(other - k) - miss
                    if value > found:
                        found = value
                        code = shift * (2 * REACH + 1) + other - k + REACH
            if code < 0:
                # A sequence may begin anywhere in its first period: what is before it counts for its share.
                found = 0.0
                fit *= min(1.0, (t + 1) / period)
            best[t % ring, k] = found + fit + beat_odds[t]
            back[t, k] = code


def decode_beats(
    log_odds: Float32[np.ndarray, " frames"] | None,
    profile: Float32[np.ndarray, "quarters frames"],
    tempo: Float32[np.ndarray, "windows periods"],
    hop_frames: int,
    periods_frames: Float[np.ndarray, " periods"],
    costs: DecoderCosts,
) -> Int[np.ndarray, " beats"]:
    """Decode the best sequence of beats, from the first period of the recording to its last.

    Parameters
    ----------
    log_odds : np.ndarray, shape=(frames,), float32, optional
        The network's log odds of a beat; None goes by the linear models alone.
    profile : np.ndarray, shape=(4, frames), float32 [nats a frame]
        How well a frame fits as the beat, and as its second to fourth quarter.
    tempo : np.ndarray, shape=(windows, periods), float32 [nats a frame]
        How likely each period is, every `hop_frames` frames.
    hop_frames : int [frames]
        Distance between the rows of `tempo`.
    periods_frames : np.ndarray, shape=(periods,) [frames]
        The periods, increasing.
    costs : DecoderCosts
        Costs and bounds.

    Returns
    -------
    beats : np.ndarray, shape=(beats,), int64 [frames]
        Strictly increasing; empty where the recording is shorter than the longest period.

    Notes
    -----
    Time O(frames x periods), memory a byte a state.
    """
    frames, ring = profile.shape[1], int(periods_frames[-1]) + 3
    if frames <= ring:
        return np.empty(0, dtype=np.int64)
    best = np.zeros((ring, len(periods_frames)))
    back = np.empty((frames, len(periods_frames)), dtype=np.int8)
    beat_odds = np.zeros(frames)
    if log_odds is not None:
        beat_odds = np.clip(log_odds.astype(np.float64) + costs.shift, costs.lowest, costs.highest)
    _forward(beat_odds, profile, tempo, hop_frames, periods_frames, costs.tempo_change, costs.off_tempo, best, back)
    ends = np.arange(frames - ring + 2, frames)
    scores = best[ends % ring] * ((frames - 1) / ends)[:, None]
    scores[ends[:, None] < frames - periods_frames] = -np.inf
    last, column = np.unravel_index(int(np.argmax(scores)), scores.shape)
    return _traced_back(back, periods_frames, int(ends[last]), int(column))


def _traced_back(back: np.ndarray, periods_frames: np.ndarray, t: int, k: int) -> Int[np.ndarray, " beats"]:
    """Walk back from the last beat to the first."""
    beats = [t]
    while (code := int(back[t, k])) >= 0:
        shift, move = divmod(code, 2 * REACH + 1)
        t, k = t - int(periods_frames[k]) - shift, k + move - REACH
        beats.append(t)
    return np.array(beats[::-1], dtype=np.int64)
