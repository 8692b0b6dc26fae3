"""Recordings in which a known action is right: a finished edit to which the inverse of that action was applied.

To teach GAIN +3 dB a stretch of the finished music is played 3 dB softer; to teach SWAP_NEXT two
spans are swapped; to teach CUT a stretch from elsewhere is put in. The action then restores the
finished music. What has no inverse (a fade, a distortion, a room, a repeat) is taught where
the finished music simply continues, at spans of its own lengths.

Conventions
-----------
Beats are those of the finished edit; positions are its samples, or those of the recording made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from editorbot.editlist.edit_list import Clip, EditList, Effect, Join, MadeBy, Source
from editorbot.environment.actions import V3, Action, Operation
from editorbot.environment.dynamics import advance, first_state
from editorbot.environment.transcript import tiles

_CROSSFADE_S = 0.01
_SPAN_BEATS = (1, 4, 4, 4, 8)
_KEPT_BEATS = (2, 3, 4, 5, 6)
_NEAR = 0.3
"""Largest distance of a beat of the recording from an end of a span [beats]."""


@dataclass(frozen=True)
class RepairSpan:
    """A span of a corrupted recording that an action repairs."""

    start: int
    """First sample of its span in the recording."""
    end: int
    """End sample of its span."""
    type: int
    """Index of its type."""
    amount: int
    """Index of its amount."""


@dataclass(frozen=True)
class CorruptedRecording:
    """How a recording is made, and the actions that repair it."""

    edit_list: EditList
    """The clips of the finished edit that make it."""
    spans: tuple[RepairSpan, ...]
    """The repairs, in order."""


def corrupt(
    source: Source, bounds: Int64[np.ndarray, " bounds"], types: Sequence[int], rng: np.random.Generator
) -> CorruptedRecording:
    """Make a recording in which actions of some types are right, one after another, as many as fit.

    `bounds` are the beats of the finished edit and its end.
    """
    return _Corruptor(source, bounds, rng).run(types)


class _Corruptor:
    """Appends clips one after another and notes where actions are right."""

    def __init__(self, source: Source, bounds: Int64[np.ndarray, " bounds"], rng: np.random.Generator) -> None:
        self._source, self._bounds, self._rng = source, bounds, rng
        self._clips: list[Clip] = []
        self._spans: list[RepairSpan] = []
        self._at = 0
        self._beat = 0
        self._tail = len(bounds) - 1

    def run(self, types: Sequence[int]) -> CorruptedRecording:
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
            self._corrupt(type_, span, tails)
        self._play(self._beat, self._tail)
        for first in tails:
            self._play(first, first + 4)
        crossfade = round(_CROSSFADE_S * self._source.sample_rate)
        joins = tuple(Join(crossfade) for _ in self._clips[1:])
        made_by = MadeBy("undone")
        return CorruptedRecording(
            EditList(self._source, tuple(self._clips), joins, made_by=made_by), tuple(self._spans)
        )

    def _play(self, first: int, end: int, **changes: object) -> None:
        """Play beats of the finished edit, changed or not."""
        low, high = int(self._bounds[first]), int(self._bounds[end])
        if high <= low:
            return
        clip = Clip(low, high, **changes)  # type: ignore[arg-type]
        self._clips.append(clip)
        self._at += clip.output_samples

    def _corrupt(self, type_: int, span: int, tails: list[int]) -> None:
        """Play the next span so that an action of the type repairs it."""
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
            # The repeated part is before the cursor; the span at the cursor continues.
            self._note(start, start, type_, amount, first)
            return
        else:
            self._play(first, end, **inverse_changes(row.name, value))
        self._note(start, self._at, type_, amount, end)

    def _note(self, start: int, end: int, type_: int, amount: int, beat: int) -> None:
        self._spans.append(RepairSpan(start, end, type_, amount))
        self._beat = beat


def inverse_changes(name: str, value: float) -> dict[str, object]:
    """Return the changes of a clip that an action reverts; none if it cannot revert any."""
    if name == "GAIN":
        return {"gain_db": -value}
    if name in ("EQ_LOW", "EQ_HIGH"):
        return {"effects": (Effect(name, -value),)}
    if name in ("SPEED_UP", "SPEED_DOWN"):
        return {"speed": 1.0 / value}
    if name in ("PITCH_UP", "PITCH_DOWN"):
        return {"pitch_semitones": -value}
    return {"reverse": True} if name == "REVERSE" else {}


@dataclass(frozen=True)
class RepairSteps:
    """The steps that repair a corrupted recording, on its own beats."""

    actions: tuple[Action, ...]
    """All steps, from the first beat to the last."""
    right: frozenset[int]
    """Indices of those that repair something."""
    kept_share: float
    """Share of the beats that are kept."""


def repair_steps(
    spans: Sequence[RepairSpan], bounds: Int64[np.ndarray, " boundaries"], lengths: Int64[np.ndarray, "beats 5"]
) -> RepairSteps:
    """Return the steps that repair a recording; spans that its beats do not match are kept as they are.

    `bounds` are the beats that were found in the recording, and its end; `lengths` what each size spans from each
    beat on.
    """
    actions: list[Action] = []
    right: set[int] = set()
    cursor, cut = 0, 0
    for span in spans:
        first, end = _nearest(bounds, span.start), _nearest(bounds, span.end)
        if first is None or end is None or first < cursor:
            continue
        action = _action(span, first, end, lengths)
        if action is None:
            continue
        actions += _kept(cursor, first, lengths)
        right.add(len(actions))
        actions.append(action)
        state = replace(first_state(len(lengths), V3), cursor=first)
        cursor = advance(state, action, lengths[first].tolist(), V3).cursor
        is_cut = V3.rows[action.type].operation in (Operation.CUT, Operation.SKIP)
        cut += cursor - first if is_cut else 0
    actions += _kept(cursor, len(lengths), lengths)
    return RepairSteps(tuple(actions), frozenset(right), 1.0 - cut / max(len(lengths), 1))


def _kept(first: int, end: int, lengths: Int64[np.ndarray, "beats 5"]) -> list[Action]:
    """Return the steps that keep a stretch."""
    return [Action(V3.index("KEEP"), size, 0) for size in tiles(first, end, lengths.tolist())]


def _nearest(bounds: Int64[np.ndarray, " bounds"], at: int) -> int | None:
    """Return the beat that begins near a sample; None if none does."""
    beat = int(np.argmin(np.abs(bounds - at)))
    length = int(np.median(np.diff(bounds)))
    return beat if abs(int(bounds[beat]) - at) <= _NEAR * length else None


def _action(span: RepairSpan, first: int, end: int, lengths: Int64[np.ndarray, "beats 5"]) -> Action | None:
    """Return the action of a span; None if no size fits it."""
    if first >= len(lengths):
        return None
    row = V3.rows[span.type]
    if row.moves or row.operation == Operation.REPEAT:
        return Action(span.type, 0, span.amount)
    sizes = np.flatnonzero(lengths[first] == end - first)
    return Action(span.type, int(sizes[0]), span.amount) if len(sizes) else None
