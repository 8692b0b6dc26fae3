"""What players do to a score: human timing, and mistakes of one of them.

Every mistake is a change of one part between two times; the others, and the
beats, stay what they are. So the truth about a bad take is known exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from editorbot.corpus.band.score import Control, Note, Part, Score
from editorbot.errors import UsageError

SHORTEST_NOTE_S = 0.02
"""No mistake makes a note shorter [seconds]."""


def humanized(score: Score, rng: np.random.Generator, *, timing_s: float = 0.008, touch: float = 8.0) -> Score:
    """Play a score like people: each note a little early or late, softer or harder.

    `timing_s` and `touch` are standard deviations of note starts and velocities. Each player is also a little ahead of
    or behind the others throughout, by half of `timing_s`.
    """
    parts = []
    for part in score.parts:
        lean_s = rng.normal(0, timing_s / 2)
        shifts_s = lean_s + rng.normal(0, timing_s, len(part.notes))
        strengths = rng.normal(0, touch, len(part.notes))
        notes = [_struck(_moved(n, s), v) for n, s, v in zip(part.notes, shifts_s, strengths)]
        parts.append(replace(part, notes=_in_order(notes)))
    return replace(score, parts=tuple(parts))


def late(
    part: Part, start_s: float, end_s: float, rng: np.random.Generator, *, delay_s: float = 0.12, spread_s: float = 0.02
) -> Part:
    """Return the part with the notes in [start_s, end_s) played late by about `delay_s`; negative: too early."""

    def change(note: Note) -> Note:
        return _moved(note, delay_s + rng.normal(0, spread_s))

    return _changed(part, start_s, end_s, change)


def wrong_notes(part: Part, start_s: float, end_s: float, rng: np.random.Generator, *, share: float = 0.4) -> Part:
    """Return the part with a share of its notes one or two semitones off; of drums, another drum is hit."""

    def change(note: Note) -> Note:
        off = int(rng.choice([-2, -1, 1, 2]))
        return replace(note, key=min(max(note.key + off, 0), 127)) if rng.random() < share else note

    return _changed(part, start_s, end_s, change)


def out_of_tune(part: Part, start_s: float, end_s: float, *, cents: float = 35.0) -> Part:
    """Return the part tuned `cents` too high (below 0: too low) from `start_s` to `end_s`; drums stay."""
    if part.is_drums:
        return part
    knobs = [Control(start_s, "tuning", cents / 100), Control(end_s, "tuning", 0.0)]
    return replace(part, controls=tuple(sorted([*part.controls, *knobs], key=lambda control: control.time_s)))


def missing(part: Part, start_s: float, end_s: float) -> Part:
    """Return the part without the notes that begin in [start_s, end_s); what rings is stopped there."""
    notes = [
        replace(note, end_s=max(min(note.end_s, start_s), note.start_s + SHORTEST_NOTE_S))
        if note.start_s < start_s < note.end_s < end_s
        else note
        for note in part.notes
        if not start_s <= note.start_s < end_s
    ]
    return replace(part, notes=tuple(notes))


@dataclass(frozen=True)
class Mistake:
    """What one player did wrong."""

    player: str
    """Name of the part."""
    kind: str
    """One of MISTAKES."""
    start_s: float
    """From here [seconds]."""
    end_s: float
    """To here [seconds]."""


MISTAKES = ("late", "wrong-notes", "out-of-tune", "missing")
"""Kinds of mistakes."""


def make_mistake(score: Score, mistake: Mistake, rng: np.random.Generator) -> Score:
    """Return the score with one player's mistake, its strength drawn.

    Raises
    ------
    UsageError
        If there is no such kind of mistake.
    FormatError
        If there is no such player.
    """
    part, start_s, end_s = score.part(mistake.player), mistake.start_s, mistake.end_s
    if mistake.kind == "late":
        delay_s = float(rng.uniform(0.06, 0.2) * rng.choice([1, 1, 1, -1]))
        return score.with_part(late(part, start_s, end_s, rng, delay_s=delay_s))
    if mistake.kind == "wrong-notes":
        return score.with_part(wrong_notes(part, start_s, end_s, rng, share=float(rng.uniform(0.25, 0.7))))
    if mistake.kind == "out-of-tune":
        cents = float(rng.uniform(20, 60) * rng.choice([-1, 1]))
        return score.with_part(out_of_tune(part, start_s, end_s, cents=cents))
    if mistake.kind == "missing":
        return score.with_part(missing(part, start_s, end_s))
    raise UsageError(f"{mistake.kind!r} is no mistake; known: {', '.join(MISTAKES)}")


def _changed(part: Part, start_s: float, end_s: float, change: Callable[[Note], Note]) -> Part:
    notes = [change(note) if start_s <= note.start_s < end_s else note for note in part.notes]
    return replace(part, notes=_in_order(notes))


def _moved(note: Note, by_s: float) -> Note:
    start_s = max(0.0, note.start_s + by_s)
    return replace(note, start_s=start_s, end_s=max(note.end_s + by_s, start_s + SHORTEST_NOTE_S))


def _struck(note: Note, by: float) -> Note:
    return replace(note, velocity=int(np.clip(round(note.velocity + by), 1, 127)))


def _in_order(notes: list[Note]) -> tuple[Note, ...]:
    return tuple(sorted(notes, key=lambda note: (note.start_s, note.key)))
