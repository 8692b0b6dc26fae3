"""What goes wrong in a take: timing, notes, players, levels.

Every flaw changes a stretch of sound and keeps its length. Players are the
stems of the track where it has some, else bands of frequency, which stand in
for bass, harmony and cymbals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float32

from editorbot.corpus.simulate.draws import pick
from editorbot.corpus.simulate.instruments import SCALES, draw_instrument, drum, note, played
from editorbot.corpus.simulate.signal import (
    Sound,
    add_into,
    bands,
    follow,
    level,
    placed,
    smoothed,
    transposed,
)


@dataclass(frozen=True)
class Stretch:
    """A stretch of a take that something happens to."""

    sound: Sound
    """What is heard, shape=(channels, samples)."""
    rate: int
    """Its rate [Hz]."""
    beat_s: float
    """Length of a beat [seconds]."""
    amount: float
    """How bad it gets, in (0, 1]."""
    rng: np.random.Generator
    """Draws the details."""
    stems: tuple[Sound, ...] = ()
    """Its players, adding up to it, where they are known."""

    @property
    def samples(self) -> int:
        """Length [samples]."""
        return self.sound.shape[1]

    @property
    def beat_samples(self) -> int:
        """Length of a beat [samples]."""
        return max(8, round(self.beat_s * self.rate))

    def players(self) -> list[Sound]:
        """Return its players: stems, or lows, middles and highs."""
        if len(self.stems) > 1:
            return list(self.stems)
        low, high = float(self.rng.uniform(120, 300)), float(self.rng.uniform(1800, 4500))
        return bands(self.sound, self.rate, (low, min(high, 0.4 * self.rate)))

    def envelope(self, fade_s: float = 0.03) -> Float32[np.ndarray, " samples"]:
        """Return a gain that is 1 inside and fades at the ends, so that flaws have no hard edges."""
        ramp = np.ones(self.samples, dtype=np.float32)
        fade = min(max(1, round(fade_s * self.rate)), self.samples // 2)
        if fade:
            ramp[:fade] = np.linspace(0, 1, fade)
            ramp[-fade:] = np.linspace(1, 0, fade)
        return ramp


def _spans(stretch: Stretch, share: float, shortest_beats: float, longest_beats: float) -> list[tuple[int, int]]:
    """Return spans that fill about a share of the stretch, at halves of beats, shuffled in length."""
    spans, at = [], 0
    half = stretch.beat_samples // 2
    while at < stretch.samples:
        length = round(float(stretch.rng.uniform(shortest_beats, longest_beats)) * stretch.beat_samples)
        length = max(half // 2, length)
        if stretch.rng.random() < share:
            spans.append((at, min(at + length, stretch.samples)))
        at += length
    if not spans:
        first = int(stretch.rng.integers(max(1, stretch.samples - half)))
        spans.append((first, min(first + 2 * half, stretch.samples)))
    return [span for span in spans if span[1] - span[0] > 16]


def _gate(stretch: Stretch, spans: list[tuple[int, int]]) -> Float32[np.ndarray, " samples"]:
    """Return a gain that is 1 in the spans and 0 elsewhere, with soft edges."""
    gate = np.zeros(stretch.samples, dtype=np.float32)
    for first, last in spans:
        gate[first:last] = 1.0
    return smoothed(gate, round(float(stretch.rng.uniform(0.004, 0.04)) * stretch.rate)).astype(np.float32)


def _retimed(stretch: Stretch, sound: Sound, knots: np.ndarray, offsets: np.ndarray) -> Sound:
    """Return sound of which the knots come later or earlier by offsets [samples]; the ends stay."""
    source = np.concatenate([[0.0], np.asarray(knots, dtype=float), [stretch.samples]])
    out = source + np.concatenate([[0.0], offsets, [0.0]])
    out = np.maximum.accumulate(out + np.arange(len(out)) * 1e-3)
    out *= stretch.samples / out[-1]
    return follow(sound, stretch.rate, out, source, bends_pitch=bool(stretch.rng.random() < 0.25))


# Timing -------------------------------------------------------------------------------------------------------------


def jitter(stretch: Stretch) -> Sound:
    """Play beats early and late."""
    step = stretch.beat_samples * float(stretch.rng.choice([0.5, 1, 1, 2]))
    knots = np.arange(step, stretch.samples - step / 2, step)
    deep = (0.02 + 0.07 * stretch.amount) * stretch.rate
    return _retimed(stretch, stretch.sound, knots, stretch.rng.normal(0, deep, len(knots)).clip(-step / 3, step / 3))


def wobble(stretch: Stretch) -> Sound:
    """Hurry and drag."""
    period = stretch.beat_samples * float(stretch.rng.uniform(4, 16))
    knots = np.arange(stretch.beat_samples, stretch.samples - stretch.beat_samples, stretch.beat_samples)
    deep = period / 6.28 * (0.03 + 0.09 * stretch.amount)
    return _retimed(stretch, stretch.sound, knots, deep * np.sin(knots / period * 6.28 + stretch.rng.uniform(0, 6.28)))


def stumble(stretch: Stretch) -> Sound:
    """Play half a beat twice, or leave it out, and find back."""
    out = stretch.sound.copy()
    for first, last in _spans(stretch, 0.15 + 0.3 * stretch.amount, 1.0, 4.0):
        shift = round(stretch.beat_samples * float(stretch.rng.choice([-1, -0.5, -0.25, 0.25, 0.5, 1])))
        place = np.clip(np.arange(first, last) + shift, 0, stretch.samples - 1)
        fade = min(round(0.01 * stretch.rate), (last - first) // 2)
        into = np.ones(last - first, dtype=np.float32)
        into[:fade] = np.linspace(0, 1, fade)
        into[-fade:] = np.linspace(1, 0, fade)
        out[:, first:last] = stretch.sound[:, place] * into + stretch.sound[:, first:last] * (1 - into)
    return out


def hesitate(stretch: Stretch) -> Sound:
    """Wait for a moment, all together."""
    spans = _spans(stretch, 0.08 + 0.2 * stretch.amount, 0.5, 2.0)
    return stretch.sound * (1 - _gate(stretch, spans) * np.float32(0.8 + 0.2 * stretch.rng.random()))


def late(stretch: Stretch) -> Sound:
    """Let one player be late, or early."""
    parts = stretch.players()
    who = int(stretch.rng.integers(len(parts)))
    shift = round((0.03 + 0.12 * stretch.amount) * stretch.rate * float(stretch.rng.choice([1, 1, -1])))
    drag = np.interp(np.arange(stretch.samples), *_walk(stretch, 0.5, 1.5))
    moved = parts[who][:, np.clip((np.arange(stretch.samples) - shift * drag).astype(int), 0, stretch.samples - 1)]
    return stretch.sound + (moved - parts[who]) * stretch.envelope()


def flam(stretch: Stretch) -> Sound:
    """Let one player be heard twice: two who are not together."""
    parts = stretch.players()
    who = int(stretch.rng.integers(len(parts)))
    shift = round((0.025 + 0.06 * stretch.amount) * stretch.rate)
    second = np.pad(parts[who], ((0, 0), (shift, 0)))[:, : stretch.samples]
    return stretch.sound + second * stretch.envelope() * np.float32(0.5 + 0.5 * stretch.amount)


def _walk(stretch: Stretch, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Return knots of a curve that wanders between two values."""
    count = max(2, stretch.samples // (2 * stretch.beat_samples))
    return np.linspace(0, stretch.samples, count), stretch.rng.uniform(low, high, count)


# Notes --------------------------------------------------------------------------------------------------------------


def wrong_notes(stretch: Stretch) -> Sound:
    """Let one player hit wrong notes now and then."""
    return _replaced(stretch, 0.12 + 0.35 * stretch.amount, 0.25, 1.0)


def wrong_chords(stretch: Stretch) -> Sound:
    """Let one player play wrong chords for bars."""
    return _replaced(stretch, 0.2 + 0.5 * stretch.amount, 2.0, 6.0)


def _replaced(stretch: Stretch, share: float, shortest_beats: float, longest_beats: float) -> Sound:
    parts = stretch.players()
    who = int(stretch.rng.integers(len(parts))) if stretch.stems else int(stretch.rng.choice([0, 1, 1, 1]))
    semitones = float(stretch.rng.choice([-5, -3, -2, -1, -1, 1, 1, 2, 3, 4, 6]))
    gate = _gate(stretch, _spans(stretch, share, shortest_beats, longest_beats))
    wrong = transposed(parts[who], stretch.rate, semitones)
    return stretch.sound + (wrong - parts[who]) * gate


def detune(stretch: Stretch) -> Sound:
    """Let one player, or all, be out of tune."""
    cents = (20 + 80 * stretch.amount) * float(stretch.rng.choice([-1, 1]))
    if stretch.rng.random() < 0.3:
        return _blend(stretch, transposed(stretch.sound, stretch.rate, cents / 100))
    parts = stretch.players()
    who = int(stretch.rng.integers(min(2, len(parts))))
    return stretch.sound + (transposed(parts[who], stretch.rate, cents / 100) - parts[who]) * stretch.envelope()


def clash(stretch: Stretch) -> Sound:
    """Let somebody play along who is in another song: another key, another time."""
    rng = stretch.rng
    instrument, scale, root = draw_instrument(rng), SCALES[rng.integers(len(SCALES))], int(rng.integers(12))
    pitches = [p for p in range(instrument.lowest, instrument.highest) if (p - root) % 12 in scale]
    seconds, strokes, now_s = stretch.samples / stretch.rate, [], float(rng.uniform(0, 0.5))
    while now_s < seconds:
        held = stretch.beat_s * float(rng.choice([0.5, 1, 1, 2])) * float(rng.lognormal(0, 0.1))
        strokes.append((now_s, 1.0, note(instrument, float(pick(pitches, rng)), held, stretch.rate, rng)))
        now_s += held * float(rng.choice([1, 1, 2, 3]))
    return _with(stretch, played(strokes, seconds, stretch.rate))


def stray_hits(stretch: Stretch) -> Sound:
    """Let the drummer hit where nothing belongs."""
    rng, seconds = stretch.rng, stretch.samples / stretch.rate
    kinds = ("kick", "snare", "tom", "cymbal", "rim")
    count = 1 + int(rng.poisson(seconds * (0.3 + stretch.amount)))
    strokes = [
        (float(rng.uniform(0, seconds)), float(rng.uniform(0.5, 1)), drum(kinds[rng.integers(5)], stretch.rate, rng))
        for _ in range(count)
    ]
    return _with(stretch, played(strokes, seconds, stretch.rate))


def _with(stretch: Stretch, sound: np.ndarray) -> Sound:
    """Return the stretch with something mixed in, about as loud as it."""
    out = stretch.sound.copy()
    wanted = level(stretch.sound) * float(stretch.rng.uniform(0.3, 1.1)) * (0.4 + 0.6 * stretch.amount)
    added = placed(sound * (wanted / max(1e-6, level(sound))), out.shape[0], float(stretch.rng.uniform(-0.7, 0.7)))
    add_into(out, added * stretch.envelope(), 0)
    return out


# Players and levels -------------------------------------------------------------------------------------------------


def dropouts(stretch: Stretch) -> Sound:
    """Let one player, or all, stop for some beats."""
    gate = _gate(stretch, _spans(stretch, 0.15 + 0.35 * stretch.amount, 0.5, 4.0))
    if stretch.rng.random() < 0.3:
        return stretch.sound * (1 - gate * np.float32(0.97))
    parts = stretch.players()
    return stretch.sound - parts[int(stretch.rng.integers(len(parts)))] * gate


def absent(stretch: Stretch) -> Sound:
    """Leave a player out."""
    parts = stretch.players()
    who = int(stretch.rng.integers(len(parts)))
    return stretch.sound - parts[who] * stretch.envelope(0.1) * np.float32(0.7 + 0.3 * stretch.amount)


def alone(stretch: Stretch) -> Sound:
    """Leave one player alone."""
    parts = stretch.players()
    who = int(stretch.rng.integers(len(parts)))
    kept = parts[who] * np.float32(min(2.5, level(stretch.sound) / max(1e-6, level(parts[who])) * 0.7))
    return _blend(stretch, kept)


def ducking(stretch: Stretch) -> Sound:
    """Play too softly and too loudly by turns."""
    knots, values = _walk(stretch, -14 * stretch.amount - 4, 3.0)
    gains = 10 ** (np.interp(np.arange(stretch.samples), knots, values) / 20)
    return (stretch.sound * gains).astype(np.float32)


def crackle(stretch: Stretch) -> Sound:
    """Let a plug crackle: short holes and bursts."""
    rng, out = stretch.rng, stretch.sound.copy()
    loud = level(out) * 2
    for _ in range(2 + int(rng.poisson(stretch.samples / stretch.rate * 4 * stretch.amount))):
        first = int(rng.integers(stretch.samples))
        length = min(stretch.samples - first, round(float(rng.exponential(0.04)) * stretch.rate) + 8)
        out[:, first : first + length] *= np.float32(rng.uniform(0, 0.4))
        out[:, first : first + length] += rng.standard_normal(length).astype(np.float32) * np.float32(
            loud * rng.random()
        )
    return out


def echo(stretch: Stretch) -> Sound:
    """Hear the band twice, by a monitor or a wall."""
    shift = round(float(stretch.rng.uniform(0.09, 0.4)) * stretch.rate)
    second = np.pad(stretch.sound, ((0, 0), (shift, 0)))[:, : stretch.samples]
    return stretch.sound + second * stretch.envelope(0.1) * np.float32(0.5 + 0.4 * stretch.amount)


def _blend(stretch: Stretch, other: Sound) -> Sound:
    """Return another sound with the edges of the stretch."""
    inside = stretch.envelope()
    return stretch.sound * (1 - inside) + other * inside


_TABLE: dict[str, tuple[Callable[[Stretch], Sound], str]] = {
    "jitter": (jitter, "sloppy"),
    "wobble": (wobble, "sloppy"),
    "stumble": (stumble, "sloppy"),
    "hesitate": (hesitate, "sloppy"),
    "late": (late, "late"),
    "flam": (flam, "late"),
    "wrong-notes": (wrong_notes, "wrong-notes"),
    "wrong-chords": (wrong_chords, "wrong-notes"),
    "detune": (detune, "wrong-notes"),
    "clash": (clash, "wrong-notes"),
    "stray-hits": (stray_hits, "sloppy"),
    "dropouts": (dropouts, "sloppy"),
    "absent": (absent, "sloppy"),
    "alone": (alone, "sloppy"),
    "ducking": (ducking, "sloppy"),
    "crackle": (crackle, "sloppy"),
    "echo": (echo, "sloppy"),
}

FLAWS: Mapping[str, str] = MappingProxyType({name: fault for name, (_, fault) in _TABLE.items()})
"""Flaws -> the fault of `plan.FAULTS` by which they are asked for or left out."""


def flawed(kind: str, stretch: Stretch) -> Sound:
    """Return a stretch with one flaw of FLAWS, as long as it was."""
    if stretch.samples < 64:
        return stretch.sound
    return _TABLE[kind][0](stretch)[:, : stretch.samples].astype(np.float32)
