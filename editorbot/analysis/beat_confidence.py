"""How sure the beats of a sequence are, and whether there is a pulse at all.

A sequence of beats can be laid through anything, white noise included. In music the novelty repeats itself from beat to
beat and bar to bar: pulse clarity is the correlation of the novelty around a beat with the novelty one, two and four
beats away, along the sequence itself, so that a drifting tempo costs nothing.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Int

from editorbot.analysis.beat_grid import SURE
from editorbot.analysis.beat_net import chances_near
from editorbot.analysis.grid_times import runs_of
from editorbot.analysis.smoothing import running_mean, smoothed
from editorbot.timebase import FRAME_S

POINTS_PER_BEAT = 12
"""Points at which each beat is compared."""

AVERAGE_BEATS = 17
"""Beats over which confidence is averaged."""

UNSURE_CHANCE, SURE_CHANCE = 0.3, 0.8
"""Mean probabilities that the network gives beats that cannot be heard, and that are heard clearly."""

MIN_SURE_S = 3.0
"""Music with sure beats that there must be [s]."""

MIN_SURE_SHARE = 0.1
"""Share of beats that must be sure, or else"""

MIN_RUN_S = 20.0
"""an unbroken run of sure beats this long [s]: a song in an hour of talk. Chance makes runs of 8 s."""


def pulse_clarity(
    novelty: Float32[np.ndarray, "frames columns"], path: Int[np.ndarray, " beats"]
) -> Float[np.ndarray, " beats"]:
    """Measure how clear the pulse is around each beat of a sequence, shape=(beats,), in [0, 1]."""
    by_beat = _by_beat(novelty, path)
    beats = len(by_beat)
    best = np.zeros(beats)
    for lag in (lag for lag in (1, 2, 4) if lag < beats):
        product, energy = np.zeros((2, beats, by_beat.shape[1]))
        product[:-lag] = (by_beat[:-lag] * by_beat[lag:]).sum(axis=2)
        energy[:-lag] = 0.5 * ((by_beat[:-lag] ** 2) + (by_beat[lag:] ** 2)).sum(axis=2)
        correlation = running_mean(product, AVERAGE_BEATS) / (running_mean(energy, AVERAGE_BEATS) + 1.0)
        best = np.maximum(best, correlation.mean(axis=1))
    return np.clip((best - 0.1) / 0.5, 0.0, 1.0)


def _by_beat(novelty: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Read groups of novelty at equal fractions of each beat, shape=(beats, groups, points), mean 0 in each beat."""
    groups = smoothed(np.stack([novelty[:, 0], novelty[:, 1:4].mean(1), novelty[:, 4:8].mean(1)], axis=1))
    step = np.append(np.diff(path), np.diff(path)[-1])
    at = path[:, None] + step[:, None] * (np.arange(POINTS_PER_BEAT) / POINTS_PER_BEAT)
    at = np.clip(at, 0, len(novelty) - 1.001)
    below = at.astype(np.int64)
    share = (at - below)[..., None]
    read = groups[below] * (1 - share) + groups[np.minimum(below + 1, len(novelty) - 1)] * share
    return (read - read.mean(axis=1, keepdims=True)).transpose(0, 2, 1)


def network_confidence(
    log_odds: Float32[np.ndarray, "frames outputs"], path: Int[np.ndarray, " beats"]
) -> Float[np.ndarray, " beats"]:
    """Measure how sure the network is of the beats around each one, shape=(beats,), in [0, 1].

    It says which beats of music with a pulse can be heard, not whether there is a pulse: that is for the clarity.
    """
    mean = running_mean(chances_near(log_odds, path)[:, 0], AVERAGE_BEATS)
    sure = (mean - UNSURE_CHANCE) / (SURE_CHANCE - UNSURE_CHANCE)
    return np.asarray(np.clip(sure, 0.0, 1.0))


def has_pulse(path: Int[np.ndarray, " beats"], clarity: Float[np.ndarray, " beats"]) -> bool:
    """Tell whether enough of the beats [frames] are clear, or enough of them in a row."""
    sure = clarity >= SURE
    lengths_s = np.diff(path, append=path[-1]) * FRAME_S * sure
    runs_s = [lengths_s[first:last].sum() for first, last in runs_of(sure)]
    often = sure.mean() >= MIN_SURE_SHARE and lengths_s.sum() >= MIN_SURE_S
    return bool(often or max(runs_s, default=0.0) >= MIN_RUN_S)
