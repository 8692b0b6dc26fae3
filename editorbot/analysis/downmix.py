"""One channel at 22,050 Hz, by block, from any recording.

Ordinary stereo becomes the plain mean of its channels. Where that mean would lose the music (one channel inverted), the
signs of the loudest common pattern are used instead; dead channels do not dilute the others. A constant offset and
absurd levels are taken out, for the analysis only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import soxr
from jaxtyping import Float, Float32, Float64, Int16, Shaped

from editorbot.recording import Recording, SampleScan
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES, STEP_FRAMES, frame_count, mono_samples, step_count

READ_SAMPLES = 1 << 18
"""Samples of each channel read at a time, where there are few channels."""

READ_VALUES = 1 << 21
"""Samples of all channels read at a time, at most: 16 MB as float64."""

_PROBES, _PROBE_SAMPLES = 64, 4_096
_PROBE_VALUES = 1 << 22
"""Samples of all channels that all probes hold together, at most: 32 MB as float64."""
_DEAD_POWER = 1e-8
"""A channel this much weaker than the loudest (80 dB) is dead."""
_CANCELLED = 0.25
"""The mean loses the music where it keeps less than this share of the signed mean's energy."""
_OFFSET = 1e-2
"""Smallest constant offset that is taken out [full scale]."""
_LOUD = 100.0
"""Peaks beyond this are scaled down to 1 [full scale]."""
_WARM_UP = 2_048
"""Samples after which the resampler's output no longer depends on where it began [samples at ANALYSIS_RATE]."""
_LIMIT = 1e4
"""Largest sample that reaches the spectrum, so that its square fits a float32."""


@dataclass(frozen=True)
class Downmix:
    """How a recording's channels become one."""

    weights: Float64[np.ndarray, " channels"]
    """Share of each channel with its sign, shape=(channels,); 0 for dead ones."""
    offset: Float64[np.ndarray, " channels"]
    """Constant taken off each channel before weighting, after `gain`, shape=(channels,)."""
    gain: float
    """Factor on every sample; 1 unless the recording is absurdly loud."""


def read_samples(channels: int) -> int:
    """Choose how many samples of each channel are read at a time."""
    return max(1, min(READ_SAMPLES, READ_VALUES // channels))


def probe_downmix(recording: Recording) -> Downmix:
    """Choose the downmix from short probes spread over the recording."""
    probes = [recording.read(start, end) for start, end in _probe_ranges(recording)]
    peak = max(float(np.abs(probe).max(initial=0.0)) for probe in probes)
    gain = 1.0 / peak if peak > _LOUD else 1.0
    probes = [probe * gain for probe in probes]
    offset = _constant_part(probes)
    return Downmix(_channel_weights(np.concatenate(probes) - offset), offset, gain)


def _constant_part(probes: list[Float64[np.ndarray, "_ channels"]]) -> Float64[np.ndarray, " channels"]:
    """Measure the constant offset of each channel; a Hann window over each probe keeps bass notes out of it."""
    windows = [np.hanning(len(probe) + 2)[1:-1] for probe in probes]
    offset = sum(window @ probe for window, probe in zip(windows, probes)) / sum(window.sum() for window in windows)
    return np.where(np.abs(offset) < _OFFSET, 0.0, offset)


def _probe_ranges(recording: Recording) -> list[tuple[int, int]]:
    size = min(_PROBE_SAMPLES, _PROBE_VALUES // _PROBES // recording.channels)
    if recording.samples <= _PROBES * size:
        return [(0, recording.samples)]
    starts = np.linspace(0, recording.samples - size, _PROBES).astype(int)
    return [(int(start), int(start) + size) for start in starts]


def _channel_weights(probes: Float64[np.ndarray, "samples channels"]) -> Float64[np.ndarray, " channels"]:
    covariance = probes.T @ probes / len(probes)
    power = np.diag(covariance)
    live = power > _DEAD_POWER * power.max()
    if not live.any():
        return np.full(len(power), 1.0 / len(power))
    pattern = np.linalg.eigh(covariance)[1][:, -1]
    signs = np.where(pattern < 0, -1.0, 1.0)
    signs *= 1.0 if signs[np.argmax(np.abs(pattern))] > 0 else -1.0
    plain, signed = live / live.sum(), live * signs / live.sum()
    is_cancelled = plain @ covariance @ plain < _CANCELLED * (signed @ covariance @ signed)
    return np.asarray(signed if is_cancelled else plain)


class MonoReader:
    """Reads the downmix of a recording by block, and measures the stereo width of each step."""

    def __init__(self, recording: Recording, downmix: Downmix | None = None) -> None:
        self.recording = recording
        self.downmix = probe_downmix(recording) if downmix is None else downmix
        self.samples = mono_samples(recording.samples, recording.sample_rate)
        """Length of the downmix [samples at ANALYSIS_RATE]."""
        steps = step_count(frame_count(self.samples))
        self._step_samples = STEP_FRAMES * HOP_SAMPLES * recording.sample_rate / ANALYSIS_RATE
        self._side, self._mid = np.zeros(steps), np.zeros(steps)

    @property
    def width(self) -> Float32[np.ndarray, " steps"]:
        """Side over mid energy of each step that was read, shape=(steps,), at most 100."""
        ratio = np.divide(self._side, self._mid, out=np.zeros_like(self._side), where=self._mid > 1e-12)
        return np.minimum(ratio, 100.0).astype(np.float32)

    def blocks(self, checks: SampleScan | None = None) -> Iterator[Float32[np.ndarray, " samples"]]:
        """Yield the whole downmix in order; `checks`, if given, gets each block as it was read."""
        rate, left = self.recording.sample_rate, self.samples
        stream = soxr.ResampleStream(rate, ANALYSIS_RATE, 1, dtype="float32", quality="HQ")
        size = read_samples(self.recording.channels)
        memory = np.empty(4 * size, dtype=np.float32)  # reused: fresh memory would cost more than the mixing
        for start in range(0, self.recording.samples, size):
            end = min(start + size, self.recording.samples)
            block = self.recording.read_native(start, end)
            if checks is not None:
                checks.update(block)
            total, side = self._mix(block, memory)
            self._add_width(start, total, side)
            mono = total.astype(np.float32, copy=False)
            if rate != ANALYSIS_RATE:
                mono = stream.resample_chunk(mono, last=end == self.recording.samples)
            yield mono[:left]
            left -= len(mono[:left])
        if left > 0:
            yield np.zeros(left, dtype=np.float32)

    def read(self, first: int, last: int) -> Float32[np.ndarray, " samples"]:
        """Return samples [first, last) of the downmix, equal to those of `blocks`; zeros beyond its ends.

        The resampler is started a little earlier, at a sample that falls on the output's grid.
        """
        rate = self.recording.sample_rate
        mono = np.zeros(last - first, dtype=np.float32)
        low, high = max(first, 0), min(last, self.samples)
        if low >= high:
            return mono
        divisor = math.gcd(rate, ANALYSIS_RATE)
        source_grid, target_grid = rate // divisor, ANALYSIS_RATE // divisor
        cell = max(0, (low - _WARM_UP) // target_grid)
        start = cell * source_grid
        end = min(self.recording.samples, -(-(high + _WARM_UP) * rate // ANALYSIS_RATE))
        total, _ = self._mix(self.recording.read_native(start, end), np.empty(4 * (end - start), dtype=np.float32))
        source = total.astype(np.float32, copy=False)
        resampled = source if rate == ANALYSIS_RATE else soxr.resample(source, rate, ANALYSIS_RATE, quality="HQ")
        piece = resampled[low - cell * target_grid : high - cell * target_grid]
        mono[low - first : low - first + len(piece)] = piece
        return mono

    def _mix(
        self, block: Shaped[np.ndarray, "samples channels"], memory: Float32[np.ndarray, " values"]
    ) -> tuple[Float[np.ndarray, " samples"], Float[np.ndarray, " samples"]]:
        """Mix a block, and return beside it the energy of its side signal; `memory` holds four values a sample."""
        mix, live = self.downmix, np.flatnonzero(self.downmix.weights).tolist()
        is_integer = block.dtype.kind == "i"
        factors = mix.weights * (mix.gain / (float(1 << (8 * block.dtype.itemsize - 1)) if is_integer else 1.0))
        if len(live) == 2 and block.shape[1] == 2 and block.dtype == np.int16 and not mix.offset.any():
            return _mix_of_two(block, factors, memory[: 4 * len(block)])
        limit, offset = np.inf if is_integer else _LIMIT, mix.offset * mix.weights
        sounds = [block[:, c] * factors[c] - offset[c] for c in live]
        total: np.ndarray = np.clip(sum(sounds[1:], start=sounds[0]), -limit, limit)
        return total, _side_energy(sounds, total, limit)

    def _add_width(self, start: int, total: Float[np.ndarray, " samples"], side: Float[np.ndarray, " samples"]) -> None:
        """Add up the energy of side and mid in each step; `side` is overwritten. The last step takes the rest too."""
        last = int((start + len(total) - 1) / self._step_samples)
        steps = np.arange(int(start / self._step_samples), last + 1)
        firsts = np.maximum(np.ceil(steps * self._step_samples).astype(np.int64) - start, 0)
        kept = firsts < len(total)
        steps, firsts = np.minimum(steps[kept], len(self._side) - 1), firsts[kept]
        np.add.at(self._side, steps, np.add.reduceat(side, firsts))
        np.add.at(self._mid, steps, np.add.reduceat(np.square(total, out=side), firsts))


def _mix_of_two(
    block: Int16[np.ndarray, "samples 2"], factors: Float64[np.ndarray, " two"], memory: Float32[np.ndarray, " values"]
) -> tuple[Float32[np.ndarray, " samples"], Float32[np.ndarray, " samples"]]:
    """Mix two channels of 16 bits, which fit a float32 exactly."""
    left, right, *_ = quarters = memory.reshape(4, -1)
    values = quarters[2:].reshape(-1, 2)
    np.copyto(values, block)
    np.multiply(values[:, 0], np.float32(factors[0]), out=left)
    np.multiply(values[:, 1], np.float32(factors[1]), out=right)
    total = left + right
    left -= right
    return total, np.square(left, out=left)


def _side_energy(
    sounds: list[Float[np.ndarray, " samples"]], total: Float[np.ndarray, " samples"], limit: float
) -> Float[np.ndarray, " samples"]:
    """Compute the energy of the channels, times their number, less that of their sum, at each sample."""
    if len(sounds) == 1:
        return np.zeros_like(total)
    if len(sounds) == 2:
        return np.asarray(np.square(np.clip(sounds[0] - sounds[1], -limit, limit)))
    energy = np.zeros_like(total)
    for sound in sounds:
        energy += np.square(np.clip(sound, -limit, limit))
    return np.asarray(np.maximum(energy * len(sounds) - np.square(total), 0.0))
