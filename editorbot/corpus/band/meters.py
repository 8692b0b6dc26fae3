"""Meters, and the beat clock of a piece that was made up."""

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
