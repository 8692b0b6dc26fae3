"""Sounds that a rehearsal has and a finished track has not.

Every maker takes a random generator and a length and returns mono audio at
RATE with a root mean square of 1 over its sounding part; the caller sets the
level. Speech needs ``espeak-ng``, instruments need ``tinysoundfont`` and a
soundfont.
"""

from __future__ import annotations

import io
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile
import soxr
import tinysoundfont

RATE = 22_050
"""Rate of all audio here [Hz]."""

WORDS = [
    "okay",
    "so",
    "from",
    "the",
    "top",
    "one",
    "more",
    "time",
    "the",
    "chorus",
    "is",
    "too",
    "slow",
    "can",
    "you",
    "turn",
    "me",
    "up",
    "a",
    "little",
    "in",
    "the",
    "monitor",
    "what",
    "was",
    "that",
    "chord",
    "again",
    "I",
    "think",
    "it",
    "is",
    "a",
    "minor",
    "seven",
    "no",
    "wait",
    "sorry",
    "my",
    "fault",
    "let",
    "us",
    "try",
    "the",
    "bridge",
    "with",
    "less",
    "drums",
    "yeah",
    "that",
    "was",
    "good",
    "did",
    "you",
    "record",
    "that",
    "my",
    "string",
    "broke",
    "hold",
    "on",
    "who",
    "has",
    "the",
    "tuner",
    "next",
    "song",
    "please",
    "the",
    "second",
    "verse",
    "needs",
    "a",
    "break",
    "there",
    "should",
    "be",
    "a",
    "fill",
    "before",
    "we",
    "go",
    "back",
    "where",
    "is",
    "the",
    "coffee",
    "we",
    "have",
    "ten",
    "minutes",
    "left",
]
"""What is said in rehearsals."""

VOICES = (
    "en",
    "en-us",
    "en-gb-scotland",
    "en-gb-x-rp",
    "de",
    "fr",
    "es",
    "it",
    "pl",
    "en+f2",
    "en+f4",
    "en+m3",
    "en+m7",
    "de+f3",
)
"""Voices of espeak-ng."""


def unit(sound: np.ndarray) -> np.ndarray:
    """Return the sound scaled to a root mean square of 1 over its louder half."""
    power = sound.astype(np.float64) ** 2
    loud = power[power > np.median(power) * 0.5]
    rms = float(np.sqrt(loud.mean())) if len(loud) else 0.0
    return (sound / rms if rms > 1e-9 else sound).astype(np.float32)


def fit(sound: np.ndarray, length: int) -> np.ndarray:
    """Return the sound cut or padded with silence to `length` samples, with short fades."""
    out = np.zeros(length, np.float32)
    out[: min(length, len(sound))] = sound[:length]
    ramp = np.linspace(0, 1, min(200, length // 2 + 1), dtype=np.float32)
    out[: len(ramp)] *= ramp
    out[length - len(ramp) :] *= ramp[::-1]
    return out


def noise(rng: np.random.Generator, length: int, tilt_db: float = -3.0) -> np.ndarray:
    """Return noise whose spectrum falls by `tilt_db` an octave."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    frequency = np.maximum(np.fft.rfftfreq(length, 1 / RATE), 20.0)
    spectrum *= (frequency / 1000.0) ** (tilt_db / 6.02)
    return unit(np.fft.irfft(spectrum, length))


def say(text: str, rng: np.random.Generator) -> np.ndarray:
    """Return a sentence spoken by a random voice."""
    command = ["espeak-ng", "--stdout", "-v", str(rng.choice(VOICES)), "-s", str(rng.integers(120, 210)),
               "-p", str(rng.integers(20, 80)), text]  # fmt: skip
    data = subprocess.run(command, capture_output=True, check=True).stdout
    sound, rate = soundfile.read(io.BytesIO(data[:40] + (len(data) - 44).to_bytes(4, "little") + data[44:]))
    return soxr.resample(sound, rate, RATE).astype(np.float32)


def talk(rng: np.random.Generator, length: int) -> np.ndarray:
    """Return people talking, with pauses, one after another or across each other."""
    out = np.zeros(length, np.float32)
    at = int(rng.uniform(0, 0.8) * RATE)
    while at < length:
        sentence = say(" ".join(rng.choice(WORDS, rng.integers(3, 14))), rng) * rng.uniform(0.4, 1.0)
        stop = min(length, at + len(sentence))
        out[at:stop] += sentence[: stop - at]
        at = stop + int(rng.choice([-0.3, 0.1, 0.4, 1.2], p=[0.1, 0.4, 0.35, 0.15]) * RATE)
        at = max(at, 0)
    return unit(room(out, rng, rng.uniform(0.0, 0.4)))


def room(sound: np.ndarray, rng: np.random.Generator, amount: float) -> np.ndarray:
    """Return the sound with a room around it."""
    if amount < 0.02:
        return sound
    tail_s = rng.uniform(0.15, 0.9)
    count = int(tail_s * RATE)
    response = rng.standard_normal(count) * np.exp(-6.9 * np.arange(count) / count)
    response *= amount / np.sqrt((response**2).sum())
    response[0] += 1.0
    return scipy.signal.fftconvolve(sound, response)[: len(sound)].astype(np.float32)


def hum(rng: np.random.Generator, length: int) -> np.ndarray:
    """Return mains hum with harmonics and some hiss."""
    base, time = float(rng.choice([50.0, 60.0])), np.arange(length) / RATE
    sound = sum(
        rng.uniform(0.1, 1.0) / k * np.sin(2 * np.pi * base * k * time + rng.uniform(0, 6)) for k in range(1, 8)
    )
    return unit(np.asarray(sound, np.float32) + noise(rng, length) * rng.uniform(0.05, 0.4))


def applause(rng: np.random.Generator, length: int) -> np.ndarray:
    """Return many hands clapping, swelling and fading."""
    claps = np.zeros(length, np.float32)
    for at in rng.integers(0, max(1, length - 600), int(length / RATE * rng.uniform(30, 150))):
        claps[at : at + 500] += (
            rng.uniform(0.2, 1) * noise(rng, 500, 0) * np.exp(-np.arange(500) / rng.uniform(40, 120))
        )
    time = np.linspace(0, 1, length)
    swell = np.minimum(1, time * rng.uniform(3, 20)) * np.minimum(1, (1 - time) * rng.uniform(1.5, 6))
    return unit(room(claps, rng, 0.5) * swell)


@cache
def synth(soundfont: str) -> tuple[tinysoundfont.Synth, int]:
    """Return a synthesizer with the soundfont loaded, and its number."""
    machine = tinysoundfont.Synth(samplerate=RATE)
    return machine, machine.sfload(soundfont)


def play(
    notes: list[tuple[float, float, int, int]], program: int, length: int, soundfont: Path, drums: bool = False
) -> np.ndarray:
    """Return notes (start_s, end_s, pitch, velocity) played by one instrument, mono."""
    machine, number = synth(str(soundfont))
    machine.sounds_off_all() if hasattr(machine, "sounds_off_all") else None
    machine.program_select(0, number, 128 if drums else 0, program, drums)
    events = sorted([(s, 1, p, v) for s, _, p, v in notes] + [(e, 0, p, 0) for _, e, p, _ in notes])
    out, at = [], 0
    for when, on, pitch, velocity in events:
        upto = min(length, int(when * RATE))
        if upto > at:
            out.append(np.frombuffer(bytes(machine.generate(upto - at)), np.float32))
            at = upto
        machine.noteon(0, pitch, velocity) if on else machine.noteoff(0, pitch)
    if at < length:
        out.append(np.frombuffer(bytes(machine.generate(length - at)), np.float32))
    machine.generate(RATE * 2)
    return np.concatenate(out).reshape(-1, 2).mean(1)[:length].astype(np.float32)


def noodling(rng: np.random.Generator, length: int, soundfont: Path) -> np.ndarray:
    """Return one player trying things: runs, single notes, a chord; or a drummer hitting about."""
    seconds, drums = length / RATE, rng.random() < 0.3
    scale = np.array([0, 2, 3, 5, 7, 8, 10]) if rng.random() < 0.5 else np.array([0, 2, 4, 5, 7, 9, 11])
    root, notes, at = int(rng.integers(36, 62)), [], rng.uniform(0, 0.5)
    degree = 0
    while at < seconds:
        gap = float(rng.choice([0.11, 0.16, 0.25, 0.4, 0.9, 1.8], p=[0.22, 0.25, 0.22, 0.15, 0.1, 0.06])) * rng.uniform(
            0.8, 1.2
        )
        degree = int(np.clip(degree + rng.integers(-3, 4), -4, 12))
        pitch = (
            int(rng.choice([36, 38, 42, 46, 41, 45, 49]))
            if drums
            else root + int(scale[degree % 7]) + 12 * (degree // 7)
        )
        notes.append((at, at + gap * rng.uniform(0.5, 1.5), pitch, int(rng.integers(40, 120))))
        if not drums and rng.random() < 0.12:
            notes += [(at, at + gap * 2, pitch + step, 80) for step in (4, 7)]
        at += gap
    program = 0 if drums else int(rng.choice([0, 4, 16, 24, 25, 26, 27, 29, 30, 32, 33, 34, 40, 61, 65, 80]))
    return unit(room(play(notes, program, length, soundfont, drums), rng, rng.uniform(0, 0.3)))


def tuning(rng: np.random.Generator, length: int, soundfont: Path) -> np.ndarray:
    """Return strings plucked again and again while their pitch is drawn up or down."""
    out, at = np.zeros(length, np.float32), int(rng.uniform(0, 0.6) * RATE)
    synthetic = rng.random() < 0.5
    program, strings = int(rng.choice([25, 27, 33, 40, 42])), [40, 45, 50, 55, 59, 64]
    while at < length:
        count = min(int(rng.uniform(0.6, 2.8) * RATE), length - at)
        pitch = int(rng.choice(strings))
        if synthetic:
            time = np.arange(count) / RATE
            bend = 2 ** (np.cumsum(np.full(count, rng.uniform(-0.6, 0.6) / RATE)) / 12)
            phase = 2 * np.pi * np.cumsum(440 * 2 ** ((pitch - 69) / 12) * bend) / RATE
            tone = sum(np.sin(phase * k) / k**1.3 for k in range(1, 9)) * np.exp(-time * rng.uniform(0.5, 2.5))
        else:
            tone = play([(0.0, count / RATE, pitch, 90)], program, count, soundfont)
            bend = 1 + rng.uniform(-0.02, 0.02) * np.linspace(0, 1, count)
            tone = np.interp(np.minimum(np.cumsum(bend), count - 1), np.arange(count), tone)
        out[at : at + count] += (tone * rng.uniform(0.5, 1.0)).astype(np.float32)
        at += int(count * rng.uniform(0.5, 1.2)) + 1
    return unit(room(out, rng, rng.uniform(0, 0.2)))


def count_in(rng: np.random.Generator, length: int, beat_s: float) -> np.ndarray:
    """Return sticks or a voice counting to four."""
    out = np.zeros(length, np.float32)
    spoken = rng.random() < 0.5
    for number, word in enumerate(("one", "two", "three", "four")):
        at = int(number * beat_s * RATE)
        click = np.sin(np.arange(900) * rng.uniform(0.5, 1.4)) * np.exp(-np.arange(900) / 90) + noise(
            rng, 900, 0
        ) * np.exp(-np.arange(900) / 60)
        sound = say(word, rng) if spoken else click.astype(np.float32)
        stop = min(length, at + len(sound))
        if stop > at:
            out[at:stop] += sound[: stop - at]
    return unit(out)


def ringing(rng: np.random.Generator, before: np.ndarray, length: int) -> np.ndarray:
    """Return the last sound of `before` ringing out: its grains, overlapped and decaying."""
    grain = min(len(before), int(0.25 * RATE))
    tail, window = before[-grain:], np.hanning(grain).astype(np.float32)
    out = np.zeros(length + grain, np.float32)
    for at in range(0, length, grain // 4):
        shift = int(rng.integers(0, grain // 3))
        out[at : at + grain] += np.roll(tail, shift) * window
    decay = np.exp(-np.arange(length) / RATE * rng.uniform(0.7, 3.0))
    return (out[:length] * decay * 0.5).astype(np.float32)
