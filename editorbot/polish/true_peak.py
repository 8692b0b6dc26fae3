"""Measures true peaks: how high the wave rises between its samples.

A player's converter draws a smooth curve through the samples, which can rise
decibels above them. The curve is estimated at four points a sample with a
Kaiser-windowed sinc, after ITU-R BS.1770-4, annex 2; the standard's filter has
12 taps a phase, this one has 24 and stays flat further up.

Conventions
-----------
Blocks are padded with `HALF_TAPS` samples of context on both sides. The four
points of sample n are at n, n + 1/4, n + 1/2 and n + 3/4.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

HALF_TAPS = 12
"""Context that interpolation needs on each side [samples]."""

PHASES = 4
"""Points a sample, the sample itself included."""

KAISER_BETA = 6.0
"""Shape of the window: stop band below -60 dB, which is 0.01 dB of a peak."""

RUN_SAMPLES = 32
"""Samples that are interpolated, or skipped, together."""


def interpolation_taps() -> Float32[np.ndarray, "phases taps"]:
    """Design the filters of the three points between samples, shape=(PHASES - 1, 2 * HALF_TAPS)."""
    taps = np.arange(1 - HALF_TAPS, HALF_TAPS + 1)
    offsets = taps[None, :] - np.arange(1, PHASES)[:, None] / PHASES
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (offsets / HALF_TAPS) ** 2, 0, None))) / np.i0(KAISER_BETA)
    filters = np.sinc(offsets) * window
    filters /= filters.sum(axis=1, keepdims=True)
    return filters.astype(np.float32)


TAPS = interpolation_taps()
OVERSHOOT = float(np.abs(TAPS).sum(axis=1).max())
"""No point between samples is higher than this times the highest sample around it."""


def peak_track(padded: Float32[np.ndarray, "channels padded"], floor: float) -> Float32[np.ndarray, " samples"]:
    """Find the highest of each sample's four points, over all channels.

    Parameters
    ----------
    padded : np.ndarray, shape=(channels, samples + 2 * HALF_TAPS), float32
        Sound with its context on both sides; float32 is exact to 0.000001 dB.
    floor : float
        Peaks that cannot rise above this are not interpolated: the result is
        the sample's own value, which is then at most `floor` too.

    Returns
    -------
    peaks : np.ndarray, shape=(samples,), float32
        Absolute values.
    """
    samples = padded.shape[1] - 2 * HALF_TAPS
    peaks = np.zeros(-(-samples // RUN_SAMPLES) * RUN_SAMPLES, dtype=np.float32)
    filled = np.pad(padded, ((0, 0), (0, len(peaks) - samples)))
    _peak_track(filled, TAPS, np.float32(OVERSHOOT), np.float32(floor), peaks)
    return peaks[:samples]


@njit(cache=True, fastmath=True)
@no_type_check
def _peak_track(padded, taps, overshoot, floor, peaks):
    """Raise `peaks` to the four points of every channel, a run at a time; loops are shaped for SIMD."""
    points = np.zeros(RUN_SAMPLES, dtype=np.float32)
    for channel in range(padded.shape[0]):
        wave = padded[channel]
        for start in range(0, len(peaks), RUN_SAMPLES):
            highest = np.float32(0.0)
            for n in range(start, start + RUN_SAMPLES + 2 * HALF_TAPS):
                highest = max(highest, abs(wave[n]))
            for j in range(RUN_SAMPLES):
                peaks[start + j] = max(peaks[start + j], abs(wave[start + HALF_TAPS + j]))
            if highest * overshoot <= floor:
                continue
            for phase in range(PHASES - 1):
                points[:] = 0
                for k in range(2 * HALF_TAPS):
                    tap = taps[phase, k]
                    for j in range(RUN_SAMPLES):
                        points[j] += tap * wave[start + 1 + k + j]
                for j in range(RUN_SAMPLES):
                    peaks[start + j] = max(peaks[start + j], abs(points[j]))
