"""Short spectra of two aligned sounds, and how well one explains the other, frame by frame.

Every band counts alike, however loud it is: a change of the highs alone would otherwise drown
in the bass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Complex64, Complex128, Float64, Int

WINDOW_S, HOP_S = 0.046, 0.031
"""Window and hop of the short spectra [seconds]."""

BAND_EDGES_HZ = (40.0, 80.0, 130.0, 200.0, 300.0, 450.0, 700.0, 1000.0, 1500.0, 2200.0, 3200.0, 4700.0, 7000.0, 10000.0)
"""Edges of the bands that count alike [Hz]."""

_QUIET = 1e-6
"""Power of a band, beside the loudest, below which it says nothing."""
_TELLING, _PLAIN = 0.6, 0.01
"""Coherence from which a beat tells about the common tone, and the largest difference of bands that is none."""
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
    """Return the short spectra of a sound, shape=(1 + samples // hop, bins)."""
    window, hop = 2 * round(WINDOW_S * rate / 2), max(1, round(HOP_S * rate))
    padded = np.pad(sound.astype(np.float32), window // 2)
    views = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    bell = np.hanning(window + 1)[:-1].astype(np.float32)
    bins = scipy.fft.rfft(views * bell, axis=1).astype(np.complex64)
    edges = np.unique(np.minimum(np.round(np.array(BAND_EDGES_HZ) * window / rate).astype(np.int64), bins.shape[1]))
    return Spectra(bins, hop, edges)


@dataclass(frozen=True)
class Explained:
    """How one sound explains another, by frame and band: all that is needed for the best gain and what it leaves."""

    cross: Complex128[np.ndarray, "frames bands"]
    """Cross power; its real part is what a gain explains."""
    source: Float64[np.ndarray, "frames bands"]
    """Power of the explaining sound."""
    heard: Float64[np.ndarray, "frames bands"]
    """Power of the sound that is explained."""

    def over(self, first: int, end: int) -> Explained:
        """Return frames [first, end) alone."""
        return Explained(self.cross[first:end], self.source[first:end], self.heard[first:end])

    def behind(self, tone: Complex128[np.ndarray, " bands"]) -> Explained:
        """Return how the source behind a filter explains it; the filter as a factor on each band."""
        return Explained(self.cross * np.conj(tone), self.source * np.abs(tone) ** 2, self.heard)

    @property
    def gain(self) -> float:
        """The one gain that explains most; 0 where there is nothing."""
        weight = _weight(self.heard)
        source = float((self.source.sum(axis=0) * weight).sum())
        return max(0.0, float((self.cross.real.sum(axis=0) * weight).sum()) / source) if source > 0 else 0.0

    @property
    def coherence(self) -> float:
        """Mean over the bands of how far the two are one sound behind some filter, in [0, 1]."""
        heard, source = self.heard.sum(axis=0), self.source.sum(axis=0)
        is_heard = (heard > _QUIET * heard.max(initial=0.0)) & (heard > 0) & (source > 0)
        if not is_heard.any():
            return 0.0
        shared = np.abs(self.cross.sum(axis=0)) ** 2
        return float((shared[is_heard] / (heard[is_heard] * source[is_heard])).mean())

    def left_db(self, gain: float | None = None) -> float:
        """Return what the sound leaves unexplained at a gain, the best one by default: mean over the bands [dB]."""
        heard = self.heard.sum(axis=0)
        is_heard = heard > _QUIET * heard.max(initial=0.0)
        if not is_heard.any() or heard.max() <= 0:
            return 0.0
        at = self.gain if gain is None else gain
        left = heard - 2 * at * self.cross.real.sum(axis=0) + at * at * self.source.sum(axis=0)
        share_db = 10 * np.log10(np.maximum(left[is_heard], 1e-12 * heard[is_heard]) / heard[is_heard])
        return float(np.clip(share_db, _BEST_DB, _WORST_DB).mean())


def explained(source: Spectra, heard: Spectra) -> Explained:
    """Return how `source` explains `heard`; both of equal shape."""
    frames = min(len(source.bins), len(heard.bins))
    x, y, edges = source.bins[:frames], heard.bins[:frames], heard.edges
    cross = np.add.reduceat((np.conj(x) * y)[:, : edges[-1]], edges[:-1], axis=1).astype(np.complex128)
    return Explained(cross, _banded(_power(x), edges), _banded(_power(y), edges))


def common_tone(parts: Sequence[Explained]) -> Complex128[np.ndarray, " bands"]:
    """Return the filter that lies over most of some beats, as a factor on each band; its level is 1.

    Mastering colours the whole edit; what was done to single beats is measured against that.
    """
    bands = parts[0].cross.shape[1] if parts else 0
    factors = np.array([_factor(part) for part in parts if part.coherence > _TELLING]).reshape(-1, bands)
    if not len(factors):
        return np.ones(bands, dtype=np.complex128)
    level = np.abs(factors).mean(axis=1, keepdims=True)
    relative = factors / np.maximum(level, 1e-12)
    tone = np.median(relative.real, axis=0) + 1j * np.median(relative.imag, axis=0)
    # Where most is copied, a few changed beats do not count.
    is_plain = np.abs(tone - tone.mean()).max(initial=0.0) < _PLAIN or np.abs(tone).min(initial=1.0) < 1e-3
    return np.ones(bands, dtype=np.complex128) if is_plain else tone / np.abs(tone).mean()


def _factor(part: Explained) -> Complex128[np.ndarray, " bands"]:
    return part.cross.sum(axis=0) / np.maximum(part.source.sum(axis=0), 1e-30)


def _power(bins: Complex64[np.ndarray, "frames bins"]) -> np.ndarray:
    return bins.real**2 + bins.imag**2


def _banded(values: np.ndarray, edges: Int[np.ndarray, " edges"]) -> Float64[np.ndarray, "frames bands"]:
    """Return the sums over the bands, shape=(frames, bands)."""
    return np.add.reduceat(values[:, : edges[-1]], edges[:-1], axis=1).astype(np.float64)


def _weight(heard: Float64[np.ndarray, "frames bands"]) -> Float64[np.ndarray, " bands"]:
    """Return one over the power of each band, 0 where it is too quiet to say anything."""
    power = heard.sum(axis=0)
    return np.where(power > _QUIET * max(power.max(initial=0.0), 1e-30), 1.0 / np.maximum(power, 1e-30), 0.0)
