"""What of a recording survives an edit: the changes of its log-mel spectrum within a second.

Gain and equalization are constant over a second and drop out with its mean; what is left is
compared by its direction only. Frames that hardly change (silence, a held tone) say little about
their place, and get little weight.

Conventions
-----------
Frames are those of the grid in `timebase`. Cells are the coarser grid of a fingerprint, a cell
every `pool` frames of the raw recording; at speed v the edit's cell k is at its frame ``k * pool / v``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
from jaxtyping import Float32, Float64

from editorbot.analysis.downmix import MonoReader, probe_downmix
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
"""Change, root mean square over the bands, at which a frame has a weight of 0.7 [dB]."""


@dataclass(frozen=True)
class RecordingMel:
    """What the alignment needs of a recording."""

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
        """Whether it is silent."""
        return float(self.power.max(initial=0.0)) < 1e-10


@dataclass(frozen=True)
class Fingerprint:
    """Rows that are compared by their scalar product."""

    rows: Float32[np.ndarray, "cells bands"]
    """Unit vectors, shape=(cells, 40)."""
    weight: Float32[np.ndarray, " cells"]
    """How much a row says about its place, shape=(cells,), in [0, 1]."""


def measure_mel(recording: Recording) -> RecordingMel:
    """Measure the log-mel spectrum of a recording; reads it once, by block."""
    mono = MonoReader(recording, probe_downmix(recording))
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
    return RecordingMel(mono, _level_db(mel), power)


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
    mel: RecordingMel, pool: int, *, speed: float = 1.0, keeps_pitch: bool = True, pitch_shift: float = 1.0
) -> Fingerprint:
    """Compute the fingerprint of a recording as it would be at speed 1.

    Parameters
    ----------
    mel : RecordingMel
        The recording.
    pool : int [frames], >= 1
        Distance of the cells.
    speed : float
        How much faster it is played than what it is compared with.
    keeps_pitch : bool
        Whether the pitch stayed as it was.
    pitch_shift : float
        Factor on all frequencies that is taken back, beside the one of the speed.
    """
    level_db, factor = mel.level_db, pitch_shift * (1.0 if keeps_pitch else speed)
    if factor != 1.0:
        level_db = _shifted(level_db, factor)
    smooth = scipy.ndimage.gaussian_filter1d(level_db, 0.5 * pool, axis=0, mode="nearest") if pool > 1 else level_db
    return _fingerprint_of(interpolate_rows(smooth, np.arange(0, mel.frames, pool / speed)), pool)


def _fingerprint_of(cells_db: Float32[np.ndarray, "cells bands"], pool: int) -> Fingerprint:
    width = max(3, round(MEAN_S / (pool * FRAME_S)))
    moving = cells_db - scipy.ndimage.uniform_filter1d(cells_db, width, axis=0, mode="nearest")
    length = np.linalg.norm(moving, axis=1)
    movement_db = length / np.sqrt(np.float32(moving.shape[1]))
    weight = movement_db / np.sqrt(movement_db**2 + np.float32(_STILL_DB**2 / 4))
    rows = moving / np.maximum(length, np.float32(1e-6))[:, None]
    return Fingerprint(np.ascontiguousarray(rows, dtype=np.float32), weight.astype(np.float32))


def interpolate_rows(
    rows: Float32[np.ndarray, "frames bands"], at_frames: Float64[np.ndarray, " cells"]
) -> Float32[np.ndarray, "cells bands"]:
    """Interpolate rows at positions between frames, from 0 to the last."""
    low = np.minimum(at_frames.astype(np.int64), len(rows) - 1)
    high = np.minimum(low + 1, len(rows) - 1)
    share = (at_frames - low).astype(np.float32)[:, None]
    return rows[low] * (1 - share) + rows[high] * share


def _shifted(level_db: Float32[np.ndarray, "frames bands"], speed: float) -> Float32[np.ndarray, "frames bands"]:
    """Divide every frequency of the spectrum by `speed`."""
    centers_hz = _centers_hz()
    wanted = np.interp(centers_hz * speed, centers_hz, np.arange(BANDS))
    low = np.minimum(wanted.astype(int), BANDS - 2)
    share = (wanted - low).astype(np.float32)
    return level_db[:, low] * (1 - share) + level_db[:, low + 1] * share


def _centers_hz() -> Float64[np.ndarray, " bands"]:
    filters = mel_matrix(BANDS).astype(np.float64)
    bins = np.arange(filters.shape[1])
    return (filters @ bins) / filters.sum(axis=1)


_MOST_ROWS = 96


def similarity_of_places(prints: Fingerprint, first: int, end: int, raw: Fingerprint) -> Float32[np.ndarray, " places"]:
    """Return how much the raw recording from each cell on is like cells [first, end) of a fingerprint.

    Parameters
    ----------
    prints, raw : Fingerprint
        Of equal cell distance.
    first, end : int
        The stretch; of a long one a spread of at most 96 to 192 cells is compared.

    Returns
    -------
    similarity : np.ndarray, shape=(places,), float32
        Weighted mean, in [-1, 1], of every place that holds the whole stretch; may be empty.
    """
    step = max(1, (end - first) // _MOST_ROWS)
    picked = np.arange(first, end, step)
    weight = prints.weight[picked]
    similarity = (prints.rows[picked] * weight[:, None]) @ raw.rows.T
    sums = np.zeros(max(0, len(raw.rows) - int(picked[-1] - first)), dtype=np.float32)
    for row, at in zip(similarity, picked - first):
        sums += row[at : at + len(sums)]
    return sums / np.float32(max(float(weight.sum()), 1e-3))


def highest_places(similarity: Float32[np.ndarray, " places"], *, least: float, apart: int, most: int) -> list[int]:
    """Return the places of the highest peaks, highest first, at least `apart` cells from one another."""
    left = similarity.copy()
    places: list[int] = []
    while len(left) and len(places) < most:
        at = int(np.argmax(left))
        if left[at] < least:
            break
        places.append(at)
        left[max(0, at - apart) : at + apart + 1] = -np.inf
    return places
