"""How good an edit is, against the truth about its jam.

Every moment of the edit is traced back to the finished track. An edit is good
when it holds all of the finished music (recall) and nothing else, once
(purity). All sums are exact on intervals: nothing is sampled.

Conventions
-----------
A *play* is a stretch of one clip inside one segment of the truth. Stretches of
the finished track that sound the same are folded onto the first of them, whose
*capacity* then is their number: so often it may be heard before it is a
repeat. A changed play (reversed, distorted, off speed or pitch) is lost music:
it counts neither for recall nor for purity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from editorbot.corpus.truth import Segment, Truth
from editorbot.editlist.edit_list import Clip, EditList
from editorbot.evaluation.cut_points import cut_points

LARGEST_CHANGE = 0.01
"""Speed or pitch may change by this share before a clip counts as changed (specification, section 13)."""

ORDER_SLACK_S = 0.1
"""How far a join may step back and still be in order [seconds]; a cut that is this imprecise is no rearrangement."""


@dataclass(frozen=True)
class EditScore:
    """What one edit is worth against one truth."""

    recall: float
    """Share of the finished music that the edit holds, in [0, 1]."""
    purity: float
    """Share of the edit that is finished music heard for the first time, in [0, 1]."""
    junk_s_per_min: float
    """Junk in a minute of the edit [seconds]."""
    sloppy_s_per_min: float
    """Sloppy takes in a minute of the edit [seconds]."""
    repeat_s_per_min: float
    """Good music heard once more than the finished track has it, in a minute of the edit [seconds]."""
    order: float
    """Share of joins that go forward in the finished track, in [0, 1]; 1 where none can be judged. See `_order`."""
    joins_per_min: float
    """Joins in a minute of the edit."""
    ideal_joins_per_min: float
    """Joins in a minute of the finished track if it is cut from the jam as the truth says."""
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
    """A stretch of a clip inside one segment (None where no segment is)."""

    clip: int
    output_s: float
    """How long it lasts in the edit."""
    segment: Segment | None
    source_s: float = 0.0
    """Where it starts in the finished track, meaningless for junk."""
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
class _Held:
    """How much of the finished music the plays hold."""

    music_s: float
    """Finished music that is held [seconds of the finished track]."""
    whole_s: float
    """Finished music that there is [seconds of the finished track]."""
    first_s: tuple[float, ...]
    """Of each play, what is finished music heard for the first time [seconds of the edit]."""
    neutral_s: tuple[float, ...]
    """Of each play, what is silence of the finished track [seconds of the edit]."""


def score_edit(edit_list: EditList, truth: Truth) -> EditScore:
    """Compare an edit with the truth about its jam.

    Parameters
    ----------
    edit_list : EditList
        The edit of the jam's raw recording.
    truth : Truth
        What the raw recording holds.

    Returns
    -------
    score : EditScore
        See its fields.

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
    held = _hold(plays, truth)
    edit_s = sum(play.output_s for play in plays)
    counted_s = edit_s - sum(held.neutral_s)
    minutes = edit_s / 60
    return EditScore(
        recall=min(held.music_s / held.whole_s, 1.0) if held.whole_s > 0 else 1.0,
        purity=min(sum(held.first_s) / counted_s, 1.0) if counted_s > 0 else 0.0,
        junk_s_per_min=sum(play.output_s for play in plays if play.worth == "junk") / minutes,
        sloppy_s_per_min=sum(play.output_s for play in plays if play.worth == "sloppy") / minutes,
        repeat_s_per_min=_repeats_s(plays, held) / minutes,
        order=_order(plays, truth),
        joins_per_min=len(edit_list.joins) / minutes,
        ideal_joins_per_min=truth.ideal_joins / (truth.finished_s / 60),
        beat_error_ms=_beat_error_ms(plays, truth),
        cut_f1=cut_points(edit_list, truth).f1,
        effects_share=float(np.mean([_has_effect(clip) for clip in edit_list.clips])),
        edit_s=edit_s,
    )


def _has_effect(clip: Clip) -> bool:
    """Tell whether anything but fades changes the clip."""
    changed = clip.gain_db != 0 or clip.speed != 1 or clip.pitch_semitones != 0
    return changed or clip.reverse or bool(clip.effects)


def _plays_of(clip: Clip, number: int, rate: int, truth: Truth) -> Iterator[_Play]:
    """Yield the plays of a clip in the order in which they are heard."""
    start_s, end_s = clip.start / rate, clip.end / rate
    found = list(_stretches(start_s, end_s, truth.segments))
    if clip.reverse:
        found.reverse()
    for place, (from_s, to_s, segment) in enumerate(found):
        play = _Play(
            clip=number,
            output_s=(to_s - from_s) / clip.speed,
            segment=segment,
            at_start=place == 0,
            at_end=place == len(found) - 1,
        )
        if segment is None or segment.source_s is None:
            yield play
            continue
        yield _Play(
            clip=play.clip,
            output_s=play.output_s,
            segment=segment,
            source_s=segment.source_s + (from_s - segment.start_s) * segment.speed,
            source_end_s=segment.source_s + (to_s - segment.start_s) * segment.speed,
            at_start=play.at_start,
            at_end=play.at_end,
            is_changed=_is_changed(clip, segment),
        )


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
    """Tell whether a clip no longer sounds as the finished track does here."""
    restores = abs(clip.speed * segment.speed - 1) <= LARGEST_CHANGE
    changes = {
        "reverse": clip.reverse,
        "distortion": any(effect.type == "DISTORTION" and effect.value > 0 for effect in clip.effects),
        "speed": abs(clip.speed - 1) > LARGEST_CHANGE and not restores,
        "pitch": abs(2 ** (clip.pitch_semitones / 12) - 1) > LARGEST_CHANGE,
    }
    return any(is_there and change not in segment.allows for change, is_there in changes.items())


class _Folded:
    """The finished track with its silence left out and its equal stretches folded onto the first of each."""

    def __init__(self, truth: Truth) -> None:
        self._silent = sorted(truth.silent_s)
        shifts = [
            (start, group.length_s, start - group.starts_s[0]) for group in truth.equal for start in group.starts_s
        ]
        self._moves = sorted(shifts)

    def fold(self, start_s: float, end_s: float) -> list[tuple[float, float]]:
        """Return what of a range of the finished track can be heard, folded."""
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
        """Return every place of the finished track that sounds like the one at `at_s`, itself included."""
        firsts = [(m - s, at_s - m) for m, n, s in self._moves if m <= at_s <= m + n]
        return [at_s] + [m + inside for first, inside in firsts for m, _, s in self._moves if m - s == first]


def _without(start_s: float, end_s: float, holes: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield the parts of a range that lie in no hole; holes are sorted."""
    for low, high in holes:
        if high <= start_s or low >= end_s:
            continue
        if low > start_s:
            yield start_s, low
        start_s = high
    if start_s < end_s:
        yield start_s, end_s


def _hold(plays: Sequence[_Play], truth: Truth) -> _Held:
    """Play everything into the finished track, in order, and see what it fills."""
    folded = _Folded(truth)
    whole = folded.fold(0.0, truth.finished_s)
    parts = [folded.fold(p.source_s, p.source_end_s) if p.worth != "junk" else [] for p in plays]
    bounds_s = np.unique([bound for ranges in [whole, *parts] for one in ranges for bound in one] or [0.0])
    lengths_s = np.diff(bounds_s)
    capacity = _counted(whole, bounds_s)
    heard = np.zeros_like(capacity)
    first_s, neutral_s = [], []
    for play, ranges in zip(plays, parts):
        new_s, audible_s = 0.0, sum(b - a for a, b in ranges)
        if play.worth == "good" and not play.is_changed:
            for start_s, end_s in ranges:
                low, high = np.searchsorted(bounds_s, (start_s, end_s))
                fresh = heard[low:high] < capacity[low:high]
                new_s += float(lengths_s[low:high][fresh].sum())
                heard[low:high] += 1
        source_s = play.source_end_s - play.source_s
        edit_per_source = play.output_s / source_s if source_s > 0 else 0.0
        first_s.append(new_s * edit_per_source)
        neutral_s.append(max(0.0, source_s - audible_s) * edit_per_source)
    music_s = float((np.minimum(heard, capacity) * lengths_s).sum())
    return _Held(music_s, float((capacity * lengths_s).sum()), tuple(first_s), tuple(neutral_s))


def _counted(ranges: Sequence[tuple[float, float]], bounds_s: Float[np.ndarray, " bounds"]) -> Int[np.ndarray, " gaps"]:
    """Return how many of the ranges lie over each gap between bounds."""
    steps = np.zeros(len(bounds_s), dtype=np.int64)
    for start_s, end_s in ranges:
        low, high = np.searchsorted(bounds_s, (start_s, end_s))
        steps[low] += 1
        steps[high] -= 1
    return np.cumsum(steps)[:-1]


def _repeats_s(plays: Sequence[_Play], held: _Held) -> float:
    """Return how long good, unchanged music is heard too often [seconds of the edit]."""
    rest = zip(plays, held.first_s, held.neutral_s)
    return sum(
        (p.output_s - first - neutral for p, first, neutral in rest if p.worth == "good" and not p.is_changed), 0.0
    )


def _order(plays: Sequence[_Play], truth: Truth) -> float:
    """Return the share of joins that go forward in the finished track.

    A join goes forward if the music after it starts where the music before it ended, or later. A join that repeats a
    little, because the cut was late, still does when the clip after it lies later as a whole.
    """
    folded = _Folded(truth)
    by_clip: dict[int, list[_Play]] = {}
    for play in plays:
        music = by_clip.setdefault(play.clip, [])
        if play.worth != "junk":
            music.append(play)
    clips = [by_clip[number] for number in sorted(by_clip)]
    judged = []
    for before, after in zip(clips, clips[1:]):
        if before and after:
            latest_s = max(folded.equals(after[0].source_s))
            runs_on = latest_s >= min(folded.equals(before[-1].source_end_s)) - ORDER_SLACK_S
            judged.append(runs_on or _middle_s(after) > _middle_s(before))
    return float(np.mean(judged)) if judged else 1.0


def _middle_s(plays: Sequence[_Play]) -> float:
    """Return the mean place in the finished track of what the plays hold [seconds]."""
    middles_s = [(play.source_s + play.source_end_s) / 2 for play in plays]
    return float(np.average(middles_s, weights=[play.output_s for play in plays]))


def _beat_error_ms(plays: Sequence[_Play], truth: Truth) -> float | None:
    """Return the mean distance in beat phase across joins whose both sides lie inside music."""
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
    """Tell whether both sides of a join lie in the same silent run of the finished track."""
    return any(start_s <= sides_s.min() and sides_s.max() <= end_s for start_s, end_s in truth.silent_s)
