"""Recordings in which a known action is right: a finished edit with that action undone.

To teach GAIN +3 dB a stretch of the finished music is played 3 dB softer; to teach SWAP_NEXT two
spans are swapped; to teach CUT a stretch from elsewhere is put in. The action then gives the
finished music back. What cannot be undone (a fade, a distortion, a room, a repeat) is taught where
the finished music goes on plainly, at spans of its own lengths.

Conventions
-----------
Beats are those of the finished edit; positions are its samples, or those of the recording made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from editorbot.editlist.edit_list import Clip, EditList, Effect, Join, MadeBy, Source
from editorbot.environment.actions import V3, Action, Operation

_CROSSFADE_S = 0.01
_SPAN_BEATS = (1, 4, 4, 4, 8)
_KEPT_BEATS = (2, 3, 4, 5, 6)


@dataclass(frozen=True)
class Spot:
    """Where an action is right in a recording that was made."""

    start: int
    """First sample of its span in the recording."""
    end: int
    """End sample of its span."""
    type: int
    """Index of its type."""
    amount: int
    """Index of its amount."""


@dataclass(frozen=True)
class Undone:
    """How a recording is made, and what is right in it."""

    edit_list: EditList
    """The clips of the finished edit that make it."""
    spots: tuple[Spot, ...]
    """What is right where, in order."""


def undo(
    source: Source, bounds: Int64[np.ndarray, " bounds"], types: Sequence[int], rng: np.random.Generator
) -> Undone:
    """Return a recording in which actions of some types are right, one after the other.

    Parameters
    ----------
    source : Source
        The finished edit.
    bounds : np.ndarray, shape=(beats + 1,) [samples]
        Its beats and its end.
    types : sequence of int
        Types of the actions, as many as fit are used.
    rng : np.random.Generator
        Chooses spans, amounts and distances.
    """
    return _Maker(source, bounds, rng).made(types)


class _Maker:
    """Puts clips one behind the other and notes where actions are right."""

    def __init__(self, source: Source, bounds: Int64[np.ndarray, " bounds"], rng: np.random.Generator) -> None:
        self._source, self._bounds, self._rng = source, bounds, rng
        self._clips: list[Clip] = []
        self._spots: list[Spot] = []
        self._at = 0
        self._beat = 0
        self._tail = len(bounds) - 1

    def made(self, types: Sequence[int]) -> Undone:
        """Return the recording."""
        reserved = 4 * sum(V3.rows[type_].operation == Operation.DEFER for type_ in types)
        tails = [self._tail - reserved + 4 * k for k in range(reserved // 4)]
        if reserved > self._tail // 3:
            tails, reserved = [], 0
        self._tail -= reserved
        for type_ in types:
            kept, span = (int(self._rng.choice(choice)) for choice in (_KEPT_BEATS, _SPAN_BEATS))
            if self._beat + kept + 2 * span > self._tail:
                break
            self._play(self._beat, self._beat + kept)
            self._beat += kept
            self._undo(type_, span, tails)
        self._play(self._beat, self._tail)
        for first in tails:
            self._play(first, first + 4)
        crossfade = round(_CROSSFADE_S * self._source.sample_rate)
        joins = tuple(Join(crossfade) for _ in self._clips[1:])
        made_by = MadeBy("undone")
        return Undone(EditList(self._source, tuple(self._clips), joins, made_by=made_by), tuple(self._spots))

    def _play(self, first: int, end: int, **changes: object) -> None:
        """Play beats of the finished edit, changed or not."""
        low, high = int(self._bounds[first]), int(self._bounds[end])
        if high <= low:
            return
        clip = Clip(low, high, **changes)  # type: ignore[arg-type]
        self._clips.append(clip)
        self._at += clip.output_samples

    def _undo(self, type_: int, span: int, tails: list[int]) -> None:
        """Play the next span so that an action of the type is right at it."""
        row, first = V3.rows[type_], self._beat
        amount = int(self._rng.choice(np.flatnonzero(row.distinct_amounts)))
        value, start = V3.value(Action(type_, 0, amount)), self._at
        end = first + span
        if row.operation == Operation.CUT:
            other = int(self._rng.integers(0, max(1, self._tail - span)))
            self._play(other, other + span)
            end = first
        elif row.operation == Operation.SKIP:
            again = int(value) or 1
            if first < again:
                return
            self._play(first - again, first)
            end = first
        elif row.operation == Operation.DEFER:
            if not tails:
                return
            held = tails.pop(0)
            self._play(held, held + 4)
            end = first
        elif row.operation == Operation.SWAP:
            end = first + 2 * span
            self._play(first + span, end)
            middle = self._at
            self._play(first, first + span)
            self._note(start, middle, type_, amount, end)
            return
        elif row.operation == Operation.BACK:
            # What is heard again lies before the cursor; the span at it is played on.
            self._note(start, start, type_, amount, first)
            return
        else:
            self._play(first, end, **undoing(row.name, value))
        self._note(start, self._at, type_, amount, end)

    def _note(self, start: int, end: int, type_: int, amount: int, beat: int) -> None:
        self._spots.append(Spot(start, end, type_, amount))
        self._beat = beat


def undoing(name: str, value: float) -> dict[str, object]:
    """Return the changes of a clip after which an action gives the finished music back; none where nothing does."""
    if name == "GAIN":
        return {"gain_db": -value}
    if name in ("EQ_LOW", "EQ_HIGH"):
        return {"effects": (Effect(name, -value),)}
    if name in ("SPEED_UP", "SPEED_DOWN"):
        return {"speed": 1.0 / value}
    if name in ("PITCH_UP", "PITCH_DOWN"):
        return {"pitch_semitones": -value}
    return {"reverse": True} if name == "REVERSE" else {}
