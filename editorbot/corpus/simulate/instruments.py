"""Instruments that are not in the finished track: strings, pipes, amplifiers, drums, for tuning and noodling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from scipy.ndimage import uniform_filter1d
from scipy.signal import lfilter

Mono = Float32[np.ndarray, " _samples"]
"""One channel of sound, shape=(samples,)."""

LONGEST_NOTE_S = 6.0
"""No note rings longer [seconds]."""

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 7, 10), (0, 2, 4, 7, 9), (0, 3, 5, 6, 7, 10),
          (0, 2, 3, 5, 7, 9, 10), (0, 1, 4, 5, 7, 8, 11), tuple(range(12)))  # fmt: skip
"""Notes of the scales that people noodle in [semitones]."""


@dataclass(frozen=True)
class Instrument:
    """One instrument's colour."""

    partials: int
    """How many partials it has."""
    fall: float
    """How fast they get weaker: the k-th is ``k ** -fall`` as strong."""
    odd: float
    """How strong even partials are beside odd ones, in [0, 1]."""
    decay_s: float
    """Time in which the first partial falls to a third [seconds]; higher ones fall faster. 0 sustains."""
    attack_s: float
    """Length of the attack [seconds]."""
    stiffness: float
    """How far partials are stretched; strings are a little."""
    vibrato: float
    """Depth of the vibrato [semitones]."""
    drive: float
    """How far an amplifier is overdriven; 0 is clean."""
    pick: float
    """Noise of pick, bow or breath, in [0, 1]."""
    lowest: int
    """Lowest note [MIDI]."""
    highest: int
    """Highest note [MIDI]."""


def draw_instrument(rng: np.random.Generator) -> Instrument:
    """Draw an instrument: plucked, struck, bowed, blown, or through an amplifier."""
    family = rng.choice(["guitar", "bass", "keys", "bowed", "blown", "organ", "synth"])
    lowest, highest = {"guitar": (40, 79), "bass": (28, 55), "keys": (36, 90), "bowed": (48, 88), "blown": (50, 86),
                       "organ": (36, 84), "synth": (36, 90)}[str(family)]  # fmt: skip
    sustains = family in ("bowed", "blown", "organ") or (family == "synth" and rng.random() < 0.5)
    return Instrument(
        partials=int(rng.integers(4, 22)),
        fall=float(rng.uniform(0.7, 2.0)),
        odd=float(rng.uniform(0.2, 1.0)),
        decay_s=0.0 if sustains else float(rng.uniform(0.2, 2.0)),
        attack_s=float(rng.uniform(0.02, 0.12) if sustains else rng.uniform(0.001, 0.008)),
        stiffness=0.0 if sustains else float(rng.uniform(0, 4e-4)),
        vibrato=float(rng.uniform(0, 0.4)) if sustains else float(rng.choice([0.0, 0.1])),
        drive=float(rng.choice([0.0, rng.uniform(1, 12)], p=[0.6, 0.4]))
        if family in ("guitar", "bass", "synth")
        else 0.0,
        pick=float(rng.uniform(0.0, 0.4)),
        lowest=lowest,
        highest=highest,
    )


def note(
    instrument: Instrument,
    pitch: float,
    seconds: float,
    rate: int,
    rng: np.random.Generator,
    *,
    glide: float = 0.0,
    glide_s: float = 0.5,
) -> Mono:
    """Play one note of a pitch [MIDI], shape=(samples,), peak about 1.

    It can start `glide` semitones off and reach the pitch in about `glide_s`, as a string while it is tuned.
    """
    samples = max(8, round(min(seconds, LONGEST_NOTE_S) * rate))
    now_s = np.arange(samples, dtype=np.float32) / rate
    bend = glide * np.exp(-now_s / max(glide_s, 0.01))
    if instrument.vibrato:
        bend = bend + instrument.vibrato * np.sin(2 * np.pi * rng.uniform(4, 6.5) * now_s) * np.minimum(now_s / 0.4, 1)
    hz = 440 * 2 ** ((pitch + bend - 69) / 12)
    turns = (np.cumsum(hz) / rate * 2 * np.pi).astype(np.float32)
    sound = np.zeros(samples, dtype=np.float32)
    for k in range(1, instrument.partials + 1):
        stretched = k * float(np.sqrt(1 + instrument.stiffness * k * k))
        if stretched * float(hz.max()) > 0.45 * rate:
            break
        strength = k**-instrument.fall * (instrument.odd if k % 2 == 0 else 1.0)
        partial = np.sin(turns * np.float32(stretched) + np.float32(rng.uniform(0, 6.28)))
        if instrument.decay_s:
            partial *= np.exp(-now_s * np.float32((0.6 + 0.4 * k) / instrument.decay_s))
        sound += np.float32(strength) * partial
    click = rng.standard_normal(samples, dtype=np.float32) * np.exp(-now_s / 0.008)
    sound += np.float32(instrument.pick) * click
    if instrument.drive:
        sound = np.tanh(sound * np.float32(instrument.drive)) + np.float32(0.0)
    attack, release = max(1, round(instrument.attack_s * rate)), max(1, round(0.03 * rate))
    sound[:attack] *= np.linspace(0, 1, min(attack, samples), dtype=np.float32)
    sound[-release:] *= np.linspace(1, 0, min(release, samples), dtype=np.float32)
    return sound / np.float32(max(1e-6, float(np.abs(sound).max())))


DRUMS = ("kick", "snare", "tom", "hat", "cymbal", "stick", "rim")
"""What `drum` can hit."""


def drum(kind: str, rate: int, rng: np.random.Generator) -> Mono:
    """Return one stroke on a drum, a cymbal or two sticks, shape=(samples,), peak about 1."""
    seconds = {"kick": 0.4, "snare": 0.3, "tom": 0.6, "hat": 0.12, "cymbal": 2.0, "stick": 0.06, "rim": 0.1}[kind]
    samples = round(seconds * rate)
    now_s = np.arange(samples, dtype=np.float32) / rate
    noise = rng.standard_normal(samples, dtype=np.float32)
    if kind in ("kick", "tom"):
        low, sweep = (rng.uniform(42, 65), rng.uniform(60, 160)) if kind == "kick" else (rng.uniform(70, 220), 60)
        turns = np.cumsum(low + sweep * np.exp(-now_s / 0.03)) / rate * 2 * np.pi
        sound = np.sin(turns) * np.exp(-now_s / (seconds / 4)) + 0.15 * noise * np.exp(-now_s / 0.005)
    elif kind == "snare":
        tone = np.sin(2 * np.pi * rng.uniform(160, 240) * now_s) * np.exp(-now_s / 0.06)
        sound = tone + rng.uniform(0.4, 1.0) * noise * np.exp(-now_s / rng.uniform(0.05, 0.12))
    elif kind in ("hat", "cymbal"):
        bright = np.diff(noise, prepend=np.float32(0.0))
        sound = bright * np.exp(-now_s / (seconds / rng.uniform(3, 6)))
    else:
        tones = sum(np.sin(2 * np.pi * hz * now_s) for hz in rng.uniform(1200, 4500, 3))
        sound = (tones + 0.5 * noise) * np.exp(-now_s / rng.uniform(0.006, 0.02))
    return (sound / max(1e-6, float(np.abs(sound).max()))).astype(np.float32)


def played(strokes: list[tuple[float, float, Mono]], seconds: float, rate: int) -> Mono:
    """Return notes at their times, shape=(samples,): (start [s], strength, sound) each."""
    out = np.zeros(max(1, round(seconds * rate)), dtype=np.float32)
    for start_s, strength, sound in strokes:
        first = round(start_s * rate)
        last = min(len(out), first + len(sound))
        if 0 <= first < last:
            out[first:last] += np.float32(strength) * sound[: last - first]
    return out


def tuning(seconds: float, rate: int, rng: np.random.Generator) -> Mono:
    """Return somebody who tunes: open strings, one after another, pulled into tune, with breaks."""
    instrument = draw_instrument(rng)
    strings = [(40, 45, 50, 55, 59, 64), (28, 33, 38, 43), (55, 62, 69, 76), (48, 55, 62, 69), (69,), (57, 69)]
    open_strings = strings[rng.integers(len(strings))]
    shift = float(rng.choice([0, 0, 0, -1, -2, 12]))
    strokes, now_s, string = [], float(rng.uniform(0, 0.4)), int(rng.integers(len(open_strings)))
    off = float(rng.normal(0, 0.6))
    while now_s < seconds:
        pitch = open_strings[string] + shift
        harmonic = rng.choice([0, 12, 19, 24], p=[0.55, 0.25, 0.1, 0.1])
        held = float(rng.uniform(0.4, 2.5))
        glide = off if rng.random() < 0.6 else 0.0
        strokes.append((now_s, float(rng.uniform(0.4, 1.0)),
                        note(instrument, pitch + harmonic + (0 if glide else off), held, rate, rng,
                             glide=-glide * 0.7, glide_s=rng.uniform(0.2, 1.0))))  # fmt: skip
        if rng.random() < 0.3:  # two strings at once, beating
            other = open_strings[(string + 1) % len(open_strings)] + shift
            strokes.append((now_s + rng.uniform(0, 0.2), 0.7, note(instrument, other + off / 2, held, rate, rng)))
        off *= float(rng.uniform(0.2, 0.9))
        if rng.random() < 0.35 or abs(off) < 0.03:
            string, off = (string + int(rng.choice([1, 1, -1]))) % len(open_strings), float(rng.normal(0, 0.6))
        now_s += float(rng.uniform(0.2, 1.3)) + (float(rng.exponential(1.5)) if rng.random() < 0.12 else 0.0)
    return played(strokes, seconds, rate)


def noodling(seconds: float, rate: int, rng: np.random.Generator, *, beat_s: float | None = None) -> Mono:
    """Return somebody who plays to themselves: bits of scales and chords, haltingly, in a key of their own."""
    instrument = draw_instrument(rng)
    scale, root = SCALES[rng.integers(len(SCALES))], int(rng.integers(12))
    pitches = [p for p in range(instrument.lowest, instrument.highest) if (p - root) % 12 in scale]
    at, now_s = int(rng.integers(len(pitches))), float(rng.uniform(0, 0.3))
    unit_s = (beat_s or float(rng.uniform(0.3, 0.8))) / float(rng.choice([1, 2, 2, 3, 4]))
    riff = [(int(rng.integers(-3, 4)), int(rng.choice([1, 1, 1, 2, 3]))) for _ in range(rng.integers(2, 9))]
    halting, chords = float(rng.uniform(0.02, 0.3)), float(rng.choice([0.0, 0.1, 0.6]))
    strokes, step = [], 0
    while now_s < seconds:
        move, length = riff[step % len(riff)] if rng.random() < 0.8 else (int(rng.integers(-4, 5)), 1)
        at = int(np.clip(at + move, 0, len(pitches) - 1))
        held = unit_s * length * float(rng.uniform(0.7, 3.0) if instrument.decay_s else rng.uniform(0.6, 1.05))
        strength = float(rng.uniform(0.4, 1.0))
        voices = [0, 2, 4] if rng.random() < chords else [0]
        for voice in voices:
            pitch = pitches[min(at + voice, len(pitches) - 1)]
            strokes.append((now_s, strength / len(voices) ** 0.5, note(instrument, float(pitch), held, rate, rng)))
        now_s += unit_s * length * float(rng.lognormal(0, 0.04))
        step += 1
        if rng.random() < halting:
            now_s, step = now_s + float(rng.exponential(0.8)), 0
    return played(strokes, seconds, rate)


def drumming(seconds: float, rate: int, rng: np.random.Generator, *, beat_s: float | None = None) -> Mono:
    """Return a drummer who warms up: fills, single strokes, broken grooves."""
    kit = {kind: drum(kind, rate, rng) for kind in DRUMS}
    unit_s = (beat_s or float(rng.uniform(0.35, 0.8))) / float(rng.choice([2, 2, 3, 4]))
    strokes, now_s, mode = [], 0.0, 0
    while now_s < seconds:
        if rng.random() < 0.08:
            mode, now_s = int(rng.integers(3)), now_s + float(rng.exponential(0.9))
        kinds = (("hat", "kick", "snare"), ("tom", "tom", "snare"), ("kick", "snare", "cymbal"))[mode]
        if rng.random() < 0.8:
            strokes.append((now_s, float(rng.uniform(0.2, 1.0)), kit[kinds[rng.integers(3)]]))
        now_s += unit_s * float(rng.lognormal(0, 0.05)) * float(rng.choice([1, 1, 1, 0.5]))
    return played(strokes, seconds, rate)


def strokes_at(times_s: list[float], kind: str, seconds: float, rate: int, rng: np.random.Generator) -> Mono:
    """Return the same drum or stick at the given times."""
    sound = drum(kind, rate, rng)
    return played([(at, float(rng.uniform(0.7, 1.0)), sound) for at in times_s], seconds, rate)


def colored_noise(samples: int, rate: int, slope_db: float, rng: np.random.Generator) -> Mono:
    """Return noise that falls by `slope_db` an octave above 40 Hz, RMS 1."""
    size = 1 << int(np.ceil(np.log2(max(samples, 2))))
    hz = np.fft.rfftfreq(size, 1 / rate)
    response = 10 ** (slope_db * np.log2(np.maximum(hz, 40.0) / 40.0) / 20)
    spectrum = np.fft.rfft(rng.standard_normal(size, dtype=np.float32)) * response
    sound = np.fft.irfft(spectrum, size)[:samples].astype(np.float32)
    return sound / np.float32(max(1e-9, float(np.sqrt(np.mean(sound**2)))))


def hum(seconds: float, rate: int, rng: np.random.Generator) -> Mono:
    """Return an amplifier that hums: mains, its harmonics and hiss."""
    samples = max(1, round(seconds * rate))
    now_s = np.arange(samples, dtype=np.float32) / rate
    mains = float(rng.choice([50.0, 60.0])) * float(rng.uniform(0.999, 1.001))
    strengths = rng.uniform(0, 1, 12) * np.arange(1, 13) ** -rng.uniform(0.3, 1.5)
    sound = sum(s * np.sin(2 * np.pi * mains * (k + 1) * now_s + rng.uniform(0, 6)) for k, s in enumerate(strengths))
    hiss = colored_noise(samples, rate, float(rng.uniform(-4, 0)), rng) * np.float32(rng.uniform(0.02, 0.6))
    return (np.asarray(sound) + hiss).astype(np.float32)


def applause(seconds: float, rate: int, rng: np.random.Generator) -> Mono:
    """Return people who clap: three in a room or a hall full."""
    samples = max(1, round(seconds * rate))
    people = int(rng.choice([2, 5, 20, 80]))
    hits = np.zeros(samples, dtype=np.float32)
    for _ in range(people):
        pace_s = rng.uniform(0.18, 0.35)
        times_s = np.cumsum(rng.normal(pace_s, pace_s * 0.08, max(1, int(seconds / pace_s)))) - rng.uniform(0, 1.0)
        times_s = times_s[(times_s >= 0) & (times_s < seconds)]
        np.add.at(hits, (times_s * rate).astype(int), rng.uniform(0.3, 1.0, len(times_s)).astype(np.float32))
    length = round(rng.uniform(0.01, 0.03) * rate)
    clap = rng.standard_normal(length, dtype=np.float32) * np.exp(-np.arange(length) / (length / 4))
    clap = lfilter([1.0], [1.0, -float(rng.uniform(0.2, 0.6))], clap)
    size = samples + length
    sound = np.fft.irfft(
        np.fft.rfft(hits, 1 << (size - 1).bit_length()) * np.fft.rfft(clap, 1 << (size - 1).bit_length())
    )
    swell = np.interp(
        np.linspace(0, 1, samples), [0, rng.uniform(0.05, 0.3), rng.uniform(0.4, 0.8), 1], [0.1, 1, 0.8, 0.1]
    )
    return (sound[:samples] * swell).astype(np.float32)


def bumps(seconds: float, rate: int, rng: np.random.Generator) -> Mono:
    """Return a room in which things are moved: thuds, clicks, rustling, crackling plugs."""
    samples = max(1, round(seconds * rate))
    sound = np.zeros(samples, dtype=np.float32)
    for _ in range(int(rng.poisson(seconds * rng.uniform(0.2, 2.0))) + 1):
        first = int(rng.integers(samples))
        length = min(samples - first, round(rng.uniform(0.005, 0.5) * rate))
        if length < 8:
            continue
        burst = colored_noise(length, rate, float(rng.uniform(-9, 1)), rng)
        sound[first : first + length] += (
            burst * np.exp(-np.arange(length) / (length / rng.uniform(2, 6))) * rng.uniform(0.1, 1)
        )
    return sound.astype(np.float32)


def squeal(seconds: float, rate: int, rng: np.random.Generator) -> Mono:
    """Return feedback: a tone that grows, wavers and is stopped."""
    samples = max(1, round(seconds * rate))
    now_s = np.arange(samples) / rate
    wander = uniform_filter1d(rng.standard_normal(samples), max(1, rate // 3)) * 8
    turns = np.cumsum(rng.uniform(300, 3500) * (1 + 0.01 * wander)) / rate * 2 * np.pi
    swell = np.minimum(1, np.exp((now_s - seconds * rng.uniform(0.2, 0.6)) / 0.4))
    return (np.tanh(2 * np.sin(turns) * swell)).astype(np.float32)
