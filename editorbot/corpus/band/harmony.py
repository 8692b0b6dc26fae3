"""Bass lines, chords and melodies of generated pieces.

Each function returns the notes of one bar as places in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from editorbot.corpus.band.rhythm import Meter

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 1, 3, 5, 7, 8, 10))
"""Major, minor, dorian, phrygian [semitones]."""

CHORD_STYLES = ("pad", "beats", "halves", "off", "arpeggio", "rhythm", "chug")
"""How chords are played; see `chord_bar`."""

BASS_STYLES = ("roots", "beats", "halves", "rhythm", "walk", "octaves")
"""How the bass plays; see `bass_bar`."""


@dataclass(frozen=True)
class BarNote:
    """A note in a bar."""

    step: float
    """Place in the bar [steps]."""
    length: float
    """Length [steps]."""
    key: int
    """MIDI key."""
    velocity: float
    """How hard, 1-127."""


@dataclass(frozen=True)
class Harmony:
    """The chords of a section."""

    scale: tuple[int, ...]
    """Semitones of the scale."""
    tonic: int
    """Pitch class of its root."""
    degrees: tuple[int, ...]
    """Root of the chord that each bar begins with, as a degree of the scale."""
    second_half: tuple[int, ...]
    """Root of the chord from the middle of each bar on."""

    def key(self, degree: int, octave: int) -> int:
        """Return the MIDI key of a degree."""
        turn, place = divmod(degree, len(self.scale))
        return int(np.clip(self.tonic + self.scale[place] + 12 * (octave + 1 + turn), 0, 127))


def draw_harmony(rng: np.random.Generator) -> Harmony:
    """Draw four or eight bars of chords that change every bar, every other, or in the middle too."""
    length = int(rng.choice([1, 2, 4, 4, 8]))
    degrees = [0, *rng.choice([0, 3, 4, 5, 1, 2, 6], length - 1, p=[0.1, 0.25, 0.25, 0.15, 0.1, 0.05, 0.1])]
    pace = rng.choice(["bar", "two", "half"], p=[0.6, 0.25, 0.15])
    if pace == "two":
        degrees = [degree for degree in degrees for _ in range(2)]
    second = list(rng.choice([0, 3, 4, 5], len(degrees))) if pace == "half" else degrees
    scale = SCALES[int(rng.choice(4, p=[0.35, 0.4, 0.15, 0.1]))]
    return Harmony(scale, int(rng.integers(12)), tuple(map(int, degrees)), tuple(map(int, second)))


def draw_rhythm(meter: Meter, rng: np.random.Generator, density: float) -> np.ndarray:
    """Draw a rhythm: whether a note begins at each step of a bar, likelier on the beat, always somewhere."""
    steps = np.arange(meter.beats * meter.steps)
    on_beat, on_half = steps % meter.steps == 0, steps % max(1, meter.steps // 2) == 0
    chance = density * np.where(on_beat, 1.0, np.where(on_half, 0.8, 0.35))
    begins: np.ndarray = rng.random(len(steps)) < np.minimum(chance, 0.95)
    begins[0] |= rng.random() < 0.75
    if not begins.any():
        begins[0] = True
    return begins


def _lengths(begins: np.ndarray) -> list[tuple[int, int]]:
    """Return the steps that notes begin at, and how many until the next or the bar's end."""
    at = np.flatnonzero(begins)
    return [(int(step), int(length)) for step, length in zip(at, np.diff(np.append(at, len(begins))))]


def draw_pattern(style: str, meter: Meter, rng: np.random.Generator) -> np.ndarray:
    """Return the steps of a bar at which a player of a style begins notes, shape=(steps,), bool."""
    begins = np.zeros(meter.beats * meter.steps, dtype=bool)
    half = max(1, meter.steps // 2) if meter.steps != 3 else 1
    if style in ("pad", "roots"):
        begins[0] = True
    elif style in ("beats", "walk"):
        begins[:: meter.steps] = True
    elif style in ("halves", "octaves", "arpeggio"):
        begins[::half] = True
    elif style == "off":
        begins[half :: meter.steps] = True
    elif style == "chug":
        begins[:: int(rng.choice([1, half]))] = True
        begins &= rng.random(len(begins)) < 0.9
    else:
        begins = draw_rhythm(meter, rng, float(rng.uniform(0.3, 0.8)))
    return begins


def bass_bar(style: str, begins: np.ndarray, harmony: Harmony, bar: int, rng: np.random.Generator) -> list[BarNote]:
    """Return a bar of bass."""
    octave = 1 if harmony.tonic > 5 else 2
    held = _lengths(begins)
    notes = []
    for index, (step, length) in enumerate(held):
        degree = _degree(harmony, bar, step, len(begins))
        if style == "walk" and index:
            degree += int(rng.choice([0, 2, 4, 1, 5]))
        key = harmony.key(degree, octave) + (12 if style == "octaves" and index % 2 else 0)
        if style == "rhythm" and step and rng.random() < 0.2:
            key = harmony.key(degree + 4, octave)
        notes.append(BarNote(float(step), length * 0.9, key, 105.0 if step == 0 else 92.0))
    return notes


def chord_bar(style: str, begins: np.ndarray, harmony: Harmony, bar: int, rng: np.random.Generator) -> list[BarNote]:
    """Return a bar of chords: blocks, broken chords, or fifths struck fast."""
    held, middle, chords = _lengths(begins), len(begins) // 2, len(harmony.degrees)
    if style == "pad" and harmony.second_half[bar % chords] != harmony.degrees[bar % chords]:
        held = [(0, middle), (middle, len(begins) - middle)]
    notes = []
    for index, (step, length) in enumerate(held):
        degree = _degree(harmony, bar, step, len(begins))
        tones = (0, 4, 7) if style == "chug" else (0, 2, 4)
        keys = [harmony.key(degree + tone, 3) for tone in tones]
        if style == "arpeggio":
            keys = [keys[(0, 1, 2, 1)[index % 4]]]
        sounding = length * (0.4 if style in ("off", "chug") else 0.97)
        notes += [BarNote(float(step), float(sounding), key, 88.0 if step == 0 else 78.0) for key in keys]
    return notes


def draw_tune_bar(meter: Meter, harmony: Harmony, start: int, rng: np.random.Generator) -> list[BarNote]:
    """Return a bar of melody that wanders from the degree `start`, with rests."""
    begins = draw_rhythm(meter, rng, float(rng.choice([0.25, 0.5, 0.7])))
    notes, degree = [], start
    for step, length in _lengths(begins):
        degree = int(np.clip(degree + rng.choice([-2, -1, -1, 0, 1, 1, 2]), -3, 11))
        if rng.random() < 0.85:
            notes.append(
                BarNote(float(step), length * rng.uniform(0.5, 1.0), harmony.key(degree, 4), rng.uniform(75, 110))
            )
    return notes


def _degree(harmony: Harmony, bar: int, step: int, steps: int) -> int:
    chords = harmony.degrees if step < steps // 2 else harmony.second_half
    return chords[bar % len(chords)]
