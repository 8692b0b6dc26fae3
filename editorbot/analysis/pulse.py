"""How clearly the beats of a chain are heard.

A chain of beats can be laid through anything, white noise included. What
tells music is that the novelty repeats itself from beat to beat and bar to
bar. Clarity is the correlation of the novelty around a beat with the novelty
one, two and four beats away, along the chain itself, so that a drifting tempo
costs nothing.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Int

from editorbot.analysis.smoothing import running_mean, smoothed

POINTS_PER_BEAT = 12
"""Points that each beat is read at."""

AVERAGE_BEATS = 17
"""Beats over which clarity is averaged."""


def pulse_clarity(
    novelty: Float32[np.ndarray, "frames columns"], path: Int[np.ndarray, " beats"]
) -> Float[np.ndarray, " beats"]:
    """Measure how clearly each beat of a chain is heard, shape=(beats,), in [0, 1]."""
    by_beat = _by_beat(novelty, path)
    beats = len(by_beat)
    best = np.zeros(beats)
    for lag in (1, 2, 4):
        if beats <= lag:
            continue
        product = np.zeros((beats, by_beat.shape[1]))
        energy = np.zeros((beats, by_beat.shape[1]))
        product[:-lag] = (by_beat[:-lag] * by_beat[lag:]).sum(axis=2)
        energy[:-lag] = 0.5 * ((by_beat[:-lag] ** 2) + (by_beat[lag:] ** 2)).sum(axis=2)
        product = running_mean(product, AVERAGE_BEATS)
        energy = running_mean(energy, AVERAGE_BEATS)
        correlation = (product / (energy + 1.0)).mean(axis=1)
        best = np.maximum(best, correlation)
    return np.clip((best - 0.1) / 0.5, 0.0, 1.0)


def _by_beat(novelty: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Read groups of novelty at equal fractions of each beat, shape=(beats, groups, points), mean 0 in each beat."""
    groups = np.stack([novelty[:, 0], novelty[:, 1:4].mean(1), novelty[:, 4:8].mean(1)], axis=1)
    groups = smoothed(groups)
    step = np.append(np.diff(path), np.diff(path)[-1])
    at = path[:, None] + step[:, None] * (np.arange(POINTS_PER_BEAT) / POINTS_PER_BEAT)
    at = np.clip(at, 0, len(novelty) - 1.001)
    below = at.astype(np.int64)
    share = (at - below)[..., None]
    read = groups[below] * (1 - share) + groups[np.minimum(below + 1, len(novelty) - 1)] * share
    read = read - read.mean(axis=1, keepdims=True)
    return read.transpose(0, 2, 1)
