"""Scores an edit against the truth about its jam.

Every moment of the edit is traced back to the finished track. A good edit contains all of the finished music (recall)
and nothing else, each part once (precision, here called purity). All sums are exact on intervals: nothing is sampled.

Conventions
-----------
A *play* is a stretch of one clip inside one segment of the truth. Stretches of the finished track that sound the same
are folded onto the first of them, whose *capacity* then is their number: it may be played that often before it is a
repeat. A changed play (reversed, distorted, off speed or pitch) is lost music: it counts neither for recall nor for
purity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from editorbot.corpus.truth import Segment, Truth
from editorbot.editlist.edit_list import Clip, EditList
from editorbot.editlist.operations import played_ranges
from editorbot.evaluation.cut_points import cut_points

LARGEST_CHANGE = 0.01
"""Speed or pitch may change by this share before a clip counts as changed (specification, section 13)."""

ORDER_SLACK_S = 0.1
"""How far a join may go back and still be in order [seconds]; a cut this imprecise is no rearrangement."""


@dataclass(frozen=True)
class EditScore:
    """The metrics of one edit."""

    recall: float
    """Share of the finished music that the edit contains, in [0, 1]."""
    purity: float
    """Precision: share of the edit that is finished music played for the first time, in [0, 1]."""
    junk_s_per_min: float
    """Junk per minute of the edit [seconds]."""
    sloppy_s_per_min: float
    """Sloppy takes per minute of the edit [seconds]."""
    repeat_s_per_min: float
    """Good music played once more than in the finished track, per minute of the edit [seconds]."""
    order: float
    """Share of joins that go forward in the finished track, in [0, 1]; 1 without such joins. See `_order`."""
    joins_per_min: float
    """Joins per minute of the edit."""
    ideal_joins_per_min: float
    """Joins per minute of the finished track, cut from the jam as the truth says."""
    beat_error_ms: float | None
    """Mean distance in beat phase across joins [milliseconds]; None without beats or joins inside music."""
    cut_f1: float
    """F1 of the cut points, right within 70 ms, in [0, 1]; see :mod:`editorbot.evaluation.cut_points`."""
    effects_share: float
    """Share of clips that are changed by anything but fades, in [0, 1]."""
    edit_s: float
    """Length of the edit [seconds]."""

    @property
    def f1(self) -> float:
        """Harmonic mean of recall and purity."""
        total = self.recall + self.purity
        return 2 * self.recall * self.purity / total if total > 0 else 0.0


@dataclass(frozen=True)
class _Play:
    """A stretch of a clip inside one segment (None if it is in none)."""

    clip: int
    output_s: float
    """Length in the edit."""
    segment: Segment | None
    source_s: float = 0.0
    """Start in the finished track, meaningless for junk."""
    source_end_s: float = 0.0
    at_start: bool = False
    """Whether it begins its clip."""
    at_end: bool = False
    """Whether it ends its clip."""
    is_changed: bool = False

    @property
    def worth(self) -> str:
        return "junk" if self.segment is None else self.segment.worth


@dataclass(frozen=True)
class _Filled:
    """How much of the finished music the plays fill."""

    music_s: float
    """Finished music that is played [seconds of the finished track]."""
    whole_s: float
    """All finished music [seconds of the finished track]."""
    first_s: tuple[float, ...]
    """Of each play, what is finished music played for the first time [seconds of the edit]."""
    neutral_s: tuple[float, ...]
    """Of each play, what is silence of the finished track [seconds of the edit]."""


def score_edit(edit_list: EditList, truth: Truth) -> EditScore:
    """Compare an edit with the truth about its jam.

    Notes
    -----
    Time O(plays x stretches of the finished track), in array operations.

    Examples
    --------
    >>> from editorbot.editlist.edit_list import Source
    >>> truth = Truth(20.0, 10.0, (Segment(0.0, 10.0, "talk"), Segment(10.0, 20.0, "music", 0.0)))
    >>> source = Source("jam.wav", "sha256:" + "0" * 64, 100, 1, 2000)
    >>> score = score_edit(EditList(source, (Clip(0, 2000),), ()), truth)
    >>> score.recall, score.purity, score.junk_s_per_min
    (1.0, 0.5, 30.0)
    """
    rate = edit_list.source.sample_rate
    plays = [play for number, clip in enumerate(edit_list.clips) for play in _plays_of(clip, number, rate, truth)]
    filled = _fill(plays, truth)
    edit_s = sum(play.output_s for play in plays)
    counted_s = edit_s - sum(filled.neutral_s)
    minutes = edit_s / 60
    return EditScore(
        recall=min(filled.music_s / filled.whole_s, 1.0) if filled.whole_s > 0 else 1.0,
        purity=min(sum(filled.first_s) / counted_s, 1.0) if counted_s > 0 else 0.0,
        junk_s_per_min=sum(play.output_s for play in plays if play.worth == "junk") / minutes,
        sloppy_s_per_min=sum(play.output_s for play in plays if play.worth == "sloppy") / minutes,
        repeat_s_per_min=_repeats_s(plays, filled) / minutes,
        order=_order(plays, truth),
        joins_per_min=len(edit_list.joins) / minutes,
        ideal_joins_per_min=truth.ideal_joins / (truth.finished_s / 60),
        beat_error_ms=_beat_error_ms(plays, truth),
        cut_f1=cut_points(edit_list, truth).f1,
        effects_share=float(np.mean([_has_effect(clip) for clip in edit_list.clips])),
        edit_s=edit_s,
    )


def _has_effect(clip: Clip) -> bool:
    """Check whether anything but fades changes the clip."""
    changed = clip.gain_db != 0 or clip.speed != 1 or clip.pitch_semitones != 0
    return changed or clip.reverse or bool(clip.effects)


def _plays_of(clip: Clip, number: int, rate: int, truth: Truth) -> Iterator[_Play]:
    """Yield the plays of a clip in the order in which they sound."""
    found = list(_stretches(clip.start / rate, clip.end / rate, truth.segments))
    if clip.reverse:
        found.reverse()
    for place, (from_s, to_s, segment) in enumerate(found):
        play = _Play(number, (to_s - from_s) / clip.speed, segment, at_start=place == 0, at_end=place == len(found) - 1)
        if segment is not None and segment.source_s is not None:
            play = replace(
                play,
                source_s=segment.source_s + (from_s - segment.start_s) * segment.speed,
                source_end_s=segment.source_s + (to_s - segment.start_s) * segment.speed,
                is_changed=_is_changed(clip, segment),
            )
        yield play


def _stretches(
    start_s: float, end_s: float, segments: Sequence[Segment]
) -> Iterator[tuple[float, float, Segment | None]]:
    """Yield the parts of a raw range, each with its segment or None, in order."""
    at_s = start_s
    for segment in segments:
        if segment.end_s <= at_s:
            continue
        if segment.start_s >= end_s:
            break
        if segment.start_s > at_s:
            yield at_s, segment.start_s, None
            at_s = segment.start_s
        to_s = min(segment.end_s, end_s)
        yield at_s, to_s, segment
        at_s = to_s
    if at_s < end_s:
        yield at_s, end_s, None


def _is_changed(clip: Clip, segment: Segment) -> bool:
    """Check whether a clip sounds different from the finished track here."""
    restores = abs(clip.speed * segment.speed - 1) <= LARGEST_CHANGE
    changes = {
        "reverse": clip.reverse,
        "distortion": any(effect.type == "DISTORTION" and effect.value > 0 for effect in clip.effects),
        "speed": abs(clip.speed - 1) > LARGEST_CHANGE and not restores,
        "pitch": abs(2 ** (clip.pitch_semitones / 12) - 1) > LARGEST_CHANGE,
    }
    return any(is_there and change not in segment.allows for change, is_there in changes.items())


class _Folded:
    """The finished track without its silence, and with equal stretches folded onto the first of them."""

    def __init__(self, truth: Truth) -> None:
        self._silent = sorted(truth.silent_s)
        shifts = [
            (start, group.length_s, start - group.starts_s[0]) for group in truth.equal for start in group.starts_s
        ]
        self._moves = sorted(shifts)

    def fold(self, start_s: float, end_s: float) -> list[tuple[float, float]]:
        """Fold the audible parts of a range of the finished track."""
        folded = []
        for from_s, to_s in _without(start_s, end_s, self._silent):
            at_s = from_s
            for move_s, length_s, shift_s in self._moves:
                low, high = max(at_s, move_s), min(to_s, move_s + length_s)
                if low >= high:
                    continue
                folded.append((at_s, low))
                folded.append((low - shift_s, high - shift_s))
                at_s = high
            folded.append((at_s, to_s))
        return [(a, b) for a, b in folded if a < b]

    def equals(self, at_s: float) -> list[float]:
        """List every place of the finished track that sounds like the one at `at_s`, itself included."""
        firsts = [(m - s, at_s - m) for m, n, s in self._moves if m <= at_s <= m + n]
        return [at_s] + [m + inside for first, inside in firsts for m, _, s in self._moves if m - s == first]


def _without(start_s: float, end_s: float, holes: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield the parts of a range outside all holes; holes are sorted."""
    for low, high in holes:
        if high <= start_s or low >= end_s:
            continue
        if low > start_s:
            yield start_s, low
        start_s = high
    if start_s < end_s:
        yield start_s, end_s


def _fill(plays: Sequence[_Play], truth: Truth) -> _Filled:
    """Fill the finished track with all plays, in order."""
    folded = _Folded(truth)
    whole = folded.fold(0.0, truth.finished_s)
    parts = [folded.fold(p.source_s, p.source_end_s) if p.worth != "junk" else [] for p in plays]
    bounds_s = np.unique([bound for ranges in [whole, *parts] for one in ranges for bound in one] or [0.0])
    lengths_s = np.diff(bounds_s)
    capacity = _counted(whole, bounds_s)
    count = np.zeros_like(capacity)
    first_s, neutral_s = [], []
    for play, ranges in zip(plays, parts):
        new_s, audible_s = 0.0, sum(b - a for a, b in ranges)
        if play.worth == "good" and not play.is_changed:
            for start_s, end_s in ranges:
                low, high = np.searchsorted(bounds_s, (start_s, end_s))
                fresh = count[low:high] < capacity[low:high]
                new_s += float(lengths_s[low:high][fresh].sum())
                count[low:high] += 1
        source_s = play.source_end_s - play.source_s
        edit_per_source = play.output_s / source_s if source_s > 0 else 0.0
        first_s.append(new_s * edit_per_source)
        neutral_s.append(max(0.0, source_s - audible_s) * edit_per_source)
    music_s = float((np.minimum(count, capacity) * lengths_s).sum())
    return _Filled(music_s, float((capacity * lengths_s).sum()), tuple(first_s), tuple(neutral_s))


def _counted(ranges: Sequence[tuple[float, float]], bounds_s: Float[np.ndarray, " bounds"]) -> Int[np.ndarray, " gaps"]:
    """Count the ranges over each gap between bounds."""
    steps = np.zeros(len(bounds_s), dtype=np.int64)
    for start_s, end_s in ranges:
        low, high = np.searchsorted(bounds_s, (start_s, end_s))
        steps[low] += 1
        steps[high] -= 1
    return np.cumsum(steps)[:-1]


def _repeats_s(plays: Sequence[_Play], filled: _Filled) -> float:
    """Sum the good, unchanged music that is played too often [seconds of the edit]."""
    rest = zip(plays, filled.first_s, filled.neutral_s)
    return sum(
        (p.output_s - first - neutral for p, first, neutral in rest if p.worth == "good" and not p.is_changed), 0.0
    )


def _order(plays: Sequence[_Play], truth: Truth) -> float:
    """Compute the share of joins that go forward in the finished track.

    A join goes forward if the music after it starts where the music before it ended, or later. A join that repeats a
    little, because the cut was late, still does if the clip after it is later as a whole.
    """
    folded = _Folded(truth)
    by_clip: dict[int, list[_Play]] = {}
    for play in plays:
        music = by_clip.setdefault(play.clip, [])
        if play.worth != "junk":
            music.append(play)
    clips = [by_clip[number] for number in sorted(by_clip)]
    forward = []
    for before, after in zip(clips, clips[1:]):
        if before and after:
            latest_s = max(folded.equals(after[0].source_s))
            runs_on = latest_s >= min(folded.equals(before[-1].source_end_s)) - ORDER_SLACK_S
            forward.append(runs_on or _middle_s(after) > _middle_s(before))
    return float(np.mean(forward)) if forward else 1.0


def _middle_s(plays: Sequence[_Play]) -> float:
    """Compute the mean place of plays in the finished track [seconds]."""
    middles_s = [(play.source_s + play.source_end_s) / 2 for play in plays]
    return float(np.average(middles_s, weights=[play.output_s for play in plays]))


def _beat_error_ms(plays: Sequence[_Play], truth: Truth) -> float | None:
    """Compute the mean distance in beat phase across joins with music on both sides."""
    beats_s = np.asarray(truth.beats_s)
    if len(beats_s) < 2:
        return None
    errors_ms = []
    for before, after in zip(plays, plays[1:]):
        if not (before.at_end and after.at_start) or "junk" in (before.worth, after.worth):
            continue
        sides_s = np.array([before.source_end_s, after.source_s])
        if _in_one_silence(sides_s, truth):
            errors_ms.append(0.0)
        elif beats_s[0] <= sides_s.min() and sides_s.max() <= beats_s[-1]:
            phases = np.interp(sides_s, beats_s, np.arange(len(beats_s)))
            turn = (phases[1] - phases[0] + 0.5) % 1 - 0.5
            beat = np.minimum(np.searchsorted(beats_s, sides_s, side="right"), len(beats_s) - 1)
            errors_ms.append(abs(turn) * float(np.mean(beats_s[beat] - beats_s[beat - 1])) * 1000)
    return float(np.mean(errors_ms)) if errors_ms else None


def _in_one_silence(sides_s: Float[np.ndarray, " 2"], truth: Truth) -> bool:
    """Check whether both sides of a join are in the same silent run of the finished track."""
    return any(start_s <= sides_s.min() and sides_s.max() <= end_s for start_s, end_s in truth.silent_s)


@dataclass(frozen=True)
class KindShare:
    """How much of all stretches of one kind in one jam was kept."""

    kind: str
    """One of `truth.KINDS`."""
    there_s: float
    """Their length in the raw recording [seconds]."""
    kept_s: float
    """How much of that is in the edit, however often [seconds]."""


def kept_by_kind(edit_list: EditList, truth: Truth) -> tuple[KindShare, ...]:
    """Measure what an edit keeps of each kind of stretch, by name.

    Notes
    -----
    What no segment of the truth covers is of the kind ``junk``.

    Examples
    --------
    >>> from editorbot.editlist.edit_list import Source
    >>> truth = Truth(20.0, 10.0, (Segment(0.0, 10.0, "talk"), Segment(10.0, 20.0, "music", 0.0)))
    >>> source = Source("jam.wav", "sha256:" + "0" * 64, 100, 1, 2000)
    >>> [share.kept_s for share in kept_by_kind(EditList(source, (Clip(500, 2000),), ()), truth)]
    [10.0, 5.0]
    """
    rate = edit_list.source.sample_rate
    kept = [(start / rate, end / rate) for start, end in played_ranges(edit_list)]
    there_s: dict[str, float] = {}
    kept_s: dict[str, float] = {}
    for segment in truth.segments:
        overlap_s = sum(max(0.0, min(high, segment.end_s) - max(low, segment.start_s)) for low, high in kept)
        there_s[segment.kind] = there_s.get(segment.kind, 0.0) + segment.duration_s
        kept_s[segment.kind] = kept_s.get(segment.kind, 0.0) + overlap_s
    rest_s = truth.duration_s - sum(there_s.values())
    if rest_s > 0.01:
        rest_kept_s = sum(end - start for start, end in kept) - sum(kept_s.values())
        there_s["junk"] = there_s.get("junk", 0.0) + rest_s
        kept_s["junk"] = kept_s.get("junk", 0.0) + min(max(0.0, rest_kept_s), rest_s)
    return tuple(KindShare(kind, there_s[kind], kept_s[kind]) for kind in sorted(there_s))


def shares_by_kind(shares: Iterable[KindShare]) -> dict[str, float]:
    """Compute the kept share of each kind over many jams, weighted by length."""
    there_s: dict[str, float] = {}
    kept_s: dict[str, float] = {}
    for share in shares:
        there_s[share.kind] = there_s.get(share.kind, 0.0) + share.there_s
        kept_s[share.kind] = kept_s.get(share.kind, 0.0) + share.kept_s
    return {kind: kept_s[kind] / there_s[kind] for kind in sorted(there_s) if there_s[kind] > 0}
