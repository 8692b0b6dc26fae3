"""Compares the cut points of an edit with those of the truth.

A cut point is where a play starts or ends. It is right within 70 ms of one of the truth's, in the recording's time or
in the finished track's: so if a take was recorded twice, or a passage repeats itself, either is right, and so is any
point in the same silent run. Two good plays of one passage may be joined anywhere in it, as long as the music goes on
across the join. Each of the truth's cut points counts once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from scipy.optimize import linear_sum_assignment

from editorbot.corpus.truth import Segment, Truth
from editorbot.editlist.edit_list import EditList

CUT_SLACK_S = 0.07
"""How far a cut point may be from the right one [seconds]."""


@dataclass(frozen=True)
class CutPoints:
    """Numbers of cut points, and of right ones."""

    found: int
    """Cut points of the edit."""
    wanted: int
    """Cut points of the truth."""
    right: int
    """Matching pairs of both, one to one."""
    exact: int
    """Those of them at the truth's own places: joins moved within good music do not count."""

    @property
    def f1(self) -> float:
        """Harmonic mean of the shares of both that are right; 1 if neither has any."""
        return self._f1_of(self.right)

    @property
    def exact_f1(self) -> float:
        """The same for the exact ones."""
        return self._f1_of(self.exact)

    def _f1_of(self, right: int) -> float:
        total = self.found + self.wanted
        return 2 * right / total if total else 1.0


@dataclass(frozen=True)
class _Point:
    """A start or an end of a play."""

    at_s: float
    """Place in the recording."""
    sources_s: tuple[float, ...]
    """Every place of the finished track that sounds like it; none for junk."""
    silence: tuple[float, float] | None
    """The silent stretch of the recording that it is in or at."""


def cut_points(edit_list: EditList, truth: Truth) -> CutPoints:
    """Compare an edit's cut points with the truth's.

    Examples
    --------
    >>> from editorbot.editlist.edit_list import Clip, Source
    >>> truth = Truth(20.0, 10.0, (Segment(0.0, 10.0, "talk"), Segment(10.0, 20.0, "music", 0.0)))
    >>> source = Source("jam.wav", "sha256:" + "0" * 64, 100, 1, 2000)
    >>> cut_points(EditList(source, (Clip(1004, 2000),), ()), truth).f1
    1.0
    """
    rate = edit_list.source.sample_rate
    mine = [(clip.start / rate, clip.end / rate) for clip in edit_list.clips]
    theirs = _plays_of(truth)
    starts, ends = (_fits_of(mine, theirs, is_end, truth) for is_end in (False, True))
    exact = _most_pairs(starts) + _most_pairs(ends)
    for number, other in _same_joins(mine, theirs, truth):
        ends[number, other] = starts[number + 1, other + 1] = True
    return CutPoints(2 * len(mine), 2 * len(theirs), _most_pairs(starts) + _most_pairs(ends), exact)


def _fits_of(
    mine: list[tuple[float, float]], theirs: list[tuple[float, float]], is_end: bool, truth: Truth
) -> Bool[np.ndarray, "mine theirs"]:
    """Find which starts, or ends, of the plays of both are the same to a listener."""
    found = [_point(span[is_end], is_end, truth) for span in mine]
    wanted = [_point(span[is_end], is_end, truth) for span in theirs]
    fits = [[_fits(one, other, truth) for other in wanted] for one in found]
    return np.array(fits, bool).reshape(len(mine), len(theirs))


def _most_pairs(fits: Bool[np.ndarray, "mine theirs"]) -> int:
    """Count the largest one-to-one matching."""
    rows, columns = linear_sum_assignment(fits, maximize=True)
    return int(fits[rows, columns].sum())


def _same_joins(
    mine: list[tuple[float, float]], theirs: list[tuple[float, float]], truth: Truth
) -> Iterator[tuple[int, int]]:
    """Yield numbers of joins of both between the same takes, with nothing lost and nothing played twice."""
    for other, (before, after) in enumerate(zip(theirs, theirs[1:])):
        leaves, arrives = _take_around(before[1], True, truth), _take_around(after[0], False, truth)
        for number, (one, next_one) in enumerate(zip(mine, mine[1:])):
            left_s, entered_s = leaves.source_at(one[1]), arrives.source_at(next_one[0])
            if left_s is not None and entered_s is not None and abs(left_s - entered_s) <= CUT_SLACK_S:
                yield number, other


@dataclass(frozen=True)
class _Take:
    """Neighboring segments of good music, contiguous in the recording and in the finished track."""

    segments: tuple[Segment, ...]

    def source_at(self, at_s: float) -> float | None:
        """Find the place in the finished track of a place in the recording, None outside the take."""
        for segment in self.segments:
            if segment.start_s - CUT_SLACK_S <= at_s <= segment.end_s + CUT_SLACK_S and segment.source_s is not None:
                inside_s = min(max(at_s, segment.start_s), segment.end_s)
                return segment.source_s + (inside_s - segment.start_s) * segment.speed
        return None


def _take_around(at_s: float, is_end: bool, truth: Truth) -> _Take:
    """Find the take of a cut point of the truth, on the inside of its play."""
    segments = truth.segments
    inside_s = at_s - 1e-3 if is_end else at_s + 1e-3
    first = next((number for number, one in enumerate(segments) if one.start_s <= inside_s < one.end_s), None)
    if first is None or segments[first].worth != "good":
        return _Take(())
    last = first
    while first > 0 and _runs_on(segments[first - 1], segments[first]):
        first -= 1
    while last + 1 < len(segments) and _runs_on(segments[last], segments[last + 1]):
        last += 1
    return _Take(segments[first : last + 1])


def _runs_on(one: Segment, other: Segment) -> bool:
    """Check whether good music goes on from one segment to the next."""
    if one.worth != "good" or other.worth != "good" or one.source_s is None or other.source_s is None:
        return False
    end_s = one.source_s + (one.end_s - one.start_s) * one.speed
    return abs(other.start_s - one.end_s) <= CUT_SLACK_S and abs(other.source_s - end_s) <= CUT_SLACK_S


def _plays_of(truth: Truth) -> list[tuple[float, float]]:
    """List the plays of the best edit: contiguous stretches of music in the recording, in playing order."""
    plays: list[tuple[float, float]] = []
    kept = [segment for segment in truth.segments if segment.kind == "music"]
    for segment in sorted(kept, key=lambda one: one.source_s or 0.0):
        if plays and abs(segment.start_s - plays[-1][1]) <= CUT_SLACK_S:
            plays[-1] = (plays[-1][0], segment.end_s)
        else:
            plays.append((segment.start_s, segment.end_s))
    return plays


def _point(at_s: float, is_end: bool, truth: Truth) -> _Point:
    """Make a cut point, with what is on the inside of its play."""
    inside_s = at_s - 1e-3 if is_end else at_s + 1e-3
    sources: tuple[float, ...] = ()
    for segment in truth.segments:
        if segment.start_s <= inside_s < segment.end_s and segment.source_s is not None:
            sources = _equals(segment.source_s + (at_s - segment.start_s) * segment.speed, truth)
    quiet = [(one.start_s, one.end_s) for one in truth.segments if one.kind == "silence" and _touches(one, at_s)]
    return _Point(at_s, sources, quiet[0] if quiet else None)


def _touches(segment: Segment, at_s: float) -> bool:
    return segment.start_s - CUT_SLACK_S <= at_s <= segment.end_s + CUT_SLACK_S


def _equals(at_s: float, truth: Truth) -> tuple[float, ...]:
    """List every place of the finished track that sounds like one of its places, itself first."""
    found = [at_s]
    for group in truth.equal:
        for start_s in group.starts_s:
            if start_s <= at_s <= start_s + group.length_s:
                found += [other_s + at_s - start_s for other_s in group.starts_s if other_s != start_s]
    return tuple(found)


def _fits(one: _Point, other: _Point, truth: Truth) -> bool:
    """Check whether two cut points are the same to a listener."""
    if abs(one.at_s - other.at_s) <= CUT_SLACK_S or (one.silence is not None and one.silence == other.silence):
        return True
    return any(
        abs(a - b) <= CUT_SLACK_S or any(low <= min(a, b) and max(a, b) <= high for low, high in truth.silent_s)
        for a in one.sources_s
        for b in other.sources_s
    )
