"""The two sounds of a pair on one clock, their short spectra, and how well one explains the other.

Every band counts alike, however loud it is: a change of the highs alone would otherwise drown
in the bass.

Conventions
-----------
Positions are samples at the raw recording's rate, in the raw recording and in the edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Complex64, Complex128, Float64, Int

from editorbot.recording import Recording

_WARM_UP = 256
"""Samples before those that count, for the resampler to settle."""
_CANCELLED = 1e-3
"""Share of the power below which the channels of a downmix have cancelled each other."""


class PairSounds:
    """A raw recording and its edit, read by range.

    Parameters
    ----------
    raw, edit : Recording
        Of any rates and channel counts; both are mixed to mono if the counts differ.
    """

    def __init__(self, raw: Recording, edit: Recording) -> None:
        self.raw, self.edit = raw, edit
        self.rate = raw.sample_rate
        """Samples a second of everything that is returned [Hz]."""
        self.edit_samples = round(edit.samples * raw.sample_rate / edit.sample_rate)
        """Length of the edit [samples]."""
        self._mixed = raw.channels != edit.channels

    def read_raw(self, start: int, end: int) -> Float64[np.ndarray, "samples channels"]:
        """Read samples [start, end) of the raw recording, zeros beyond its ends."""
        return self._same_channels(_padded(self.raw, start, end))

    def read_edit(self, start: int, end: int) -> Float64[np.ndarray, "samples channels"]:
        """Read samples [start, end) of the edit, zeros beyond its ends."""
        if self.edit.sample_rate == self.rate:
            return self._same_channels(_padded(self.edit, start, end))
        import soxr

        ratio = self.edit.sample_rate / self.rate
        first = int(np.floor(start * ratio)) - _WARM_UP
        last = int(np.ceil(end * ratio)) + _WARM_UP
        heard = soxr.resample(_padded(self.edit, first, last), self.edit.sample_rate, self.rate)
        # The resampled grid starts at `first`, at most half a sample off the clock.
        skip = round(start - first / ratio)
        inside = heard[skip:][: end - start]
        return self._same_channels(np.pad(inside, ((0, end - start - len(inside)), (0, 0))))

    def _same_channels(self, sound: Float64[np.ndarray, "samples channels"]) -> Float64[np.ndarray, "samples equal"]:
        return mono(sound)[:, None] if self._mixed else sound


def mono(sound: Float64[np.ndarray, "samples channels"]) -> Float64[np.ndarray, " samples"]:
    """Return the mean of the channels, or the loudest one if they cancel each other."""
    mix = sound.mean(axis=1)
    power = (sound**2).sum(axis=0)
    if len(power) > 1 and float(mix @ mix) < _CANCELLED * float(power.max(initial=0.0)):
        return np.ascontiguousarray(sound[:, int(np.argmax(power))])
    return mix


def _padded(recording: Recording, start: int, end: int) -> Float64[np.ndarray, "samples channels"]:
    low, high = min(max(start, 0), recording.samples), max(0, min(end, recording.samples))
    inside = recording.read(low, max(low, high))
    return np.pad(inside, ((low - start, end - start - (low - start) - len(inside)), (0, 0)))


Tone = Complex128[np.ndarray, " bands"]
"""A filter, as a factor on each band."""

WINDOW_S, HOP_S = 0.046, 0.031
"""Window and hop of the short spectra [seconds]."""

BAND_EDGES_HZ = (40.0, 80.0, 130.0, 200.0, 300.0, 450.0, 700.0, 1000.0, 1500.0, 2200.0, 3200.0, 4700.0, 7000.0, 10000.0)
"""Edges of the bands that count alike [Hz]."""

_QUIET = 1e-6
"""Power of a band, relative to the loudest, below which it is ignored."""
_TELLING, _PLAIN = 0.6, 0.01
"""Coherence from which a beat counts for the common tone, and the largest difference of bands that counts as none."""
_BEST_DB, _WORST_DB = -60.0, 3.0


@dataclass(frozen=True)
class Spectra:
    """Short spectra of one sound."""

    bins: Complex64[np.ndarray, "frames bins"]
    """Shape=(frames, bins); frame k is centred on sample ``k * hop``."""
    hop: int
    """Distance of the frames [samples]."""
    edges: Int[np.ndarray, " edges"]
    """First bin of each band, and the end."""


def short_spectra(sound: Float64[np.ndarray, " samples"], rate: int) -> Spectra:
    """Compute the short spectra of a sound, shape=(1 + samples // hop, bins)."""
    window, hop = 2 * round(WINDOW_S * rate / 2), max(1, round(HOP_S * rate))
    padded = np.pad(sound.astype(np.float32), window // 2)
    views = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    bell = np.hanning(window + 1)[:-1].astype(np.float32)
    bins = scipy.fft.rfft(views * bell, axis=1).astype(np.complex64)
    edges = np.unique(np.minimum(np.round(np.array(BAND_EDGES_HZ) * window / rate).astype(np.int64), bins.shape[1]))
    return Spectra(bins, hop, edges)


@dataclass(frozen=True)
class CrossPower:
    """Cross power of a source and a target, by frame and band: enough for the best gain and its residual."""

    cross: Complex128[np.ndarray, "frames bands"]
    """Cross power; a gain accounts for its real part."""
    source: Float64[np.ndarray, "frames bands"]
    """Power of the source."""
    target: Float64[np.ndarray, "frames bands"]
    """Power of the target."""

    def over(self, first: int, end: int) -> CrossPower:
        """Return frames [first, end) alone."""
        return CrossPower(self.cross[first:end], self.source[first:end], self.target[first:end])

    def filtered(self, tone: Tone) -> CrossPower:
        """Return the cross power of the filtered source; the filter is a factor on each band."""
        return CrossPower(self.cross * np.conj(tone), self.source * np.abs(tone) ** 2, self.target)

    @property
    def gain(self) -> float:
        """The gain of the source that leaves the least residual; 0 for silence."""
        weight = _weight(self.target)
        source = float((self.source.sum(axis=0) * weight).sum())
        return max(0.0, float((self.cross.real.sum(axis=0) * weight).sum()) / source) if source > 0 else 0.0

    @property
    def coherence(self) -> float:
        """Coherence, mean over the bands, in [0, 1]: 1 if the target is the source through some filter."""
        target, source = self.target.sum(axis=0), self.source.sum(axis=0)
        is_loud = (target > _QUIET * target.max(initial=0.0)) & (target > 0) & (source > 0)
        if not is_loud.any():
            return 0.0
        shared = np.abs(self.cross.sum(axis=0)) ** 2
        return float((shared[is_loud] / (target[is_loud] * source[is_loud])).mean())

    def residual_db(self, gain: float | None = None) -> float:
        """Return the residual at a gain, the best one by default, relative to the target: mean over the bands [dB]."""
        target = self.target.sum(axis=0)
        is_loud = target > _QUIET * target.max(initial=0.0)
        if not is_loud.any() or target.max() <= 0:
            return 0.0
        at = self.gain if gain is None else gain
        residual = target - 2 * at * self.cross.real.sum(axis=0) + at * at * self.source.sum(axis=0)
        share_db = 10 * np.log10(np.maximum(residual[is_loud], 1e-12 * target[is_loud]) / target[is_loud])
        return float(np.clip(share_db, _BEST_DB, _WORST_DB).mean())


def cross_power(source: Spectra, target: Spectra) -> CrossPower:
    """Compute the cross power of two sounds."""
    frames = min(len(source.bins), len(target.bins))
    x, y, edges = source.bins[:frames], target.bins[:frames], target.edges
    cross = np.add.reduceat((np.conj(x) * y)[:, : edges[-1]], edges[:-1], axis=1).astype(np.complex128)
    return CrossPower(cross, _banded(_power(x), edges), _banded(_power(y), edges))


def common_tone(parts: Sequence[CrossPower]) -> Tone:
    """Estimate the filter that most of some beats went through, as a factor on each band; its level is 1.

    Mastering colors the whole edit; what was done to single beats is measured relative to that.
    """
    bands = parts[0].cross.shape[1] if parts else 0
    factors = np.array([_factor(part) for part in parts if part.coherence > _TELLING]).reshape(-1, bands)
    if not len(factors):
        return np.ones(bands, dtype=np.complex128)
    level = np.abs(factors).mean(axis=1, keepdims=True)
    relative = factors / np.maximum(level, 1e-12)
    tone = np.median(relative.real, axis=0) + 1j * np.median(relative.imag, axis=0)
    # If most is a plain copy, a few changed beats do not count.
    is_plain = np.abs(tone - tone.mean()).max(initial=0.0) < _PLAIN or np.abs(tone).min(initial=1.0) < 1e-3
    return np.ones(bands, dtype=np.complex128) if is_plain else tone / np.abs(tone).mean()


def _factor(part: CrossPower) -> Tone:
    return part.cross.sum(axis=0) / np.maximum(part.source.sum(axis=0), 1e-30)


def _power(bins: Complex64[np.ndarray, "frames bins"]) -> np.ndarray:
    return bins.real**2 + bins.imag**2


def _banded(values: np.ndarray, edges: Int[np.ndarray, " edges"]) -> Float64[np.ndarray, "frames bands"]:
    """Return the sums over the bands, shape=(frames, bands)."""
    return np.add.reduceat(values[:, : edges[-1]], edges[:-1], axis=1).astype(np.float64)


def _weight(target: Float64[np.ndarray, "frames bands"]) -> Float64[np.ndarray, " bands"]:
    """Return one over the power of each band, 0 for bands that are too quiet."""
    power = target.sum(axis=0)
    return np.where(power > _QUIET * max(power.max(initial=0.0), 1e-30), 1.0 / np.maximum(power, 1e-30), 0.0)
