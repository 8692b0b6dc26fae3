"""Everything that is heard in a rehearsal room and is no music: the second simulator's junk.

Every function returns mono float64 sound of about unit loudness; who calls it
sets level, place and distance. Talk needs the program ``espeak-ng``.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import soundfile as sf
import soxr
from scipy import signal

RATE = 44_100
"""Sample rate of everything [Hz]."""

VOICES = (
    "en-us+m1", "en-us+m3", "en-us+m7", "en-gb+m2", "en-gb+m5", "en-us+f2", "en-gb+f4", "en-gb-scotland+m6",
    "en-us+f1", "en-gb-x-rp+m4", "en-us+m8", "en-gb+f3",
)  # fmt: skip
"""Voices of espeak-ng that sound like different people."""

PHRASES = (
    "Okay, from the top.", "Wait, wait, stop.", "Sorry, that was me.", "Which key is it in again?",
    "Can I have a bit more of the bass in the monitors?", "Let's take it from the second verse.",
    "Is it recording?", "I think the light is red.", "You came in one bar early.", "No, I did not.",
    "That was nearly it.", "My string is flat.", "Does anybody have a nine volt battery?",
    "Twice round, and then the break.", "Slower, please.", "It drags a bit in the middle.",
    "Can you play that riff for me once more, on your own?", "Yeah. Yeah, that one.", "Hold on.",
    "The pedal is making that noise again.", "Let's do another one.", "Who wants coffee?",
    "Four times, not three.", "I will count it in.", "Ready?", "One more, and we have got it.",
    "Mind the cable.", "Just leave it running, we can cut that out later.", "What time is it?",
    "I liked the ending, we should keep the ending.", "So the chorus goes straight into the bridge.",
    "Hmm.", "Right.", "Good, good, good.", "Could you turn that down a little?", "And a one, and a two.",
)  # fmt: skip
"""What people say between takes."""


def normalized(sound: np.ndarray) -> np.ndarray:
    """Return sound whose loud parts have an RMS of 1, so that pauses inside it do not count."""
    window = RATE // 10
    whole = np.pad(sound, (0, -len(sound) % window)).reshape(-1, window)
    loud = np.sqrt(np.quantile((whole**2).mean(axis=1), 0.9)) if len(sound) else 0.0
    return sound / loud if loud > 1e-9 else sound


def _fit(sound: np.ndarray, samples: int) -> np.ndarray:
    """Return sound cut or padded to a length."""
    return sound[:samples] if len(sound) >= samples else np.pad(sound, (0, samples - len(sound)))


def _band(sound: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Return sound through a gentle band pass."""
    sos = signal.butter(2, [low_hz, min(high_hz, RATE * 0.45)], "bandpass", fs=RATE, output="sos")
    return signal.sosfilt(sos, sound)


@lru_cache(maxsize=512)
def _spoken(text: str, voice: str, pitch: int, speed: int) -> np.ndarray:
    """Return one phrase as espeak-ng says it."""
    command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "--stdout", text]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    sound, rate = sf.read(io.BytesIO(wav))
    spoken: np.ndarray = soxr.resample(sound, rate, RATE)
    spoken.flags.writeable = False
    return spoken


def talk(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return one to three people talking, from near and far, at times across each other."""
    out = np.zeros(samples)
    for _ in range(int(rng.integers(1, 4))):
        voice, pitch, speed = str(rng.choice(VOICES)), int(rng.integers(25, 75)), int(rng.integers(130, 200))
        distance = rng.uniform(0, 1)
        at = int(rng.uniform(0, 0.3) * samples)
        while at < samples:
            said = normalized(_spoken(str(rng.choice(PHRASES)), voice, pitch, speed)) * 10 ** (-distance * 0.6)
            said = far(said, distance, rng)[: samples - at]
            out[at : at + len(said)] += said
            at += len(said) + int(rng.exponential(1.2) * RATE)
    return normalized(out)


def far(sound: np.ndarray, distance: float, rng: np.random.Generator) -> np.ndarray:
    """Return sound heard from a distance in [0, 1]: duller and with more room."""
    sos = signal.butter(1, 12_000 * 10 ** (-0.8 * distance), fs=RATE, output="sos")
    tail = int((0.1 + 0.3 * distance) * RATE)
    echo = rng.normal(size=tail) * np.exp(-np.arange(tail) / (0.2 * tail)) * 0.05 * distance
    echo[0] = 1.0
    return signal.fftconvolve(signal.sosfilt(sos, sound), echo)


def dead_air(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return nothing but steps, creaks and a cable now and then; the room's noise comes later."""
    out = np.zeros(samples)
    for _ in range(rng.poisson(samples / RATE / 6)):
        length = int(rng.uniform(0.03, 0.3) * RATE)
        bump = rng.normal(size=length) * np.exp(-np.arange(length) / (0.2 * length))
        low_hz = 40 * 4 ** rng.uniform(0, 2)
        bump = _band(bump, low_hz, low_hz * rng.uniform(3, 8))
        at = int(rng.integers(0, max(1, samples - length)))
        out[at : at + length] += (bump * rng.uniform(0.2, 1))[: samples - at]
    return out if not out.any() else normalized(out)


def amp_noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return hum with harmonics, hiss and at times a feedback whistle."""
    t = np.arange(samples) / RATE
    mains = rng.choice([50.0, 60.0])
    out = sum(rng.uniform(0, 1) / k * np.sin(2 * np.pi * mains * k * t + rng.uniform(0, 6)) for k in range(1, 12))
    out = out + rng.uniform(0.05, 0.5) * _band(rng.normal(size=samples), 500, 9_000)
    if rng.random() < 0.35:
        swell = np.clip(np.sin(np.pi * t / t[-1]) * 2 - 1, 0, 1) ** 2
        out = out + 2 * swell * np.sin(2 * np.pi * rng.uniform(400, 2_500) * t)
    return normalized(out)


def pluck(pitch_hz: np.ndarray | float, samples: int, rng: np.random.Generator, *, decay_s: float = 1.5) -> np.ndarray:
    """Return a plucked string; its pitch may drift (one value a sample)."""
    t = np.arange(samples) / RATE
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(pitch_hz, samples)) / RATE
    bright = rng.uniform(0.7, 1.4)
    top = float(np.max(pitch_hz))
    out = np.zeros(samples)
    for k in range(1, 13):
        if k * top > RATE * 0.4:
            break
        weight = abs(np.sin(np.pi * k * rng.uniform(0.12, 0.3))) / k**bright
        out += weight * np.exp(-t * k**0.7 / decay_s) * np.sin(k * phase * (1 + 2e-5 * k * k))
    attack = min(samples, 60)
    out[:attack] *= np.linspace(0, 1, attack)
    return out


STRINGS_HZ = (82.41, 110.0, 146.83, 196.0, 246.94, 329.63)


def tuning(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return strings plucked again and again while they drift to pitch, of a guitar or a bass."""
    out = np.zeros(samples)
    octave = rng.choice([1.0, 1.0, 0.5])
    at, string, off = 0, int(rng.integers(6)), rng.uniform(-0.9, 0.9)
    while at < samples:
        length = int(rng.uniform(1.2, 3.0) * RATE)
        target = 0.0 if abs(off) < 0.08 else off * rng.uniform(0.2, 0.8)
        glide = np.interp(np.linspace(0, 1, length), [0, 0.3, 0.8, 1], [off, off, target, target])
        note = pluck(octave * STRINGS_HZ[string] * 2 ** (glide / 12), length, rng, decay_s=2.5) * rng.uniform(0.6, 1)
        if rng.random() < 0.3 and string < 5:
            note += pluck(octave * STRINGS_HZ[string + 1], length, rng, decay_s=2.5) * 0.8
        note = note[: samples - at]
        out[at : at + len(note)] += note
        off = target
        if abs(off) < 0.08:
            string, off = int(rng.integers(6)), rng.uniform(-0.9, 0.9)
        at += int(rng.uniform(0.5, 1.0) * length)
    return normalized(np.tanh(out * rng.uniform(1, 6)))


SCALES = ((0, 3, 5, 7, 10), (0, 2, 4, 7, 9), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 5, 7, 9, 11), (0, 3, 5, 6, 7, 10))


def riffs(samples: int, rng: np.random.Generator, tonic: int, beat_s: float) -> np.ndarray:
    """Return somebody playing to himself: a riff in the song's key, stopped and tried again, in no one's tempo."""
    out = np.zeros(samples)
    scale, low = SCALES[int(rng.integers(len(SCALES)))], rng.choice([28, 40, 40, 52])
    motif = [(int(rng.integers(-3, 8)), float(rng.choice([0.25, 0.5, 0.5, 1.0]))) for _ in range(rng.integers(4, 11))]
    tempo, at, drive = beat_s * rng.uniform(0.75, 1.4), 0, rng.uniform(1, 12)
    while at < samples:
        for degree, beats in motif[: int(rng.integers(2, len(motif) + 1))]:
            degree = degree + int(rng.choice([0, 0, 0, 0, 1, -1]))
            semitones = 12 * (degree // len(scale)) + scale[degree % len(scale)]
            hertz = 440 * 2 ** ((low + tonic % 12 + semitones - 69) / 12)
            length = int(beats * tempo * rng.uniform(0.9, 1.15) * RATE)
            note = pluck(hertz, int(length * rng.uniform(0.8, 2.0)), rng, decay_s=rng.uniform(0.3, 1.2))[: samples - at]
            if at >= samples:
                break
            out[at : at + len(note)] += note * rng.uniform(0.5, 1)
            at += length
        at += int(rng.choice([0, 0.2, 0.8, 2.0]) * rng.uniform(0.5, 1.5) * RATE)
    return normalized(np.tanh(normalized(out) * drive))


def _hit(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return one stroke on a drum."""
    t = np.arange(int(0.35 * RATE)) / RATE
    if kind == "kick":
        return np.sin(2 * np.pi * (50 * t + 4 * (1 - np.exp(-t * 40)))) * np.exp(-t * 14)
    if kind == "snare":
        body = np.sin(2 * np.pi * 190 * t) * np.exp(-t * 25)
        return 0.5 * body + 0.5 * _band(rng.normal(size=len(t)), 900, 9_000) * np.exp(-t * 18)
    if kind == "tom":
        return np.sin(2 * np.pi * (rng.uniform(90, 170) * t + 1 - np.exp(-t * 20))) * np.exp(-t * 10)
    return 0.6 * _band(rng.normal(size=len(t)), 6_000, 15_000) * np.exp(-t * rng.uniform(15, 60))


def drumming(samples: int, rng: np.random.Generator, beat_s: float) -> np.ndarray:
    """Return a drummer warming up: patterns that start, speed up and break off."""
    out, at = np.zeros(samples), 0
    kinds = ["kick", "hat", "snare", "hat"]
    while at < samples:
        step = beat_s / 2 * rng.uniform(0.6, 1.5)
        pattern = [str(rng.choice([*kinds, "tom"])) for _ in range(int(rng.integers(3, 9)))]
        for number in range(int(rng.integers(4, 40))):
            stroke = _hit(pattern[number % len(pattern)], rng) * rng.uniform(0.4, 1)
            stroke = stroke[: max(0, samples - at)]
            out[at : at + len(stroke)] += stroke
            at += int(step * rng.uniform(0.92, 1.08) * RATE)
            if at >= samples:
                break
        at += int(rng.exponential(0.8) * RATE)
    return normalized(out)


def count_in(beat_s: float, rng: np.random.Generator) -> np.ndarray:
    """Return four clicks of the sticks, some with a voice."""
    beats = int(rng.choice([4, 4, 4, 2, 8]))
    samples = int(beats * beat_s * RATE)
    out = np.zeros(samples)
    t = np.arange(int(0.05 * RATE)) / RATE
    hertz = rng.uniform(1_500, 3_000)
    for beat in range(beats):
        click = (np.sin(2 * np.pi * hertz * t) + 0.4 * rng.normal(size=len(t))) * np.exp(-t * 120)
        at = int((beat * beat_s + max(0.0, rng.normal(0, 0.006))) * RATE)
        click = click[: max(0, samples - at)]
        out[at : at + len(click)] += click * rng.uniform(0.7, 1)
    if rng.random() < 0.4:
        voice = _spoken("one, two, three, four", str(rng.choice(VOICES)), 50, int(np.clip(60 / beat_s * 1.6, 90, 400)))
        out += _fit(normalized(voice) * 0.15, samples)
    return normalized(out)


def applause(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return a few people clapping, or many."""
    people, out = int(rng.choice([2, 4, 10, 60])), np.zeros(samples)
    t = np.arange(int(0.04 * RATE)) / RATE
    for _ in range(people):
        at, gap, level = rng.uniform(0, 0.6), rng.uniform(0.16, 0.35), rng.uniform(0.2, 1)
        stop = samples / RATE * rng.uniform(0.5, 1)
        low = rng.uniform(500, 1_500)
        clap = _band(rng.normal(size=len(t)), low, low * 3) * np.exp(-t * 150) * level
        while at < stop:
            start = int(at * RATE)
            part = clap[: max(0, samples - start)]
            out[start : start + len(part)] += part * rng.uniform(0.6, 1)
            at += gap * rng.uniform(0.85, 1.15)
    return normalized(out)


def scrambled(samples: int, rng: np.random.Generator, song: np.ndarray) -> np.ndarray:
    """Return one 'instrument' of the song, by its band, playing bits of it in any order and speed."""
    low_hz = float(rng.choice([60, 250, 500, 900]))
    out, at = np.zeros(samples), 0
    while at < samples:
        length = int(rng.uniform(0.4, 3.0) * RATE)
        start = int(rng.integers(0, max(1, len(song) - 2 * length)))
        rate = rng.uniform(0.82, 1.2)
        grain = _resampled(song[start : start + int(length * rate)], rate)
        grain = _band(grain, low_hz, low_hz * rng.uniform(4, 8))
        edge = min(len(grain) // 3, int(0.03 * RATE))
        if edge:
            grain[:edge] *= np.linspace(0, 1, edge)
            grain[-edge:] *= np.linspace(1, 0, edge)
        for _ in range(int(rng.integers(1, 3))):
            if at >= samples:
                break
            part = grain[: samples - at]
            out[at : at + len(part)] += normalized(part) * rng.uniform(0.5, 1)
            at += len(grain)
        at += int(rng.choice([0, 0.1, 0.6, 1.5]) * RATE)
    return normalized(out)


def _resampled(sound: np.ndarray, rate: float) -> np.ndarray:
    """Return sound played `rate` times as fast, pitch and all."""
    at = np.arange(0, max(1, len(sound) - 1), rate)
    return np.interp(at, np.arange(len(sound)), sound)


NOODLERS: tuple[tuple[str, float], ...] = (("riffs", 0.35), ("scrambled", 0.4), ("drumming", 0.25))


def noodling(samples: int, rng: np.random.Generator, song: np.ndarray, tonic: int, beat_s: float) -> np.ndarray:
    """Return one or two players at it at once, each for himself, at times with talk across."""
    makers: dict[str, Callable[[], np.ndarray]] = {
        "riffs": lambda: riffs(samples, rng, tonic, beat_s),
        "scrambled": lambda: scrambled(samples, rng, song),
        "drumming": lambda: drumming(samples, rng, beat_s),
    }
    names, weights = zip(*NOODLERS)
    chosen = rng.choice(names, size=int(rng.choice([1, 1, 2])), replace=False, p=weights)
    out = sum((makers[str(name)]() * rng.uniform(0.4, 1) for name in chosen), np.zeros(samples))
    if rng.random() < 0.25:
        out = out + talk(samples, rng) * rng.uniform(0.2, 0.7)
    return normalized(out)
