"""Mel, chroma and contrast bands of the spectrum, as the field defines them.

They are computed here rather than taken from librosa, because importing librosa's filters takes longer than analyzing a
song; tests compare them with librosa's.

Conventions
-----------
Bin `k` of the spectrum is at ``k * ANALYSIS_RATE / N_FFT`` Hz; there are `BINS` of them.

References
----------
Slaney, "Auditory Toolbox", Interval Research 1998-010 (mel scale and area-normalized triangles);
Ellis, "Chroma feature analysis and synthesis", 2007 (Gaussian pitch classes);
Jiang et al., "Music type classification by spectral contrast feature", ICME 2002 (octave bands).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from editorbot.timebase import ANALYSIS_RATE, N_FFT

BINS = N_FFT // 2 + 1
"""Bins of one spectrum."""

_BREAK_HZ, _BREAK_MEL = 1_000.0, 15.0
"""Where Slaney's scale turns from linear to logarithmic."""
_LOG_STEP = np.log(6.4) / 27.0
"""Slaney's scale above the break: 27 mel for a factor of 6.4."""
_CONTRAST_FLOOR_HZ, CONTRAST_BANDS, _CONTRAST_SHARE = 200.0, 7, 0.02
"""librosa's contrast: lowest octave edge [Hz], bands, share of bins that makes a peak or a valley."""


@dataclass(frozen=True)
class BandBank:
    """Triangular filters, each only over the bins that it touches."""

    first: Int64[np.ndarray, " bands"]
    """First bin of each band, shape=(bands,)."""
    offset: Int64[np.ndarray, " bands_plus_1"]
    """Where each band's weights start, shape=(bands + 1,)."""
    weights: Float32[np.ndarray, " touched"]
    """Weights of all bands, one after another."""


@dataclass(frozen=True)
class ContrastBands:
    """Octave bands of spectral contrast, half open ranges of bins."""

    first: Int64[np.ndarray, " bands"]
    """First bin, shape=(7,)."""
    end: Int64[np.ndarray, " bands"]
    """End bin, shape=(7,)."""
    picked: Int64[np.ndarray, " bands"]
    """How many of the strongest (weakest) bins make the peak (valley), shape=(7,)."""


def bin_frequencies_hz() -> Float64[np.ndarray, " bins"]:
    """Compute the frequency of each bin, shape=(1025,) [Hz]."""
    return np.arange(BINS) * (ANALYSIS_RATE / N_FFT)


def mel_edges_hz(bands: int) -> Float64[np.ndarray, " edges"]:
    """Compute where mel bands from 0 Hz to half the rate start, peak and end, shape=(bands + 2,) [Hz]."""
    return np.asarray(_mel_to_hz(np.linspace(0.0, _hz_to_mel(ANALYSIS_RATE / 2), bands + 2)))


def mel_matrix(bands: int, bins_hz: Float64[np.ndarray, " bins"] | None = None) -> Float32[np.ndarray, "bands bins"]:
    """Make Slaney's mel filters of equal area from 0 Hz to half the rate, shape=(bands, bins).

    `bins_hz` are the frequencies of a spectrum of another rate or size; those of the one STFT by default.
    """
    edges_hz = mel_edges_hz(bands)
    width_hz = np.diff(edges_hz)
    ramps = edges_hz[:, None] - (bin_frequencies_hz() if bins_hz is None else bins_hz)[None, :]
    rising = -ramps[:-2] / width_hz[:-1, None]
    falling = ramps[2:] / width_hz[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    area = 2.0 / (edges_hz[2:] - edges_hz[:-2])
    return np.asarray(triangles * area[:, None], dtype=np.float32)


def mel_bank(bands: int) -> BandBank:
    """Make `mel_matrix` without its zeros."""
    matrix = mel_matrix(bands)
    rows = [np.flatnonzero(row) for row in matrix]
    first = np.array([row[0] if len(row) else 0 for row in rows], dtype=np.int64)
    counts = [row[-1] + 1 - row[0] if len(row) else 0 for row in rows]
    offset = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    pieces = [row[start : start + count] for row, start, count in zip(matrix, first, counts)]
    return BandBank(first, offset, np.concatenate(pieces))


def chroma_matrix() -> Float32[np.ndarray, "pitches bins"]:
    """Make librosa's chroma filters at concert pitch, C first, shape=(12, 1025)."""
    pitches, center_octave, octave_width = 12, 5.0, 2.0
    frequencies_hz = np.linspace(0, ANALYSIS_RATE, N_FFT, endpoint=False)[1:]
    position = pitches * np.log2(frequencies_hz / (440.0 / 16))
    # The bin at 0 Hz is put one and a half octaves below the first.
    position = np.concatenate([[position[0] - 1.5 * pitches], position])
    width = np.concatenate([np.maximum(np.diff(position), 1.0), [1.0]])
    distance = position[None, :] - np.arange(pitches)[:, None]
    distance = np.remainder(distance + pitches / 2 + 10 * pitches, pitches) - pitches / 2
    weights = np.exp(-0.5 * (2 * distance / width) ** 2)
    weights /= np.linalg.norm(weights, axis=0)
    weights *= np.exp(-0.5 * ((position / pitches - center_octave) / octave_width) ** 2)
    # Row 0 is A so far; three steps on it is C.
    return np.ascontiguousarray(np.roll(weights, -3, axis=0)[:, :BINS], dtype=np.float32)


def contrast_bands() -> ContrastBands:
    """Find the bins of each octave band, with librosa's overlap of one bin at the lower edge."""
    frequencies_hz = bin_frequencies_hz()
    edges_hz = np.concatenate([[0.0], _CONTRAST_FLOOR_HZ * 2.0 ** np.arange(CONTRAST_BANDS)])
    first, end, picked = [], [], []
    for band in range(CONTRAST_BANDS):
        inside = np.flatnonzero((frequencies_hz >= edges_hz[band]) & (frequencies_hz <= edges_hz[band + 1]))
        is_last = band == CONTRAST_BANDS - 1
        low, high = inside[0] - (band > 0), BINS if is_last else inside[-1] + 1
        first.append(low)
        end.append(high if is_last else high - 1)
        picked.append(max(1, int(np.rint(_CONTRAST_SHARE * (high - low)))))
    return ContrastBands(*(np.array(column, dtype=np.int64) for column in (first, end, picked)))


def cosine_matrix(coefficients: int, bands: int) -> Float32[np.ndarray, "bands coefficients"]:
    """Make the orthonormal DCT-II that turns log-mel bands into MFCC, shape=(bands, coefficients)."""
    band = np.arange(bands)[:, None]
    order = np.arange(coefficients)[None, :]
    basis = np.cos(np.pi * order * (2 * band + 1) / (2 * bands)) * np.sqrt(2.0 / bands)
    basis[:, 0] = np.sqrt(1.0 / bands)
    return np.asarray(basis, dtype=np.float32)


def _hz_to_mel(frequency_hz: float) -> float:
    if frequency_hz < _BREAK_HZ:
        return frequency_hz * _BREAK_MEL / _BREAK_HZ
    return float(_BREAK_MEL + np.log(frequency_hz / _BREAK_HZ) / _LOG_STEP)


def _mel_to_hz(mel: Float64[np.ndarray, " edges"]) -> Float64[np.ndarray, " edges"]:
    linear = mel * _BREAK_HZ / _BREAK_MEL
    return np.where(mel < _BREAK_MEL, linear, _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL)))
