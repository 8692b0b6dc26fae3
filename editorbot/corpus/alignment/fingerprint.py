"""What of a recording survives an edit: the movement of its log-mel spectrum within a second.

Gain and equalization are constant over a second and drop out with its mean; what is left is
compared by its direction only. Frames that hardly move (silence, a held tone) say little about
where they are, and weigh little.

Conventions
-----------
Frames are those of the grid in `timebase`. Cells are the coarser grid of a fingerprint, a cell
every `pool` frames of the raw recording; at speed v the edit's cell k lies at its frame ``k * pool / v``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
from jaxtyping import Float32, Float64

from editorbot.analysis.downmix import Downmix, MonoReader, probe_downmix
from editorbot.analysis.filterbanks import mel_matrix
from editorbot.analysis.spectrum import hann_window
from editorbot.recording import Recording
from editorbot.timebase import FRAME_S, HOP_SAMPLES, N_FFT, frame_count

BANDS = 40
"""Mel bands of a fingerprint, 0 - 11 kHz."""

MEAN_S = 1.0
"""Length of the mean that is taken off [seconds]."""

_BLOCK_FRAMES = 512
_FLOOR_DB = 65.0
"""Depth below the loudest frames at which sound no longer counts [dB]."""
_STILL_DB = 6.0
"""Movement, root mean square over the bands, at which a frame weighs 0.7 [dB]."""


@dataclass(frozen=True)
class Heard:
    """A recording as the alignment hears it."""

    mono: MonoReader
    """The downmix, by block."""
    level_db: Float32[np.ndarray, "frames bands"]
    """Log-mel spectrum, shape=(frames, 40) [dB], with a soft floor."""
    power: Float32[np.ndarray, " frames"]
    """Mean square of each frame's window, shape=(frames,)."""

    @property
    def frames(self) -> int:
        """Frames of the grid."""
        return len(self.power)

    @property
    def is_silent(self) -> bool:
        """Whether nothing can be heard."""
        return float(self.power.max(initial=0.0)) < 1e-10


@dataclass(frozen=True)
class Fingerprint:
    """Rows that can be compared by their scalar product."""

    rows: Float32[np.ndarray, "cells bands"]
    """Unit vectors, shape=(cells, 40)."""
    weight: Float32[np.ndarray, " cells"]
    """How much a row says, shape=(cells,), in [0, 1]."""


def listen(recording: Recording) -> Heard:
    """Return what the alignment needs of a recording; reads it once, by block."""
    downmix: Downmix = probe_downmix(recording)
    mono = MonoReader(recording, downmix)
    filters, window = mel_matrix(BANDS).T, hann_window().astype(np.float32)
    frames = frame_count(mono.samples)
    mel, power = np.empty((frames, BANDS), dtype=np.float32), np.empty(frames, dtype=np.float32)
    done, kept = 0, np.zeros(N_FFT // 2, dtype=np.float32)
    for block in _with_tail(mono):
        kept = np.concatenate((kept, block))
        while done < frames and len(kept) >= N_FFT:
            count = min(_BLOCK_FRAMES, (len(kept) - N_FFT) // HOP_SAMPLES + 1, frames - done)
            windows = np.lib.stride_tricks.sliding_window_view(kept, N_FFT)[: count * HOP_SAMPLES : HOP_SAMPLES]
            spectra = scipy.fft.rfft(windows * window, axis=1)
            energy = spectra.real**2 + spectra.imag**2
            mel[done : done + count] = energy @ filters
            # Parseval, for one side of the spectrum and the window's mean square of 3/8.
            power[done : done + count] = energy.sum(axis=1) * np.float32(2 / (0.375 * N_FFT * N_FFT))
            done += count
            kept = kept[count * HOP_SAMPLES :]
    return Heard(mono, _level_db(mel), power)


def _with_tail(mono: MonoReader):  # type: ignore[no-untyped-def]
    """Yield the downmix and the zeros that its last frames reach into."""
    yield from mono.blocks()
    yield np.zeros(N_FFT, dtype=np.float32)


def _level_db(mel: Float32[np.ndarray, "frames bands"]) -> Float32[np.ndarray, "frames bands"]:
    """Return decibels above a soft floor that follows each band's own loudest frames."""
    loud = np.quantile(mel[:: max(1, len(mel) // 4_000)], 0.95, axis=0)
    floor = np.maximum(loud, loud.max() * 1e-3) * np.float32(10 ** (-_FLOOR_DB / 10)) + np.float32(1e-12)
    return np.asarray(10 * np.log10(mel + floor), dtype=np.float32)


def fingerprint(
    heard: Heard, pool: int, *, speed: float = 1.0, is_pitch_kept: bool = True, pitch_shift: float = 1.0
) -> Fingerprint:
    """Return the fingerprint of a recording as it would be at speed 1.

    Parameters
    ----------
    heard : Heard
        The recording.
    pool : int [frames], >= 1
        Distance of the cells.
    speed : float
        How much faster it is played than what it is compared with.
    is_pitch_kept : bool
        Whether the pitch did not change with the speed.
    pitch_shift : float
        Factor on all frequencies that is taken back, beside the one of the speed.
    """
    level_db, factor = heard.level_db, pitch_shift * (1.0 if is_pitch_kept else speed)
    if factor != 1.0:
        level_db = _shifted(level_db, factor)
    smooth = scipy.ndimage.gaussian_filter1d(level_db, 0.5 * pool, axis=0, mode="nearest") if pool > 1 else level_db
    return _fingerprint_of(_sampled(smooth, np.arange(0, heard.frames, pool / speed)), pool)


def _fingerprint_of(cells_db: Float32[np.ndarray, "cells bands"], pool: int) -> Fingerprint:
    width = max(3, round(MEAN_S / (pool * FRAME_S)))
    moving = cells_db - scipy.ndimage.uniform_filter1d(cells_db, width, axis=0, mode="nearest")
    length = np.linalg.norm(moving, axis=1)
    movement_db = length / np.sqrt(np.float32(moving.shape[1]))
    weight = movement_db / np.sqrt(movement_db**2 + np.float32(_STILL_DB**2 / 4))
    rows = moving / np.maximum(length, np.float32(1e-6))[:, None]
    return Fingerprint(np.ascontiguousarray(rows, dtype=np.float32), weight.astype(np.float32))


def _sampled(
    level_db: Float32[np.ndarray, "frames bands"], at_frames: Float64[np.ndarray, " cells"]
) -> Float32[np.ndarray, "cells bands"]:
    """Return rows at positions between frames."""
    low = np.minimum(at_frames.astype(np.int64), len(level_db) - 1)
    high = np.minimum(low + 1, len(level_db) - 1)
    share = (at_frames - low).astype(np.float32)[:, None]
    return level_db[low] * (1 - share) + level_db[high] * share


def _shifted(level_db: Float32[np.ndarray, "frames bands"], speed: float) -> Float32[np.ndarray, "frames bands"]:
    """Return the spectrum with every frequency divided by `speed`."""
    centers_hz = _centers_hz()
    wanted = np.interp(centers_hz * speed, centers_hz, np.arange(BANDS))
    low = np.minimum(wanted.astype(int), BANDS - 2)
    share = (wanted - low).astype(np.float32)
    return level_db[:, low] * (1 - share) + level_db[:, low + 1] * share


def _centers_hz() -> Float64[np.ndarray, " bands"]:
    filters = mel_matrix(BANDS).astype(np.float64)
    bins = np.arange(filters.shape[1])
    return (filters @ bins) / filters.sum(axis=1)
