"""True peaks: how high the wave rises between its samples.

A player's converter draws a smooth curve through the samples, and that curve
can rise decibels above them. The curve is estimated at four points a sample
with a Kaiser-windowed sinc, as ITU-R BS.1770-4, annex 2, asks; its own filter
has 12 taps a phase, this one has 24 and stays flat further up.

Conventions
-----------
Blocks are padded with `HALF_TAPS` samples of context on both sides. The four
points of sample n lie at n, n + 1/4, n + 1/2 and n + 3/4.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from jaxtyping import Float64
from numba import njit

HALF_TAPS = 12
"""Context that interpolation needs on each side [samples]."""

PHASES = 4
"""Points a sample, the sample itself included."""

KAISER_BETA = 6.0
"""Shape of the window: stop band below -60 dB, which is 0.01 dB of a peak."""

RUN_SAMPLES = 32
"""Samples that are looked at, or skipped, together."""


def interpolation_taps() -> Float64[np.ndarray, "phases taps"]:
    """Return the filters of the three points between samples, shape=(PHASES - 1, 2 * HALF_TAPS)."""
    taps = np.arange(1 - HALF_TAPS, HALF_TAPS + 1)
    offsets = taps[None, :] - np.arange(1, PHASES)[:, None] / PHASES
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (offsets / HALF_TAPS) ** 2, 0, None))) / np.i0(KAISER_BETA)
    filters = np.sinc(offsets) * window
    filters /= filters.sum(axis=1, keepdims=True)
    return np.ascontiguousarray(filters)


TAPS = interpolation_taps()
OVERSHOOT = float(np.abs(TAPS).sum(axis=1).max())
"""No point between samples is higher than this times the highest sample around it."""


def peak_track(padded: Float64[np.ndarray, "padded channels"], floor: float) -> Float64[np.ndarray, " samples"]:
    """Return the highest of each sample's four points, over all channels.

    Parameters
    ----------
    padded : np.ndarray, shape=(samples + 2 * HALF_TAPS, channels), float64
        Sound with its context on both sides.
    floor : float
        Peaks that cannot rise above this are not interpolated: there the
        sample's own value stands, which is then at most `floor` too.

    Returns
    -------
    peaks : np.ndarray, shape=(samples,), float64
        Absolute values.
    """
    peaks: Float64[np.ndarray, " samples"] = _peak_track(np.ascontiguousarray(padded.T), TAPS, OVERSHOOT, floor)
    return peaks


@njit(cache=True, fastmath=True)
@no_type_check
def _peak_track(padded, taps, overshoot, floor):
    channels, length = padded.shape
    samples = length - 2 * HALF_TAPS
    peaks = np.zeros(samples)
    for channel in range(channels):
        wave = padded[channel]
        for start in range(0, samples, RUN_SAMPLES):
            end = min(start + RUN_SAMPLES, samples)
            highest = 0.0
            for n in range(start, end + 2 * HALF_TAPS):
                highest = max(highest, abs(wave[n]))
            between = highest * overshoot > floor
            for n in range(start, end):
                peak = abs(wave[n + HALF_TAPS])
                if between:
                    for phase in range(PHASES - 1):
                        total = 0.0
                        for k in range(2 * HALF_TAPS):
                            total += taps[phase, k] * wave[n + 1 + k]
                        peak = max(peak, abs(total))
                if peak > peaks[n]:
                    peaks[n] = peak
    return peaks
