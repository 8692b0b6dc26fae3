"""Meters, beat times and drum patterns of generated pieces.

A pattern is a bar: for each drum, how hard it is hit at each step (0: not).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Meter:
    """How a bar is counted."""

    name: str
    """As it is written, ``6/8``."""
    beats: int
    """Beats a bar; dotted quarters in 6/8 and 12/8, eighths in 7/8."""
    steps: int
    """Steps of the pattern grid in a beat: 4 where beats are halved, 3 where they are in threes, 2 for eighths."""
    accents: tuple[int, ...]
    """Beats that a back beat falls on, counted from 0."""
    slowest_bpm: float
    """Slowest tempo it is played in [beats a minute]."""
    fastest_bpm: float
    """Fastest tempo [beats a minute]."""


METERS: dict[str, tuple[float, Meter]] = {
    "4/4": (0.56, Meter("4/4", 4, 4, (1, 3), 60.0, 215.0)),
    "3/4": (0.15, Meter("3/4", 3, 4, (1, 2), 70.0, 210.0)),
    "6/8": (0.08, Meter("6/8", 2, 3, (1,), 48.0, 110.0)),
    "12/8": (0.07, Meter("12/8", 4, 3, (1, 3), 50.0, 150.0)),
    "5/4": (0.06, Meter("5/4", 5, 4, (1, 3), 80.0, 210.0)),
    "7/8": (0.05, Meter("7/8", 7, 2, (2, 4), 140.0, 215.0)),
    "2/4": (0.03, Meter("2/4", 2, 4, (1,), 80.0, 180.0)),
}
"""How often each meter is drawn, and the meter."""


USUAL, USUAL_BPM, USUAL_SPREAD = 0.65, 115.0, 0.28
"""Share of pieces with a usual tempo, the middle of those [beats a minute], and their spread [log].

Half and double tempo can only be told apart because some tempi are likelier."""


@dataclass(frozen=True)
class BeatClock:
    """When each beat of a piece comes."""

    beats_s: Float[np.ndarray, " beats_plus_1"]
    """Times of the beats and of the end, shape=(beats + 1,) [seconds]."""
    swing: float
    """How late the second half of a beat comes [beats]: 0 straight, 1/6 a triplet."""

    def at(self, beat: float) -> float:
        """Return the time of a place between beats [seconds], swung."""
        whole = int(np.clip(np.floor(beat), 0, len(self.beats_s) - 2))
        share = beat - whole
        if self.swing > 0 and 0 < share < 1:
            half = 0.5 + self.swing
            share = share / 0.5 * half if share <= 0.5 else half + (share - 0.5) / 0.5 * (1 - half)
        return float(self.beats_s[whole] + share * (self.beats_s[whole + 1] - self.beats_s[whole]))


def draw_meter(rng: np.random.Generator) -> Meter:
    """Draw a meter."""
    names = list(METERS)
    weights = np.array([METERS[name][0] for name in names])
    return METERS[names[int(rng.choice(len(names), p=weights / weights.sum()))]][1]


def draw_clock(meter: Meter, beats: int, start_s: float, rng: np.random.Generator) -> BeatClock:
    """Draw the tempo of a piece: mostly steady, some drift, a few change."""
    tempo_bpm = float(np.exp(rng.uniform(np.log(meter.slowest_bpm), np.log(meter.fastest_bpm))))
    if rng.random() < USUAL and meter.slowest_bpm < USUAL_BPM < meter.fastest_bpm:
        usual = USUAL_BPM * np.exp(rng.normal(0, USUAL_SPREAD))
        tempo_bpm = float(np.clip(usual, meter.slowest_bpm, meter.fastest_bpm))
    drift = rng.choice([0.0, 0.002, 0.006], p=[0.4, 0.4, 0.2])
    log_tempo = np.cumsum(rng.normal(0, drift, beats))
    log_tempo = np.clip(log_tempo - log_tempo.mean(), -0.1, 0.1)
    if rng.random() < 0.12:
        log_tempo[int(rng.uniform(0.3, 0.7) * beats) :] += rng.uniform(-0.18, 0.18)
    lengths_s = 60.0 / (tempo_bpm * np.exp(log_tempo))
    swing = float(rng.uniform(0.06, 0.17)) if meter.steps == 4 and tempo_bpm < 180 and rng.random() < 0.15 else 0.0
    return BeatClock(start_s + np.concatenate([[0.0], np.cumsum(lengths_s)]), swing)


KICKS, SNARES, HATS, RIDES = (35, 36), (38, 40, 37, 39), (42, 44, 46), (51, 53, 59)
CRASHES, TOMS = (49, 57, 52, 55), (50, 48, 47, 45, 43, 41)
SHAKERS = (54, 56, 69, 70, 75, 76, 82)
"""Keys of General MIDI's drums."""

STYLES = ("rock", "floor", "half-time", "skank", "blast", "tribal", "free", "sparse")
"""What drummers play; see `draw_groove`."""


@dataclass(frozen=True)
class Groove:
    """What the drummer plays in every bar of a section."""

    hits: dict[int, np.ndarray]
    """Key -> strength at each step of the bar, shape=(steps,), 0-127."""
    timekeeper: int
    """The key of the hat or ride."""
    crash: int
    """The cymbal that begins a section."""


def draw_groove(meter: Meter, tempo_bpm: float, rng: np.random.Generator) -> Groove:
    """Draw the pattern of a section; slow music gets busier ones, fast music the styles of fast music."""
    style = _draw_style(meter, tempo_bpm, rng)
    steps = meter.beats * meter.steps
    kick, snare = np.zeros(steps), np.zeros(steps)
    beat = np.arange(0, steps, meter.steps)
    back = beat[list(meter.accents)]
    kick[0] = 115
    if style == "rock":
        kick[[b for b in beat[1:] if b not in back and rng.random() < 0.7]] = 100
        snare[back] = 110
        kick = _scatter(kick, snare, rng, share=rng.choice([0.0, 0.1, 0.25]))
    elif style == "floor":
        kick[beat] = 110
        snare[back[rng.random(len(back)) < 0.8]] = 100
    elif style == "half-time":
        snare[beat[meter.beats // 2]] = 115
        kick = _scatter(kick, snare, rng, share=0.15)
    elif style == "skank":
        kick[beat] = 105
        kick[back] = 0
        snare[back] = 110
    elif style == "blast":
        kick[:: max(1, meter.steps // 2)] = 100
        snare[(beat + meter.steps // 2) if rng.random() < 0.5 else back] = 105
    elif style == "tribal":
        snare[:] = 0
    elif style == "free":
        kick = _scatter(kick, snare, rng, share=0.3)
        snare = _scatter(snare, kick, rng, share=0.25)
    hits = {int(rng.choice(KICKS)): kick, int(rng.choice(SNARES, p=[0.5, 0.3, 0.1, 0.1])): snare}
    if style == "tribal":
        for key in rng.choice(TOMS, 2, replace=False):
            hits[int(key)] = _scatter(np.zeros(steps), kick, rng, share=0.35)
    timekeeper = int(rng.choice(HATS + RIDES, p=[0.3, 0.1, 0.15, 0.25, 0.05, 0.15]))
    if style != "tribal" or rng.random() < 0.4:
        hits[timekeeper] = _time_keeping(meter, tempo_bpm, rng)
    if rng.random() < 0.15:
        hits[int(rng.choice(SHAKERS))] = 0.7 * _time_keeping(meter, tempo_bpm, rng)
    if rng.random() < 0.25:
        ghost = _scatter(np.zeros(steps), kick + snare, rng, share=0.2)
        hits[38] = np.maximum(hits.get(38, np.zeros(steps)), 0.4 * ghost)
    return Groove(hits, timekeeper, int(rng.choice(CRASHES)))


def _draw_style(meter: Meter, tempo_bpm: float, rng: np.random.Generator) -> str:
    weights = dict(zip(STYLES, (0.46, 0.16, 0.04, 0.06, 0.03, 0.07, 0.1, 0.08)))
    if tempo_bpm > 145:
        weights |= {"skank": 0.3, "blast": 0.15, "half-time": 0.05}
    elif tempo_bpm < 110:
        weights |= {"half-time": 0.0, "skank": 0.0, "blast": 0.01}
    if meter.beats < 4:
        weights["half-time"] = 0.0
    chances = np.array([weights[style] for style in STYLES])
    return STYLES[int(rng.choice(len(STYLES), p=chances / chances.sum()))]


def _scatter(hits: np.ndarray, others: np.ndarray, rng: np.random.Generator, *, share: float) -> np.ndarray:
    """Add hits on a share of the free steps."""
    free = (others == 0) & (rng.random(len(hits)) < share)
    added: np.ndarray = np.where(free & (hits == 0), rng.uniform(60, 105, len(hits)), hits)
    return added


def _time_keeping(meter: Meter, tempo_bpm: float, rng: np.random.Generator) -> np.ndarray:
    """Return what the hat or ride plays: every beat, every half, every step, or off the beat."""
    steps = meter.beats * meter.steps
    spacings = [meter.steps, 1 if meter.steps < 4 else 2, 1]
    # Hands have a speed of their own: slow music is divided finely, fast music is not.
    chances = (0.1, 0.5, 0.4) if tempo_bpm < 85 else (0.2, 0.6, 0.2) if tempo_bpm < 115 else (0.3, 0.65, 0.05)
    chances = (0.55, 0.45, 0.0) if tempo_bpm > 155 else chances
    spacing = spacings[int(rng.choice(3, p=chances))]
    hits = np.zeros(steps)
    hits[::spacing] = rng.uniform(55, 80)
    hits[:: meter.steps] += rng.uniform(0, 30)
    if meter.steps == 4 and rng.random() < 0.12:
        hits[:] = 0
        hits[2::4] = rng.uniform(70, 100)
    return hits


def fill(meter: Meter, rng: np.random.Generator) -> dict[int, np.ndarray]:
    """Return the last bar of a phrase: its end goes round the toms or rolls on the snare."""
    steps = meter.beats * meter.steps
    first = steps - meter.steps * int(rng.integers(1, max(2, meter.beats // 2 + 1)))
    hits: dict[int, np.ndarray] = {}
    spacing = int(rng.choice([1, 1, 2])) if meter.steps != 3 else 1
    keys = [38] * steps if rng.random() < 0.3 else [TOMS[min(5, (6 * s) // steps)] for s in range(steps)]
    for step in range(first, steps, spacing):
        if rng.random() < 0.85:
            hits.setdefault(keys[step], np.zeros(steps))[step] = rng.uniform(80, 120)
    return hits
