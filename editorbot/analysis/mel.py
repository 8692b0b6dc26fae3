"""The mel spectrogram of a recording, by block.

Values are ``(mel_db + 80) / 80`` in [0, 1], `mel_db` being relative to the largest value of the whole recording. A
block is computed from the samples around it, so any place of a recording of hours costs the same, and equals what the
whole would give.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.analysis.downmix import Downmix, MonoReader
from editorbot.analysis.filterbanks import mel_matrix
from editorbot.analysis.spectrum import MEL_BANDS, hann_window, power_to_db
from editorbot.analysis.spectrum_scan import BLOCK_FRAMES
from editorbot.recording import Recording
from editorbot.timebase import HOP_SAMPLES, N_FFT, frame_count

MEL_RANGE_DB = 80.0
"""Range below the reference that is kept [dB]."""


class MelReader:
    """Reads blocks of the mel spectrogram of an open recording.

    `reference_db` is its largest log-mel value, `Analysis.mel_reference_db`; its downmix is probed if left out.
    """

    def __init__(self, recording: Recording, reference_db: float, downmix: Downmix | None = None) -> None:
        self._mono = MonoReader(recording, downmix)
        self._reference_db = reference_db
        self._filters = mel_matrix(MEL_BANDS).T
        self._window = hann_window()

    @property
    def frames(self) -> int:
        """Frames of the whole recording."""
        return frame_count(self._mono.samples)

    def read(self, first: int, last: int) -> Float32[np.ndarray, "128 frames"]:
        """Return frames [first, last), shape=(128, last - first), in [0, 1].

        Raises
        ------
        ValueError
            If the frames are outside the recording.
        """
        if not 0 <= first <= last <= self.frames:
            raise ValueError(f"frames {first} to {last} must be among the recording's {self.frames}")
        mel = np.empty((MEL_BANDS, last - first), dtype=np.float32)
        for start in range(first, last, BLOCK_FRAMES):
            end = min(start + BLOCK_FRAMES, last)
            mel[:, start - first : end - first] = self._block(start, end).T
        return mel

    def _block(self, first: int, last: int) -> Float32[np.ndarray, "frames 128"]:
        samples = self._mono.read(first * HOP_SAMPLES - N_FFT // 2, (last - 1) * HOP_SAMPLES + N_FFT // 2)
        windows = np.lib.stride_tricks.sliding_window_view(samples, N_FFT)[::HOP_SAMPLES]
        spectra = np.fft.rfft(windows * self._window, axis=1).astype(np.complex64)
        mel_db = power_to_db((spectra.real**2 + spectra.imag**2) @ self._filters)
        relative_db = mel_db - np.float32(self._reference_db)
        return np.asarray(np.clip((relative_db + MEL_RANGE_DB) / MEL_RANGE_DB, 0.0, 1.0))
