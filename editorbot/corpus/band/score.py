"""What a virtual band plays: notes by player, with exact beats and bars.

A score is sound-free and exact: it says when each note of each player begins
and ends, and where the beats and bars lie. Mistakes and human timing are
changes of a score (:mod:`editorbot.corpus.band.mistakes`); only
:mod:`editorbot.corpus.band.play` makes sound of it.

Conventions
-----------
Times are seconds from the start of the audio. A beat is what a drummer would
count: the dotted quarter in 6/8 and 12/8, the meter's own unit elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from editorbot.errors import FormatError

ROLES = ("drums", "bass", "vocals", "other")
"""What a player can be; the names of the stems, in the order of the stem features."""


@dataclass(frozen=True)
class Note:
    """One note of one player."""

    start_s: float
    """Start [seconds]."""
    end_s: float
    """End [seconds], after the start."""
    key: int
    """MIDI key, 0-127, 60 is middle C; of drums, the instrument."""
    velocity: int
    """How hard it is struck, 1-127."""


@dataclass(frozen=True)
class Control:
    """A turn of a knob."""

    time_s: float
    """When [seconds]."""
    kind: str
    """``program``, ``controller``, ``bend`` or ``tuning``."""
    value: float
    """Program 0-127; controller value 0-127; bend -8192 ... 8191; tuning [semitones]."""
    number: int = 0
    """Which controller; 0 for the others."""


@dataclass(frozen=True)
class Part:
    """What one player plays."""

    name: str
    """Unique in its score."""
    role: str
    """One of ROLES."""
    notes: tuple[Note, ...]
    """In order of their starts."""
    controls: tuple[Control, ...] = ()
    """In order of time."""
    program: int = 0
    """Instrument at the start, General MIDI, 0-127; of drums, the kit."""

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise FormatError(f"part {self.name!r} has the role {self.role!r}; known: {', '.join(ROLES)}")

    @property
    def is_drums(self) -> bool:
        """Whether keys name drums rather than pitches."""
        return self.role == "drums"


@dataclass(frozen=True)
class Score:
    """What a band plays."""

    parts: tuple[Part, ...]
    """The players."""
    beats_s: Float[np.ndarray, " beats"]
    """Beat times, shape=(beats,), float64 [seconds], strictly increasing."""
    downbeats_s: Float[np.ndarray, " bars"]
    """First beats of bars, shape=(bars,), float64 [seconds]; each one of the beats."""
    end_s: float
    """Where the last note has ended [seconds]."""

    def __post_init__(self) -> None:
        if (np.diff(self.beats_s) <= 0).any():
            beat = int(np.flatnonzero(np.diff(self.beats_s) <= 0)[0])
            raise FormatError(f"beat times must increase, but beat {beat + 1} does not lie after beat {beat}")

    def part(self, name: str) -> Part:
        """Return the part of a name."""
        found = [part for part in self.parts if part.name == name]
        if not found:
            raise FormatError(f"there is no player {name!r}; there are {', '.join(p.name for p in self.parts)}")
        return found[0]

    def with_part(self, part: Part) -> Score:
        """Return the score with the part of the same name replaced."""
        self.part(part.name)
        return replace(self, parts=tuple(part if old.name == part.name else old for old in self.parts))


def excerpt(score: Score, start_s: float, end_s: float) -> Score:
    """Return what is played from `start_s` to `end_s`, beginning at 0.

    Notes that began before are left out, notes that last beyond are cut short;
    knobs stand as they stood.
    """

    def inside(times_s: np.ndarray) -> np.ndarray:
        return times_s[(times_s >= start_s) & (times_s < end_s)] - start_s

    parts = []
    for part in score.parts:
        notes = tuple(
            replace(note, start_s=note.start_s - start_s, end_s=min(note.end_s, end_s) - start_s)
            for note in part.notes
            if start_s <= note.start_s < end_s
        )
        controls = tuple(
            replace(control, time_s=max(0.0, control.time_s - start_s))
            for control in part.controls
            if control.time_s < end_s
        )
        parts.append(replace(part, notes=notes, controls=controls))
    return Score(tuple(parts), inside(score.beats_s), inside(score.downbeats_s), min(score.end_s, end_s) - start_s)


def at_speed(score: Score, speed: float) -> Score:
    """Return the score played `speed` times as fast."""
    parts = tuple(
        replace(
            part,
            notes=tuple(replace(n, start_s=n.start_s / speed, end_s=n.end_s / speed) for n in part.notes),
            controls=tuple(replace(c, time_s=c.time_s / speed) for c in part.controls),
        )
        for part in score.parts
    )
    return Score(parts, score.beats_s / speed, score.downbeats_s / speed, score.end_s / speed)
