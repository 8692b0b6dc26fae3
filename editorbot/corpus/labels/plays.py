"""From the clips of an edit to what was done along the beats of the raw recording.

A cursor walks over the raw beats as in the environment; each clip of the edit is a deed at the
cursor: kept, changed, heard again, moved, jumped to. Where two deeds sound the same, the first in
index order is meant: a stretch left out is CUT, not SKIP; one heard again at once is LOOP, not
JUMP_BACK nor REPEAT_PREV, unless only those can say it.

Conventions
-----------
Positions are beats of the raw recording, half open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from editorbot.editlist.edit_list import Clip, EditList

_TOUCHED = 0.5
"""Part of a beat that must be played for the beat to count."""
_LEAST_GAIN_DB, _LEAST_SPEED, _LEAST_PITCH = 0.75, 0.01, 0.5
"""Changes smaller than these are none."""
_TREATED = ("FADE_IN", "FADE_OUT", "GAIN", "SPEED_UP", "SPEED_DOWN", "REVERSE", "PITCH_UP", "PITCH_DOWN", "EQ_LOW",
            "EQ_HIGH", "DISTORTION", "REVERB")  # fmt: skip
MOST_LOOPS = 4
"""Plays that one LOOP can give."""


@dataclass(frozen=True)
class Play:
    """Beats that one clip plays, and how."""

    first: int
    """First beat."""
    end: int
    """End beat."""
    type: str = "KEEP"
    """What is done to them: KEEP, or a type that changes the sound."""
    value: float = 0.0
    """How much: decibels, share of speed above or below 1, semitones, or strength."""


@dataclass(frozen=True)
class Deed:
    """One thing that is done at the cursor."""

    type: str
    """Name of the action type."""
    first: int
    """Beat of the cursor."""
    end: int
    """End of the beats that it is about; of a JUMP_BACK the beat where it goes on."""
    value: float = 0.0
    """How much, see `Play`; of a LOOP the number of plays."""


def plays_of(edit_list: EditList, beats: Int64[np.ndarray, " beats"], level_db: float = 0.0) -> list[Play]:
    """Return the beats that each clip plays, in order; neighbours of one treatment are one.

    Parameters
    ----------
    edit_list : EditList
        The edit.
    beats : np.ndarray, shape=(beats,) [source samples]
        The beats of its source.
    level_db : float
        Gain that lies over the whole edit and counts as none [dB].
    """
    bounds = np.append(beats, edit_list.source.samples).astype(np.int64)
    plays: list[Play] = []
    for clip in edit_list.clips:
        covered = np.minimum(bounds[1:], clip.end) - np.maximum(bounds[:-1], clip.start)
        inside = np.flatnonzero(covered > _TOUCHED * np.maximum(np.diff(bounds), 1))
        if not len(inside):
            continue
        play = _play(clip, int(inside[0]), int(inside[-1]) + 1, level_db)
        last = plays[-1] if plays else None
        if last is not None and last.type == play.type == "KEEP" and last.end == play.first:
            plays[-1] = Play(last.first, play.end)
        else:
            plays.append(play)
    return plays


def _play(clip: Clip, first: int, end: int, level_db: float) -> Play:
    """Return what a clip does to its beats; of several changes the one that is heard most."""
    gain_db = clip.gain_db - level_db
    half = 0.5 * clip.output_samples
    changes = [
        (clip.reverse, "REVERSE", 0.0),
        (abs(clip.speed - 1) >= _LEAST_SPEED, "SPEED_UP" if clip.speed > 1 else "SPEED_DOWN", clip.speed),
        (
            abs(clip.pitch_semitones) >= _LEAST_PITCH,
            "PITCH_UP" if clip.pitch_semitones > 0 else "PITCH_DOWN",
            clip.pitch_semitones,
        ),
        *((effect.value != 0, effect.type, effect.value) for effect in clip.effects),
        (clip.fade_in > half, "FADE_IN", 0.0),
        (clip.fade_out > half, "FADE_OUT", 0.0),
        (abs(gain_db) >= _LEAST_GAIN_DB, "GAIN", gain_db),
    ]
    type_, value = next(((name, value) for is_there, name, value in changes if is_there), ("KEEP", 0.0))
    return Play(first, end, type_, float(value))


LengthsAt = Callable[[int], Sequence[int]]
"""Returns the lengths that a span from a beat on may have [beats]."""


def deeds_of(plays: Sequence[Play], beats: int, lengths_at: LengthsAt) -> list[Deed]:
    """Return what was done at the cursor, from the first beat to the last.

    Parameters
    ----------
    plays : sequence of Play
        What is heard, in order.
    beats : int
        Beats of the recording.
    lengths_at : callable
        Lengths that one action can have there: what is looped or swapped must be one.
    """
    return _Walk(list(plays), beats, lengths_at).walked()


class _Walk:
    """The cursor's way through the plays."""

    def __init__(self, plays: list[Play], beats: int, lengths_at: LengthsAt) -> None:
        self._beats = beats
        self._lengths_at = lengths_at
        self._tail = _reordered_tail(plays)
        self._left = plays[: len(plays) - len(self._tail)]
        self._deeds: list[Deed] = []
        self._cursor = 0
        self._last: Play | None = None

    def walked(self) -> list[Deed]:
        """Return all deeds."""
        while self._left:
            self._take(self._left.pop(0))
        self._leave_out(self._beats)
        return self._deeds

    def _take(self, play: Play) -> None:
        if play.first > self._cursor:
            following = self._left[0] if self._left else None
            if following is not None and self._is_swap(play, following):
                self._swap(play, following)
                return
            self._leave_out(play.first)
        elif play.first < self._cursor and self._heard_again(play):
            return
        if play.first < self._cursor:
            self._deeds.append(Deed("JUMP_BACK", self._cursor, play.first))
            self._cursor = play.first
        self._do(play)

    def _do(self, play: Play) -> None:
        self._deeds.append(Deed(play.type, play.first, play.end, play.value))
        self._cursor, self._last = play.end, play

    def _is_swap(self, play: Play, following: Play) -> bool:
        """Tell whether the span behind the next is heard first, then the one at the cursor."""
        length = play.first - self._cursor
        plain = play.type == following.type == "KEEP"
        same = play.end - play.first == length and following.first == self._cursor and following.end == play.first
        return plain and same and length in self._lengths_at(self._cursor)

    def _swap(self, play: Play, following: Play) -> None:
        """The next span, then this one; what the second play has beyond the span goes on behind both."""
        self._deeds.append(Deed("SWAP_NEXT", self._cursor, play.first))
        self._cursor = play.end
        self._last = following
        self._left.pop(0)

    def _leave_out(self, until: int) -> None:
        """Leave out what lies before a beat: played at the end, or not at all."""
        moved = {beat for play in self._tail for beat in range(play.first, play.end)}
        while self._cursor < until:
            is_moved = self._cursor in moved
            end = self._cursor
            starts = {play.first for play in self._tail}
            while end < until and (end in moved) == is_moved and (end == self._cursor or end not in starts):
                end += 1
            self._deeds.append(Deed("REORDER" if is_moved else "CUT", self._cursor, end))
            self._cursor = end

    def _heard_again(self, play: Play) -> bool:
        """Take a play that repeats what was just heard, up to the cursor; tell whether it was one."""
        last = self._last
        if last is None or last.end != self._cursor or self._deeds[-1].type in ("LOOP", "JUMP_BACK"):
            return False
        if last.type != "KEEP":
            if (play.type, play.first, play.end) != (last.type, last.first, last.end):
                return False
            self._deeds.append(Deed("REPEAT_PREV", self._cursor, self._cursor))
            return True
        if play.type != "KEEP" or play.first < last.first or play.end < self._cursor:
            return False
        if self._cursor - play.first not in self._lengths_at(play.first):
            return False
        self._loop(play)
        return True

    def _loop(self, play: Play) -> None:
        """Turn the end of the last play into a LOOP; `play` goes on behind it."""
        last, first, end, times = self._last, play.first, self._cursor, 2
        while play.end == end and self._left and self._repeats(self._left[0], first, end):
            play = self._left.pop(0)
            times += 1
        self._deeds.pop()
        if last is not None and last.first < first:
            self._deeds.append(Deed("KEEP", last.first, first))
        self._deeds.append(Deed("LOOP", first, end, float(min(times, MOST_LOOPS))))
        self._deeds += [Deed("REPEAT_PREV", end, end)] * max(0, times - MOST_LOOPS)
        self._last = Play(first, end)
        if play.end > end:
            self._left.insert(0, Play(end, play.end))

    @staticmethod
    def _repeats(play: Play, first: int, end: int) -> bool:
        return play.type == "KEEP" and play.first == first and play.end >= end


def _reordered_tail(plays: list[Play]) -> list[Play]:
    """Return the plays at the end that were held back until then: in order, each heard nowhere else."""
    tail: list[Play] = []
    for k in range(len(plays) - 1, 0, -1):
        play = plays[k]
        before = plays[:k]
        is_fresh = all(play.end <= other.first or play.first >= other.end for other in before)
        reached = max(other.end for other in before)
        rises = not tail or play.end <= tail[0].first
        if play.type != "KEEP" or not is_fresh or play.first >= reached or not rises:
            break
        tail.insert(0, play)
    return tail
