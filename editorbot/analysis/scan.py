"""The one short-time spectrum: samples come in by block, rows of numbers stay.

Blocks may have any length. Every 128 frames one block of spectra is taken, measured and thrown
away, so memory holds the rows alone: about 35 MB an hour.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.analysis.analysis import STEP_COLUMNS, STEP_MEL_BANDS
from editorbot.analysis.filterbanks import (
    CONTRAST_BANDS,
    BandBank,
    chroma_matrix,
    contrast_bands,
    cosine_matrix,
    mel_bank,
)
from editorbot.analysis.kernels import measure_frames, measure_hops
from editorbot.analysis.spectrum import (
    FRAME_COLUMNS,
    LEVEL_FLOOR_DB,
    MEL_BANDS,
    MFCC,
    TRACK_BANDS,
    FrameTracks,
    Spectrum,
    hann_window,
    power_to_db,
)
from editorbot.analysis.steps import StepSources, fill_steps, largest_to_one
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES, N_FFT, STEP_FRAMES, frame_count

BLOCK_FRAMES = 128
"""Frames measured at a time, a multiple of STEP_FRAMES; small enough for the processor's cache."""

_BIN_HZ = ANALYSIS_RATE / N_FFT
_HALF_WINDOW = N_FFT // 2
_HOPS_A_FRAME = N_FFT // HOP_SAMPLES
_ONSET_SHIFT = N_FFT // (2 * HOP_SAMPLES)
"""librosa writes an onset this many frames late, to make up for the window's reach."""
_LOW_BINS = int(200.0 / _BIN_HZ) + 1
"""Bins below 200 Hz."""
_CENTROID, _ROLLOFF, _BANDWIDTH, _FLATNESS, _LOW_SHARE = range(5)
"""Columns of `_Measured.shape`."""


class _Measured:
    """Room for what the kernel measures in one block."""

    def __init__(self, frames: int) -> None:
        self.shape = np.empty((frames, 5), dtype=np.float32)
        self.mel = np.empty((frames, MEL_BANDS), dtype=np.float32)
        self.coarse_mel = np.empty((frames, STEP_MEL_BANDS), dtype=np.float32)
        self.chroma = np.empty((frames, 12), dtype=np.float32)
        self.peak = np.empty((frames, CONTRAST_BANDS), dtype=np.float32)
        self.valley = np.empty((frames, CONTRAST_BANDS), dtype=np.float32)


class _Banks:
    """Filters, laid once."""

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
    """

    def __init__(self, samples: int) -> None:
        self._samples, frames = samples, frame_count(samples)
        self._columns = np.empty((frames, len(FRAME_COLUMNS)), dtype=np.float32)
        self._onset = np.zeros(frames + _ONSET_SHIFT, dtype=np.float32)
        self._band_flux = np.empty((frames, TRACK_BANDS), dtype=np.float32)
        self._band_level_db = np.empty((frames, TRACK_BANDS), dtype=np.float32)
        self._chroma = np.empty((frames, 12), dtype=np.float32)
        self._level_db = np.empty(frames, dtype=np.float32)
        self._steps = np.zeros((-(-frames // STEP_FRAMES), len(STEP_COLUMNS)), dtype=np.float32)
        self._reference_db = -np.inf
        self._banks, self._measured = _Banks(), _Measured(BLOCK_FRAMES)
        # Holds the samples of one block of frames; before the first lies half a window of silence.
        self._buffer = np.zeros((BLOCK_FRAMES - 1) * HOP_SAMPLES + N_FFT, dtype=np.float32)
        self._filled, self._frame = _HALF_WINDOW, 0
        self._last_mel_db: Float32[np.ndarray, "1 mel_bands"] | None = None

    def update(self, mono: Float32[np.ndarray, " samples"]) -> None:
        """Take the next samples."""
        while len(mono) > 0:
            room = len(self._buffer) - self._filled
            taken, mono = mono[:room], mono[room:]
            self._buffer[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            if self._filled == len(self._buffer):
                self._measure(BLOCK_FRAMES)

    def finish(self) -> Spectrum:
        """Measure what is left, with silence after it, and return the result."""
        while (left := len(self._level_db) - self._frame) > 0:
            self._buffer[self._filled :] = 0.0
            self._measure(min(left, BLOCK_FRAMES))
        onset = self._onset[: len(self._level_db)]
        tracks = FrameTracks(onset, self._band_flux, self._band_level_db, self._chroma, self._level_db)
        return Spectrum(tracks, self._columns, self._steps, float(self._reference_db))

    def _measure(self, frames: int) -> None:
        """Measure the frames in the buffer, and move it on."""
        rows, banks, block = slice(self._frame, self._frame + frames), self._banks, self._measured
        windows = np.lib.stride_tricks.sliding_window_view(self._buffer, N_FFT)[: frames * HOP_SAMPLES : HOP_SAMPLES]
        # In float64, as librosa does: what lies above a codec's cutoff would drown in float32's rounding.
        spectra = np.fft.rfft(windows * banks.window, axis=1)
        measure_frames(
            spectra, _BIN_HZ, _LOW_BINS, banks.mel, banks.coarse_mel, banks.chroma, banks.contrast,
            block.shape, block.mel, block.coarse_mel, block.chroma, block.peak, block.valley,
        )  # fmt: skip
        self._measure_waveform(rows)
        flux = self._keep_mel(rows, power_to_db(block.mel[:frames]))
        columns = self._columns[rows]
        columns[:, [1, 3, 4, 5]] = block.shape[:frames, [_CENTROID, _ROLLOFF, _BANDWIDTH, _FLATNESS]]
        columns[:, 6:-MFCC] = power_to_db(block.peak[:frames]) - power_to_db(block.valley[:frames])
        self._chroma[rows] = largest_to_one(block.chroma[:frames])
        sources = StepSources(
            mel_db=power_to_db(block.coarse_mel[:frames]),
            chroma=block.chroma[:frames],
            level_db=self._level_db[rows],
            flux=flux,
            flatness=block.shape[:frames, _FLATNESS],
            zero_crossings=columns[:, 2],
            centroid_hz=block.shape[:frames, _CENTROID],
            low_share=block.shape[:frames, _LOW_SHARE],
        )
        fill_steps(sources, self._steps[self._frame // STEP_FRAMES :])
        self._advance(frames)

    def _measure_waveform(self, rows: slice) -> None:
        """Write RMS, zero-crossing rate and level, from sums over hops."""
        frames = rows.stop - rows.start
        hops = frames + _HOPS_A_FRAME - 1
        energy, crossings, first_crosses = np.empty(hops), np.empty(hops), np.empty(hops)
        # Where the recording's first sample lies in the buffer.
        start = _HALF_WINDOW - self._frame * HOP_SAMPLES
        measure_hops(self._buffer, HOP_SAMPLES, start, start + self._samples, energy, crossings, first_crosses)
        one_frame = np.ones(_HOPS_A_FRAME)
        power = np.maximum(np.convolve(energy, one_frame, "valid"), 0.0) / N_FFT
        self._columns[rows, 0] = np.sqrt(power)
        # A crossing into a frame's first sample has its other half outside.
        self._columns[rows, 2] = (np.convolve(crossings, one_frame, "valid") - first_crosses[:frames]) / N_FFT
        self._level_db[rows] = 10 * np.log10(np.maximum(power, 10 ** (LEVEL_FLOOR_DB / 10)))

    def _keep_mel(self, rows: slice, mel_db: Float32[np.ndarray, "frames mel_bands"]) -> Float32[np.ndarray, " frames"]:
        """Write what follows from the log-mel bands; return the onset strength, not late."""
        before = mel_db[:1] if self._last_mel_db is None else self._last_mel_db
        rise = np.diff(mel_db, axis=0, prepend=before)
        np.maximum(rise, 0.0, out=rise)
        self._last_mel_db = mel_db[-1:].copy()
        self._band_flux[rows] = rise @ self._banks.group_means
        self._band_level_db[rows] = mel_db @ self._banks.group_means
        self._columns[rows, -MFCC:] = mel_db @ self._banks.cosines
        self._reference_db = max(self._reference_db, float(mel_db.max()))
        flux: Float32[np.ndarray, " frames"] = rise.mean(axis=1)
        self._onset[rows.start + _ONSET_SHIFT : rows.stop + _ONSET_SHIFT] = flux
        return flux

    def _advance(self, frames: int) -> None:
        kept = self._buffer[frames * HOP_SAMPLES : self._filled].copy()
        self._buffer[: len(kept)] = kept
        self._filled = len(kept)
        self._frame += frames


def _fields(bank: BandBank) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return bank.first, bank.offset, bank.weights
