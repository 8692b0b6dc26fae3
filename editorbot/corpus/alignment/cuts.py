"""Finds exactly where one stretch of an edit ends and the next begins.

Around a cut the edit is compared with the raw recording along the line before it and along the line
after it, in short spectra. The cut is placed where the summed error, before it on the one line and
after it on the other, is smallest; between the two there may be sound that comes from neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Complex64, Float32, Float64

from editorbot.analysis.downmix import MonoReader
from editorbot.corpus.alignment.time_delay import Line, read_along
from editorbot.timebase import ANALYSIS_RATE

_WINDOW, _HOP = 512, 64
_LOW_BIN, _HIGH_BIN, _BANDS = 2, 180, 24
_PHASE_DB, _PHASE_POWER, _FEWEST_FRAMES = 8.0, 0.5, 16
"""What unrelated phases add to the error [dB]; power of the magnitude by which a phase is weighted."""
_AROUND_SAMPLES = round(0.9 * ANALYSIS_RATE)
"""Largest distance of the exact place from the one given."""
_KNOWN_SAMPLES = round(0.5 * ANALYSIS_RATE)
"""Length of the certain part on either side, from which the difference in tone is measured."""
_LARGEST_ERROR_DB = 12.0
_FOREIGN_DB = 5.0
"""Assumed error of sound from elsewhere, if it cannot be measured [dB]."""
_GAP_COST_S = 0.15
"""Least length of sound from elsewhere [seconds]."""
_DEPTH_DB = 55.0


@dataclass(frozen=True)
class Cut:
    """Where one line ends and the next begins."""

    end: int
    """End of the stretch before [samples of the edit]."""
    start: int
    """Start of the stretch after, not before `end`."""


def place_cut(
    raw: MonoReader, edit: MonoReader, before: Line | None, after: Line | None, gap: Cut, bounds: tuple[int, int]
) -> Cut:
    """Find the exact place of a cut.

    Parameters
    ----------
    raw, edit : MonoReader
        The two sounds.
    before, after : Line or None
        Where the edit comes from on either side; None for elsewhere.
    gap : Cut
        Where the cut was found roughly.
    bounds : (int, int) [samples]
        Neither side is moved beyond these.
    """
    low = max(bounds[0], gap.end - _AROUND_SAMPLES)
    high = min(bounds[1], gap.start + _AROUND_SAMPLES)
    first, count = low - _KNOWN_SAMPLES, high - low + 2 * _KNOWN_SAMPLES
    heard = short_spectra(edit.read(first - _WINDOW // 2, first + count + _WINDOW // 2))
    known = _KNOWN_SAMPLES // _HOP
    # Beyond a neighboring cut the lines no longer fit, so only what is inside the bounds is used.
    left = slice(max(0, (max(bounds[0], first) - first) // _HOP), max(1, (gap.end - first) // _HOP))
    right = slice((gap.start - first) // _HOP, min(len(heard), max(1, (bounds[1] - first) // _HOP)))
    errors: list[Float64[np.ndarray, " frames"] | None] = []
    for line, own in ((before, left), (after, right)):
        if line is None:
            errors.append(None)
            continue
        source = short_spectra(read_along(raw, line, first - _WINDOW // 2, count + _WINDOW))
        disagreement = 1 - phase_agreement(heard, source, own)
        errors.append(_error_db(levels_db(heard), levels_db(source), own) + _PHASE_DB * disagreement)
    foreign = _foreign_db(errors, (left, right))
    inside = slice(known, len(heard) - known)
    before_db, after_db = (np.full(len(heard), 1e3) if error is None else error for error in errors)
    place = cheapest_split(before_db[inside], after_db[inside], foreign, _GAP_COST_S * ANALYSIS_RATE / _HOP * foreign)
    end, start = (int(np.clip(low + at * _HOP, low, high)) for at in place)
    return Cut(end, max(end, start))


def _error_db(
    heard: Float32[np.ndarray, "frames bands"], source: Float32[np.ndarray, "frames bands"], own: slice
) -> Float64[np.ndarray, " frames"]:
    """Return the mean difference of two spectra, less their difference in tone in the certain part."""
    difference = heard - source
    if own.stop - own.start >= _FEWEST_FRAMES:
        difference = difference - np.median(difference[own], axis=0)
    return np.minimum(np.abs(difference), _LARGEST_ERROR_DB).mean(axis=1).astype(np.float64)


def _foreign_db(errors: list[Float64[np.ndarray, " frames"] | None], sides: tuple[slice, slice]) -> float:
    """Return the error at which a frame fits a line neither well nor badly."""
    own, other = [], []
    for error, mine, theirs in zip(errors, sides, sides[::-1]):
        if error is not None:
            own.append(float(np.median(error[mine])) if mine.stop > mine.start else 2.0)
            other.append(float(np.median(error[theirs])) if theirs.stop > theirs.start else 2 * _FOREIGN_DB)
    if not own:
        return _FOREIGN_DB
    return max(0.5 * (max(own) + max(other)), 1.4 * max(own) + 1.0, 2.5)


def cheapest_split(
    before: Float64[np.ndarray, " frames"], after: Float64[np.ndarray, " frames"], foreign: float, gap_cost: float
) -> tuple[int, int]:
    """Return i <= j for the least ``sum(before[:i]) + foreign * (j - i) + sum(after[j:])``, a gap costing extra."""
    frames = len(before)
    head = np.concatenate(([0.0], np.cumsum(before)))
    tail = np.concatenate((np.cumsum(after[::-1])[::-1], [0.0]))
    joint = int(np.argmin(head + tail))
    steps = np.arange(frames + 1) * foreign
    lowest = np.minimum.accumulate(head - steps)
    gaps = lowest + steps + tail + gap_cost
    j = int(np.argmin(gaps))
    if gaps[j] >= head[joint] + tail[joint]:
        return joint, joint
    return int(np.argmin((head - steps)[: j + 1])), j


def phase_agreement(
    heard: Complex64[np.ndarray, "frames bins"], source: Complex64[np.ndarray, "frames bins"], own: slice
) -> Float64[np.ndarray, " frames"]:
    """Return how far the phases of two sounds agree, less their constant difference in the certain part.

    Near 1 if one is a copy of the other, whatever the equalization; near 0 if they are merely similar.
    """
    cross = heard * np.conj(source)
    if own.stop - own.start >= _FEWEST_FRAMES:
        turn = cross[own].sum(axis=0)
        cross = cross * np.conj(turn / np.maximum(np.abs(turn), 1e-20))
    size = np.abs(cross)
    weight = np.where(size > 1e-12, np.maximum(size, np.float32(1e-12)) ** np.float32(_PHASE_POWER - 1), 0)
    together = np.sum(cross.real * weight, axis=1)
    return np.asarray(together / np.maximum(np.sum(size * weight, axis=1), 1e-9), dtype=np.float64)


def agreement_along(raw: MonoReader, edit: MonoReader, line: Line, first: int, count: int) -> float:
    """Return how far the phases agree along a line over `count` samples of the edit, in [-1, 1]."""
    heard = short_spectra(edit.read(first, first + count))
    source = short_spectra(read_along(raw, line, first, count))
    return float(phase_agreement(heard, source, slice(0, len(heard))).mean())


def short_spectra(sound: Float32[np.ndarray, " samples"]) -> Complex64[np.ndarray, "frames bins"]:
    """Compute short spectra of the lower 7.8 kHz, a frame every 64 samples."""
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP]
    return scipy.fft.rfft(windows * window, axis=1)[:, _LOW_BIN:_HIGH_BIN]


def levels_db(spectra: Complex64[np.ndarray, "frames bins"]) -> Float32[np.ndarray, "frames bands"]:
    """Compute the levels of short spectra in bands that widen with the frequency [dB]."""
    power = spectra.real**2 + spectra.imag**2
    edges = np.unique(np.round(np.geomspace(_LOW_BIN, _HIGH_BIN, _BANDS + 1)).astype(int)) - _LOW_BIN
    bands = np.add.reduceat(power, edges[:-1], axis=1)
    floor = bands.max(initial=0.0) * np.float32(10 ** (-_DEPTH_DB / 10)) + np.float32(1e-9)
    return np.asarray(10 * np.log10(bands + floor), dtype=np.float32)
