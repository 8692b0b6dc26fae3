"""Generates pieces for the virtual band: every meter and tempo, with fills, rests and syncopation.

Unlimited music with exact beats and bars, free of any composer's work, to
train and test beat trackers on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from editorbot.corpus.band import harmony
from editorbot.corpus.band.harmony import BarNote, Harmony
from editorbot.corpus.band.rhythm import BeatClock, Meter, draw_clock, draw_groove, draw_meter, fill
from editorbot.corpus.band.score import Control, Note, Part, Score

KITS = (0, 8, 16, 24, 25, 32, 40, 48)
"""Drum kits of General MIDI level 2."""

CHORD_PROGRAMS = (0, 1, 2, 4, 5, 7, 16, 17, 18, 19, 21, 24, 25, 26, 27, 28, 29, 30, 48, 50, 61, 62, 63, 81, 88, 89, 90,
                  94)  # fmt: skip
BASS_PROGRAMS = (32, 33, 34, 35, 36, 37, 38, 39, 43, 58)
TUNE_PROGRAMS = (0, 11, 12, 22, 26, 27, 29, 30, 40, 52, 53, 54, 56, 57, 60, 65, 66, 68, 71, 73, 75, 80, 81, 82, 85, 87)
VOICE_PROGRAMS = (52, 53, 54, 85)
"""General MIDI instruments that parts are played on."""

DRUM_LENGTH_S = 0.1
"""How long a drum's key is held [seconds]."""


@dataclass(frozen=True)
class _Section:
    """Some bars with one idea."""

    first_bar: int
    bars: int
    players: frozenset[str]
    """Names of the parts that play."""


def generate_piece(rng: np.random.Generator, *, length_s: float = 60.0) -> Score:
    """Generate a piece of about `length_s` seconds.

    Returns
    -------
    score : Score
        Parts ``drums``, ``bass``, ``chords``, ``riff``, ``tune``, of which some may be missing.
    """
    meter = draw_meter(rng)
    start_s = float(rng.choice([0.0, rng.uniform(0.0, 3.0)]))
    # Drawn for the most beats that it could have, then cut.
    clock = draw_clock(meter, int(length_s / 60 * meter.fastest_bpm) + meter.beats, start_s, rng)
    bars = max(2, int(np.searchsorted(clock.beats_s, start_s + length_s) // meter.beats))
    clock = BeatClock(clock.beats_s[: bars * meter.beats + 1], clock.swing)
    sections = _draw_form(bars, rng)
    writer = _PartWriter(meter, clock, sections, _draw_harmonies(sections, rng), rng)
    writers: dict[str, Callable[[], Part]] = {
        "drums": lambda: writer.drums(sections),
        "bass": lambda: writer.harmonic("bass", "bass", BASS_PROGRAMS),
        "chords": lambda: writer.harmonic("chords", "other", CHORD_PROGRAMS),
        "riff": lambda: writer.harmonic("riff", "other", CHORD_PROGRAMS),
        "tune": writer.tune,
    }
    playing = set().union(*(section.players for section in sections))
    parts = tuple(part for name, write in writers.items() if name in playing and (part := write()).notes)
    if not parts:
        parts = (writer.drums([_Section(0, bars, frozenset({"drums"}))]),)
    end_s = max(note.end_s for part in parts for note in part.notes)
    first_s = min(part.notes[0].start_s for part in parts) - 0.03
    beats_s = clock.beats_s[:-1]
    audible = (beats_s >= first_s) & (beats_s <= end_s)
    is_first = np.arange(len(beats_s)) % meter.beats == 0
    return Score(parts, beats_s[audible], beats_s[audible & is_first], end_s)


def _draw_form(bars: int, rng: np.random.Generator) -> list[_Section]:
    """Divide a piece into sections of 4 to 16 bars and say who plays in each."""
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


def _draw_harmonies(sections: list[_Section], rng: np.random.Generator) -> list[Harmony]:
    """Draw the chords of each section; some come back."""
    drawn: list[Harmony] = []
    for _ in sections:
        drawn.append(drawn[0] if drawn and rng.random() < 0.5 else harmony.draw_harmony(rng))
    return drawn


@dataclass(frozen=True)
class _PartWriter:
    """Writes the parts of one piece."""

    meter: Meter
    clock: BeatClock
    sections: list[_Section]
    harmonies: list[Harmony]
    rng: np.random.Generator

    def drums(self, sections: list[_Section]) -> Part:
        """Write a drum part with fills at the ends of phrases."""
        rng, meter = self.rng, self.meter
        tempo_bpm = 60.0 / float(np.median(np.diff(self.clock.beats_s)))
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
                    in_fill = np.cumsum(np.max(list(fills.values()), axis=0) > 0) > 0
                    hits = {key: np.where(in_fill, 0, hit) for key, hit in hits.items()} | fills
                if crashes and bar % phrase == 0 and rng.random() < (0.9 if bar == 0 else 0.3):
                    hits = hits | {groove.crash: np.eye(1, meter.beats * meter.steps)[0] * 110}
                notes += self._drum_notes(hits, section.first_bar + bar)
        return self._part("drums", "drums", KITS, notes)

    def harmonic(self, name: str, role: str, programs: tuple[int, ...]) -> Part:
        """Write a part that plays the chords: bass, chords or riff."""
        rng, meter, is_bass = self.rng, self.meter, role == "bass"
        write = harmony.bass_bar if is_bass else harmony.chord_bar
        notes: list[Note] = []
        for section, chords in zip(self.sections, self.harmonies):
            style = str(rng.choice(harmony.BASS_STYLES if is_bass else harmony.CHORD_STYLES))
            begins = harmony.draw_pattern(style, meter, rng)
            if name not in section.players:
                continue
            for bar in range(section.bars):
                here = begins if rng.random() < 0.9 else harmony.draw_pattern("rhythm", meter, rng)
                notes += self._notes(write(style, here, chords, bar, rng), section.first_bar + bar)
        return self._part(name, role, programs, notes)

    def tune(self) -> Part:
        """Write a melody in phrases of two or four bars, the last often empty, some of them coming back."""
        rng = self.rng
        notes: list[Note] = []
        phrase = int(rng.choice([2, 4]))
        for section, chords in zip(self.sections, self.harmonies):
            if "tune" not in section.players:
                continue
            first = [harmony.draw_tune_bar(self.meter, chords, int(rng.integers(0, 7)), rng) for _ in range(phrase)]
            for bar in range(section.bars):
                again = rng.random() < 0.5
                rests = bar % phrase == phrase - 1 and rng.random() < 0.4
                if again:
                    bar_notes = first[bar % phrase]
                else:
                    bar_notes = harmony.draw_tune_bar(self.meter, chords, int(rng.integers(0, 7)), rng)
                notes += [] if rests else self._notes(bar_notes, section.first_bar + bar)
        programs = VOICE_PROGRAMS if rng.random() < 0.25 else TUNE_PROGRAMS
        return self._part("tune", "vocals" if programs is VOICE_PROGRAMS else "other", programs, notes)

    def _drum_notes(self, hits: dict[int, np.ndarray], bar: int) -> list[Note]:
        notes = []
        for key, strengths in hits.items():
            for step in np.flatnonzero(strengths > 0):
                if self.rng.random() < 0.02:
                    continue
                start_s = self.clock.at(bar * self.meter.beats + step / self.meter.steps)
                notes.append(Note(start_s, start_s + DRUM_LENGTH_S, key, int(np.clip(strengths[step], 1, 127))))
        return notes

    def _notes(self, bar_notes: list[BarNote], bar: int) -> list[Note]:
        """Return the notes of a bar at their times; none lasts beyond the piece."""
        notes = []
        for one in bar_notes:
            at = bar * self.meter.beats + one.step / self.meter.steps
            start_s = self.clock.at(at)
            end_s = self.clock.at(min(at + one.length / self.meter.steps, len(self.clock.beats_s) - 1.0))
            notes.append(Note(start_s, max(end_s, start_s + 0.03), one.key, int(np.clip(one.velocity, 1, 127))))
        return notes

    def _part(self, name: str, role: str, programs: tuple[int, ...], notes: list[Note]) -> Part:
        """Give a player an instrument, a level and a place."""
        program = int(self.rng.choice(programs))
        controls = (
            Control(0.0, "controller", float(self.rng.integers(70, 128)), 7),
            Control(0.0, "controller", float(self.rng.integers(20, 108)), 10),
        )
        ordered = tuple(sorted(notes, key=lambda note: (note.start_s, note.key)))
        return Part(name, role, ordered, controls, program)
