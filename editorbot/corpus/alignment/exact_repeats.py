"""Exact repeats: other places of the raw recording with exactly the same sound as a stretch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from editorbot.corpus.alignment.fingerprint import (
    Fingerprint,
    RecordingMel,
    fingerprint,
    highest_places,
    similarity_of_places,
)
from editorbot.corpus.alignment.segments import MatchedStretch
from editorbot.corpus.alignment.time_delay import Line, measure_shift, read_along
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES

_POOL, _MOST_REPEATS = 4, 8
_LIKE = 0.85
"""Mean similarity of spectra from which two places are compared by their samples."""
_EQUAL = 0.98
"""Correlation of the samples at which two places are one sound."""
_WINDOW_SAMPLES = 32_768
_APART_SAMPLES = round(0.3 * ANALYSIS_RATE)
_BACKWARD_COST = 4.0
"""How much less likely an editor goes back than forward, as a factor on the distance."""


@dataclass(frozen=True)
class RepeatedStretch:
    """A stretch, and the other places with the same sound."""

    stretch: MatchedStretch
    """The stretch."""
    shifts: tuple[float, ...]
    """Distances of the other places from the stretch's own [samples at ANALYSIS_RATE]."""


def find_exact_repeats(found: list[MatchedStretch], raw: RecordingMel) -> list[RepeatedStretch]:
    """Find the places with the same sound as each stretch."""
    cells = fingerprint(raw, _POOL)
    return [RepeatedStretch(stretch, _exact_repeats_of(stretch, raw, cells)) for stretch in found]


def _exact_repeats_of(stretch: MatchedStretch, raw: RecordingMel, cells: Fingerprint) -> tuple[float, ...]:
    low, high = round(stretch.line.raw_of(stretch.first)), round(stretch.line.raw_of(stretch.end))
    cell = _POOL * HOP_SAMPLES
    first, end = max(0, -(-low // cell)), min(high // cell, len(cells.rows))
    if end - first < 4:
        return ()
    similarity = similarity_of_places(cells, first, end, cells)
    places = highest_places(similarity, least=_LIKE, apart=round(_APART_SAMPLES / cell) + 1, most=_MOST_REPEATS + 1)
    shifts = (float((at - first) * cell) for at in places if abs(at - first) * cell >= _APART_SAMPLES)
    exact = (_equal_at(raw, low, high, shift) for shift in shifts)
    return tuple(sorted(shift for shift in exact if shift is not None))


def _equal_at(raw: RecordingMel, low: int, high: int, shift: float) -> float | None:
    """Return the exact shift if the recording has the same samples there, else None."""
    length = min(_WINDOW_SAMPLES, high - low)
    first = (low + high - length) // 2
    line = Line(float(first), first + shift)
    line = line.shifted(measure_shift(raw.mono, raw.mono, line, first, length).samples)
    here, there = raw.mono.read(first, first + length), read_along(raw.mono, line, first, length)
    energy = float(np.sqrt((here @ here) * (there @ there)))
    if energy <= 0 or float(here @ there) / energy < _EQUAL:
        return None
    return line.raw_at - first


def in_order(repeated: list[RepeatedStretch]) -> list[RepeatedStretch]:
    """Place each stretch at that of its equal places which best continues the stretch before."""
    result: list[RepeatedStretch] = []
    for entry in repeated:
        place = 0.0
        if result and entry.shifts:
            before = result[-1].stretch
            leaves = before.line.raw_of(before.end)
            arrives = entry.stretch.line.raw_of(entry.stretch.first)
            place = min((0.0, *entry.shifts), key=lambda shift: _distance(leaves, arrives + shift))
        others = tuple(shift - place for shift in (0.0, *entry.shifts) if shift != place)
        moved = replace(entry.stretch, line=entry.stretch.line.shifted(place))
        result.append(RepeatedStretch(moved, tuple(sorted(others)) if entry.shifts else ()))
    return result


def _distance(leaves: float, arrives: float) -> float:
    step = arrives - leaves
    return step if step >= -0.01 * ANALYSIS_RATE else -_BACKWARD_COST * step
