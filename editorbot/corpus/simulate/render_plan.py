"""Sounds out a plan: takes and junk one after another, with soft edges, and what they are.

Conventions
-----------
Every part is laid on a timeline of the raw recording. Where two takes overlap,
the border between them lies in the middle; where junk is heard over the edge
of a take, the take counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from editorbot.corpus.simulate import instruments, junk, voices
from editorbot.corpus.simulate.draws import pick
from editorbot.corpus.simulate.flaws import Stretch, flawed
from editorbot.corpus.simulate.plan import SILENT_DB, Junk, Plan, Style, Take
from editorbot.corpus.simulate.replay import MISTAKES_OF_FLAWS
from editorbot.corpus.simulate.signal import (
    Sound,
    add_into,
    bands,
    faded,
    follow,
    gain,
    level,
    placed,
    read_at,
    scaled_to,
    silence,
    through,
)
from editorbot.corpus.simulate.track import Track
from editorbot.corpus.truth import Segment

SHORTEST_SEGMENT_S = 0.02
"""Shorter stretches are given to their neighbors [seconds]."""

LONGEST_SEAM_S = 0.06
"""Two takes overlap that far at most [seconds]."""

LOOSEST_S = 0.01
"""Flaws begin and end that far from where the plan says, at most [seconds]."""


@dataclass(frozen=True)
class Performed:
    """A take as it sounds."""

    sound: Sound
    """What is heard, without its tail."""
    knots_out: Float[np.ndarray, " knots"]
    """Samples of it, increasing from 0 to its length, between which the tempo is steady."""
    knots_source_s: Float[np.ndarray, " knots"]
    """What of the finished track they hold [seconds]."""


@dataclass(frozen=True)
class RenderedPlan:
    """A jam before it is recorded."""

    sound: Sound
    """What is heard."""
    segments: tuple[Segment, ...]
    """What it is."""


@dataclass(frozen=True)
class _Laid:
    """A part on the timeline."""

    start: int
    end: int
    part: Take | Junk
    performed: Performed | None


def render_plan(
    plan: Plan,
    track: Track,
    others: Sequence[Track],
    recordings: Sequence[Sound],
    seed: int,
    *,
    may_use_programs: bool = True,
) -> RenderedPlan:
    """Play a plan.

    Parameters
    ----------
    plan : Plan
        What happens.
    track, others : Track
        The finished track, and other tracks of the same rate.
    recordings : sequence of np.ndarray, shape=(channels, samples)
        Recorded talk at the same rate.
    seed : int
        Seed of the people who are there.
    may_use_programs : bool
        Whether ``espeak-ng`` speaks where it is installed.
    """
    people = np.random.default_rng(seed)
    speakers = [voices.draw_speaker(people) for _ in range(int(people.integers(2, 5)))]
    loudness = track.loudness
    channels, rate = track.sound.shape[0], track.rate
    out = silence(channels, round(track.duration_s * rate * 3.5) + 60 * rate)
    laid: list[_Laid] = []
    end = music_end = 0
    for part in plan.parts:
        start = max(0, end - round(part.overlap_s * rate))
        before = out[:, max(0, end - rate) : end]
        performed = None
        if isinstance(part, Take):
            if laid and laid[-1].performed is not None:
                start = max(start, end - round(LONGEST_SEAM_S * rate))
            elif laid:
                start = max(start, music_end)  # junk may be shorter than what it overlaps on both sides
            performed = perform(part, track)
            sound = _with_edges(part, performed.sound, rate)
            length = performed.sound.shape[1]
        else:
            rng = np.random.default_rng(part.seed)
            scene = junk.Scene(track, others, speakers, part.duration_s, before, rng, recordings, may_use_programs)
            made = junk.SOUNDS[part.sound](scene)
            made = junk.with_people(made, scene) if part.has_company else made
            sound = scaled_to(made, loudness * float(gain(part.level_db)), rate)
            fade = round(part.fade_s * rate)
            sound, length = faded(sound, 0 if part.sound == "ring-out" else fade, fade), sound.shape[1]
        if start + sound.shape[1] > out.shape[1]:
            out = np.pad(out, ((0, 0), (0, out.shape[1] // 2 + sound.shape[1])))
        add_into(out, sound, start)
        laid.append(_Laid(start, start + length, part, performed))
        end = max(end, start + length)
        music_end = end if performed is not None else music_end
    return RenderedPlan(out[:, :end], _segments(laid, rate))


def _with_edges(take: Take, sound: Sound, rate: int) -> Sound:
    """Return a take with the edges that it has: it begins softly, ends together or apart, and rings on."""
    overlap = round(max(take.overlap_s, 0.0) * rate)
    sound = faded(sound, max(min(overlap, rate // 20), 32), 0)
    if take.stop == "apart" and sound.shape[1] > rate:
        sound = _apart(sound, rate, np.random.default_rng(take.style.seed))
    if not take.stop:
        return faded(sound, 0, round(0.02 * rate))
    rng = np.random.default_rng(take.style.seed + 1)
    fade = round(float(rng.choice([0.005, 0.03, 0.15])) * rate)
    tail = ring(sound[:, -rate // 2 :], rate, take.tail_s, rng)
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


def ring(end: Sound, rate: int, seconds: float, rng: np.random.Generator) -> Sound:
    """Return how the end of a sound rings on in strings, cymbals and room."""
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


# Takes --------------------------------------------------------------------------------------------------------------


def perform(take: Take, track: Track) -> Performed:
    """Play a take.

    Parameters
    ----------
    take : Take
        What is played, and how.
    track : Track
        What it is a take of.
    """
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
    if track.replay is not None and "music" not in [kind for _, kind in take.marks]:
        # What is not kept may be played anew; what is kept is what the finished track holds.
        source = track.replay.again(max(0, first), last, take.flaws, style.seed)
        take = replace(take, flaws=tuple(flaw for flaw in take.flaws if flaw.kind not in MISTAKES_OF_FLAWS))
    source = _with_flaws(_coloured(source, rate, style, track.beat_s), take, track, max(0, first))
    knots = knots_source_s * rate - max(0, first)
    if abs(style.cents) >= 1 and not style.bends_pitch:
        # Read as tape, out of tune; the time map, which splices, then undoes what that did to the tempo.
        ratio = 2 ** (style.cents / 1200)
        source, knots = read_at(source, np.arange(0, source.shape[1], ratio)), knots / ratio
    sound = follow(source, rate, knots_out, knots, bends_pitch=style.bends_pitch)
    return Performed(sound, knots_out, knots_source_s)


def _tempo_knots(take: Take, duration_s: float) -> Float[np.ndarray, " knots"]:
    """Return where in the finished track the tempo or the kind of a take changes."""
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


def _coloured(sound: Sound, rate: int, style: Style, beat_s: float) -> Sound:
    """Return sound with the tone, balance, level and width of a take."""
    from pedalboard import HighShelfFilter, LowShelfFilter, PeakFilter

    low, middle, high = style.tone_db
    shelves = [LowShelfFilter(200, low), PeakFilter(900, middle, 0.7), HighShelfFilter(min(3500, 0.35 * rate), high)]
    out = through(shelves, sound, rate)
    rng = np.random.default_rng(style.seed)
    if style.balance_db > 0 or style.looseness_s > 0:
        out = _loosely(out, rate, style, rng)
    if style.overlay_db > SILENT_DB:
        out = out + _overlay(out, rate, style, beat_s, rng)
    if sound.shape[0] == 2 and style.width != 1:
        middle_sound, side = (out[0] + out[1]) / 2, (out[0] - out[1]) / 2 * np.float32(style.width)
        out = np.stack([middle_sound + side, middle_sound - side])
    return out * gain(style.gain_db)


def _loosely(sound: Sound, rate: int, style: Style, rng: np.random.Generator) -> Sound:
    """Return sound whose players are a little louder and softer, earlier and later, than in the finished track."""
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
    """Return somebody who plays along for a while, on another instrument or a drum, in the tempo of the song."""
    seconds = sound.shape[1] / rate
    heard_s = min(seconds, float(rng.lognormal(2.3, 0.8)))
    make = pick((instruments.noodling, instruments.drumming), rng)
    mono = make(heard_s, rate, rng, beat_s=beat_s)
    played = placed(mono, sound.shape[0], float(rng.uniform(-0.8, 0.8)))
    out = silence(*sound.shape)
    wanted = level(sound) * float(gain(style.overlay_db)) / max(1e-9, level(played))
    add_into(
        out, faded(played, rate // 20, rate // 4) * np.float32(wanted), round(rng.uniform(0, seconds - heard_s) * rate)
    )
    return out


def _with_flaws(sound: Sound, take: Take, track: Track, first: int) -> Sound:
    """Return the sound of a take, which begins at sample `first` of the track, with its flaws."""
    for flaw in take.flaws:
        start, end = round(flaw.start_s * track.rate) - first, round(flaw.end_s * track.rate) - first
        start, end = max(0, start), min(sound.shape[1], end)
        if end - start < 64:
            continue
        stems = tuple(stem[:, first + start : first + end] for stem in track.stems)
        stretch = Stretch(
            sound[:, start:end], track.rate, track.beat_s, flaw.amount, np.random.default_rng(flaw.seed), stems
        )
        changed = flawed(flaw.kind, stretch)
        inside = stretch.envelope(LOOSEST_S)
        sound = np.concatenate(
            [sound[:, :start], changed * inside + sound[:, start:end] * (1 - inside), sound[:, end:]], axis=1
        )
    return sound


# Truth --------------------------------------------------------------------------------------------------------------


def _segments(laid: Sequence[_Laid], rate: int) -> tuple[Segment, ...]:
    """Return what the timeline holds, second by second."""
    borders = [0.0]
    for before, after in zip(laid, laid[1:]):
        borders.append(_border(before, after) / rate)
    borders.append(max(one.end for one in laid) / rate)
    borders = [float(at) for at in np.maximum.accumulate(borders)]
    segments: list[Segment] = []
    for number, one in enumerate(laid):
        low_s, high_s = borders[number], borders[number + 1]
        end_s = min(high_s, one.end / rate)
        if one.performed is None and end_s - low_s > 1e-9:
            segments.append(Segment(low_s, end_s, one.part.kind if isinstance(one.part, Junk) else "junk"))
        elif one.performed is not None:
            segments += _take_segments(one, low_s, end_s, rate)
        end_s = max(end_s, low_s)
        if high_s - end_s > 1e-9:  # a gap before the next
            segments.append(Segment(end_s, high_s, "silence"))
    return tuple(_whole(segments))


def _border(before: _Laid, after: _Laid) -> float:
    """Return where one part ends and the next begins [samples].

    Of two takes, or two pieces of junk, that is the middle of their overlap. Junk that is heard over the end or the
    start of a take leaves the take whole.
    """
    junk_then_take = before.performed is None and after.performed is not None
    if after.start >= before.end or junk_then_take:
        return float(after.start)
    if before.performed is not None and after.performed is None:
        return float(before.end)
    return (before.end + after.start) / 2


def _take_segments(one: _Laid, low_s: float, high_s: float, rate: int) -> list[Segment]:
    """Return the stretches of a take between two borders, each of one kind and tempo."""
    assert isinstance(one.part, Take)
    assert one.performed is not None
    out_s = one.start / rate + one.performed.knots_out / rate
    source_s = one.performed.knots_source_s
    found = []
    for k in range(len(out_s) - 1):
        start_s, end_s = max(low_s, out_s[k]), min(high_s, out_s[k + 1])
        if end_s - start_s <= 1e-9:
            continue
        speed = float((source_s[k + 1] - source_s[k]) / (out_s[k + 1] - out_s[k]))
        kind = [mark[1] for mark in one.part.marks if mark[0] <= source_s[k] + SHORTEST_SEGMENT_S][-1]
        placed_s = float(source_s[k] + (start_s - out_s[k]) * speed)
        found.append(Segment(float(start_s), float(end_s), kind, max(0.0, placed_s), speed))
    return found


def _whole(segments: list[Segment]) -> list[Segment]:
    """Return segments of which each begins exactly where the one before it ends; slivers are given away."""
    out: list[Segment] = []
    for segment in segments:
        if out and segment.start_s < out[-1].end_s:
            late_s = out[-1].end_s - segment.start_s
            if segment.end_s - out[-1].end_s <= 1e-9:
                continue
            source_s = None if segment.source_s is None else segment.source_s + late_s * segment.speed
            segment = replace(segment, start_s=out[-1].end_s, source_s=source_s)
        out.append(segment)
    return out
