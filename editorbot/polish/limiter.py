"""A true-peak limiter that looks ahead.

The wanted gain of every sample is what brings its true peak down to the
ceiling. The lowest gain within the look-ahead is held, released slowly, and
smoothed with a window of the look-ahead's length: each smoothed value is a
mean of gains that already fit the sample, so none is ever too high, and none
moves fast enough to be heard as a click or as pumping.

Conventions
-----------
All channels get one gain, so the stereo image does not move. The output is not
delayed against the input.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import no_type_check

import numpy as np
from jaxtyping import Float64
from numba import njit

from editorbot.polish.blocks import FloatBlocks
from editorbot.polish.true_peak import HALF_TAPS, peak_track

LOOK_AHEAD_S = 0.005
"""How early the gain starts to fall [seconds]."""

RELEASE_S = 0.15
"""Time in which the gain comes back by 63 % [seconds]: long enough not to pump at the beat."""

MARGIN_DB = 0.05
"""Margin below the ceiling for what interpolation and smoothing miss [dB]."""


def limit_blocks(
    blocks: Iterable[Float64[np.ndarray, "samples channels"]], sample_rate: int, channels: int, *, ceiling_db: float
) -> FloatBlocks:
    """Limit the true peaks of floats to a ceiling.

    `ceiling_db` is the highest true peak allowed [dBTP]. Samples stay as they are where nothing was too high.
    """
    limiter = _Limiter(sample_rate, channels, 10 ** ((ceiling_db - MARGIN_DB) / 20))
    for block in blocks:
        yield from limiter.add(block)
    yield from limiter.finish()


class _Limiter:
    """The limiter's state between blocks."""

    def __init__(self, sample_rate: int, channels: int, ceiling: float) -> None:
        half = max(1, math.ceil(LOOK_AHEAD_S * sample_rate / 2))
        box = np.full(half + 1, 1.0 / (half + 1))
        self._window = np.convolve(box, box)
        self._ceiling = ceiling
        self._release = math.exp(-1.0 / (RELEASE_S * sample_rate))
        self._latency = HALF_TAPS + 2 * half
        self._drop = self._latency
        self._context = np.zeros((2 * HALF_TAPS, channels))
        self._delayed = np.zeros((self._latency, channels))
        self._wanted = np.ones(2 * half + 1)
        self._held = np.ones(2 * half)

    def add(self, block: Float64[np.ndarray, "samples channels"]) -> FloatBlocks:
        """Take a block; yield as many samples, later by the latency."""
        sound = np.concatenate([self._delayed, block])
        self._delayed = sound[len(block) :]
        gain = self._gains(block)
        out = sound[: len(block)] if gain is None else sound[: len(block)] * gain[:, None]
        out, self._drop = out[self._drop :], max(0, self._drop - len(block))
        if len(out):
            yield out

    def _gains(self, block: Float64[np.ndarray, "samples channels"]) -> Float64[np.ndarray, " samples"] | None:
        """Compute the gains of the delayed samples, None where all are 1."""
        from scipy.ndimage import minimum_filter1d
        from scipy.signal import oaconvolve

        padded = np.concatenate([self._context, block])
        self._context = padded[len(block) :]
        peaks = peak_track(np.ascontiguousarray(padded.T, dtype=np.float32), self._ceiling)
        wanted = np.concatenate([self._wanted, self._ceiling / np.maximum(peaks.astype(np.float64), self._ceiling)])
        self._wanted = wanted[len(block) :]
        if self._held.min() == 1.0 and wanted.min() == 1.0:
            return None
        # A point between two samples limits both: hence the step back by one.
        wanted = np.minimum(wanted[:-1], wanted[1:])
        width = len(self._held) + 1
        lowest = minimum_filter1d(wanted, width, mode="nearest")[width // 2 : len(wanted) - width // 2]
        held = np.concatenate([self._held, _released(lowest, self._held[-1], self._release)])
        self._held = held[len(block) :]
        gains: Float64[np.ndarray, " samples"] = oaconvolve(held, self._window, mode="valid")
        return gains

    def finish(self) -> FloatBlocks:
        """Yield the rest."""
        yield from self.add(np.zeros_like(self._delayed))


def smoothed_gains(wanted: Float64[np.ndarray, " segments"], segment_s: float) -> Float64[np.ndarray, " segments"]:
    """Estimate the limiter's gains from those that segments want, if these are no shorter than its look-ahead."""
    return _released(wanted, 1.0, math.exp(-segment_s / RELEASE_S))


@njit(cache=True)
@no_type_check
def _released(lowest, gain, release):
    """Attack at once, release slowly."""
    out = np.empty_like(lowest)
    for n in range(len(lowest)):
        wanted = lowest[n]
        gain = wanted if wanted < gain else wanted - (wanted - gain) * release
        if wanted - gain < 1e-7:
            gain = wanted
        out[n] = gain
    return out
