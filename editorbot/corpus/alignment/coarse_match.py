"""Matches an edit to its raw recording roughly, by fingerprints: at which speed, and along which path.

The speed comes from a few probes, each a few seconds of the edit: at the right speed a probe fits
somewhere in the raw recording better than at any other. Both kinds of change are tried: a tape's,
which changes the pitch too, and a stretch, which keeps it.

The path is found by dynamic programming (Viterbi): each cell of the edit comes from a place of the
raw recording, or from none. To continue costs nothing, every jump the same, however far. Since a jump
starts at the best place of the row before, one number a row is enough to trace the path back, and
memory does not grow with the square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from editorbot.corpus.alignment.fingerprint import Fingerprint, RecordingMel, fingerprint

SPEEDS = tuple(1 + 0.01 * step for step in range(-4, 5))
"""Speeds of the coarse search."""

LEAST_SPEED, MOST_SPEED = 0.95, 1.05
"""Speeds of an edit: the coarse grid, and a little more for the measurement on the waveforms."""

_FINE_STEPS = np.arange(-8, 9) * 0.00125
_POOL, _PROBE_CELLS, _PROBES = 2, 128, 12
_GAIN = 0.05
"""How much better another speed must fit to be taken; smaller changes are measured on the waveforms later."""
_GOOD_FIT = 0.93
"""A fit from which no other speed is tried."""
_BLOCK_VALUES = 1 << 22
"""Similarities that are computed at a time."""


@dataclass(frozen=True)
class Speed:
    """The speed of the edit relative to the raw recording."""

    ratio: float
    """Raw seconds that pass in a second of the edit."""
    keeps_pitch: bool
    """Whether the pitch stayed as it was."""
    fit: float
    """Mean similarity of the probes at their best places, in [-1, 1]."""


def find_speed(raw: RecordingMel, edit: RecordingMel) -> Speed:
    """Find the speed at which the probes fit best; 1 if none is clearly better."""
    pool = _POOL if raw.frames < 40_000 else 2 * _POOL
    places = fingerprint(raw, pool)
    plain = _fit(places, edit, pool, 1.0, True)
    if plain.fit >= _GOOD_FIT:
        return plain
    coarse = [_fit(places, edit, pool, ratio, kept) for ratio in SPEEDS if ratio != 1.0 for kept in (True, False)]
    best = max(coarse, key=lambda speed: speed.fit)
    if best.fit < plain.fit + _GAIN:
        return plain
    around = {min(max(best.ratio + step, 0.955), 1.045) for step in _FINE_STEPS.tolist()}
    fine = [_fit(places, edit, pool, ratio, best.keeps_pitch) for ratio in sorted(around)]
    finest = max(fine, key=lambda speed: speed.fit)
    return plain if finest.fit < plain.fit + _GAIN else finest


def _fit(raw: Fingerprint, edit: RecordingMel, pool: int, ratio: float, keeps_pitch: bool) -> Speed:
    """Return how well the probes fit at one speed."""
    prints = fingerprint(edit, pool, speed=ratio, keeps_pitch=keeps_pitch)
    cells = min(_PROBE_CELLS, len(prints.rows), len(raw.rows))
    energy = np.convolve(prints.weight, np.ones(cells), mode="valid")
    starts = _spread_starts(energy, min(_PROBES, max(1, len(prints.rows) // cells)))
    sums = np.empty(len(raw.rows) - cells + 1, dtype=np.float32)
    fits = []
    for start in starts:
        rows, weight = prints.rows[start : start + cells], prints.weight[start : start + cells]
        diagonal_sums(np.ascontiguousarray((rows * weight[:, None]) @ raw.rows.T), sums)
        fits.append(float(sums.max()) / max(float(weight.sum()), 1e-6))
    # Probes over a cut, or from elsewhere, fit nowhere at any speed: the better half counts.
    return Speed(ratio, keeps_pitch, float(np.mean(np.sort(fits)[len(fits) // 2 :])))


def _spread_starts(energy, count: int) -> list[int]:  # type: ignore[no-untyped-def]
    """Return the liveliest start in each of `count` equal parts."""
    parts = np.array_split(np.arange(len(energy)), count)
    return [int(part[np.argmax(energy[part])]) for part in parts if len(part)]


@dataclass(frozen=True)
class Stretch:
    """Cells of the edit that follow one another in the raw recording."""

    first: int
    """First cell of the edit."""
    end: int
    """End cell of the edit."""
    raw_first: int
    """Cell of the raw recording where it starts; -1 if it is not from there."""


def best_path(raw: Fingerprint, edit: Fingerprint, *, jump_cost: float, foreign_score: float) -> list[Stretch]:
    """Find the stretches of the best path, in order, covering every cell of the edit.

    Parameters
    ----------
    jump_cost : float
        Cost of a jump, in cells of full similarity.
    foreign_score : float
        Likeness below which a cell counts as not from the raw recording.
    """
    cells, places = len(edit.rows), len(raw.rows)
    value, start = np.zeros(places + 1, dtype=np.float32), np.zeros(places + 1, dtype=np.int32)
    best, best_start = np.empty(cells, dtype=np.int32), np.empty(cells, dtype=np.int32)
    weighted = edit.rows * edit.weight[:, None]
    step = max(1, _BLOCK_VALUES // places)
    backwards = np.ascontiguousarray(raw.rows.T)
    for first in range(0, cells, step):
        end = min(first + step, cells)
        similarity = weighted[first:end] @ backwards
        foreign = (edit.weight[first:end] * np.float32(foreign_score)).astype(np.float32)
        advance(similarity, foreign, jump_cost, first, value, start, best[first:end], best_start[first:end])
    return _trace_back(best, best_start, places)


def _trace_back(best, best_start, places: int) -> list[Stretch]:  # type: ignore[no-untyped-def]
    stretches: list[Stretch] = []
    row = len(best) - 1
    while row >= 0:
        first, at = int(best_start[row]), int(best[row])
        raw_first = -1 if at == places else at - (row - first)
        stretches.append(Stretch(first, row + 1, raw_first))
        row = first - 1
    return stretches[::-1]


@njit(cache=True, nogil=True)
def advance(similarity, foreign, jump_cost, first_row, value, start, best, best_start):  # type: ignore[no-untyped-def]
    """Extend the best path by some rows: continue along the diagonal, or jump from the best place of all.

    Parameters
    ----------
    similarity : np.ndarray, shape=(rows, places), float32
        How well each place explains each row.
    foreign : np.ndarray, shape=(rows,), float32
        Score of each row if it is not from the raw recording; that place is the last one, `places`.
    jump_cost : float
        Cost of a jump.
    first_row : int
        Number of the first row.
    value, start : np.ndarray, shape=(places + 1,), float32 and int32
        Score of the best path to each place, less the best of all, and the row of its last jump; changed in place.
    best, best_start : np.ndarray, shape=(rows,), int32
        Get the best place of each row and the row at which its stretch began.
    """
    rows, places = similarity.shape
    cost = np.float32(jump_cost)
    new_value, new_start = np.empty_like(value), np.empty_like(start)
    for row in range(rows):
        number = np.int32(first_row + row)
        scores = similarity[row]
        # The first place is reached by a jump only, and the first row from outside, where nothing is a jump.
        new_value[0] = scores[0] - (cost if number > 0 else np.float32(0.0))
        new_start[0] = number
        for j in range(1, places):
            continues = value[j - 1] >= -cost
            new_value[j] = scores[j] + (value[j - 1] if continues else -cost)
            new_start[j] = start[j - 1] if continues else number
        stays = value[places] >= -cost
        new_value[places] = foreign[row] + (value[places] if stays else -cost)
        new_start[places] = start[places] if stays else number
        largest = new_value[0]
        for j in range(1, places + 1):
            largest = max(largest, new_value[j])
        at = 0
        while new_value[at] != largest:
            at += 1
        best[row], best_start[row] = at, new_start[at]
        for j in range(places + 1):
            value[j] = new_value[j] - largest
            start[j] = new_start[j]


@njit(cache=True, nogil=True)
def diagonal_sums(similarity, out):  # type: ignore[no-untyped-def]
    """Write ``out[j] = sum over k of similarity[k, j + k]`` for every j with all k inside."""
    rows = similarity.shape[0]
    out[:] = 0.0
    for k in range(rows):
        row = similarity[k]
        for j in range(out.size):
            out[j] += row[j + k]
