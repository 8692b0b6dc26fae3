"""Plays the takes of a plan: the finished track at another tempo, tone and balance, with its flaws and its edges."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from editorbot.corpus.simulate import instruments
from editorbot.corpus.simulate.flaws import Passage, apply_flaw
from editorbot.corpus.simulate.plan import SILENT_DB, Style, Take, pick
from editorbot.corpus.simulate.signal import (
    Sound,
    add_into,
    bands,
    faded,
    gain,
    level,
    placed,
    silence,
    through,
    with_width,
)
from editorbot.corpus.simulate.time_map import follow, read_at
from editorbot.corpus.simulate.track import MISTAKES_OF_FLAWS, Track

SHORTEST_SEGMENT_S = 0.02
"""Shorter stretches of one kind or tempo are merged with their neighbors [seconds]."""

FLAW_FADE_S = 0.01
"""Flaws begin and end at most this far from where the plan has them [seconds]."""


@dataclass(frozen=True)
class PerformedTake:
    """A take as it is played."""

    sound: Sound
    """Its sound, without its tail."""
    knots_out: Float[np.ndarray, " knots"]
    """Samples of it, increasing from 0 to its length, between which the tempo is steady."""
    knots_source_s: Float[np.ndarray, " knots"]
    """Where in the finished track they are [seconds]."""


def perform(take: Take, track: Track) -> PerformedTake:
    """Play a take of a track, without its edges."""
    rate, style = track.rate, take.style
    knots_source_s = _tempo_knots(take, track.duration_s)
    middles_s = (knots_source_s[1:] + knots_source_s[:-1]) / 2
    speeds = style.speed * _drift_at(style, middles_s, track.duration_s)
    lengths = np.round(np.cumsum(np.diff(knots_source_s) / speeds) * rate)
    knots_out = np.concatenate([[0.0], lengths])
    margin = round(0.1 * rate)
    first = round(take.start_s * rate) - margin
    last = min(round(take.end_s * rate) + margin, track.sound.shape[1])
    source = track.sound[:, max(0, first) : last]
    if track.score_player is not None and "music" not in [kind for _, kind in take.marks]:
        # Only what is not kept may be played anew: the rest has to be the finished track.
        source = track.score_player.play_range(max(0, first), last, take.flaws, style.seed)
        take = replace(take, flaws=tuple(flaw for flaw in take.flaws if flaw.kind not in MISTAKES_OF_FLAWS))
    source = _with_flaws(_with_style(source, rate, style, track.beat_s), take, track, max(0, first))
    knots = knots_source_s * rate - max(0, first)
    if abs(style.cents) >= 1 and not style.bends_pitch:
        # Read as tape, out of tune; the time map, which splices, then undoes what that did to the tempo.
        ratio = 2 ** (style.cents / 1200)
        source, knots = read_at(source, np.arange(0, source.shape[1], ratio)), knots / ratio
    sound = follow(source, rate, knots_out, knots, bends_pitch=style.bends_pitch)
    return PerformedTake(sound, knots_out, knots_source_s)


def _tempo_knots(take: Take, duration_s: float) -> Float[np.ndarray, " knots"]:
    """Find where in the finished track the tempo or the kind of a take changes."""
    changes = [mark[0] for mark in take.marks] + [take.end_s]
    if take.style.drift:
        grid = np.linspace(0, duration_s, len(take.style.drift) * 4 + 1)
        changes += [float(at) for at in grid if take.start_s + 0.5 < at < take.end_s - 0.5]
    knots = np.unique(np.round(changes, 6))
    return knots[np.concatenate([[True], np.diff(knots) > SHORTEST_SEGMENT_S])] if len(knots) > 2 else knots


def _drift_at(style: Style, at_s: np.ndarray, duration_s: float) -> np.ndarray:
    if not style.drift:
        return np.ones_like(at_s)
    return np.interp(at_s, np.linspace(0, duration_s, len(style.drift)), style.drift)


def _with_style(sound: Sound, rate: int, style: Style, beat_s: float) -> Sound:
    """Apply the tone, balance, level and width of a take."""
    from pedalboard import HighShelfFilter, LowShelfFilter, PeakFilter

    low, middle, high = style.tone_db
    shelves = [LowShelfFilter(200, low), PeakFilter(900, middle, 0.7), HighShelfFilter(min(3500, 0.35 * rate), high)]
    out = through(shelves, sound, rate)
    rng = np.random.default_rng(style.seed)
    if style.balance_db > 0 or style.looseness_s > 0:
        out = _loosely(out, rate, style, rng)
    if style.overlay_db > SILENT_DB:
        out = out + _overlay(out, rate, style, beat_s, rng)
    return with_width(out, style.width) * gain(style.gain_db)


def _loosely(sound: Sound, rate: int, style: Style, rng: np.random.Generator) -> Sound:
    """Make players a little louder and softer, earlier and later than in the finished track."""
    from pedalboard import LowpassFilter

    low = through([LowpassFilter(float(rng.uniform(150, 350)))], sound, rate)
    upto = through([LowpassFilter(float(rng.uniform(1500, 0.3 * rate)))], sound, rate)
    length, out = sound.shape[1], np.zeros_like(sound)
    count = max(2, length // (3 * rate) + 1)
    at, knots = np.arange(length), np.linspace(0, length, count)
    for part in (low, upto - low, sound - upto):
        gains = 10 ** (np.interp(at, knots, rng.normal(0, style.balance_db / 2.5, count)) / 20)
        if style.looseness_s > 0:
            late = rng.normal(0, style.looseness_s / 2, count).clip(-style.looseness_s, style.looseness_s)
            part = read_at(part, at + np.interp(at, knots, late) * rate)
        out += part * gains.astype(np.float32)
    return out


def _overlay(sound: Sound, rate: int, style: Style, beat_s: float, rng: np.random.Generator) -> Sound:
    """Make somebody play along for a while, on another instrument or a drum, in the tempo of the song."""
    seconds = sound.shape[1] / rate
    length_s = min(seconds, float(rng.lognormal(2.3, 0.8)))
    make = pick((instruments.noodling, instruments.drumming), rng)
    mono = make(length_s, rate, rng, beat_s=beat_s)
    played = placed(mono, sound.shape[0], float(rng.uniform(-0.8, 0.8)))
    out = silence(*sound.shape)
    wanted = level(sound) * float(gain(style.overlay_db)) / max(1e-9, level(played))
    start = round(rng.uniform(0, seconds - length_s) * rate)
    add_into(out, faded(played, rate // 20, rate // 4) * np.float32(wanted), start)
    return out


def _with_flaws(sound: Sound, take: Take, track: Track, first: int) -> Sound:
    """Apply its flaws to the sound of a take, which begins at sample `first` of the track."""
    for flaw in take.flaws:
        start, end = round(flaw.start_s * track.rate) - first, round(flaw.end_s * track.rate) - first
        start, end = max(0, start), min(sound.shape[1], end)
        if end - start < 64:
            continue
        stems = tuple(stem[:, first + start : first + end] for stem in track.stems)
        passage = Passage(
            sound[:, start:end], track.rate, track.beat_s, flaw.amount, np.random.default_rng(flaw.seed), stems
        )
        changed = apply_flaw(flaw.kind, passage)
        inside = passage.envelope(FLAW_FADE_S)
        sound = np.concatenate(
            [sound[:, :start], changed * inside + sound[:, start:end] * (1 - inside), sound[:, end:]], axis=1
        )
    return sound


def with_edges(take: Take, sound: Sound, rate: int) -> Sound:
    """Give a take its edges: it begins softly, ends together or apart, and rings on."""
    overlap = round(max(take.overlap_s, 0.0) * rate)
    sound = faded(sound, max(min(overlap, rate // 20), 32), 0)
    if take.stop == "apart" and sound.shape[1] > rate:
        sound = _apart(sound, rate, np.random.default_rng(take.style.seed))
    if not take.stop:
        return faded(sound, 0, round(0.02 * rate))
    rng = np.random.default_rng(take.style.seed + 1)
    fade = round(float(rng.choice([0.005, 0.03, 0.15])) * rate)
    tail = _ring(sound[:, -rate // 2 :], rate, take.tail_s, rng)
    out = np.pad(faded(sound, 0, fade), ((0, 0), (0, max(0, tail.shape[1] - fade))))
    add_into(out, tail, sound.shape[1] - fade)
    return out


def _apart(sound: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Let players stop one after another, within the last seconds."""
    span = min(sound.shape[1], round(float(rng.uniform(0.5, 3.0)) * rate))
    end = sound[:, -span:]
    kept = np.zeros_like(end)
    for part in bands(end, rate, (float(rng.uniform(120, 300)), float(min(rng.uniform(1500, 4000), 0.4 * rate)))):
        stops = int(rng.uniform(0.05, 1.0) * span)
        fade = min(span - stops, round(float(rng.uniform(0.02, 0.4)) * rate))
        envelope = np.concatenate([np.ones(stops), np.linspace(1, 0, fade), np.zeros(span - stops - fade)])
        kept += part * envelope.astype(np.float32)
    return np.concatenate([sound[:, :-span], kept], axis=1)


def _ring(end: Sound, rate: int, seconds: float, rng: np.random.Generator) -> Sound:
    """Make the tail in which the end of a sound rings on in strings, cymbals and room."""
    length = max(64, round(seconds * 2 * rate))
    now_s = np.arange(length, dtype=np.float32) / rate
    size = 1 << (length + end.shape[1] - 1).bit_length()
    out = []
    for channel in end:
        kernel = rng.standard_normal(length, dtype=np.float32) * np.exp(-now_s * 5 / max(seconds, 0.05))
        rung = np.fft.irfft(np.fft.rfft(channel, size) * np.fft.rfft(kernel, size), size)
        out.append(rung[end.shape[1] :][:length])
    rung_sound = faded(np.stack(out).astype(np.float32), round(0.01 * rate), length // 3)
    first = float(np.sqrt(np.mean(rung_sound[:, : rate // 10] ** 2)))
    wanted = float(np.sqrt(np.mean(end[:, -rate // 5 :] ** 2))) * float(rng.uniform(0.2, 0.9))
    return rung_sound * np.float32(wanted / first) if first > 1e-9 else rung_sound
