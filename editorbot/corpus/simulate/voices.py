"""People who talk between takes: made-up syllables by source and filter, and ``espeak-ng`` where it is installed.

A voice is a buzz at the pitch of the vocal folds and a hiss, both shaped frame by frame by the resonances (formants)
of a mouth that moves from sound to sound. No word can be understood, but rhythm, pitch, vowels, consonants, pauses
and laughter are those of talk.

References
----------
Peterson and Barney, "Control methods used in a study of the vowels", JASA 24, 1952: the vowels' formants.
Fant, "Acoustic theory of speech production", 1960: source and filter.
"""

from __future__ import annotations

import functools
import io
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import soundfile as sf
import soxr
from jaxtyping import Float32
from scipy.ndimage import uniform_filter1d
from scipy.signal import istft, stft

from editorbot.corpus.simulate.plan import pick

Mono = Float32[np.ndarray, " _samples"]
"""One channel of sound, shape=(samples,)."""

VOWELS = np.array(
    [[730, 1090, 2440], [270, 2290, 3010], [530, 1840, 2480], [570, 840, 2410], [300, 870, 2240], [490, 1350, 1690],
     [660, 1720, 2410], [640, 1190, 2390], [500, 1500, 2500], [440, 1020, 2240]], dtype=float,
)  # fmt: skip
"""First three formants of a man's vowels [Hz]."""

CONTROL_S = 0.005
"""Distance of the control points of the mouth [seconds]."""

HISSES = ((6500.0, 1800.0), (3600.0, 1400.0), (4800.0, 3500.0), (1600.0, 900.0), (2500.0, 2500.0))
"""Centre and width of the noise of s, sh, f, h, t [Hz]."""


@dataclass(frozen=True)
class Speaker:
    """One person's voice."""

    pitch_hz: float
    """Usual pitch [Hz]."""
    mouth: float
    """Factor on a man's formants; higher for women and children."""
    breath: float
    """How much hiss is in the voice, in [0, 1]."""
    pace_s: float
    """Usual length of a syllable [seconds]."""
    melody: float
    """How far the pitch moves [octaves]."""
    tilt_db: float
    """Fall of the buzz [dB an octave]."""


def draw_speaker(rng: np.random.Generator) -> Speaker:
    """Draw a person."""
    high = rng.random() < 0.4
    return Speaker(
        pitch_hz=float(rng.uniform(160, 270) if high else rng.uniform(80, 150)),
        mouth=float(rng.uniform(1.08, 1.28) if high else rng.uniform(0.9, 1.08)),
        breath=float(rng.uniform(0.02, 0.3)),
        pace_s=float(rng.uniform(0.12, 0.26)),
        melody=float(rng.uniform(0.08, 0.5)),
        tilt_db=float(rng.uniform(-14, -6)),
    )


class _Mouth:
    """Collects the movements of a mouth, one phone after another."""

    def __init__(self) -> None:
        self.rows: list[np.ndarray] = []

    def say(self, seconds: float, formants: np.ndarray, voiced: float, hiss: float, at: tuple[float, float]) -> None:
        count = max(1, round(seconds / CONTROL_S))
        self.rows.append(np.tile(np.array([*formants, voiced, hiss, *at]), (count, 1)))

    @property
    def seconds(self) -> float:
        return sum(len(row) for row in self.rows) * CONTROL_S


def _syllable(mouth: _Mouth, speaker: Speaker, stress: float, rng: np.random.Generator) -> None:
    """Say a consonant, a vowel, and sometimes a consonant after it."""
    vowel = VOWELS[rng.integers(len(VOWELS))] * speaker.mouth
    length = speaker.pace_s * rng.lognormal(0, 0.3) * (0.8 + 0.5 * stress)
    still, hiss = vowel, HISSES[0]
    kind = rng.choice(6, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
    if kind == 0:  # a stop: closed, then a burst
        mouth.say(rng.uniform(0.03, 0.08), still, 0.02 * rng.integers(2), 0.0, hiss)
        mouth.say(rng.uniform(0.008, 0.03), still, 0.1, rng.uniform(0.3, 0.9), HISSES[rng.integers(len(HISSES))])
    elif kind == 1:  # a fricative
        mouth.say(rng.uniform(0.05, 0.14), still, 0.15 * rng.integers(2), rng.uniform(0.2, 0.7),
                  HISSES[rng.integers(len(HISSES))])  # fmt: skip
    elif kind in (2, 3):  # a nasal or a liquid
        closed = vowel * rng.uniform([0.4, 0.6, 0.9], [0.8, 1.2, 1.1])
        mouth.say(rng.uniform(0.04, 0.1), closed, 0.45, 0.0, hiss)
    mouth.say(length, vowel, 0.7 + 0.3 * stress, speaker.breath * 0.2, HISSES[3])
    if rng.random() < 0.3:  # a diphthong
        mouth.say(length * 0.5, VOWELS[rng.integers(len(VOWELS))] * speaker.mouth, 0.6, speaker.breath * 0.2, HISSES[3])
    if rng.random() < 0.25:
        mouth.say(rng.uniform(0.04, 0.12), vowel, 0.1, rng.uniform(0.1, 0.5), HISSES[rng.integers(len(HISSES))])


def speech(seconds: float, rate: int, speaker: Speaker, rng: np.random.Generator, *, pauses_s: float = 0.5) -> Mono:
    """Make a person talk, with pauses of a mean length, shape=(samples,), peak about 1."""
    mouth, pitches = _Mouth(), []
    while mouth.seconds < seconds:
        excited = rng.uniform(0.8, 1.5) if rng.random() < 0.15 else 1.0
        syllables = int(rng.integers(1, 14))
        for number in range(syllables):
            before = mouth.seconds
            _syllable(mouth, speaker, float(rng.random() < 0.35), rng)
            fall = -speaker.melody * 0.6 * number / max(1, syllables)
            bend = rng.normal(0, speaker.melody * 0.4)
            pitches += [(before, excited * 2 ** (fall + bend)), (mouth.seconds, excited * 2 ** (fall + bend / 2))]
        if rng.random() < 0.3:  # a question
            pitches[-1] = (pitches[-1][0], pitches[-1][1] * 1.5)
        mouth.say(rng.exponential(pauses_s) + 0.03, VOWELS[8] * speaker.mouth, 0.0, 0.0, HISSES[3])
    return _voiced(mouth, pitches, seconds, rate, speaker, rng)


def laughter(seconds: float, rate: int, speaker: Speaker, rng: np.random.Generator) -> Mono:
    """Make a person laugh, shape=(samples,)."""
    mouth, pitches = _Mouth(), []
    beat_s, vowel = rng.uniform(0.14, 0.24), VOWELS[rng.integers(len(VOWELS))] * speaker.mouth
    height = rng.uniform(1.2, 2.0)
    while mouth.seconds < seconds:
        strength = 0.5 + 0.5 * rng.random()
        mouth.say(beat_s * 0.45, vowel, 0.0, 0.25 * strength, HISSES[3])
        pitches += [(mouth.seconds, height), (mouth.seconds + beat_s * 0.5, height * 0.9)]
        mouth.say(beat_s * 0.55, vowel, strength, 0.1, HISSES[3])
        height = max(0.8, height * rng.uniform(0.9, 1.03))
        if rng.random() < 0.08:
            mouth.say(rng.uniform(0.2, 0.6), vowel, 0.0, 0.1, HISSES[3])
    return _voiced(mouth, pitches, seconds, rate, speaker, rng)


def word(rate: int, speaker: Speaker, rng: np.random.Generator, *, seconds: float = 0.25) -> Mono:
    """Say one short word, as in a count-in."""
    mouth = _Mouth()
    _syllable(mouth, speaker, 1.0, rng)
    height = rng.uniform(0.95, 1.3)
    pitches = [(0.0, height), (mouth.seconds, height * 0.85)]
    length = min(max(seconds, 0.1), mouth.seconds + 0.03)
    return _voiced(mouth, pitches, length, rate, speaker, rng)


def _voiced(
    mouth: _Mouth,
    pitches: list[tuple[float, float]],
    seconds: float,
    rate: int,
    speaker: Speaker,
    rng: np.random.Generator,
) -> Mono:
    """Synthesize the sound of a mouth's movements."""
    rows = uniform_filter1d(np.concatenate(mouth.rows), 5, axis=0, mode="nearest")
    samples = max(1, round(seconds * rate))
    now_s = np.arange(samples) / rate
    heights = np.interp(now_s, *np.array(pitches).T)
    flutter = uniform_filter1d(rng.standard_normal(samples), max(1, rate // 80)) * 0.35
    phase = np.cumsum(speaker.pitch_hz * heights * (1 + flutter) / rate)
    buzz = (2 * (phase % 1) - 1).astype(np.float32)
    hiss = rng.standard_normal(samples, dtype=np.float32)
    window = 1 << int(np.ceil(np.log2(0.02 * rate)))
    hop = window // 4
    hz, frames_s, voiced = stft(buzz, rate, nperseg=window, noverlap=window - hop)
    noise = stft(hiss, rate, nperseg=window, noverlap=window - hop)[2]
    at = np.minimum((frames_s / CONTROL_S).astype(int), len(rows) - 1)
    shape, breath = _responses(rows[at], hz, speaker)
    sound = istft(voiced * shape + noise * breath, rate, nperseg=window, noverlap=window - hop)[1][:samples]
    sound = np.pad(sound, (0, max(0, samples - len(sound)))).astype(np.float32)
    return sound / np.float32(max(1e-6, float(np.abs(sound).max())))


def _responses(rows: np.ndarray, hz: np.ndarray, speaker: Speaker) -> tuple[np.ndarray, np.ndarray]:
    """Compute the frequency responses of mouth and hiss at each frame, both of shape=(bins, frames)."""
    bins = hz[:, None]
    shape = np.zeros((len(hz), len(rows)), dtype=np.float32)
    widths, falls = (80, 110, 170, 250), (1.0, 0.6, 0.35, 0.2)
    formants = [rows[:, 0], rows[:, 1], rows[:, 2], np.full(len(rows), 3600.0 * speaker.mouth)]
    for formant, width, fall in zip(formants, widths, falls):
        shape += fall / (1 + ((bins - formant) / width) ** 2)
    octaves = np.log2(np.maximum(bins, 100.0) / 100.0)
    tilt = 10 ** ((speaker.tilt_db + 6) * octaves / 20)  # a sawtooth falls by 6 dB an octave itself
    closed = (shape * tilt + 0.02 / (1 + octaves)) * rows[:, 3]
    breath = np.exp(-(((bins - rows[:, 5]) / rows[:, 6]) ** 2)) * rows[:, 4] * 0.12 + shape * rows[:, 4] * 0.05
    return closed.astype(np.float32), breath.astype(np.float32)


OPENINGS = ("okay", "right", "sorry", "wait", "hang on", "no no", "so", "well", "hey", "can we", "I think", "maybe")
MIDDLES = (
    "do that again", "take it from the top", "from the bridge", "the second verse", "a bit slower", "one more",
    "the chorus twice", "I came in late", "my string is flat", "turn me up", "not so loud", "with the fill", "better",
    "the ending is not together", "in the old key", "four bars before", "pretty good", "without the drums",
    "who has the tuner", "it is still recording", "wrong chord",
)  # fmt: skip
ENDINGS = ("", "", "please", "okay", "and then we go on", "I mean it", "ready", "yeah", "you know", "next time")
"""What is said, put together at random."""

LANGUAGES = ("en-us", "en-gb", "de", "fr", "es", "it", "nl", "pl", "pt", "sv")
VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4")
"""Voices of the program."""

_LONGEST_WAIT_S = 10.0


@functools.cache
def find_espeak() -> str | None:
    """Find ``espeak-ng``; None if it is not installed."""
    return shutil.which("espeak-ng")


def spoken(rate: int, rng: np.random.Generator) -> Mono | None:
    """Let ``espeak-ng`` say one to three sentences, shape=(samples,), peak about 1; None if it is missing or fails."""
    sentences = [f"{pick(OPENINGS, rng)} {pick(MIDDLES, rng)} {pick(ENDINGS, rng)}" for _ in range(rng.integers(1, 4))]
    voice = f"{pick(LANGUAGES, rng)}+{pick(VARIANTS, rng)}"
    pace, pitch = int(rng.integers(120, 210)), int(rng.integers(15, 85))
    program = find_espeak()
    if program is None:
        return None
    command = [program, "--stdout", "-v", voice, "-s", str(pace), "-p", str(pitch), ". ".join(sentences)]
    try:
        said = subprocess.run(command, capture_output=True, timeout=_LONGEST_WAIT_S, check=True)
        sound, its_rate = sf.read(io.BytesIO(said.stdout), dtype="float32")
    except (OSError, subprocess.SubprocessError, sf.LibsndfileError):
        return None
    mono = soxr.resample(np.asarray(sound, dtype=np.float32).reshape(-1), its_rate, rate)
    return (mono / max(1e-6, float(np.abs(mono).max()))).astype(np.float32) if len(mono) else None
