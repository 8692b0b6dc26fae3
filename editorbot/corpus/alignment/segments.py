"""From rough stretches to exact ones: measure each, drop chance matches, join neighbors, place the cuts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from editorbot.analysis.downmix import MonoReader
from editorbot.corpus.alignment.coarse_match import LEAST_SPEED, MOST_SPEED, Stretch
from editorbot.corpus.alignment.cuts import Cut, agreement_along, place_cut
from editorbot.corpus.alignment.fingerprint import Fingerprint, RecordingMel, highest_places, similarity_of_places
from editorbot.corpus.alignment.time_delay import (
    LONG_WINDOW,
    SHORT_WINDOW,
    Line,
    Shift,
    agreed_shift,
    are_uneven,
    measure_shift,
    measure_shifts,
    slope_of,
    weighted_median,
)
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES

CELL_POOL = 4
"""Distance of the cells in which repeats are searched [frames]."""

_SHORTEST_SAMPLES = round(0.2 * ANALYSIS_RATE)
_SAME_SAMPLES = 0.006 * ANALYSIS_RATE
"""Lines closer than this are the same: no editor cuts 6 ms, and rooms move a measured shift by that much."""
_ALIKE, _ALIKE_S = 0.7, 4.0
"""Least similarity and length of a stretch that counts though its waveform does not correlate (stretched, shifted)."""
_STILL_ALIKE = 0.15
"""Similarity from which a gap between two stretches of one line belongs to them."""
_LONGEST_GAP_SAMPLES = 10 * ANALYSIS_RATE
"""The two ends of a longer gap are placed separately."""
_LEAST_SPEED_CHANGE, _MOST_ROUNDS = 3e-5, 4
_FEATURE_FRAMES = 10
_BLURRED_STRENGTH = 16.0
"""Strength below which the speed may be wrong; it is then measured in short windows."""
_CHANGES, _MOST_PROBED, _SHARPER = 0.001 * np.arange(-9, 10), 8, 1.15
"""Changes of speed that are tried then, on how many stretches, and the least gain in strength."""
_MANY_WINDOWS, _CROOKED_SAMPLES, _STRAIGHT_SAMPLES = 8, 40.0, 11.0
"""Windows of a stretch from which the speed is measured, and their largest distance from a line, first and later."""
_LEAST_SIMILARITY = 0.2
_FEWEST_CELLS, _MOST_PLACES = 3, 16
_NEAR_SAMPLES, _PROBE_SAMPLES = 4_096, 16_384
_WORSE, _SURER, _MOST_COMPARED, _CERTAIN = 0.15, 0.03, 4, 0.95
"""Another place is tried if it is at most this much less similar, and taken if its phases agree this much better."""


@dataclass(frozen=True)
class MatchedStretch:
    """A stretch of the edit and its place in the raw recording; positions at ANALYSIS_RATE."""

    first: int
    """First sample of the edit."""
    end: int
    """End sample of the edit."""
    line: Line
    """Where it comes from."""
    strength: float
    """Strength of the shift, see `time_delay.Shift`."""
    similarity: float
    """Mean similarity of the spectra along the line, in [-1, 1]."""


@dataclass(frozen=True)
class PairFingerprints:
    """The two recordings and their fingerprints."""

    raw: RecordingMel
    """The raw recording."""
    edit: RecordingMel
    """The edit."""
    raw_print: Fingerprint
    """A row a frame."""
    edit_print: Fingerprint
    """A row a frame of the edit's own grid, pitch as in the raw recording."""
    raw_cells: Fingerprint
    """A row every CELL_POOL frames."""
    edit_cells: Fingerprint
    """The same of the edit, at the raw recording's speed."""


def similarity_along(prints: PairFingerprints, line: Line, first: int, end: int) -> float:
    """Return the weighted mean similarity along a line over edit samples [first, end)."""
    frames = np.arange(-(-first // HOP_SAMPLES), min(-(-end // HOP_SAMPLES), len(prints.edit_print.rows)))
    return _likeness(prints, frames, line.raw_frames_of(frames))


def _likeness(
    prints: PairFingerprints, frames: Int64[np.ndarray, " frames"], raw_frames: Int64[np.ndarray, " frames"]
) -> float:
    inside = (raw_frames >= 0) & (raw_frames < len(prints.raw_print.rows))
    frames, raw_frames = frames[inside], raw_frames[inside]
    weight = prints.edit_print.weight[frames]
    if weight.sum() < 1e-3:
        return 0.0
    cosine = np.einsum("ij,ij->i", prints.edit_print.rows[frames], prints.raw_print.rows[raw_frames])
    return float(cosine @ weight / weight.sum())


def measure(
    prints: PairFingerprints, stretches: list[Stretch], pool: int, speed: float
) -> tuple[list[MatchedStretch], float]:
    """Return the stretches that are no chance matches, each on its exact line, and the exact speed.

    A tone without music fits anywhere at some speed: if no edit has that speed, nothing is returned.
    """
    rough = [_rough(stretch, pool, speed) for stretch in stretches if stretch.raw_first >= 0]
    rough = [(first, min(end, prints.edit.mono.samples), line) for first, end, line in rough]
    rough = [entry for entry in rough if entry[1] - entry[0] >= _SHORTEST_SAMPLES]
    rough = [(first, end, _best_repeat(prints, line, first, end)) for first, end, line in rough]
    for turn in range(_MOST_ROUNDS):
        windows = _windows(prints, rough, LONG_WINDOW)
        strengths = [shift.strength for shifts in windows for shift in shifts]
        is_blurred = turn == 0 and bool(strengths) and np.median(strengths) < _BLURRED_STRENGTH
        slope = _sharpest_change(prints, rough, speed) if is_blurred else 0.0
        if not slope and are_uneven(windows):
            many = _windows(prints, rough, SHORT_WINDOW, least=_MANY_WINDOWS)
            slope = slope_of(many, _CROOKED_SAMPLES if turn == 0 else _STRAIGHT_SAMPLES) or 0.0
        if abs(speed + slope - 1) < _LEAST_SPEED_CHANGE:
            slope = 1.0 - speed
        if abs(slope) < _LEAST_SPEED_CHANGE / 2:
            break
        if not LEAST_SPEED <= speed + slope <= MOST_SPEED:
            return [], speed
        speed += slope
        rough = [(first, end, _turned(line, first, end, speed)) for first, end, line in rough]
    found = (_found(prints, *entry, shifts) for entry, shifts in zip(rough, windows))
    return [stretch for stretch in found if stretch is not None], speed


def _sharpest_change(prints: PairFingerprints, rough: list[tuple[int, int, Line]], speed: float) -> float:
    """Find the change of speed at which short windows of the longest stretches correlate best."""
    longest = sorted(rough, key=lambda entry: entry[0] - entry[1])[:_MOST_PROBED]
    strengths = np.zeros(len(_CHANGES))
    for k, change in enumerate(_CHANGES):
        for first, end, line in longest:
            turned, length = _turned(line, first, end, speed + change), min(SHORT_WINDOW, end - first)
            starts = {(first + end - length) // 2, first + (end - first - length) // 4}
            shifts = (measure_shift(prints.raw.mono, prints.edit.mono, turned, start, length) for start in starts)
            strengths[k] += max(shift.strength for shift in shifts)
    best = int(np.argmax(strengths))
    return float(_CHANGES[best]) if strengths[best] > _SHARPER * strengths[len(_CHANGES) // 2] else 0.0


def _windows(
    prints: PairFingerprints, rough: list[tuple[int, int, Line]], longest: int, least: int = 1
) -> list[list[Shift]]:
    """Measure the shifts of each stretch."""
    raw, edit = prints.raw.mono, prints.edit.mono
    return [measure_shifts(raw, edit, line, first, end, longest=longest, least=least) for first, end, line in rough]


def _rough(stretch: Stretch, pool: int, speed: float) -> tuple[int, int, Line]:
    """Convert a stretch of cells to samples of the edit and a line."""
    cell = pool * HOP_SAMPLES / speed
    first, end = round((stretch.first - 0.5) * cell), round((stretch.end - 0.5) * cell)
    line = Line(stretch.first * cell, float(stretch.raw_first * pool * HOP_SAMPLES), speed)
    return max(first, 0), end, line


def _best_repeat(prints: PairFingerprints, line: Line, first: int, end: int) -> Line:
    """Return the line, or that of another place that is as similar and whose samples fit far better."""
    cell = CELL_POOL * HOP_SAMPLES
    low, high = -(-first * line.speed // cell), min(end * line.speed // cell, len(prints.edit_cells.rows))
    if high - low < _FEWEST_CELLS:
        return line
    similarity = similarity_of_places(prints.edit_cells, int(low), int(high), prints.raw_cells)
    apart = round(_NEAR_SAMPLES / cell)
    places = highest_places(similarity, least=float(similarity.max(initial=0)) - _WORSE, apart=apart, most=_MOST_PLACES)
    at = low * cell / line.speed
    others = [Line(at, float(place * cell), line.speed) for place in places]
    others = [other for other in others if abs(other.raw_of(at) - line.raw_of(at)) > _NEAR_SAMPLES]
    if not others:
        return line
    own = _probed(prints, line, first, end).agreement(prints)
    if own > _CERTAIN:
        return line
    probed = (_probed(prints, candidate, first, end) for candidate in others)
    strongest = sorted(probed, key=lambda probe: -probe.strength)[:_MOST_COMPARED]
    agreements = [probe.agreement(prints) for probe in strongest]
    best = int(np.argmax(agreements))
    return strongest[best].line if agreements[best] > own + _SURER else line


@dataclass(frozen=True)
class _Probe:
    """A possible line of a stretch, measured at a few places."""

    line: Line
    starts: tuple[int, ...]
    length: int
    strength: float

    def agreement(self, prints: PairFingerprints) -> float:
        """Return how far the phases agree at the places."""
        raw, edit = prints.raw.mono, prints.edit.mono
        return float(np.mean([agreement_along(raw, edit, self.line, start, self.length) for start in self.starts]))


def _probed(prints: PairFingerprints, line: Line, first: int, end: int) -> _Probe:
    """Place a line where one to three probes of a stretch say."""
    length = min(end - first, _PROBE_SAMPLES)
    count = int(np.clip((end - first) // _PROBE_SAMPLES, 1, 3))
    starts = tuple(int(start) for start in np.linspace(first, end - length, count + 2)[1:-1])
    shifts = [measure_shift(prints.raw.mono, prints.edit.mono, line, start, length) for start in starts]
    strengths = np.array([shift.strength for shift in shifts])
    # Where nothing prints, nothing is measured: the line stays where it was.
    shift = weighted_median(np.array([shift.samples for shift in shifts]), strengths) if strengths.any() else 0.0
    return _Probe(line.shifted(shift), starts, length, float(strengths.mean()))


def _turned(line: Line, first: int, end: int, speed: float) -> Line:
    """Return the line of another speed through the middle of a stretch."""
    middle = (first + end) / 2
    return Line(middle, line.raw_of(middle), speed)


def _found(prints: PairFingerprints, first: int, end: int, line: Line, shifts: list[Shift]) -> MatchedStretch | None:
    """Return a stretch on its exact line, or None for a chance match."""
    shift = agreed_shift(shifts)
    if shift is not None:
        exact = line.shifted(shift.samples)
        similarity = similarity_along(prints, exact, first, end)
        return MatchedStretch(first, end, exact, shift.strength, similarity) if similarity > _LEAST_SIMILARITY else None
    line = line.shifted(_feature_shift(prints, line, first, end))
    similarity = similarity_along(prints, line, first, end)
    if similarity < _ALIKE or end - first < _ALIKE_S * ANALYSIS_RATE:
        return None
    return MatchedStretch(first, end, line, max(s.strength for s in shifts), similarity)


def _feature_shift(prints: PairFingerprints, line: Line, first: int, end: int) -> float:
    """Find the shift at which the spectra fit best, to a fraction of a frame [samples]."""
    lags = np.arange(-_FEATURE_FRAMES, _FEATURE_FRAMES + 1)
    fits = np.array([similarity_along(prints, line.shifted(float(lag * HOP_SAMPLES)), first, end) for lag in lags])
    at = int(np.clip(np.argmax(fits), 1, len(fits) - 2))
    bend = fits[at - 1] - 2 * fits[at] + fits[at + 1]
    part = 0.5 * (fits[at - 1] - fits[at + 1]) / bend if bend < 0 else 0.0
    return float((lags[at] + np.clip(part, -0.5, 0.5)) * HOP_SAMPLES)


def joined(prints: PairFingerprints, found: list[MatchedStretch]) -> list[MatchedStretch]:
    """Join neighbors on one line, also over gaps in which the line still fits."""
    result: list[MatchedStretch] = []
    for stretch in found:
        if result and _is_one(prints, result[-1], stretch):
            result[-1] = _union(result[-1], stretch)
        else:
            result.append(stretch)
    return result


def _is_one(prints: PairFingerprints, left: MatchedStretch, right: MatchedStretch) -> bool:
    middle = (left.end + right.first) / 2
    if abs(left.line.raw_of(middle) - right.line.raw_of(middle)) > _SAME_SAMPLES:
        return False
    gap = right.first - left.end
    return gap < _SHORTEST_SAMPLES or similarity_along(prints, left.line, left.end, right.first) > _STILL_ALIKE


def _union(left: MatchedStretch, right: MatchedStretch) -> MatchedStretch:
    """Join two stretches of one line, on the line of the stronger."""
    share = (left.end - left.first) / (right.end - right.first + left.end - left.first)
    stronger = left if left.strength * share >= right.strength * (1 - share) else right
    similarity = share * left.similarity + (1 - share) * right.similarity
    return MatchedStretch(left.first, right.end, stronger.line, max(left.strength, right.strength), similarity)


def with_exact_cuts(prints: PairFingerprints, found: list[MatchedStretch]) -> list[MatchedStretch]:
    """Move the ends of the stretches to the exact cuts."""
    if not found:
        return []
    total = prints.edit.mono.samples
    firsts, ends = [s.first for s in found], [s.end for s in found]
    raw, edit = prints.raw.mono, prints.edit.mono
    firsts[0] = _outer(raw, edit, found[0], Cut(0, firsts[0]), is_start=True)
    for k in range(len(found) - 1):
        before, after = found[k].line, found[k + 1].line
        gap = Cut(min(ends[k], firsts[k + 1]), max(ends[k], firsts[k + 1]))
        bounds = (firsts[k], ends[k + 1])
        if gap.start - gap.end > _LONGEST_GAP_SAMPLES:
            middle = (gap.end + gap.start) // 2
            ends[k] = place_cut(raw, edit, before, None, Cut(gap.end, gap.end), (bounds[0], middle)).end
            firsts[k + 1] = place_cut(raw, edit, None, after, Cut(gap.start, gap.start), (middle, bounds[1])).start
        else:
            cut = place_cut(raw, edit, before, after, gap, bounds)
            ends[k], firsts[k + 1] = cut.end, cut.start
    ends[-1] = _outer(raw, edit, found[-1], Cut(ends[-1], total), is_start=False)
    placed = (replace(s, first=a, end=b) for s, a, b in zip(found, firsts, ends))
    return [s for s in placed if s.end - s.first >= _SHORTEST_SAMPLES // 4]


def _outer(raw: MonoReader, edit: MonoReader, stretch: MatchedStretch, gap: Cut, *, is_start: bool) -> int:
    """Find where the first stretch begins, or the last one ends."""
    if gap.start - gap.end < _SHORTEST_SAMPLES:
        return gap.end if is_start else gap.start
    at = gap.start if is_start else gap.end
    bounds = (gap.end, stretch.end) if is_start else (stretch.first, gap.start)
    if is_start:
        return place_cut(raw, edit, None, stretch.line, Cut(at, at), bounds).start
    return place_cut(raw, edit, stretch.line, None, Cut(at, at), bounds).end
