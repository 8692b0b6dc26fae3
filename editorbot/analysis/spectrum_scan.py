"""The one short-time spectrum: samples come in by block, rows of numbers stay.

Blocks may have any length. Every 128 frames one block of spectra is computed, measured and thrown away, so memory
holds the rows alone: about 25 MB an hour. A block of frames is measured from its own samples alone and writes its own
rows, so several may be measured at once, in any order. Eight frames make one row of the step grid.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future

import numpy as np
from jaxtyping import Float32

from editorbot.analysis.filterbanks import (
    BINS,
    CONTRAST_BANDS,
    BandBank,
    chroma_matrix,
    contrast_bands,
    cosine_matrix,
    mel_bank,
)
from editorbot.analysis.frame_rows import new_rows
from editorbot.analysis.kernels import measure_frames, measure_hops
from editorbot.analysis.spectrum import (
    FRAME_COLUMNS,
    LEVEL_FLOOR_DB,
    MEL_BANDS,
    MFCC,
    STEP_COLUMNS,
    STEP_MEL_BANDS,
    TRACK_BANDS,
    FrameTracks,
    Spectrum,
    hann_window,
    power_to_db,
)
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES, N_FFT, STEP_FRAMES, frame_count, step_count

BLOCK_FRAMES = 128
"""Frames measured at a time, a multiple of STEP_FRAMES; small enough for the processor's cache."""

_MEL, _CHROMA = slice(0, STEP_MEL_BANDS), slice(STEP_MEL_BANDS, STEP_MEL_BANDS + 12)
_STEP_COLUMN = {name: column for column, name in enumerate(STEP_COLUMNS)}
_SILENCE = np.float32(1e-30)

_BIN_HZ = ANALYSIS_RATE / N_FFT
_HALF_WINDOW = N_FFT // 2
_HOPS_A_FRAME = N_FFT // HOP_SAMPLES
_ONSET_SHIFT = N_FFT // (2 * HOP_SAMPLES)
"""librosa writes an onset this many frames late, because of the window's reach."""
_LOW_BINS = int(200.0 / _BIN_HZ) + 1
"""Bins below 200 Hz."""
_CENTROID, _ROLLOFF, _BANDWIDTH, _FLATNESS, _LOW_SHARE = range(5)
"""Columns of `_Buffers.shape`."""
_WAITING_BLOCKS = 4
"""Blocks that may wait to be measured by other threads."""


class _Buffers:
    """Reused memory for the spectra of one block, and what the kernel measures in them."""

    def __init__(self, frames: int) -> None:
        self.columns = np.empty((frames, len(FRAME_COLUMNS)), dtype=np.float32)
        self.windows = np.empty((frames, N_FFT))
        self.spectra = np.empty((frames, BINS), dtype=np.complex128)
        self.shape = np.empty((frames, 5), dtype=np.float32)
        self.mel = np.empty((frames, MEL_BANDS), dtype=np.float32)
        self.coarse_mel = np.empty((frames, STEP_MEL_BANDS), dtype=np.float32)
        self.chroma = np.empty((frames, 12), dtype=np.float32)
        self.peak = np.empty((frames, CONTRAST_BANDS), dtype=np.float32)
        self.valley = np.empty((frames, CONTRAST_BANDS), dtype=np.float32)


class _Banks:
    """Filters, computed once."""

    def __init__(self) -> None:
        self.window = hann_window()
        self.mel, self.coarse_mel = _fields(mel_bank(MEL_BANDS)), _fields(mel_bank(STEP_MEL_BANDS))
        bands = contrast_bands()
        self.contrast = (bands.first, bands.end, bands.picked)
        self.chroma = chroma_matrix()
        self.cosines = cosine_matrix(MFCC, MEL_BANDS)
        groups = np.arange(MEL_BANDS) * TRACK_BANDS // MEL_BANDS
        self.group_means = (groups[:, None] == np.arange(TRACK_BANDS)).astype(np.float32) * TRACK_BANDS / MEL_BANDS


class SpectrumScan:
    """Measures a downmix that comes in blocks: `update` for each, then `finish`.

    Parameters
    ----------
    samples : int
        Length of the downmix [samples at ANALYSIS_RATE].
    threads : Executor, optional
        Measures the blocks beside the caller; the result is the same without.
    """

    def __init__(self, samples: int, threads: Executor | None = None) -> None:
        self._samples, frames = samples, frame_count(samples)
        self._columns = new_rows(frames, len(FRAME_COLUMNS))
        self._onset = np.zeros(frames + _ONSET_SHIFT, dtype=np.float32)
        self._band_flux = np.empty((frames, TRACK_BANDS), dtype=np.float32)
        self._band_level_db = np.empty((frames, TRACK_BANDS), dtype=np.float32)
        self._chroma = np.empty((frames, 12), dtype=np.float32)
        self._level_db = np.empty(frames, dtype=np.float32)
        self._steps = np.zeros((step_count(frames), len(STEP_COLUMNS)), dtype=np.float32)
        self._reference_db = -np.inf
        self._banks, self._free_buffers = _Banks(), list[_Buffers]()
        self._threads, self._waiting = threads, deque[Future[float]]()
        # Holds the samples of one block of frames and of the frame before it; before the recording is silence.
        self._samples_ahead = self._new_block()
        self._filled, self._frame = HOP_SAMPLES + _HALF_WINDOW, 0

    def update(self, mono: Float32[np.ndarray, " samples"]) -> None:
        """Measure the next samples."""
        while len(mono) > 0:
            room = len(self._samples_ahead) - self._filled
            taken, mono = mono[:room], mono[room:]
            self._samples_ahead[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            if self._filled == len(self._samples_ahead):
                self._submit(BLOCK_FRAMES)

    def finish(self) -> Spectrum:
        """Measure what is left, with silence after it, and return the result."""
        while (left := len(self._level_db) - self._frame) > 0:
            self._submit(min(left, BLOCK_FRAMES))
        self._collect(0)
        onset = self._onset[: len(self._level_db)]
        tracks = FrameTracks(onset, self._band_flux, self._band_level_db, self._chroma, self._level_db)
        return Spectrum(tracks, self._columns, self._steps, float(self._reference_db))

    def _submit(self, frames: int) -> None:
        """Have the frames of the current block measured, and begin the next block."""
        samples, rows = self._samples_ahead, slice(self._frame, self._frame + frames)
        self._samples_ahead, at = self._new_block(), frames * HOP_SAMPLES
        self._filled = max(0, self._filled - at)
        self._samples_ahead[: self._filled] = samples[at : at + self._filled]
        self._frame += frames
        if self._threads is None:
            self._reference_db = max(self._reference_db, self._measure(samples, rows))
        else:
            self._waiting.append(self._threads.submit(self._measure, samples, rows))
            self._collect(_WAITING_BLOCKS)

    def _collect(self, left: int) -> None:
        """Wait until no more than `left` blocks are still to be measured."""
        while len(self._waiting) > left:
            self._reference_db = max(self._reference_db, self._waiting.popleft().result())

    @staticmethod
    def _new_block() -> Float32[np.ndarray, " samples"]:
        return np.zeros(BLOCK_FRAMES * HOP_SAMPLES + N_FFT, dtype=np.float32)

    def _measure(self, samples: Float32[np.ndarray, " samples"], rows: slice) -> float:
        """Measure the frames of a block, all but its first; return their largest log-mel value [dB]."""
        try:
            buffers = self._free_buffers.pop()
        except IndexError:
            buffers = _Buffers(BLOCK_FRAMES + 1)
        count, banks = rows.stop - rows.start + 1, self._banks
        windows = np.lib.stride_tricks.sliding_window_view(samples, N_FFT)[: count * HOP_SAMPLES : HOP_SAMPLES]
        # In float64, as librosa does: what is above a codec's cutoff would drown in float32's rounding.
        np.multiply(windows, banks.window, out=buffers.windows[:count])
        spectra = np.fft.rfft(buffers.windows[:count], axis=1, out=buffers.spectra[:count])
        measure_frames(
            spectra, _BIN_HZ, _LOW_BINS, banks.mel, banks.coarse_mel, banks.chroma, banks.contrast,
            buffers.shape, buffers.mel, buffers.coarse_mel, buffers.chroma, buffers.peak, buffers.valley,
        )  # fmt: skip
        mel_db, columns = power_to_db(buffers.mel[:count]), buffers.columns[: count - 1]
        self._store_waveform(samples[HOP_SAMPLES:], rows, columns)
        self._store_shape(buffers, rows, self._store_mel(rows, mel_db, columns), columns)
        self._columns[rows] = columns
        self._free_buffers.append(buffers)
        return float(mel_db[1:].max())

    def _store_shape(
        self,
        buffers: _Buffers,
        rows: slice,
        flux: Float32[np.ndarray, " frames"],
        columns: Float32[np.ndarray, "frames columns"],
    ) -> None:
        """Write the columns of the spectrum's shape, the chroma, and the step grid."""
        its = slice(1, rows.stop - rows.start + 1)
        shape, chroma = buffers.shape[its], buffers.chroma[its]
        columns[:, [1, 3, 4, 5]] = shape[:, [_CENTROID, _ROLLOFF, _BANDWIDTH, _FLATNESS]]
        columns[:, 6:-MFCC] = power_to_db(buffers.peak[its]) - power_to_db(buffers.valley[its])
        self._chroma[rows] = _largest_to_one(chroma)
        means = {
            "level_db": self._level_db[rows],
            "flux": flux,
            "flatness": shape[:, _FLATNESS],
            "zero_crossings": columns[:, 2],
            "centroid_hz": shape[:, _CENTROID],
            "low_share": shape[:, _LOW_SHARE],
        }
        _fill_steps(self._steps[rows.start // STEP_FRAMES :], power_to_db(buffers.coarse_mel[its]), chroma, means)

    def _store_waveform(
        self, samples: Float32[np.ndarray, " samples"], rows: slice, columns: Float32[np.ndarray, "frames columns"]
    ) -> None:
        """Write RMS, zero-crossing rate and level, from sums over hops."""
        frames = rows.stop - rows.start
        hops = frames + _HOPS_A_FRAME - 1
        energy, crossings, first_crosses = np.empty(hops), np.empty(hops), np.empty(hops)
        # Where the recording's first sample is among these.
        start = _HALF_WINDOW - rows.start * HOP_SAMPLES
        measure_hops(samples, HOP_SAMPLES, start, start + self._samples, energy, crossings, first_crosses)
        one_frame = np.ones(_HOPS_A_FRAME)
        power = np.maximum(np.convolve(energy, one_frame, "valid"), 0.0) / N_FFT
        columns[:, 0] = np.sqrt(power)
        # A crossing into a frame's first sample has its other half outside.
        columns[:, 2] = (np.convolve(crossings, one_frame, "valid") - first_crosses[:frames]) / N_FFT
        self._level_db[rows] = 10 * np.log10(np.maximum(power, 10 ** (LEVEL_FLOOR_DB / 10)))

    def _store_mel(
        self,
        rows: slice,
        mel_db: Float32[np.ndarray, "frames_and_1 mel_bands"],
        columns: Float32[np.ndarray, "frames columns"],
    ) -> Float32[np.ndarray, " frames"]:
        """Write the columns of the log-mel bands, given one frame early; return the onset strength, not late."""
        if rows.start == 0:
            mel_db = np.concatenate([mel_db[1:2], mel_db[1:]])
        rise = np.diff(mel_db, axis=0)
        np.maximum(rise, 0.0, out=rise)
        self._band_flux[rows] = rise @ self._banks.group_means
        self._band_level_db[rows] = mel_db[1:] @ self._banks.group_means
        columns[:, -MFCC:] = mel_db[1:] @ self._banks.cosines
        flux: Float32[np.ndarray, " frames"] = rise.mean(axis=1)
        self._onset[rows.start + _ONSET_SHIFT : rows.stop + _ONSET_SHIFT] = flux
        return flux


def _fill_steps(
    steps: Float32[np.ndarray, "steps columns"],
    mel_db: Float32[np.ndarray, "frames mel_bands"],
    chroma: Float32[np.ndarray, "frames pitches"],
    means: dict[str, Float32[np.ndarray, " frames"]],
) -> None:
    """Write the rows of the steps that frames fill, the first frame starting a step; ``width`` is left as it is."""
    level_db, flux = means["level_db"], means["flux"]
    starts = np.arange(0, len(flux), STEP_FRAMES)
    counts = np.diff(np.append(starts, len(flux)))[:, None].astype(np.float32)
    rows = steps[: len(starts)]
    rows[:, _MEL] = np.add.reduceat(mel_db, starts, axis=0) / counts
    rows[:, _CHROMA] = _largest_to_one(np.add.reduceat(chroma, starts, axis=0))
    table = np.stack(list(means.values()), axis=1)
    rows[:, [_STEP_COLUMN[name] for name in means]] = np.add.reduceat(table, starts, axis=0) / counts
    rows[:, _STEP_COLUMN["level_min_db"]] = np.minimum.reduceat(level_db, starts)
    rows[:, _STEP_COLUMN["level_max_db"]] = np.maximum.reduceat(level_db, starts)
    rows[:, _STEP_COLUMN["flux_max"]] = np.maximum.reduceat(flux, starts)


def _largest_to_one(energy: Float32[np.ndarray, "rows pitches"]) -> Float32[np.ndarray, "rows pitches"]:
    """Scale each row to a largest value of 1; rows of silence become 0."""
    largest = energy.max(axis=1, keepdims=True)
    return np.asarray(np.where(largest > _SILENCE, energy, 0) / np.maximum(largest, _SILENCE))


def _fields(bank: BandBank) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return bank.first, bank.offset, bank.weights
