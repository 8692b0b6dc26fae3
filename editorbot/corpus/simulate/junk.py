"""The sounds of junk: everything that can be heard between takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from editorbot.corpus.simulate import instruments, voices
from editorbot.corpus.simulate.plan import pick
from editorbot.corpus.simulate.signal import (
    Sound,
    add_into,
    as_channels,
    bands,
    cut,
    faded,
    gain,
    loud_level,
    placed,
    scaled_to,
    silence,
)
from editorbot.corpus.simulate.time_map import transposed
from editorbot.corpus.simulate.track import Track


@dataclass(frozen=True)
class Scene:
    """What junk is made of: the band, the people, other songs."""

    track: Track
    """The track that is rehearsed."""
    others: Sequence[Track]
    """Other tracks."""
    speakers: Sequence[voices.Speaker]
    """The people in the room."""
    seconds: float
    """How long the junk is."""
    before: Sound
    """The sound just before it."""
    rng: np.random.Generator
    """Draws the details."""
    recordings: Sequence[Sound] = ()
    """RecordingChain talk, at the track's rate."""
    may_use_programs: bool = True
    """Whether a program that speaks is used where there is one."""

    @property
    def rate(self) -> int:
        """Sample rate [Hz]."""
        return self.track.rate

    @property
    def channels(self) -> int:
        """Channels."""
        return self.track.sound.shape[0]

    @property
    def samples(self) -> int:
        """Length of the junk [samples]."""
        return max(1, round(self.seconds * self.rate))

    def stage(self, mono: np.ndarray, pan: float | None = None) -> Sound:
        """Return one player's sound at a place on the stage."""
        return placed(mono, self.channels, float(self.rng.uniform(-0.8, 0.8)) if pan is None else pan)


def talk(scene: Scene) -> Sound:
    """Return people who talk, one after another and at once."""
    rng, out = scene.rng, silence(scene.channels, scene.samples)
    if len(scene.recordings) and rng.random() < 0.6:
        recording = pick(scene.recordings, rng)
        first = int(rng.integers(max(1, recording.shape[1] - scene.samples)))
        return cut(as_channels(recording, scene.channels), first, first + scene.samples)
    busy, now_s, with_words = float(rng.uniform(0.3, 1.0)), 0.0, scene.may_use_programs and rng.random() < 0.5
    while now_s < scene.seconds:
        speaker = pick(scene.speakers, rng)
        seconds = float(min(rng.lognormal(0.8, 0.7), scene.seconds - now_s + 0.05))
        kind, said = rng.random(), voices.spoken(scene.rate, rng) if with_words and rng.random() < 0.6 else None
        if said is not None:
            voice, seconds = said[: round((scene.seconds - now_s + 0.2) * scene.rate)], len(said) / scene.rate
        elif kind < 0.07:
            voice = voices.laughter(seconds, scene.rate, speaker, rng)
        else:
            voice = voices.speech(seconds, scene.rate, speaker, rng, pauses_s=float(rng.uniform(0.15, 0.9)))
        loud = np.float32(10 ** (rng.normal(0, 3) / 20))
        add_into(out, faded(scene.stage(voice) * loud, 64, 256), round(now_s * scene.rate))
        now_s += seconds * busy + float(rng.exponential(0.4)) * (1 - busy) + 0.05
        if rng.random() < 0.15:
            now_s += float(rng.exponential(1.2))
    if rng.random() < 0.2:  # somebody plays at the same time
        add_into(
            out,
            scene.stage(instruments.noodling(scene.seconds, scene.rate, rng)) * np.float32(rng.uniform(0.05, 0.5)),
            0,
        )
    return out


def count_in(scene: Scene) -> Sound:
    """Return somebody who counts in, in the tempo of the song."""
    rng, beat_s = scene.rng, scene.track.beat_s * float(scene.rng.choice([1, 1, 2, 0.5]))
    speaker = pick(scene.speakers, rng)
    words = [
        (at, float(rng.uniform(0.7, 1.0)), voices.word(scene.rate, speaker, rng, seconds=beat_s * 0.8))
        for at in np.arange(0, scene.seconds - 0.1, max(0.2, beat_s))
    ]
    return scene.stage(instruments.played(words, scene.seconds, scene.rate))


def sticks(scene: Scene) -> Sound:
    """Return sticks, a hat or a rim that count in."""
    times_s = [float(at) for at in np.arange(0, scene.seconds - 0.05, max(0.12, scene.track.beat_s))]
    kind = str(scene.rng.choice(["stick", "stick", "hat", "rim", "snare"]))
    return scene.stage(instruments.strokes_at(times_s, kind, scene.seconds, scene.rate, scene.rng))


def tuning(scene: Scene) -> Sound:
    """Return one or two people who tune."""
    out = scene.stage(instruments.tuning(scene.seconds, scene.rate, scene.rng))
    if scene.rng.random() < 0.3:
        out = out + scene.stage(instruments.tuning(scene.seconds, scene.rate, scene.rng)) * np.float32(0.7)
    return out


def noodling(scene: Scene) -> Sound:
    """Return people who play to themselves, by themselves or at once, on instruments of this band or others."""
    rng, out = scene.rng, silence(scene.channels, scene.samples)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        kind = rng.choice(["instrument", "drums", "own", "other"], p=[0.35, 0.2, 0.25, 0.2])
        if kind == "own" or (kind == "other" and not len(scene.others)):
            part = fragments(scene, scene.track)
        elif kind == "other":
            part = fragments(scene, pick(scene.others, rng))
        else:
            make = instruments.noodling if kind == "instrument" else instruments.drumming
            beat_s = scene.track.beat_s if rng.random() < 0.3 else None
            part = scene.stage(make(scene.seconds, scene.rate, rng, beat_s=beat_s))
        out += scaled_to(part, float(rng.uniform(0.4, 1.0)), scene.rate)
    return out


def fragments(scene: Scene, source: Track) -> Sound:
    """Return one player of a track who plays bits of it haltingly, in another key."""
    rng = scene.rng
    seconds = min(float(rng.uniform(2, 8)), source.duration_s / 2)
    first = round(float(rng.uniform(0, source.duration_s - seconds)) * source.rate)
    sound = as_channels(source.sound[:, first : first + round(seconds * source.rate)], scene.channels)
    if len(source.stems) > 1:
        stem = pick(source.stems, rng)
        sound = as_channels(stem[:, first : first + sound.shape[1]], scene.channels)
    else:
        edges = sorted(rng.uniform(np.log(90), np.log(6000), 2))
        low, high = np.exp(edges[0]), min(np.exp(edges[1]) * 1.5, 0.45 * scene.rate)
        sound = bands(sound, scene.rate, (float(low), float(max(high, low * 1.5))))[1]
    sound = transposed(sound, scene.rate, pick((0.0, float(rng.integers(-7, 8)), float(rng.normal(0, 0.5))), rng))
    out, now, length = silence(scene.channels, scene.samples), 0, sound.shape[1]
    while now < scene.samples:
        size = min(length, round(float(rng.lognormal(-0.6, 0.6)) * scene.rate) + 64)
        at = int(rng.integers(max(1, length - size))) if rng.random() < 0.6 else 0
        add_into(out, faded(sound[:, at : at + size], 100, size // 4), now)
        now += round(size * float(rng.uniform(0.8, 1.1)))
        if rng.random() < 0.3:
            now += round(float(rng.exponential(0.5)) * scene.rate)
    return out


def dead_air(scene: Scene) -> Sound:
    """Return next to nothing: a room, things that are moved."""
    noise = instruments.colored_noise(scene.samples, scene.rate, float(scene.rng.uniform(-6, -1)), scene.rng)
    out = scene.stage(noise * np.float32(0.1), 0.0)
    if scene.rng.random() < 0.6:
        out = out + scene.stage(instruments.bumps(scene.seconds, scene.rate, scene.rng))
    return out


def hum(scene: Scene) -> Sound:
    """Return an amplifier that hums."""
    return scene.stage(instruments.hum(scene.seconds, scene.rate, scene.rng))


def noise(scene: Scene) -> Sound:
    """Return noise: things that fall, feedback, a jack that is pulled, a cymbal that is carried."""
    kind = scene.rng.choice(["bumps", "bumps", "squeal", "hiss"])
    if kind == "squeal":
        return scene.stage(instruments.squeal(scene.seconds, scene.rate, scene.rng))
    if kind == "hiss":
        mono = instruments.colored_noise(scene.samples, scene.rate, float(scene.rng.uniform(-6, 2)), scene.rng)
        return scene.stage(mono * np.interp(np.linspace(0, 1, len(mono)), [0, 0.1, 0.9, 1], [0, 1, 1, 0]))
    return scene.stage(instruments.bumps(scene.seconds, scene.rate, scene.rng))


def applause(scene: Scene) -> Sound:
    """Return clapping and shouts."""
    out = scene.stage(instruments.applause(scene.seconds, scene.rate, scene.rng), 0.0)
    if scene.channels == 2:
        out = np.stack([out[0], instruments.applause(scene.seconds, scene.rate, scene.rng)])
    if scene.rng.random() < 0.5:
        speaker = pick(scene.speakers, scene.rng)
        shout = voices.word(scene.rate, speaker, scene.rng, seconds=0.6)
        add_into(out, scene.stage(shout), int(scene.rng.integers(scene.samples)))
    return out


def ring_out(scene: Scene) -> Sound:
    """Return how the last chord rings on, with less and less in it."""
    rng, rate = scene.rng, scene.rate
    source = scene.before[:, -round(float(rng.uniform(0.3, 1.0)) * rate) :]
    if source.shape[1] < rate // 20:
        return dead_air(scene)
    decay_s = float(rng.uniform(0.25, 0.6)) * scene.seconds
    kernel_length = min(scene.samples, round(4 * decay_s * rate) + 1)
    now_s = np.arange(kernel_length, dtype=np.float32) / rate
    size = scene.samples + source.shape[1]
    size = 1 << (size - 1).bit_length()
    out = []
    for channel in source:
        kernel = rng.standard_normal(kernel_length, dtype=np.float32) * np.exp(-now_s / decay_s)
        rung = np.fft.irfft(np.fft.rfft(channel, size) * np.fft.rfft(kernel, size), size)
        out.append(rung[source.shape[1] // 2 :][: scene.samples])
    rung_sound = np.stack(out).astype(np.float32)
    dark = bands(rung_sound, rate, (float(rng.uniform(800, 4000)),))
    fall = np.exp(-np.arange(scene.samples, dtype=np.float32) / rate / decay_s * 1.5)
    return dark[0] + dark[1] * fall


def other_song(scene: Scene) -> Sound:
    """Return a stretch of another song, played by this band: at another tempo and in another key sometimes."""
    rng = scene.rng
    source = pick(scene.others, rng)
    seconds = min(scene.seconds, source.duration_s - 0.1)
    first = round(float(rng.uniform(0, source.duration_s - seconds)) * source.rate)
    sound = as_channels(source.sound[:, first : first + round(seconds * source.rate)], scene.channels)
    if rng.random() < 0.3 and sound.shape[1] < 20 * source.rate:
        sound = transposed(sound, scene.rate, float(rng.integers(-3, 4)))
    return cut(sound, 0, scene.samples)


def wander(scene: Scene) -> Sound:
    """Return the band lost in the middle: its own bars in no order, thinned out, with somebody on top of them."""
    rng, track = scene.rng, scene.track
    out, now = silence(scene.channels, scene.samples), 0
    center = float(rng.uniform(0, track.duration_s))
    while now < scene.samples:
        size = round(track.beat_s * float(rng.choice([1, 2, 2, 4, 4])) * scene.rate)
        at_s = float(np.clip(rng.normal(center, 8), 0, max(0.0, track.duration_s - size / scene.rate)))
        grid = track.beats_s[track.beats_s <= max(0.0, track.duration_s - size / scene.rate)]
        at = round((float(grid[np.argmin(np.abs(grid - at_s))]) if len(grid) else at_s) * scene.rate)
        bit = cut(track.sound, at, at + size + 400)
        if rng.random() < 0.5 and bit.shape[1] > 512:
            parts = bands(bit, scene.rate, (250.0, min(2500.0, 0.4 * scene.rate)))
            bit = bit - parts[rng.integers(3)] * np.float32(rng.uniform(0.5, 1))
        if rng.random() < 0.3:
            bit = transposed(bit, scene.rate, float(rng.choice([-5, -2, 2, 3, 5])))
        add_into(out, faded(bit, 400, 400), now)
        now += size
    solo = scene.stage(instruments.noodling(scene.seconds, scene.rate, rng, beat_s=track.beat_s))
    over = float(rng.choice([0.0, rng.uniform(0.2, 1.2)]))
    return scaled_to(out, 1.0, scene.rate) + scaled_to(solo, max(over, 1e-4), scene.rate)


def with_people(sound: Sound, scene: Scene) -> Sound:
    """Return junk during which others murmur or play softly."""
    rng = scene.rng
    meanwhile = pick((talk, noodling), rng)(scene)
    over = scaled_to(meanwhile, loud_level(sound, scene.rate) * float(gain(rng.uniform(-24, -3))), scene.rate)
    return sound + over


SOUNDS: Mapping[str, Callable[[Scene], Sound]] = MappingProxyType(
    {
        "talk": talk, "count-in": count_in, "sticks": sticks, "tuning": tuning, "noodling": noodling,
        "dead-air": dead_air, "hum": hum, "noise": noise, "applause": applause, "ring-out": ring_out,
        "scrap": other_song, "two-songs": other_song, "wander": wander,
    }
)  # fmt: skip
"""Names of sounds -> what makes them."""
