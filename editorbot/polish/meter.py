"""Measures loudness after ITU-R BS.1770-4, block by block.

The sound is K-weighted (a shelf for the head, a high-pass for the ear), its
power is taken over 400 ms every 100 ms, and windows below -70 LUFS or more
than 10 LU below the rest are gated out. Only power and peak of each 10 ms are
kept: 6 MB an hour of audio.

Deviations: sound shorter than 400 ms counts as one window; all channels weigh
1 unless there are 5 or 6.

References
----------
ITU-R BS.1770-4 (2015). The filters at rates other than 48 kHz come from the
analog prototypes in B. De Man, https://github.com/BrechtDeMan/loudness.py,
as in libebur128.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Float64
from numba import njit

from editorbot.polish.blocks import Block
from editorbot.polish.true_peak import HALF_TAPS, peak_track
from editorbot.recording import full_scale

SEGMENT_S = 0.01
"""Resolution of power and peaks [seconds]: fine enough to predict a limiter."""

WINDOW_SEGMENTS, STEP_SEGMENTS = 40, 10
"""Length of a window and step between windows [segments]: 400 ms every 100 ms."""

OFFSET_LU = -0.691
"""Offset of BS.1770, which puts a 997 Hz sine at full scale to -3.01 LUFS."""

ABSOLUTE_GATE_LUFS = -70.0
"""Windows below this are silence."""

RELATIVE_GATE_LU = -10.0
"""Windows this far below the loudness of the others do not count."""

SURROUND_WEIGHT = 1.41
"""Weight of the two surround channels of 5.0 and 5.1."""

LOUDEST = 1e15
"""Larger samples are clipped to this, +300 dBFS."""


@dataclass(frozen=True)
class Loudness:
    """Loudness and peaks of a sound."""

    integrated_lufs: float
    """Gated loudness [LUFS]; minus infinity if nothing passes the gates."""
    true_peak_db: float
    """Highest point between samples [dBTP]; minus infinity in silence."""
    peak_db: float
    """Highest sample [dBFS]; minus infinity in silence."""


@dataclass(frozen=True)
class Segments:
    """A track in segments of 10 ms."""

    powers: Float64[np.ndarray, " segments"]
    """K-weighted mean power of each, shape=(segments,)."""
    peaks: Float64[np.ndarray, " segments"]
    """Highest sample of each, shape=(segments,)."""


def decibels(amplitude: float) -> float:
    """Convert an amplitude to dB, minus infinity for 0."""
    return 20.0 * math.log10(amplitude) if amplitude > 0 else -math.inf


def channel_weights(channels: int) -> Float64[np.ndarray, " channels"]:
    """Weights of the channels: those of 5.0 and 5.1 in WAV order, 1 each for all others."""
    if channels == 5:
        return np.array([1.0, 1.0, 1.0, SURROUND_WEIGHT, SURROUND_WEIGHT])
    if channels == 6:
        return np.array([1.0, 1.0, 1.0, 0.0, SURROUND_WEIGHT, SURROUND_WEIGHT])
    return np.ones(channels)


def k_weighting(sample_rate: int) -> Float64[np.ndarray, "2 6"]:
    """Design the K-weighting at any rate as two second-order sections, shape=(2, 6)."""
    gain_db, q, corner_hz = 3.99984385397, 0.7071752369554193, 1681.9744509555319
    k = math.tan(math.pi * corner_hz / sample_rate)
    high = 10 ** (gain_db / 20)
    band = high**0.499666774155
    a0 = 1 + k / q + k * k
    poles = [1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]
    zeros = [(high + band * k / q + k * k) / a0, 2 * (k * k - high) / a0, (high - band * k / q + k * k) / a0]
    shelf = zeros + poles
    q, corner_hz = 0.5003270373253953, 38.13547087613982
    k = math.tan(math.pi * corner_hz / sample_rate)
    a0 = 1 + k / q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]
    return np.array([shelf, high_pass])


class SegmentTrack:
    """A number for each segment; the last segment is still open."""

    def __init__(self) -> None:
        self._parts: list[Float64[np.ndarray, " segments"]] = []
        self.open = 0.0
        """Number of the open segment so far."""

    def add(self, values: Float64[np.ndarray, " segments"], combine: np.ufunc) -> None:
        """Combine the open segment with the first value; the last value becomes the open one."""
        values[0] = combine(values[0], self.open)
        self._parts.append(values[:-1])
        self.open = float(values[-1])

    def closed(self) -> Float64[np.ndarray, " segments"]:
        """Numbers of all closed segments, shape=(segments,)."""
        return np.concatenate([np.zeros(0), *self._parts])


class LoudnessMeter:
    """Accumulates blocks and measures them as one sound."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._sections = k_weighting(sample_rate)
        self._state = np.zeros((channels, 2, 2))
        self._weights = channel_weights(channels)
        self._rate = sample_rate
        self._samples = 0
        self._energies = SegmentTrack()
        self._peaks = SegmentTrack()
        self._context = np.zeros((channels, 2 * HALF_TAPS), dtype=np.float32)
        self._true_peak = 0.0

    def add(self, block: Block) -> None:
        """Take the next samples."""
        if len(block) == 0:
            return
        sound = np.empty((block.shape[1], 2 * HALF_TAPS + len(block)), dtype=np.float32)
        sound[:, : 2 * HALF_TAPS] = self._context
        # Squares of very large doubles would overflow 32 bits.
        fitting = np.clip(block, -LOUDEST, LOUDEST) if block.dtype == np.float64 else block
        sound[:, 2 * HALF_TAPS :] = fitting.T
        sound[:, 2 * HALF_TAPS :] *= np.float32(1 / full_scale(block.dtype))
        self._context = sound[:, len(block) :].copy()
        self._true_peak = max(self._true_peak, float(peak_track(sound, self._true_peak).max()))
        self._add_segments(sound[:, 2 * HALF_TAPS :])

    def _add_segments(self, sound: Float32[np.ndarray, "channels samples"]) -> None:
        """Add K-weighted energy and peak to the segments that the sound overlaps."""
        first, after = self._samples, self._samples + sound.shape[1]
        grain = SEGMENT_S * self._rate
        numbers = np.arange(int(first / grain), int(after / grain) + 2)
        ends = np.round(numbers * grain).astype(np.int64)
        ends = ends[(ends > first) & (ends <= after)]
        bounds = np.concatenate([[0], ends - first, [sound.shape[1]]])
        energies, peaks = _scan(sound, self._sections, self._weights, self._state, bounds)
        self._energies.add(energies, np.add)
        self._peaks.add(peaks, np.maximum)
        self._samples = after

    def segments(self) -> Segments:
        """Power and peak of every whole 10 ms."""
        return Segments(self._energies.closed() / (SEGMENT_S * self._rate), self._peaks.closed())

    def window_powers(self) -> Float64[np.ndarray, " windows"]:
        """Mean power of every whole 400 ms window, shape=(windows,); one window if there is less."""
        powers = self.segments().powers
        if len(powers) < WINDOW_SEGMENTS:
            total = float(self._energies.closed().sum()) + self._energies.open
            return np.array([total / max(self._samples, 1)])
        return window_means(powers)

    def result(self) -> Loudness:
        """Loudness of everything added so far."""
        padded = np.pad(self._context, ((0, 0), (0, HALF_TAPS)))
        last = float(peak_track(padded, self._true_peak).max())
        peak = max(float(self._peaks.closed().max(initial=0.0)), self._peaks.open)
        true_peak = max(self._true_peak, last, peak)
        return Loudness(gated_loudness(self.window_powers()), decibels(true_peak), decibels(peak))


@njit(cache=True)
@no_type_check
def _scan(sound, sections, weights, state, bounds):
    """K-weighted energy and highest sample between bounds; filters in transposed direct form II."""
    b, a = sections[:, :3], sections[:, 4:]
    energies, peaks = np.zeros(len(bounds) - 1), np.zeros(len(bounds) - 1)
    for channel in range(sound.shape[0]):
        s = state[channel]
        s00, s01, s10, s11 = s[0, 0], s[0, 1], s[1, 0], s[1, 1]
        for segment in range(len(bounds) - 1):
            energy, peak = 0.0, np.float32(0.0)
            for x in sound[channel, bounds[segment] : bounds[segment + 1]]:
                peak = max(peak, abs(x))
                y = b[0, 0] * x + s00
                s00 = b[0, 1] * x - a[0, 0] * y + s01
                s01 = b[0, 2] * x - a[0, 1] * y
                z = b[1, 0] * y + s10
                s10 = b[1, 1] * y - a[1, 0] * z + s11
                s11 = b[1, 2] * y - a[1, 1] * z
                energy += z * z
            energies[segment] += weights[channel] * energy
            peaks[segment] = max(peaks[segment], peak)
        s[0, 0], s[0, 1], s[1, 0], s[1, 1] = s00, s01, s10, s11
    return energies, peaks


def window_means(powers: Float64[np.ndarray, " segments"]) -> Float64[np.ndarray, " windows"]:
    """Mean power of every whole 400 ms window, every 100 ms; needs the segments of at least one window."""
    running = np.concatenate([[0.0], np.cumsum(powers)])
    sums: Float64[np.ndarray, " sums"] = running[WINDOW_SEGMENTS:] - running[:-WINDOW_SEGMENTS]
    return np.maximum(sums[::STEP_SEGMENTS] / WINDOW_SEGMENTS, 0.0)


def gated_loudness(powers: Float64[np.ndarray, " windows"]) -> float:
    """Compute the gated loudness from the power of windows [LUFS]; minus infinity if none passes."""
    loud = powers[_lufs(powers) > ABSOLUTE_GATE_LUFS]
    if len(loud) == 0:
        return -math.inf
    gate = OFFSET_LU + 10 * math.log10(loud.mean()) + RELATIVE_GATE_LU
    return OFFSET_LU + 10 * math.log10(loud[_lufs(loud) > gate].mean())


def _lufs(power: Float64[np.ndarray, " windows"]) -> Float64[np.ndarray, " windows"]:
    with np.errstate(divide="ignore"):
        decibels_of_power: Float64[np.ndarray, " windows"] = 10 * np.log10(power)
    return decibels_of_power + OFFSET_LU


def measure(blocks: Iterable[Block], sample_rate: int, channels: int) -> Loudness:
    """Measure a sound, reading it once; minus infinity throughout if there are no samples."""
    return metered(blocks, sample_rate, channels).result()


def metered(blocks: Iterable[Block], sample_rate: int, channels: int) -> LoudnessMeter:
    """Feed blocks to a new meter."""
    meter = LoudnessMeter(sample_rate, channels)
    for block in blocks:
        meter.add(block)
    return meter
