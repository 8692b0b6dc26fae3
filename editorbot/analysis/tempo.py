"""How likely each tempo is, moment by moment.

Every 0.7 s the novelty of the surrounding 10 s is autocorrelated. A period is likely where the correlation is high at
its fractions and multiples; how much each of them counts are the weights of a conditional logit
(:mod:`editorbot.analysis.beat_linear`).

Conventions
-----------
Periods are frames between beats, spaced evenly in their logarithm.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.timebase import FRAME_S

PERIODS_FRAMES = np.exp(np.linspace(np.log(12.0), np.log(66.0), 58))
"""Periods considered [frames]: 215 down to 39 beats a minute in steps of 3 %."""

LAG_RATIOS = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1.0, 4 / 3, 3 / 2, 2.0, 3.0, 4.0)
"""Lags of a period, as multiples of it: subdivisions, the beat itself, bars of 2, 3 and 4."""

TEMPO_HOP_FRAMES = 32
"""Distance between tempo estimates [frames], 0.74 s."""

WINDOW_FRAMES = 430
"""Window of an estimate [frames], 10 s."""

MAX_LAG_FRAMES = 300
"""Longest lag [frames]."""

LAG_TOLERANCE = 0.012
"""Lags of a beat and more count at their best within this share: nobody plays to the frame."""

PRIOR_TEMPI_BPM = (45.0, 60.0, 75.0, 90.0, 108.0, 130.0, 155.0, 185.0)
"""Centres of the tempo prior's bumps [beats a minute]."""

PRIOR_WIDTH = 0.17
"""Width of a bump in log tempo."""

GROUPS = 5
"""Groups of novelty columns, each autocorrelated: low, mid, high, whole spectrum, harmony."""

BLOCK_WINDOWS = 256
"""Windows computed at a time, to bound memory."""

_FFT_SIZE = 768
"""At least WINDOW_FRAMES + MAX_LAG_FRAMES, so that nothing wraps round."""


def tempo_prior_features() -> Float32[np.ndarray, "periods bumps"]:
    """Compute how near each period is to each of PRIOR_TEMPI_BPM, shape=(periods, bumps), in [0, 1]."""
    centers = np.log(60.0 / FRAME_S / np.array(PRIOR_TEMPI_BPM))
    distance = (np.log(PERIODS_FRAMES)[:, None] - centers) / PRIOR_WIDTH
    return np.asarray(np.exp(-0.5 * distance**2).astype(np.float32))


def group_novelty(novelty: Float32[np.ndarray, "frames columns"]) -> Float32[np.ndarray, "frames groups"]:
    """Average novelty over groups of columns, shape=(frames, GROUPS)."""
    low, mid, high = novelty[:, 0], novelty[:, 1:4].mean(axis=1), novelty[:, 4:8].mean(axis=1)
    groups = np.stack([low, mid, high, novelty[:, 8], novelty[:, 9]], axis=1)
    return np.asarray(np.maximum(groups, np.float32(-1.0)))


def autocorrelation(
    groups: Float32[np.ndarray, "frames groups"], centers: np.ndarray
) -> Float32[np.ndarray, "windows groups lags"]:
    """Autocorrelate each group in the windows around `centers` [frames].

    1 at lag 0 (less where nothing happens), corrected for the window's taper; shape=(windows, groups, MAX_LAG_FRAMES).
    """
    taper = np.hanning(WINDOW_FRAMES + 2)[1:-1].astype(np.float32)
    half = WINDOW_FRAMES // 2
    padded = np.pad(groups, ((half, half + TEMPO_HOP_FRAMES), (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_FRAMES, axis=0)[centers]
    windows = (views - views.mean(axis=-1, keepdims=True)) * taper
    power = np.abs(np.fft.rfft(windows, _FFT_SIZE)) ** 2
    correlation = _even_inverse(power)
    decay = _even_inverse(np.abs(np.fft.rfft(taper, _FFT_SIZE)) ** 2)
    correlation /= (correlation[..., :1] + 1e-3 * WINDOW_FRAMES) * np.maximum(decay / decay[0], 0.05)
    return np.asarray(correlation, dtype=np.float32)


def _even_inverse(power: Float32[np.ndarray, "*rows bins"]) -> Float32[np.ndarray, "*rows lags"]:
    """Compute the first lags of the inverse transform of a real, even spectrum.

    Written out with its mirror image, it is the forward transform as well, which takes half the time.
    """
    whole = np.concatenate([power, power[..., -2:0:-1]], axis=-1)
    return np.asarray(np.fft.rfft(whole)[..., :MAX_LAG_FRAMES].real / np.float32(_FFT_SIZE))


def tempo_features(
    correlation: Float32[np.ndarray, "windows groups lags"],
) -> Float32[np.ndarray, "windows periods features"]:
    """Read the correlation at the lags of every period, shape=(windows, periods, GROUPS * len(LAG_RATIOS))."""
    columns = []
    for ratio in LAG_RATIOS:
        value = _at_lag(correlation, PERIODS_FRAMES * ratio)
        if ratio >= 1:
            for factor in (1 - LAG_TOLERANCE, 1 + LAG_TOLERANCE):
                value = np.maximum(value, _at_lag(correlation, PERIODS_FRAMES * ratio * factor))
        columns.append(value.transpose(0, 2, 1))
    return np.concatenate(columns, axis=2)


def _at_lag(correlation: np.ndarray, lags_frames: np.ndarray) -> np.ndarray:
    """Interpolate the correlation at fractional lags."""
    lags_frames = np.minimum(lags_frames, MAX_LAG_FRAMES - 2.0)
    below = lags_frames.astype(np.int64)
    share = (lags_frames - below).astype(np.float32)
    return np.asarray(correlation[..., below] * (1 - share) + correlation[..., below + 1] * share)


def tempo_scores(
    novelty: Float32[np.ndarray, "frames columns"], weights: np.ndarray, prior_weights: np.ndarray
) -> Float32[np.ndarray, "windows periods"]:
    """Score every period around every TEMPO_HOP_FRAMES-th frame, shape=(windows, periods) [log odds, up to a constant].

    The weights are those of the logit, shapes (GROUPS * len(LAG_RATIOS),) and (len(PRIOR_TEMPI_BPM),).
    """
    groups = group_novelty(novelty)
    centers = np.arange(0, len(groups), TEMPO_HOP_FRAMES)
    blocks = []
    for first in range(0, len(centers), BLOCK_WINDOWS):
        features = tempo_features(autocorrelation(groups, centers[first : first + BLOCK_WINDOWS]))
        blocks.append(features @ weights.astype(np.float32))
    prior = tempo_prior_features() @ prior_weights.astype(np.float32)
    return np.asarray(np.concatenate(blocks) + prior)
