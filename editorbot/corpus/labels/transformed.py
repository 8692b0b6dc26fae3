"""Finds stretches that the alignment did not: played backwards, at another pitch, at another speed.

Such sound shares no waveform with the raw recording, but its log-frequency spectrum does: mirrored
in time, shifted along the frequencies, or run through faster. Each transformation is tried, near where the
edit continues before and after, then everywhere.

Conventions
-----------
Positions are samples at ANALYSIS_RATE. Rows are frames of the grid in `timebase`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
from jaxtyping import Float32

from editorbot.analysis.downmix import MonoReader
from editorbot.corpus.alignment.coarse_match import diagonal_sums
from editorbot.corpus.alignment.fingerprint import interpolate_rows
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES

LOWEST_HZ, OCTAVES, PER_OCTAVE = 130.0, 5, 24
"""Range and resolution of the log-frequency rows: two bins a semitone."""
PITCHES = (-2, -1, 1, 2)
"""Transpositions that are tried [semitones]."""
SPEEDS = (0.5, 0.88, 0.92, 0.95, 0.98, 1.02, 1.05, 1.08, 1.12, 2.0)
"""Speeds that are tried if the neighbors do not determine it."""
LEAST_SIMILARITY = 0.35
"""Similarity below which a stretch counts as not found."""

_WINDOW = 4_096
_SPREAD_BINS, _SPREAD_FRAMES = 24, 43
_EXTRA = 2 * max(PITCHES)
_PLAIN_START = 0.04
"""How much more similar a transformed copy must be than a plain one."""
_HERE_START = 0.1
"""How much more similar another place must be than the expected one."""
_NEAR_FRAMES = 12
_SHORTEST_FRAMES = 6


@dataclass(frozen=True)
class Transform:
    """What can have been done to a stretch."""

    speed: float = 1.0
    """Raw seconds a second of the edit, at the same pitch."""
    semitones: int = 0
    """Transposition."""
    reverse: bool = False
    """Whether it was played backwards."""


@dataclass(frozen=True)
class TransformedMatch:
    """Where a stretch comes from, and what was done to it."""

    transform: Transform
    """What was done."""
    raw_start: int
    """First sample of the raw recording."""
    raw_end: int
    """End sample of the raw recording."""
    similarity: float
    """How similar they are then, in [-1, 1]."""


def find_transformed(
    raw: MonoReader,
    edit: MonoReader,
    first: int,
    end: int,
    raw_gap: tuple[int, int] | None,
    *,
    around: int | None = None,
) -> TransformedMatch | None:
    """Find where edit samples [first, end) come from, and how they were transformed.

    Parameters
    ----------
    raw, edit : MonoReader
        The two sounds.
    first, end : int
        The stretch of the edit.
    raw_gap : (int, int), optional
        Raw samples between those that are played before and after it.
    around : int, optional
        How far around that gap is searched; everywhere if None.

    Returns
    -------
    match : TransformedMatch or None
        None if nothing is similar enough, or the stretch is too short.
    """
    if end - first < _SHORTEST_FRAMES * HOP_SAMPLES:
        return None
    low, high = 0, raw.samples
    if around is not None and raw_gap is not None:
        low, high = max(0, raw_gap[0] - around), min(raw.samples, raw_gap[1] + around)
    wide_raw = _log_frequency(raw, low, high)
    wide_edit = _log_frequency(edit, first, end)
    places = _rows(_inner(wide_raw, 0))
    best: tuple[float, TransformedMatch] | None = None
    for transform in _transforms(end - first, raw_gap):
        rows = _rows(_inner(_stretched(wide_edit, transform.speed), transform.semitones))
        if transform.reverse:
            rows = _rows(_inner(wide_edit[::-1], 0))
        if len(rows) > len(places):
            continue
        sums = np.empty(len(places) - len(rows) + 1, dtype=np.float32)
        diagonal_sums(np.ascontiguousarray(rows @ places.T), sums)
        sums /= np.float32(len(rows))
        worth = sums - (_PLAIN_START if transform != Transform() else 0.0)
        if raw_gap is not None:
            here = round((raw_gap[0] - low) / HOP_SAMPLES)
            is_far = np.abs(np.arange(len(sums)) - here) > _NEAR_FRAMES
            worth = worth - np.float32(_HERE_START) * is_far
        at = int(np.argmax(worth))
        if best is None or worth[at] > best[0]:
            start = low + at * HOP_SAMPLES
            length = round((end - first) * transform.speed)
            best = (
                float(worth[at]),
                TransformedMatch(transform, start, min(start + length, raw.samples), float(sums[at])),
            )
    if best is None or best[1].similarity < LEAST_SIMILARITY:
        return None
    return _in_gap(best[1], raw_gap, end - first)


def _in_gap(match: TransformedMatch, raw_gap: tuple[int, int] | None, length: int) -> TransformedMatch:
    """Return the match with the edges of the raw gap, if it fills the gap."""
    slack = _NEAR_FRAMES * HOP_SAMPLES
    if raw_gap is None or abs(raw_gap[0] - match.raw_start) > slack or abs(raw_gap[1] - match.raw_end) > slack:
        return match
    speed = (raw_gap[1] - raw_gap[0]) / length
    transform = (
        Transform(speed, match.transform.semitones, match.transform.reverse)
        if match.transform.speed != 1
        else match.transform
    )
    return TransformedMatch(transform, raw_gap[0], raw_gap[1], match.similarity)


def _transforms(length: int, raw_gap: tuple[int, int] | None) -> list[Transform]:
    """Return the transforms to try; the raw gap may leave one speed only."""
    transforms = [Transform(), Transform(reverse=True), *(Transform(semitones=semitones) for semitones in PITCHES)]
    ratio = (raw_gap[1] - raw_gap[0]) / length if raw_gap is not None else 0.0
    if 0.45 < ratio < 2.2:
        # The neighbors' lines are exact, so a stretch from the gap has the speed that fills it.
        return transforms if abs(ratio - 1) < 0.004 else [*transforms, Transform(ratio)]
    return [*transforms, *(Transform(speed) for speed in SPEEDS)]


def _log_frequency(mono: MonoReader, low: int, high: int) -> Float32[np.ndarray, "frames bins"]:
    """Compute log power on a log-frequency axis, with room for transposition, shape=(frames, bins)."""
    count = max(1, -(-(high - low) // HOP_SAMPLES))
    positions = _positions()
    below = positions.astype(int)
    share = (positions - below).astype(np.float32)
    bell = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    rows = np.empty((count, len(positions)), dtype=np.float32)
    for at in range(0, count, 512):
        part = min(512, count - at)
        start = low + at * HOP_SAMPLES - _WINDOW // 2 + HOP_SAMPLES // 2
        sound = mono.read(start, start + (part - 1) * HOP_SAMPLES + _WINDOW)
        windows = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::HOP_SAMPLES]
        power = np.abs(scipy.fft.rfft(windows * bell, axis=1)) ** 2
        rows[at : at + part] = power[:, below] * (1 - share) + power[:, below + 1] * share
    return 10 * np.log10(rows + np.float32(1e-5 * float(rows.max(initial=0.0)) + 1e-9))


def _positions() -> np.ndarray:
    bins = np.arange(-_EXTRA, OCTAVES * PER_OCTAVE + _EXTRA)
    return LOWEST_HZ * 2 ** (bins / PER_OCTAVE) * _WINDOW / ANALYSIS_RATE


def _inner(wide: Float32[np.ndarray, "frames bins"], semitones: int) -> Float32[np.ndarray, "frames inner"]:
    """Undo a transposition."""
    start = _EXTRA + semitones * PER_OCTAVE // 12
    return wide[:, start : start + OCTAVES * PER_OCTAVE]


def _stretched(wide: Float32[np.ndarray, "frames bins"], speed: float) -> Float32[np.ndarray, "stretched bins"]:
    """Return the frames as they would be at speed 1."""
    if speed == 1.0:
        return wide
    count = max(1, round(len(wide) * speed))
    at = np.minimum((np.arange(count) + 0.5) / speed - 0.5, len(wide) - 1).clip(0)
    return interpolate_rows(wide, at)


def _rows(spectrum: Float32[np.ndarray, "frames bins"]) -> Float32[np.ndarray, "frames twice"]:
    """Return rows to compare: notes (peaks above their neighboring frequencies) and changes in time."""
    notes = spectrum - scipy.ndimage.uniform_filter1d(spectrum, _SPREAD_BINS, axis=1, mode="nearest")
    width = min(_SPREAD_FRAMES, max(3, len(spectrum)))
    smooth = scipy.ndimage.uniform_filter1d(spectrum, 6, axis=1, mode="nearest")
    changes = smooth - scipy.ndimage.uniform_filter1d(smooth, width, axis=0, mode="nearest")
    both = np.concatenate((_unit(notes), _unit(changes)), axis=1)
    return np.ascontiguousarray(both * np.float32(np.sqrt(0.5)), dtype=np.float32)


def _unit(rows: Float32[np.ndarray, "frames bins"]) -> Float32[np.ndarray, "frames bins"]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1), 1.0)[:, None]
