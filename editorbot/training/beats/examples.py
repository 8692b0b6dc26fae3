"""The examples that the beat network trains on: a virtual band, degraded, with its beats.

Half of the pieces are made up, half are MIDI files of the training side, both on random instruments, with human timing,
often without some players, through a random amplifier, room, microphone and noise. Each example depends on the seed and
its number alone, so any part of a set can be made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float16, Float32

from editorbot.analysis.beat_net import inputs_of
from editorbot.analysis.novelty import novelty
from editorbot.analysis.spectrum_scan import SpectrumScan
from editorbot.corpus.band.generate import BASS_PROGRAMS, CHORD_PROGRAMS, KITS, TUNE_PROGRAMS, generate_piece
from editorbot.corpus.band.midi import read_midi
from editorbot.corpus.band.mistakes import humanized
from editorbot.corpus.band.play import Performance, play
from editorbot.corpus.band.score import Part, Score, at_speed, excerpt
from editorbot.corpus.cache_files import read_entry, write_entry
from editorbot.timebase import ANALYSIS_RATE

EXAMPLE_S = 60.0
"""Length of an example [seconds]."""

KEEP_INSTRUMENTS = 0.3
"""Share of MIDI pieces that are played on the instruments of the file."""

OWN_INSTRUMENT = 0.75
"""Share of the other players that get a usual instrument of their kind, not any."""


@dataclass(frozen=True)
class BeatExample:
    """A stretch of sound as the network reads it, and its beats."""

    inputs: Float16[np.ndarray, "frames inputs"]
    """See `analysis.beat_net.inputs_of`; half precision to keep hours in memory."""
    beats_s: Float[np.ndarray, " beats"]
    """True beats [seconds]."""
    downbeats_s: Float[np.ndarray, " bars"]
    """True first beats of bars [seconds]."""


def make_example(number: int, seed: int, midi: Sequence[Path], soundfont: bytes) -> BeatExample:
    """Make example `number` of a set.

    Even numbers are made up; odd ones are MIDI files of the training side, if there are any. `soundfont` is the content
    of an SF2 file.
    """
    rng = np.random.default_rng([seed, number])
    score = (
        _midi_excerpt(midi[number // 2 % len(midi)], rng)
        if midi and number % 2
        else generate_piece(rng, length_s=EXAMPLE_S)
    )
    score = humanized(
        score, rng, timing_s=float(rng.choice([0.0, 0.004, 0.008, 0.014])), touch=float(rng.uniform(0, 12))
    )
    mono = roughened(mixed(play(score, soundfont, sample_rate=ANALYSIS_RATE), rng), rng)
    return example_of(mono, score.beats_s, score.downbeats_s)


def example_of(mono: Float32[np.ndarray, " samples"], beats_s: np.ndarray, downbeats_s: np.ndarray) -> BeatExample:
    """Compute what the network reads of a sound at ANALYSIS_RATE."""
    scan = SpectrumScan(len(mono))
    scan.update(mono)
    tracks = scan.finish().tracks
    return BeatExample(inputs_of(tracks, novelty(tracks)).astype(np.float16), beats_s, downbeats_s)


@lru_cache(maxsize=64)
def _read_once(path: Path) -> Score:
    """Read a MIDI file once; that takes longer than playing a minute of it."""
    return read_midi(path)


def _midi_excerpt(path: Path, rng: np.random.Generator) -> Score:
    """Draw a minute of a piece, its speed and instruments, often without some players."""
    score = at_speed(_read_once(path), float(np.exp(rng.uniform(np.log(0.8), np.log(1.3)))))
    start_s = float(rng.uniform(0, max(0.0, score.end_s - EXAMPLE_S)))
    score = excerpt(score, start_s, start_s + EXAMPLE_S)
    playing = [part for part in score.parts if part.notes]
    if len(playing) > 1 and rng.random() < 0.4:
        fewer = [part for part in playing if rng.random() < 0.7]
        playing = fewer or playing
    if rng.random() > KEEP_INSTRUMENTS:
        playing = [on_another_instrument(part, rng) for part in playing]
    return replace(score, parts=tuple(playing)) if playing else generate_piece(rng, length_s=EXAMPLE_S)


def on_another_instrument(part: Part, rng: np.random.Generator) -> Part:
    """Give a player another instrument, mostly one of the same kind."""
    kinds = {"drums": KITS, "bass": BASS_PROGRAMS, "vocals": TUNE_PROGRAMS, "other": (*CHORD_PROGRAMS, *TUNE_PROGRAMS)}
    usual = rng.random() < OWN_INSTRUMENT or part.is_drums
    program = int(rng.choice(kinds[part.role])) if usual else int(rng.integers(0, 112))
    controls = tuple(control for control in part.controls if control.kind != "program")
    return replace(part, program=program, controls=controls)


def mixed(performance: Performance, rng: np.random.Generator) -> Float32[np.ndarray, " samples"]:
    """Mix the players at random levels, some through an overdriven amplifier."""
    mix = np.zeros(len(performance.stems[0].sound), dtype=np.float32)
    for stem in performance.stems:
        mono = 0.5 * (stem.sound[:, 0] + stem.sound[:, 1])
        loud = float(np.abs(mono).max()) + 1e-9
        if rng.random() < 0.25 and stem.role != "drums":
            drive = float(np.exp(rng.uniform(np.log(2), np.log(40))))
            mono = np.tanh(drive * mono / loud) * loud / np.tanh(drive)
        mix += mono * np.float32(10 ** (rng.normal(0, 4) / 20))
    return mix


def roughened(mono: Float32[np.ndarray, " samples"], rng: np.random.Generator) -> Float32[np.ndarray, " samples"]:
    """Degrade a sound by a random amplifier, tone, room, compressor and noise."""
    sound = mono.astype(np.float64) / (np.abs(mono).max() + 1e-9)
    if rng.random() < 0.4:
        sound = np.tanh(sound * rng.uniform(1, 12))
    if rng.random() < 0.8:
        sound = _colored(sound, rng)
    if rng.random() < 0.5:
        sound = _in_a_room(sound, rng)
    if rng.random() < 0.3:
        sound = _pumped(sound, rng)
    sound = 0.5 * sound / (np.abs(sound).max() + 1e-9)
    sound += 10 ** rng.uniform(-4.5, -1.8) * rng.standard_normal(len(sound))
    return sound.astype(np.float32)


def _colored(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Apply a smooth random equalizer, up to 15 dB up or down, and sometimes cut lows or highs."""
    from scipy.signal import oaconvolve

    frequencies_hz = np.fft.rfftfreq(1024, 1 / ANALYSIS_RATE)
    octave = np.log2(np.maximum(frequencies_hz, 30.0) / 30.0)
    knots = np.linspace(0, 8.6, 6)
    curve_db = np.interp(octave, knots, np.clip(rng.normal(0, 5, len(knots)), -15, 15))
    if rng.random() < 0.25:
        curve_db -= 24 * np.maximum(0, np.log2(rng.uniform(60, 300) / np.maximum(frequencies_hz, 20)))
    if rng.random() < 0.25:
        curve_db -= 24 * np.maximum(0, np.log2(np.maximum(frequencies_hz, 20) / rng.uniform(1500, 8000)))
    kernel = np.fft.irfft(10 ** (np.maximum(curve_db, -80) / 20))
    kernel = np.roll(kernel, 512) * np.hanning(1024)
    colored: np.ndarray = oaconvolve(sound, kernel)[512 : 512 + len(sound)]
    return colored


def _in_a_room(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    from scipy.signal import oaconvolve

    decay_s = float(np.exp(rng.uniform(np.log(0.03), np.log(0.5))))
    length = int(min(3 * decay_s, 1.2) * ANALYSIS_RATE)
    tail = rng.standard_normal(length) * np.exp(-np.arange(length) / (ANALYSIS_RATE * decay_s))
    wet = oaconvolve(sound, tail / np.linalg.norm(tail))[: len(sound)]
    mixed: np.ndarray = sound + rng.uniform(0.1, 0.9) * wet * np.std(sound) / (np.std(wet) + 1e-9)
    return mixed


def _pumped(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Compress: divide by a power of the level of the last tenth of a second."""
    from scipy.signal import lfilter

    pole = np.exp(-1 / (ANALYSIS_RATE * rng.uniform(0.02, 0.2)))
    level = np.sqrt(np.maximum(lfilter([1 - pole], [1, -pole], sound**2), 1e-8))
    pumped: np.ndarray = sound / level ** rng.uniform(0.2, 0.7)
    return pumped


def keep_example(path: Path, example: BeatExample) -> None:
    """Write an example for later runs."""
    write_entry(path, vars(example))


def kept_example(path: Path) -> BeatExample | None:
    """Read an example that was kept; None if it is missing or damaged."""
    arrays = read_entry(path)
    names = [field.name for field in fields(BeatExample)]
    return BeatExample(**arrays) if arrays is not None and sorted(arrays) == sorted(names) else None
