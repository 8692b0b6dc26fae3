"""The action space: type, size and amount of every step.

An action is a triple (type, size, amount). The three index orders are fixed: they are outputs of networks and columns
of data sets. Each type of each vocabulary is one operation of a small library; :mod:`editorbot.environment.dynamics`
defines what an operation does to output and cursor. ``docs/actions.md`` is made from these tables.

Conventions
-----------
Lengths and distances are beats. Amounts are in the unit of their type: plays, beats, decibels, speed as a factor,
semitones, strength in [0, 1], seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from editorbot.editlist.edit_list import ACTIONS
from editorbot.errors import UsageError


class ActionType(IntEnum):
    """The twenty types of the default vocabulary, in index order."""

    KEEP = 0
    CUT = 1
    LOOP = 2
    REORDER = 3
    JUMP_BACK = 4
    SKIP = 5
    FADE_IN = 6
    FADE_OUT = 7
    GAIN = 8
    SPEED_UP = 9
    SPEED_DOWN = 10
    REVERSE = 11
    PITCH_UP = 12
    PITCH_DOWN = 13
    EQ_LOW = 14
    EQ_HIGH = 15
    DISTORTION = 16
    REVERB = 17
    REPEAT_PREV = 18
    SWAP_NEXT = 19


class Size(IntEnum):
    """How many beats from the cursor on; see `editorbot.environment.spans`."""

    BEAT = 0
    BAR = 1
    PHRASE = 2
    TWO_BARS = 3
    TWO_PHRASES = 4


class Amount(IntEnum):
    """How much, in the unit of the type."""

    NEG_LARGE = 0
    NEG_SMALL = 1
    NEUTRAL = 2
    POS_SMALL = 3
    POS_LARGE = 4


SIZES, AMOUNTS = len(Size), len(Amount)


class Operation(IntEnum):
    """What a step does; every type of every vocabulary is one of these."""

    PLAY = 0
    """Plays the span, changed or not."""
    CUT = 1
    """Leaves the span out."""
    LOOP = 2
    """Plays the span so many times."""
    DEFER = 3
    """Plays the span at the end."""
    BACK = 4
    """Moves the cursor back."""
    SKIP = 5
    """Moves the cursor forward."""
    REPEAT = 6
    """Plays the last output span again."""
    SWAP = 7
    """Plays the next span of the same length, then this one."""
    BRIDGE = 8
    """Leaves the span out and crossfades over the gap."""


class Treatment(IntEnum):
    """What is done to the sound of a span."""

    NONE = 0
    FADE_IN = 1
    FADE_OUT = 2
    GAIN = 3
    SPEED = 4
    REVERSE = 5
    PITCH = 6
    EQ_LOW = 7
    EQ_HIGH = 8
    DISTORTION = 9
    REVERB = 10


@dataclass(frozen=True)
class Action:
    """One step."""

    type: int
    """Index of the type in its vocabulary."""
    size: int
    """Index of the size."""
    amount: int
    """Index of the amount."""


@dataclass(frozen=True)
class TypeRow:
    """What one type means."""

    name: str
    """Its name in the vocabulary."""
    operation: Operation
    """What it does."""
    unit: str = ""
    """Unit of its amounts, empty where they are ignored."""
    values: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """Value of each amount, in `unit`; a distance of 0 means that of the size."""
    clip_action: str = ""
    """Name of the action in edit lists."""
    treatment: Treatment = Treatment.NONE
    """What it does to the sound of what it plays."""
    identity: float | None = None
    """The value that changes nothing, so that the action would be KEEP."""

    @property
    def uses_amount(self) -> bool:
        """Whether the amount matters."""
        return bool(self.unit)

    @property
    def moves(self) -> bool:
        """Whether it only moves the cursor, by the amount's distance."""
        return self.operation in (Operation.BACK, Operation.SKIP)

    @property
    def changes_sound(self) -> bool:
        """Whether what it plays is more than a copy."""
        return self.treatment != Treatment.NONE

    @property
    def distinct_amounts(self) -> tuple[bool, ...]:
        """The amounts that differ from all earlier ones and from KEEP; the others are never allowed."""
        if not self.uses_amount:
            return (True, *(False,) * (AMOUNTS - 1))
        return tuple(
            value not in self.values[:index] and value != self.identity for index, value in enumerate(self.values)
        )


_DISTANCES = (8.0, 4.0, 0.0, 4.0, 8.0)
_DECIBELS = (-3.0, -1.5, 0.0, 1.5, 3.0)
_PLAYS = (2.0, 2.0, 2.0, 3.0, 4.0)
_STRENGTHS = (0.1, 0.2, 0.35, 0.5, 0.7)


def _treated(
    name: str,
    treatment: Treatment,
    unit: str = "",
    values: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0),
    identity: float | None = None,
) -> TypeRow:
    """Make the row of a type that plays the span with a treatment."""
    return TypeRow(name, Operation.PLAY, unit, values, name, treatment, identity)


_ROWS: Mapping[str, TypeRow] = MappingProxyType(
    {
        row.name: row
        for row in (
            TypeRow("KEEP", Operation.PLAY, clip_action="KEEP"),
            TypeRow("CUT", Operation.CUT, clip_action="CUT"),
            TypeRow("LOOP", Operation.LOOP, "plays", _PLAYS, "LOOP"),
            TypeRow("REORDER", Operation.DEFER, clip_action="REORDER"),
            TypeRow("JUMP_BACK", Operation.BACK, "beats", _DISTANCES, "JUMP_BACK"),
            TypeRow("SKIP", Operation.SKIP, "beats", _DISTANCES, "SKIP"),
            _treated("FADE_IN", Treatment.FADE_IN),
            _treated("FADE_OUT", Treatment.FADE_OUT),
            _treated("GAIN", Treatment.GAIN, "dB", _DECIBELS, 0.0),
            _treated("SPEED_UP", Treatment.SPEED, "x", (1.02, 1.05, 1.08, 1.12, 2.0)),
            _treated("SPEED_DOWN", Treatment.SPEED, "x", (0.98, 0.95, 0.92, 0.88, 0.5)),
            _treated("REVERSE", Treatment.REVERSE),
            _treated("PITCH_UP", Treatment.PITCH, "semitones", (1.0, 1.0, 1.0, 2.0, 2.0)),
            _treated("PITCH_DOWN", Treatment.PITCH, "semitones", (-1.0, -1.0, -1.0, -2.0, -2.0)),
            _treated("EQ_LOW", Treatment.EQ_LOW, "dB", _DECIBELS, 0.0),
            _treated("EQ_HIGH", Treatment.EQ_HIGH, "dB", _DECIBELS, 0.0),
            _treated("DISTORTION", Treatment.DISTORTION, "strength", _STRENGTHS),
            _treated("REVERB", Treatment.REVERB, "strength", _STRENGTHS),
            TypeRow("REPEAT_PREV", Operation.REPEAT, clip_action="REPEAT_PREV"),
            TypeRow("SWAP_NEXT", Operation.SWAP, clip_action="SWAP_NEXT"),
            TypeRow("DOUBLE_TIME", Operation.PLAY, "", (2.0,) * 5, "SPEED_UP", Treatment.SPEED),
            TypeRow("HALF_TIME", Operation.PLAY, "", (0.5,) * 5, "SPEED_DOWN", Treatment.SPEED),
            TypeRow("CROSSFADE", Operation.BRIDGE, "s", (0.05, 0.1, 0.25, 0.5, 1.0), "CUT"),
        )
    }
)


class VocabularyArrays(NamedTuple):
    """A vocabulary as compiled code reads it."""

    operation: Int64[np.ndarray, " types"]
    """`Operation` of each type."""
    treatment: Int64[np.ndarray, " types"]
    """`Treatment` of each type."""
    values: Float64[np.ndarray, "types 5"]
    """Value of each amount."""
    distinct_amounts: Bool[np.ndarray, "types 5"]
    """See `TypeRow.distinct_amounts`."""


@dataclass(frozen=True)
class Vocabulary:
    """The types that a policy chooses from; sizes and amounts are the same five everywhere."""

    name: str
    """``v1``, ``v2`` or ``v3``."""
    rows: tuple[TypeRow, ...]
    """The types, in index order."""

    @cached_property
    def types(self) -> int:
        """Number of types."""
        return len(self.rows)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the types, in index order."""
        return tuple(row.name for row in self.rows)

    @cached_property
    def arrays(self) -> VocabularyArrays:
        """The rows as arrays."""
        return VocabularyArrays(
            operation=np.array([row.operation for row in self.rows], dtype=np.int64),
            treatment=np.array([row.treatment for row in self.rows], dtype=np.int64),
            values=np.array([row.values for row in self.rows], dtype=np.float64),
            distinct_amounts=np.array([row.distinct_amounts for row in self.rows]),
        )

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of types, sizes and amounts."""
        return self.types, SIZES, AMOUNTS

    def index(self, name: str) -> int:
        """Find the index of a type.

        Raises
        ------
        UsageError
            If this vocabulary has no such type.
        """
        if name not in self.names:
            raise UsageError(f"vocabulary {self.name} has no type {name!r}; it has {', '.join(self.names)}")
        return self.names.index(name)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def value(self, action: Action) -> float:
        """Value of an action's amount, in the unit of its type."""
        return self.rows[action.type].values[action.amount]

    def nearest_amount(self, name: str, value: float) -> Amount:
        """Find the distinct amount of a type whose value is nearest, the first of equally near ones."""
        row = self.rows[self.index(name)]
        ranked = [(abs(each - value), k) for k, each in enumerate(row.values) if row.distinct_amounts[k]]
        return Amount(min(ranked)[1])


def _vocabulary(name: str, names: tuple[str, ...]) -> Vocabulary:
    return Vocabulary(name, tuple(_ROWS[each] for each in names))


V1 = _vocabulary("v1", ("KEEP", "CUT", "LOOP", "CROSSFADE", "REORDER"))
"""The first five actions, embedded as 5 x 5 x 5."""

_V2_NAMES = tuple(name for name in ACTIONS if name not in ("SPEED_UP", "SPEED_DOWN", "PITCH_UP", "PITCH_DOWN"))
V2 = _vocabulary("v2", (*_V2_NAMES[:9], "DOUBLE_TIME", "HALF_TIME", *_V2_NAMES[9:]))
"""Eighteen types: DOUBLE_TIME and HALF_TIME in place of the four of speed and pitch."""

V3 = _vocabulary("v3", tuple(each.name for each in ActionType))
"""The twenty types, the default."""

VOCABULARIES: Mapping[str, Vocabulary] = MappingProxyType({each.name: each for each in (V1, V2, V3)})
"""Every vocabulary by its name."""


def vocabulary_named(name: str) -> Vocabulary:
    """Find a vocabulary by its name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name not in VOCABULARIES:
        raise UsageError(f"there is no vocabulary {name!r}; there are {', '.join(VOCABULARIES)}")
    return VOCABULARIES[name]
