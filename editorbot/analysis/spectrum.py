"""The one short-time spectrum of a recording, and what is read from it.

The downmix comes in blocks of any length; every 256 frames one block of spectra is taken,
measured and thrown away. What stays is one row of numbers a frame and one a step.

Conventions
-----------
Frame `f` is centred on sample ``f * HOP_SAMPLES``; before the start and after the end lies silence.
Definitions are librosa's (no `top_db`), see the references of its `feature` and `onset` modules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Float32, Float64

from editorbot.analysis.analysis import STEP_COLUMNS, STEP_MEL_BANDS
from editorbot.analysis.filterbanks import (
    BINS,
    CONTRAST_BANDS,
    BandBank,
    chroma_matrix,
    contrast_bands,
    cosine_matrix,
    mel_bank,
)
from editorbot.analysis.kernels import measure_frames, measure_hops
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES, N_FFT, STEP_FRAMES, frame_count

MEL_BANDS, MFCC = 128, 13
TRACK_BANDS = 8
"""Groups of mel bands that `FrameTracks` keeps apart, low to high, 16 mel bands each."""

FRAME_COLUMNS: tuple[str, ...] = (
    "rms", "centroid_hz", "zero_crossing_rate", "rolloff_hz", "bandwidth_hz", "flatness",
    *(f"contrast_{band}" for band in range(CONTRAST_BANDS)), *(f"mfcc_{order}" for order in range(MFCC)),
)  # fmt: skip
"""Columns of `Spectrum.columns`."""

BLOCK_FRAMES = 256
"""Frames measured at a time, a multiple of STEP_FRAMES; small enough to stay in the cache."""
_HALF = N_FFT // 2
_HOPS_A_FRAME = N_FFT // HOP_SAMPLES
_ONSET_SHIFT = N_FFT // (2 * HOP_SAMPLES)
"""librosa writes an onset this many frames late, to make up for the window's reach."""
LEVEL_FLOOR_DB = -120.0
"""Level of silence [dBFS]."""
_POWER_FLOOR = np.float32(1e-10)

_LOW_HZ = 200.0
_DB = np.float32(10.0 / np.log(10.0))


@dataclass(frozen=True)
class FrameTracks:
    """What the beat tracker and the structure finder read, one row a frame of the grid."""

    onset: Float32[np.ndarray, " frames"]
    """Onset strength, shape=(frames,), librosa's definition (which lies two frames late): mean rise of the mel bands [dB]."""
    band_flux: Float32[np.ndarray, "frames bands"]
    """Rise of each band group since the frame before, not shifted, shape=(frames, 8), mean of the positive differences [dB]."""
    band_level_db: Float32[np.ndarray, "frames bands"]
    """Level of each band group [dB], shape=(frames, 8), mean of the log-mel bands."""
    chroma: Float32[np.ndarray, "frames pitches"]
    """Energy of 12 pitch classes, C first, shape=(frames, 12), largest 1, 0 in silence."""
    level_db: Float32[np.ndarray, " frames"]
    """Level, shape=(frames,) [dBFS], at least -120."""


@dataclass(frozen=True)
class Spectrum:
    """Everything that the pass over a recording leaves behind."""

    tracks: FrameTracks
    """Rows for beats and structure."""
    columns: Float32[np.ndarray, "frames columns"]
    """Rows for the features, shape=(frames, 26); see FRAME_COLUMNS."""
    steps: Float32[np.ndarray, "steps columns"]
    """The step grid; see `analysis.STEP_COLUMNS`. Its ``width`` is left at 0."""
    mel_reference_db: float
    """The largest log-mel value of the recording [dB]."""


def power_to_db(power: Float32[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """Return ``10 log10(max(power, 1e-10))``."""
    decibels: Float32[np.ndarray, "*shape"] = np.log(np.maximum(power, _POWER_FLOOR))
    decibels *= _DB
    return decibels


def hann_window() -> Float64[np.ndarray, " window"]:
    """Return the periodic Hann window, shape=(2048,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)


class SpectrumScan:
    """Measures a downmix that comes in blocks: `update` for each, then `finish`."""

    def __init__(self, samples: int) -> None:
        self._samples = samples
        frames = frame_count(samples)
        self._columns = np.empty((frames, len(FRAME_COLUMNS)), dtype=np.float32)
        self._onset = np.zeros(frames + _ONSET_SHIFT, dtype=np.float32)
        self._band_flux = np.empty((frames, TRACK_BANDS), dtype=np.float32)
        self._band_level = np.empty((frames, TRACK_BANDS), dtype=np.float32)
        self._chroma = np.empty((frames, 12), dtype=np.float32)
        self._level = np.empty(frames, dtype=np.float32)
        self._steps = np.zeros((-(-frames // STEP_FRAMES), len(STEP_COLUMNS)), dtype=np.float32)
        self._reference_db = -np.inf
        self._mel, self._coarse = _fields(mel_bank(MEL_BANDS)), _fields(mel_bank(STEP_MEL_BANDS))
        bands = contrast_bands()
        self._contrast = (bands.first, bands.end, bands.picked)
        self._chroma_filters, self._cosines = chroma_matrix(), cosine_matrix(MFCC, MEL_BANDS)
        self._window = hann_window()
        # The buffer holds the samples of one block of frames; before the first lies half a window of silence.
        self._buffer = np.zeros((BLOCK_FRAMES - 1) * HOP_SAMPLES + N_FFT, dtype=np.float32)
        self._filled, self._first_frame = _HALF, 0
        self._last_mel: Float32[np.ndarray, " bands"] | None = None

    def update(self, mono: Float32[np.ndarray, " samples"]) -> None:
        """Take the next samples."""
        taken = 0
        while taken < len(mono):
            room = min(len(self._buffer) - self._filled, len(mono) - taken)
            self._buffer[self._filled : self._filled + room] = mono[taken : taken + room]
            self._filled += room
            taken += room
            if self._filled == len(self._buffer):
                self._measure(BLOCK_FRAMES)

    def finish(self) -> Spectrum:
        """Measure what is left and return the result."""
        while (left := len(self._level) - self._first_frame) > 0:
            self._buffer[self._filled :] = 0.0
            self._filled = len(self._buffer)
            self._measure(min(left, BLOCK_FRAMES))
        onset = self._onset[: len(self._level)]
        tracks = FrameTracks(onset, self._band_flux, self._band_level, self._chroma, self._level)
        return Spectrum(tracks, self._columns, self._steps, float(self._reference_db))

    def _measure(self, frames: int) -> None:
        first = self._first_frame
        rows = slice(first, first + frames)
        windows = np.lib.stride_tricks.sliding_window_view(self._buffer, N_FFT)[::HOP_SAMPLES][:frames]
        # In float64, as librosa does: what lies above a codec's cutoff would drown in float32's rounding.
        spectra = scipy.fft.rfft(windows * self._window, axis=1, overwrite_x=True)
        mel, coarse = (np.empty((frames, bands), dtype=np.float32) for bands in (MEL_BANDS, STEP_MEL_BANDS))
        chroma = np.empty((frames, 12), dtype=np.float32)
        peak, valley = (np.empty((frames, CONTRAST_BANDS), dtype=np.float32) for _ in range(2))
        shape = np.empty((frames, 5))
        measure_frames(spectra, ANALYSIS_RATE / N_FFT, int(_LOW_HZ * N_FFT / ANALYSIS_RATE) + 1, self._mel, self._coarse,
                       self._chroma_filters, self._contrast, shape, mel, coarse, chroma, peak, valley)  # fmt: skip
        mel_db = power_to_db(mel)
        self._reference_db = max(self._reference_db, float(mel_db.max()))
        waveform = self._measure_waveform(frames)
        columns = self._columns[rows]
        columns[:, 0], columns[:, 2] = waveform[:, 0], waveform[:, 1]
        columns[:, [1, 3, 4, 5]] = shape[:, :4]
        columns[:, 6 : 6 + CONTRAST_BANDS] = power_to_db(peak) - power_to_db(valley)
        columns[:, 6 + CONTRAST_BANDS :] = mel_db @ self._cosines
        self._level[rows] = np.maximum(20 * np.log10(np.maximum(waveform[:, 0], 1e-30)), LEVEL_FLOOR_DB)
        largest = chroma.max(axis=1, keepdims=True)
        self._chroma[rows] = chroma / np.where(largest > 1e-30, largest, 1.0)
        rise = self._rise(mel_db)
        grouped = rise.reshape(frames, TRACK_BANDS, -1)
        self._band_flux[rows] = grouped.mean(axis=2)
        self._band_level[rows] = mel_db.reshape(frames, TRACK_BANDS, -1).mean(axis=2)
        flux = rise.mean(axis=1)
        self._onset[first + _ONSET_SHIFT : first + _ONSET_SHIFT + frames] = flux
        self._fill_steps(first, power_to_db(coarse), chroma, flux, shape, columns)
        self._advance(frames)

    def _measure_waveform(self, frames: int) -> Float64[np.ndarray, "frames 2"]:
        """RMS and zero-crossing rate, from sums over hops."""
        hops = frames + _HOPS_A_FRAME - 1
        energy, crossings, first_crosses = np.empty(hops), np.empty(hops), np.empty(hops)
        # Place of the recording's first sample and end in the buffer.
        start = _HALF - self._first_frame * HOP_SAMPLES
        measure_hops(self._buffer, HOP_SAMPLES, start, start + self._samples, energy, crossings, first_crosses)
        kernel = np.ones(_HOPS_A_FRAME)
        squares = np.convolve(energy, kernel, "valid")
        counts = np.convolve(crossings, kernel, "valid") - first_crosses[:frames]
        return np.stack([np.sqrt(squares / N_FFT), counts / N_FFT], axis=1)

    def _rise(self, mel_db: Float32[np.ndarray, "frames bands"]) -> Float32[np.ndarray, "frames bands"]:
        before = mel_db[:1] if self._last_mel is None else self._last_mel[None, :]
        self._last_mel = mel_db[-1].copy()
        return np.maximum(np.diff(mel_db, axis=0, prepend=before), 0.0)

    def _fill_steps(self, first, coarse_db, chroma, flux, shape, columns) -> None:  # type: ignore[no-untyped-def]
        starts = np.arange(0, len(flux), STEP_FRAMES)
        counts = np.diff(np.append(starts, len(flux)))[:, None]
        level = self._level[first : first + len(flux)]
        means = np.concatenate(
            [coarse_db, chroma, level[:, None], flux[:, None], columns[:, [5, 2, 1]], shape[:, 4:]], 1
        )
        mean = np.add.reduceat(means, starts, axis=0) / counts
        rows = self._steps[first // STEP_FRAMES :][: len(starts)]
        rows[:, :STEP_MEL_BANDS] = mean[:, :STEP_MEL_BANDS]
        pitches = mean[:, STEP_MEL_BANDS : STEP_MEL_BANDS + 12]
        largest = pitches.max(axis=1, keepdims=True)
        rows[:, STEP_MEL_BANDS : STEP_MEL_BANDS + 12] = pitches / np.where(largest > 1e-30, largest, 1.0)
        rest = STEP_MEL_BANDS + 12
        rows[:, rest] = mean[:, rest]
        rows[:, rest + 1] = np.minimum.reduceat(level, starts)
        rows[:, rest + 2] = np.maximum.reduceat(level, starts)
        rows[:, rest + 3] = mean[:, rest + 1]
        rows[:, rest + 4] = np.maximum.reduceat(flux, starts)
        rows[:, rest + 5 : rest + 9] = mean[:, rest + 2 : rest + 6]

    def _advance(self, frames: int) -> None:
        kept = self._buffer[frames * HOP_SAMPLES :].copy()
        self._buffer[: len(kept)] = kept
        self._filled = len(kept)
        self._first_frame += frames


def _fields(bank: BandBank) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return bank.first, bank.offset, bank.weights
