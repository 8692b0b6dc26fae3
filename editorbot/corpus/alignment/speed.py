"""How much faster the edit runs than its raw recording, from a few probes and nine speeds.

A probe is a few seconds of the edit. At the right speed its fingerprint fits somewhere in the raw
recording better than at any other. Both kinds of change are tried: a tape's, which moves the
pitch too, and a stretch, which keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from editorbot.corpus.alignment.fingerprint import Fingerprint, Heard, fingerprint
from editorbot.corpus.kernels import diagonal_sums

SPEEDS = tuple(1 + 0.01 * step for step in range(-4, 5))
"""The grid."""

LEAST_SPEED, MOST_SPEED = 0.95, 1.05
"""Speeds of an edit: the grid, and a little for what the waveforms add to it."""

_FINE_STEPS = np.arange(-8, 9) * 0.00125
_POOL, _PROBE_CELLS, _PROBES = 2, 128, 12
_GAIN = 0.05
"""How much better another speed must fit to be believed; smaller changes are measured on the waveforms later."""
_GOOD_FIT = 0.93
"""A fit at which no other speed is tried."""


@dataclass(frozen=True)
class Speed:
    """A speed of the edit against the raw recording."""

    ratio: float
    """Raw seconds that pass in a second of the edit."""
    is_pitch_kept: bool
    """Whether the pitch did not change with it."""
    fit: float
    """Mean likeness of the probes at their best places, in [-1, 1]."""


def find_speed(raw: Heard, edit: Heard) -> Speed:
    """Return the speed at which the probes fit best; 1 where none is clearly better."""
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
    fine = [_fit(places, edit, pool, ratio, best.is_pitch_kept) for ratio in sorted(around)]
    finest = max(fine, key=lambda speed: speed.fit)
    return plain if finest.fit < plain.fit + _GAIN else finest


def _fit(raw: Fingerprint, edit: Heard, pool: int, ratio: float, is_pitch_kept: bool) -> Speed:
    """Return how well the probes fit at one speed."""
    print_ = fingerprint(edit, pool, speed=ratio, is_pitch_kept=is_pitch_kept)
    cells = min(_PROBE_CELLS, len(print_.rows), len(raw.rows))
    energy = np.convolve(print_.weight, np.ones(cells), mode="valid")
    starts = _spread_starts(energy, min(_PROBES, max(1, len(print_.rows) // cells)))
    sums = np.empty(len(raw.rows) - cells + 1, dtype=np.float32)
    fits = []
    for start in starts:
        rows, weight = print_.rows[start : start + cells], print_.weight[start : start + cells]
        diagonal_sums(np.ascontiguousarray((rows * weight[:, None]) @ raw.rows.T), sums)
        fits.append(float(sums.max()) / max(float(weight.sum()), 1e-6))
    # Probes over a cut, or from elsewhere, fit nowhere at any speed: the better half decides.
    return Speed(ratio, is_pitch_kept, float(np.mean(np.sort(fits)[len(fits) // 2 :])))


def _spread_starts(energy, count: int) -> list[int]:  # type: ignore[no-untyped-def]
    """Return the liveliest start in each of `count` equal parts."""
    parts = np.array_split(np.arange(len(energy)), count)
    return [int(part[np.argmax(energy[part])]) for part in parts if len(part)]
