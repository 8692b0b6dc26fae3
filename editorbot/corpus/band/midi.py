"""Reads MIDI files as scores.

The tempo map and the time signatures give every beat and bar exactly. MIDI
without a time signature is in 4/4, as the standard says.

Conventions
-----------
Channels are counted from 0; channel 9 is the drums.
"""

from __future__ import annotations

import io
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from editorbot.corpus.band.score import Control, Note, Part, Score
from editorbot.errors import EmptyError, FormatError, NotFoundError
from editorbot.extras import missing_extra

if TYPE_CHECKING:
    from jaxtyping import Float

DRUM_CHANNEL = 9
"""The channel whose keys are drums."""

BASS_PROGRAMS = range(32, 40)
"""General MIDI's basses."""

VOICE_PROGRAMS = (52, 53, 54, 85)
"""General MIDI's choirs and voices."""

DEFAULT_TEMPO = 500_000
"""Microseconds a quarter where the file says nothing."""


@dataclass(frozen=True)
class _Timed:
    """A message and when it comes."""

    tick: int
    time_s: float
    message: Any


def read_midi(source: Path | bytes) -> Score:
    """Read a MIDI file, or its content: one part a channel, named ``channel-N``, beats from the first note to the last.

    Raises
    ------
    NotFoundError, FormatError, EmptyError
        If there is no such file, it is not MIDI, or holds no note.
    MissingExtraError
        If the package ``mido`` is not installed.
    """
    try:
        import mido
    except ImportError as error:
        raise missing_extra("sim", "MIDI is read by mido") from error
    where = source if isinstance(source, Path) else None
    try:
        midi = mido.MidiFile(where) if where else mido.MidiFile(file=io.BytesIO(bytes(source)))
    except FileNotFoundError as error:
        raise NotFoundError("there is no such MIDI file", path=where) from error
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise FormatError(f"this is not a MIDI file ({error or type(error).__name__})", path=where) from error
    if midi.ticks_per_beat <= 0:
        raise FormatError("its time is not counted in beats (SMPTE time code); such MIDI has no bars", path=where)
    timed = _timed(midi)
    parts = _parts(timed)
    if not parts:
        raise EmptyError("no note is played in this MIDI file", path=where)
    starts = np.array([t.tick for t in timed if _is_start(t.message)])
    beats_s, downbeats_s = _beats(midi, timed, int(starts.min()), int(starts.max()))
    end_s = max(note.end_s for part in parts for note in part.notes)
    return Score(parts, beats_s, downbeats_s, end_s)


def _is_start(message: Any) -> bool:
    return bool(message.type == "note_on" and message.velocity > 0)


def _timed(midi: Any) -> list[_Timed]:
    """Return all messages in order with their times [s]."""
    at = sorted(_absolute(midi), key=lambda pair: pair[0])
    timed, tick, time_s, tempo = [], 0, 0.0, DEFAULT_TEMPO
    for next_tick, message in at:
        time_s += (next_tick - tick) * tempo / 1e6 / midi.ticks_per_beat
        tick = next_tick
        timed.append(_Timed(tick, time_s, message))
        if message.type == "set_tempo":
            tempo = message.tempo
    return timed


def _absolute(midi: Any) -> list[tuple[int, Any]]:
    found = []
    for track in midi.tracks:
        tick = 0
        for message in track:
            tick += message.time
            found.append((tick, message))
    return found


def _beats(
    midi: Any, timed: list[_Timed], first_tick: int, last_tick: int
) -> tuple[Float[np.ndarray, " beats"], Float[np.ndarray, " bars"]]:
    """Return beats and downbeats from the first note to the last [s]."""
    meters = {0: (4, 4)}
    meters |= {
        t.tick: (t.message.numerator, t.message.denominator) for t in timed if t.message.type == "time_signature"
    }
    starts = sorted(meters)
    beats: list[int] = []
    downbeats: list[int] = []
    for start, end in zip(starts, [*starts[1:], last_tick + 1]):
        numerator, denominator = meters[start]
        compound = denominator == 8 and numerator % 3 == 0 and numerator > 3
        unit = max(1, midi.ticks_per_beat * 4 // denominator * (3 if compound else 1))
        ticks = range(start, end, unit)
        beats += ticks
        downbeats += ticks[:: numerator // (3 if compound else 1)]
    knots = np.array([t.tick for t in timed], dtype=np.float64)
    times = np.array([t.time_s for t in timed])

    def clock(ticks: list[int]) -> np.ndarray:
        inside = np.array([t for t in ticks if first_tick <= t <= last_tick], dtype=np.float64)
        return np.interp(inside, knots, times)

    return clock(beats), clock(downbeats)


def _parts(timed: list[_Timed]) -> tuple[Part, ...]:
    """Return the parts of all channels that play."""
    notes: dict[int, list[Note]] = defaultdict(list)
    controls: dict[int, list[Control]] = defaultdict(list)
    sounding: dict[tuple[int, int], list[Note]] = defaultdict(list)
    end_s = timed[-1].time_s if timed else 0.0
    for one in timed:
        message = one.message
        if message.type in ("note_on", "note_off"):
            held = sounding[message.channel, message.note]
            if _is_start(message):
                held.append(Note(one.time_s, end_s, message.note, message.velocity))
            elif held:
                notes[message.channel].append(_ended(held.pop(0), one.time_s))
        elif (control := _control(one)) is not None:
            controls[message.channel].append(control)
    for (channel, _), held in sounding.items():
        notes[channel] += [_ended(note, end_s) for note in held]
    return tuple(_part(channel, notes[channel], controls[channel]) for channel in sorted(notes) if notes[channel])


def _ended(note: Note, end_s: float) -> Note:
    return replace(note, end_s=max(end_s, note.start_s + 0.01))


def _control(one: _Timed) -> Control | None:
    message = one.message
    if message.type == "program_change":
        return Control(one.time_s, "program", float(message.program))
    if message.type == "control_change":
        return Control(one.time_s, "controller", float(message.value), message.control)
    if message.type == "pitchwheel":
        return Control(one.time_s, "bend", float(message.pitch))
    return None


def _part(channel: int, notes: list[Note], controls: list[Control]) -> Part:
    programs = [int(control.value) for control in controls if control.kind == "program"]
    first = programs[0] if programs else 0
    return Part(
        name=f"channel-{channel}",
        role=role_of(channel, first),
        notes=tuple(sorted(notes, key=lambda note: (note.start_s, note.key))),
        controls=tuple(controls),
        program=first,
    )


def role_of(channel: int, program: int) -> str:
    """Return what a channel with a General MIDI program is: ``drums``, ``bass``, ``vocals`` or ``other``."""
    if channel == DRUM_CHANNEL:
        return "drums"
    if program in BASS_PROGRAMS:
        return "bass"
    return "vocals" if program in VOICE_PROGRAMS else "other"
