"""The mel of a sound that is not a recording: a stem, or a sound that was changed.

The same frames and filters as those of :mod:`editorbot.analysis.mel`.
"""

from __future__ import annotations

import numpy as np
import soxr
from jaxtyping import Float32

from editorbot.analysis.filterbanks import BandBank, mel_bank
from editorbot.analysis.mel import MEL_RANGE_DB
from editorbot.analysis.spectrum import MEL_BANDS, hann_window, power_to_db
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES, N_FFT, frame_count

_FRAMES = 512
"""Frames made at a time."""


def banded(power: Float32[np.ndarray, "frames bins"], bank: BandBank) -> Float32[np.ndarray, "frames bands"]:
    """Return the power in each band, shape=(frames, bands).

    The last bit of a matrix product would depend on the number of threads, and so would all training.
    """
    bands = np.empty((len(power), len(bank.first)), dtype=np.float32)
    for band, (first, start, end) in enumerate(zip(bank.first, bank.offset, bank.offset[1:])):
        bands[:, band] = np.einsum("fb,b->f", power[:, first : first + end - start], bank.weights[start:end])
    return bands


def relative_mel(mel_db: Float32[np.ndarray, "128 frames"], reference_db: float) -> Float32[np.ndarray, "128 frames"]:
    """Return log-mel values as they are stored, in [0, 1]."""
    relative_db = mel_db - np.float32(reference_db)
    return np.clip((relative_db + np.float32(MEL_RANGE_DB)) / np.float32(MEL_RANGE_DB), 0.0, 1.0)


class MelScan:
    """Measures the mel of a sound block by block: `update` for each, then `finish`.

    The sound has a rate [Hz], and is `samples` long at ANALYSIS_RATE.
    """

    def __init__(self, samples: int, rate: int) -> None:
        self._mel_db = np.empty((MEL_BANDS, frame_count(samples)), dtype=np.float32)
        self._left, self._frame = samples, 0
        self._held = [np.zeros(N_FFT // 2, dtype=np.float32)]
        self._count = N_FFT // 2
        self._rate = rate
        self._stream = soxr.ResampleStream(rate, ANALYSIS_RATE, 1, dtype="float32", quality="HQ")
        self._filters, self._window = mel_bank(MEL_BANDS), hann_window()

    def update(self, mono: Float32[np.ndarray, " samples"], *, last: bool) -> None:
        """Take the next samples."""
        if self._rate != ANALYSIS_RATE:
            mono = self._stream.resample_chunk(np.ascontiguousarray(mono), last=last)
        self._take(mono[: self._left])
        self._left -= len(mono[: self._left])

    def finish(self) -> Float32[np.ndarray, "128 frames"]:
        """Return the log-mel values [dB]."""
        self._take(np.zeros(self._left + N_FFT // 2 + HOP_SAMPLES, dtype=np.float32))
        self._measure(self._mel_db.shape[1] - self._frame)
        return self._mel_db

    def _take(self, mono: Float32[np.ndarray, " samples"]) -> None:
        self._held.append(mono)
        self._count += len(mono)
        while self._count >= _FRAMES * HOP_SAMPLES + N_FFT and self._frame + _FRAMES <= self._mel_db.shape[1]:
            self._measure(_FRAMES)

    def _measure(self, frames: int) -> None:
        """Measure the next frames, and drop samples that no later frame needs."""
        if frames <= 0:
            return
        samples = np.concatenate(self._held)
        windows = np.lib.stride_tricks.sliding_window_view(samples, N_FFT)[: frames * HOP_SAMPLES : HOP_SAMPLES]
        spectra = np.fft.rfft(windows * self._window, axis=1).astype(np.complex64)
        mel = banded(spectra.real**2 + spectra.imag**2, self._filters)
        self._mel_db[:, self._frame : self._frame + frames] = power_to_db(mel).T
        self._frame += frames
        self._held = [samples[frames * HOP_SAMPLES :].copy()]
        self._count = len(self._held[0])


def mel_of(mono: Float32[np.ndarray, " samples"]) -> Float32[np.ndarray, "128 frames"]:
    """Compute the mel of a sound at ANALYSIS_RATE as it is stored, shape=(128, frames), in [0, 1]."""
    scan = MelScan(len(mono), ANALYSIS_RATE)
    scan.update(mono, last=True)
    mel_db = scan.finish()
    return relative_mel(mel_db, float(mel_db.max()))
