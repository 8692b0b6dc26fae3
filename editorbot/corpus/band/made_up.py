"""Pieces for a virtual band that are made up: every meter and tempo, with fills, rests and syncopation.

Unlimited music with exact beats and bars, free of any composer's work, to
train and test beat trackers on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from editorbot.corpus.band import lines
from editorbot.corpus.band.grooves import draw_groove, fill
from editorbot.corpus.band.lines import Placed
from editorbot.corpus.band.meters import BeatClock, Meter, draw_clock, draw_meter
from editorbot.corpus.band.score import Control, Note, Part, Score

KITS = (0, 8, 16, 24, 25, 32, 40, 48)
"""Drum kits of General MIDI level 2."""

CHORD_PROGRAMS = (
    0,
    1,
    2,
    4,
    5,
    7,
    16,
    17,
    18,
    19,
    21,
    24,
    25,
    26,
    27,
    28,
    29,
    30,
    48,
    50,
    61,
    62,
    63,
    81,
    88,
    89,
    90,
    94,
)
BASS_PROGRAMS = (32, 33, 34, 35, 36, 37, 38, 39, 43, 58)
TUNE_PROGRAMS = (0, 11, 12, 22, 26, 27, 29, 30, 40, 52, 53, 54, 56, 57, 60, 65, 66, 68, 71, 73, 75, 80, 81, 82, 85, 87)
VOICE_PROGRAMS = (52, 53, 54, 85)

DRUM_LENGTH_S = 0.1
"""How long a drum's key is held [seconds]."""


@dataclass(frozen=True)
class _Section:
    """Some bars with one idea."""

    first_bar: int
    bars: int
    players: frozenset[str]
    """Names of those who play."""


def made_up_piece(rng: np.random.Generator, *, length_s: float = 60.0) -> Score:
    """Make up a piece.

    Parameters
    ----------
    rng : np.random.Generator
        Draws everything.
    length_s : float [seconds], > 0
        About how long it is.

    Returns
    -------
    score : Score
        Parts ``drums``, ``bass``, ``chords``, ``riff``, ``tune``, of which some may be missing.
    """
    meter = draw_meter(rng)
    start_s = float(rng.choice([0.0, rng.uniform(0.0, 3.0)]))
    # Drawn for the longest it could be at the slowest tempo, then cut.
    clock = draw_clock(meter, int(length_s / 60 * meter.fastest_bpm) + meter.beats, start_s, rng)
    bars = max(2, int(np.searchsorted(clock.beats_s, start_s + length_s) // meter.beats))
    clock = BeatClock(clock.beats_s[: bars * meter.beats + 1], clock.swing)
    sections = _draw_form(bars, rng)
    makers: dict[str, Callable[[], Part]] = {
        "drums": lambda: _drums(meter, clock, sections, rng),
        "bass": lambda: _harmonic("bass", "bass", BASS_PROGRAMS, meter, clock, sections, harmonies, rng),
        "chords": lambda: _harmonic("chords", "other", CHORD_PROGRAMS, meter, clock, sections, harmonies, rng),
        "riff": lambda: _harmonic("riff", "other", CHORD_PROGRAMS, meter, clock, sections, harmonies, rng),
        "tune": lambda: _tune(meter, clock, sections, harmonies, rng),
    }
    harmonies = _harmonies(sections, rng)
    playing = set().union(*(section.players for section in sections))
    parts = tuple(part for name, make in makers.items() if name in playing and (part := make()).notes)
    if not parts:
        parts = (_drums(meter, clock, [_Section(0, bars, frozenset({"drums"}))], rng),)
    end_s = max(note.end_s for part in parts for note in part.notes)
    first_s = min(part.notes[0].start_s for part in parts) - 0.03
    beats_s = clock.beats_s[:-1]
    heard = (beats_s >= first_s) & (beats_s <= end_s)
    is_first = np.arange(len(beats_s)) % meter.beats == 0
    return Score(parts, beats_s[heard], beats_s[heard & is_first], end_s)


def _draw_form(bars: int, rng: np.random.Generator) -> list[_Section]:
    """Cut a piece into sections of 4 to 16 bars and say who plays in each."""
    weights = {"drums": 0.8, "bass": 0.8, "chords": 0.75, "riff": 0.4, "tune": 0.5}
    # A list, since each player draws in turn: the order of a set of names is another in every process.
    band = [name for name, chance in weights.items() if rng.random() < chance] or ["chords"]
    sections, first = [], 0
    while first < bars:
        length = min(int(rng.choice([4, 8, 8, 12, 16, 7])), bars - first)
        players = [name for name in band if rng.random() < 0.85] or band
        sections.append(_Section(first, length, frozenset(players)))
        first += length
    return sections


def _harmonies(sections: list[_Section], rng: np.random.Generator) -> list[lines.Harmony]:
    """Return the chords of each section; some come back."""
    drawn: list[lines.Harmony] = []
    for _ in sections:
        drawn.append(drawn[0] if drawn and rng.random() < 0.5 else lines.draw_harmony(rng))
    return drawn


def _drums(meter: Meter, clock: BeatClock, sections: list[_Section], rng: np.random.Generator) -> Part:
    tempo_bpm = 60.0 / float(np.median(np.diff(clock.beats_s)))
    phrase = int(rng.choice([4, 8]))
    grooves = [draw_groove(meter, tempo_bpm, rng) for _ in range(2)]
    notes: list[Note] = []
    for section in sections:
        if "drums" not in section.players:
            continue
        groove = grooves[int(rng.integers(2))]
        crashes = rng.random() < 0.7
        for bar in range(section.bars):
            hits = dict(groove.hits)
            if (bar + 1) % phrase == 0 and rng.random() < 0.7 and (fills := fill(meter, rng)):
                busy = _from_first_hit(fills)
                hits = {key: np.where(busy, 0, hit) for key, hit in hits.items()} | fills
            if crashes and bar % phrase == 0 and rng.random() < (0.9 if bar == 0 else 0.3):
                hits = hits | {groove.crash: np.eye(1, meter.beats * meter.steps)[0] * 110}
            notes += _struck(hits, section.first_bar + bar, meter, clock, rng)
    return _part("drums", "drums", KITS, notes, rng)


def _from_first_hit(fills: dict[int, np.ndarray]) -> np.ndarray:
    """Return the steps from a fill's first hit on, shape=(steps,), bool."""
    any_hit = np.max(list(fills.values()), axis=0) > 0
    steps: np.ndarray = np.cumsum(any_hit) > 0
    return steps


def _struck(
    hits: dict[int, np.ndarray], bar: int, meter: Meter, clock: BeatClock, rng: np.random.Generator
) -> list[Note]:
    notes = []
    for key, strengths in hits.items():
        for step in np.flatnonzero(strengths > 0):
            if rng.random() < 0.02:
                continue
            start_s = clock.at(bar * meter.beats + step / meter.steps)
            notes.append(Note(start_s, start_s + DRUM_LENGTH_S, key, int(np.clip(strengths[step], 1, 127))))
    return notes


def _placed(placed: list[Placed], bar: int, meter: Meter, clock: BeatClock) -> list[Note]:
    """Return notes of a bar at their times; none lasts beyond the piece."""
    notes = []
    for one in placed:
        at = bar * meter.beats + one.step / meter.steps
        start_s = clock.at(at)
        end_s = clock.at(min(at + one.length / meter.steps, len(clock.beats_s) - 1.0))
        notes.append(Note(start_s, max(end_s, start_s + 0.03), one.key, int(np.clip(one.velocity, 1, 127))))
    return notes


def _harmonic(
    name: str,
    role: str,
    programs: tuple[int, ...],
    meter: Meter,
    clock: BeatClock,
    sections: list[_Section],
    harmonies: list[lines.Harmony],
    rng: np.random.Generator,
) -> Part:
    """Make up a part that plays the chords: bass, chords or riff."""
    is_bass = role == "bass"
    styles = lines.BASS_STYLES if is_bass else lines.CHORD_STYLES
    notes: list[Note] = []
    for section, harmony in zip(sections, harmonies):
        style = str(rng.choice(styles))
        begins = lines.pattern_of(style, meter, rng)
        if name not in section.players:
            continue
        for bar in range(section.bars):
            here = begins if rng.random() < 0.9 else lines.pattern_of("rhythm", meter, rng)
            make = lines.bass_bar if is_bass else lines.chord_bar
            notes += _placed(make(style, here, harmony, bar, rng), section.first_bar + bar, meter, clock)
    return _part(name, role, programs, notes, rng)


def _tune(
    meter: Meter,
    clock: BeatClock,
    sections: list[_Section],
    harmonies: list[lines.Harmony],
    rng: np.random.Generator,
) -> Part:
    """Make up a melody in phrases of two or four bars, the last often empty, some of them coming back."""
    notes: list[Note] = []
    phrase = int(rng.choice([2, 4]))
    for section, harmony in zip(sections, harmonies):
        if "tune" not in section.players:
            continue
        first = [lines.tune_bar(meter, harmony, int(rng.integers(0, 7)), rng) for _ in range(phrase)]
        for bar in range(section.bars):
            again = rng.random() < 0.5
            rests = bar % phrase == phrase - 1 and rng.random() < 0.4
            made = first[bar % phrase] if again else lines.tune_bar(meter, harmony, int(rng.integers(0, 7)), rng)
            notes += [] if rests else _placed(made, section.first_bar + bar, meter, clock)
    programs = VOICE_PROGRAMS if rng.random() < 0.25 else TUNE_PROGRAMS
    return _part("tune", "vocals" if programs is VOICE_PROGRAMS else "other", programs, notes, rng)


def _part(name: str, role: str, programs: tuple[int, ...], notes: list[Note], rng: np.random.Generator) -> Part:
    """Give a player an instrument, a level and a place."""
    program = int(rng.choice(programs))
    controls = (
        Control(0.0, "controller", float(rng.integers(70, 128)), 7),
        Control(0.0, "controller", float(rng.integers(20, 108)), 10),
    )
    ordered = tuple(sorted(notes, key=lambda note: (note.start_s, note.key)))
    return Part(name, role, ordered, controls, program)
