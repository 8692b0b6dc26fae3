"""What goes wrong in a take: timing, notes, players, levels.

Every flaw changes a passage of sound and keeps its length. Players are the
stems of the track where it has some, else bands of frequency in place of bass,
harmony and cymbals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float32

from editorbot.corpus.simulate.instruments import SCALES, draw_instrument, drum, note, played
from editorbot.corpus.simulate.plan import pick
from editorbot.corpus.simulate.signal import Sound, add_into, bands, level, placed, smoothed
from editorbot.corpus.simulate.time_map import follow, transposed


@dataclass(frozen=True)
class Passage:
    """A passage of a take that gets a flaw."""

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
    """Its players, adding up to it, if they are known."""

    @property
    def samples(self) -> int:
        """Length [samples]."""
        return self.sound.shape[1]

    @property
    def beat_samples(self) -> int:
        """Length of a beat [samples]."""
        return max(8, round(self.beat_s * self.rate))

    def players(self) -> list[Sound]:
        """Return its players: stems, or lows, mids and highs."""
        if len(self.stems) > 1:
            return list(self.stems)
        low, high = float(self.rng.uniform(120, 300)), float(self.rng.uniform(1800, 4500))
        return bands(self.sound, self.rate, (low, min(high, 0.4 * self.rate)))

    def one_player(self) -> Sound:
        """Draw one of its players."""
        players = self.players()
        return players[int(self.rng.integers(len(players)))]

    def envelope(self, fade_s: float = 0.03) -> Float32[np.ndarray, " samples"]:
        """Return a gain of 1 that fades at the ends, so that flaws have no hard edges."""
        ramp = np.ones(self.samples, dtype=np.float32)
        fade = min(max(1, round(fade_s * self.rate)), self.samples // 2)
        if fade:
            ramp[:fade] = np.linspace(0, 1, fade)
            ramp[-fade:] = np.linspace(1, 0, fade)
        return ramp


def _spans(passage: Passage, share: float, shortest_beats: float, longest_beats: float) -> list[tuple[int, int]]:
    """Draw spans that fill about a share of the passage, of different lengths, at half beats."""
    spans, at = [], 0
    half = passage.beat_samples // 2
    while at < passage.samples:
        length = round(float(passage.rng.uniform(shortest_beats, longest_beats)) * passage.beat_samples)
        length = max(half // 2, length)
        if passage.rng.random() < share:
            spans.append((at, min(at + length, passage.samples)))
        at += length
    if not spans:
        first = int(passage.rng.integers(max(1, passage.samples - half)))
        spans.append((first, min(first + 2 * half, passage.samples)))
    return [span for span in spans if span[1] - span[0] > 16]


def _gate(passage: Passage, spans: list[tuple[int, int]]) -> Float32[np.ndarray, " samples"]:
    """Return a gain of 1 in the spans and 0 elsewhere, with soft edges."""
    gate = np.zeros(passage.samples, dtype=np.float32)
    for first, last in spans:
        gate[first:last] = 1.0
    return smoothed(gate, round(float(passage.rng.uniform(0.004, 0.04)) * passage.rate)).astype(np.float32)


def _retimed(passage: Passage, sound: Sound, knots: np.ndarray, offsets: np.ndarray) -> Sound:
    """Return sound of which the knots come later or earlier by offsets [samples]; the ends stay."""
    source = np.concatenate([[0.0], np.asarray(knots, dtype=float), [passage.samples]])
    out = source + np.concatenate([[0.0], offsets, [0.0]])
    out = np.maximum.accumulate(out + np.arange(len(out)) * 1e-3)
    out *= passage.samples / out[-1]
    return follow(sound, passage.rate, out, source, bends_pitch=bool(passage.rng.random() < 0.25))


# Timing -------------------------------------------------------------------------------------------------------------


def jitter(passage: Passage) -> Sound:
    """Play beats early and late."""
    step = passage.beat_samples * float(passage.rng.choice([0.5, 1, 1, 2]))
    knots = np.arange(step, passage.samples - step / 2, step)
    deep = (0.02 + 0.07 * passage.amount) * passage.rate
    return _retimed(passage, passage.sound, knots, passage.rng.normal(0, deep, len(knots)).clip(-step / 3, step / 3))


def wobble(passage: Passage) -> Sound:
    """Hurry and drag."""
    period = passage.beat_samples * float(passage.rng.uniform(4, 16))
    knots = np.arange(passage.beat_samples, passage.samples - passage.beat_samples, passage.beat_samples)
    deep = period / 6.28 * (0.03 + 0.09 * passage.amount)
    return _retimed(passage, passage.sound, knots, deep * np.sin(knots / period * 6.28 + passage.rng.uniform(0, 6.28)))


def stumble(passage: Passage) -> Sound:
    """Play half a beat twice, or leave it out, and find back."""
    out = passage.sound.copy()
    for first, last in _spans(passage, 0.15 + 0.3 * passage.amount, 1.0, 4.0):
        shift = round(passage.beat_samples * float(passage.rng.choice([-1, -0.5, -0.25, 0.25, 0.5, 1])))
        place = np.clip(np.arange(first, last) + shift, 0, passage.samples - 1)
        fade = min(round(0.01 * passage.rate), (last - first) // 2)
        into = np.ones(last - first, dtype=np.float32)
        into[:fade] = np.linspace(0, 1, fade)
        into[-fade:] = np.linspace(1, 0, fade)
        out[:, first:last] = passage.sound[:, place] * into + passage.sound[:, first:last] * (1 - into)
    return out


def hesitate(passage: Passage) -> Sound:
    """Wait for a moment, all together."""
    spans = _spans(passage, 0.08 + 0.2 * passage.amount, 0.5, 2.0)
    return passage.sound * (1 - _gate(passage, spans) * np.float32(0.8 + 0.2 * passage.rng.random()))


def late(passage: Passage) -> Sound:
    """Let one player be late, or early."""
    player = passage.one_player()
    shift = round((0.03 + 0.12 * passage.amount) * passage.rate * float(passage.rng.choice([1, 1, -1])))
    drag = np.interp(np.arange(passage.samples), *_walk(passage, 0.5, 1.5))
    moved = player[:, np.clip((np.arange(passage.samples) - shift * drag).astype(int), 0, passage.samples - 1)]
    return passage.sound + (moved - player) * passage.envelope()


def flam(passage: Passage) -> Sound:
    """Let one player be heard twice: two who are not together."""
    player = passage.one_player()
    shift = round((0.025 + 0.06 * passage.amount) * passage.rate)
    second = np.pad(player, ((0, 0), (shift, 0)))[:, : passage.samples]
    return passage.sound + second * passage.envelope() * np.float32(0.5 + 0.5 * passage.amount)


def _walk(passage: Passage, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Return knots of a curve that wanders between two values."""
    count = max(2, passage.samples // (2 * passage.beat_samples))
    return np.linspace(0, passage.samples, count), passage.rng.uniform(low, high, count)


# Notes --------------------------------------------------------------------------------------------------------------


def wrong_notes(passage: Passage) -> Sound:
    """Let one player hit wrong notes now and then."""
    return _replaced(passage, 0.12 + 0.35 * passage.amount, 0.25, 1.0)


def wrong_chords(passage: Passage) -> Sound:
    """Let one player play wrong chords for bars."""
    return _replaced(passage, 0.2 + 0.5 * passage.amount, 2.0, 6.0)


def _replaced(passage: Passage, share: float, shortest_beats: float, longest_beats: float) -> Sound:
    parts = passage.players()
    who = int(passage.rng.integers(len(parts))) if passage.stems else int(passage.rng.choice([0, 1, 1, 1]))
    semitones = float(passage.rng.choice([-5, -3, -2, -1, -1, 1, 1, 2, 3, 4, 6]))
    gate = _gate(passage, _spans(passage, share, shortest_beats, longest_beats))
    wrong = transposed(parts[who], passage.rate, semitones)
    return passage.sound + (wrong - parts[who]) * gate


def detune(passage: Passage) -> Sound:
    """Let one player, or all, be out of tune."""
    cents = (20 + 80 * passage.amount) * float(passage.rng.choice([-1, 1]))
    if passage.rng.random() < 0.3:
        return _blend(passage, transposed(passage.sound, passage.rate, cents / 100))
    parts = passage.players()
    who = int(passage.rng.integers(min(2, len(parts))))
    return passage.sound + (transposed(parts[who], passage.rate, cents / 100) - parts[who]) * passage.envelope()


def clash(passage: Passage) -> Sound:
    """Let somebody play along who is in another song: another key, another time."""
    rng = passage.rng
    instrument, scale, root = draw_instrument(rng), SCALES[rng.integers(len(SCALES))], int(rng.integers(12))
    pitches = [p for p in range(instrument.lowest, instrument.highest) if (p - root) % 12 in scale]
    seconds, strokes, now_s = passage.samples / passage.rate, [], float(rng.uniform(0, 0.5))
    while now_s < seconds:
        held = passage.beat_s * float(rng.choice([0.5, 1, 1, 2])) * float(rng.lognormal(0, 0.1))
        strokes.append((now_s, 1.0, note(instrument, float(pick(pitches, rng)), held, passage.rate, rng)))
        now_s += held * float(rng.choice([1, 1, 2, 3]))
    return _with(passage, played(strokes, seconds, passage.rate))


def stray_hits(passage: Passage) -> Sound:
    """Let the drummer hit where nothing belongs."""
    rng, seconds = passage.rng, passage.samples / passage.rate
    kinds = ("kick", "snare", "tom", "cymbal", "rim")
    count = 1 + int(rng.poisson(seconds * (0.3 + passage.amount)))
    strokes = [
        (float(rng.uniform(0, seconds)), float(rng.uniform(0.5, 1)), drum(kinds[rng.integers(5)], passage.rate, rng))
        for _ in range(count)
    ]
    return _with(passage, played(strokes, seconds, passage.rate))


def _with(passage: Passage, sound: np.ndarray) -> Sound:
    """Return the stretch with something mixed in, about as loud as it."""
    out = passage.sound.copy()
    wanted = level(passage.sound) * float(passage.rng.uniform(0.3, 1.1)) * (0.4 + 0.6 * passage.amount)
    added = placed(sound * (wanted / max(1e-6, level(sound))), out.shape[0], float(passage.rng.uniform(-0.7, 0.7)))
    add_into(out, added * passage.envelope(), 0)
    return out


# Players and levels -------------------------------------------------------------------------------------------------


def dropouts(passage: Passage) -> Sound:
    """Let one player, or all, stop for some beats."""
    gate = _gate(passage, _spans(passage, 0.15 + 0.35 * passage.amount, 0.5, 4.0))
    if passage.rng.random() < 0.3:
        return passage.sound * (1 - gate * np.float32(0.97))
    return passage.sound - passage.one_player() * gate


def absent(passage: Passage) -> Sound:
    """Leave a player out."""
    player = passage.one_player()
    return passage.sound - player * passage.envelope(0.1) * np.float32(0.7 + 0.3 * passage.amount)


def alone(passage: Passage) -> Sound:
    """Leave one player alone."""
    player = passage.one_player()
    kept = player * np.float32(min(2.5, level(passage.sound) / max(1e-6, level(player)) * 0.7))
    return _blend(passage, kept)


def ducking(passage: Passage) -> Sound:
    """Play too softly and too loudly by turns."""
    knots, values = _walk(passage, -14 * passage.amount - 4, 3.0)
    gains = 10 ** (np.interp(np.arange(passage.samples), knots, values) / 20)
    return (passage.sound * gains).astype(np.float32)


def crackle(passage: Passage) -> Sound:
    """Let a plug crackle: short holes and bursts."""
    rng, out = passage.rng, passage.sound.copy()
    loud = level(out) * 2
    for _ in range(2 + int(rng.poisson(passage.samples / passage.rate * 4 * passage.amount))):
        first = int(rng.integers(passage.samples))
        length = min(passage.samples - first, round(float(rng.exponential(0.04)) * passage.rate) + 8)
        out[:, first : first + length] *= np.float32(rng.uniform(0, 0.4))
        out[:, first : first + length] += rng.standard_normal(length).astype(np.float32) * np.float32(
            loud * rng.random()
        )
    return out


def echo(passage: Passage) -> Sound:
    """Hear the band twice, by a monitor or a wall."""
    shift = round(float(passage.rng.uniform(0.09, 0.4)) * passage.rate)
    second = np.pad(passage.sound, ((0, 0), (shift, 0)))[:, : passage.samples]
    return passage.sound + second * passage.envelope(0.1) * np.float32(0.5 + 0.4 * passage.amount)


def _blend(passage: Passage, other: Sound) -> Sound:
    """Return another sound with the edges of the passage."""
    inside = passage.envelope()
    return passage.sound * (1 - inside) + other * inside


_GROUPS: tuple[tuple[str, tuple[Callable[[Passage], Sound], ...]], ...] = (
    ("sloppy", (jitter, wobble, stumble, hesitate)),
    ("late", (late, flam)),
    ("wrong-notes", (wrong_notes, wrong_chords, detune, clash)),
    ("sloppy", (stray_hits, dropouts, absent, alone, ducking, crackle, echo)),
)
_FUNCTIONS = {flaw.__name__.replace("_", "-"): flaw for _, flaws in _GROUPS for flaw in flaws}

FLAWS: Mapping[str, str] = MappingProxyType(
    {flaw.__name__.replace("_", "-"): fault for fault, flaws in _GROUPS for flaw in flaws}
)
"""Flaws -> the fault of `plan.FAULTS` that they belong to; plans draw them in this order."""


def apply_flaw(kind: str, passage: Passage) -> Sound:
    """Return a passage with one flaw of FLAWS, as long as it was."""
    if passage.samples < 64:
        return passage.sound
    return _FUNCTIONS[kind](passage)[:, : passage.samples].astype(np.float32)
