"""Music and noise whose beats are known by construction."""

from __future__ import annotations

import numpy as np

from editorbot.analysis.spectrum import FrameTracks, Spectrum
from editorbot.analysis.spectrum_scan import SpectrumScan
from editorbot.timebase import ANALYSIS_RATE


def spectrum_of(mono: np.ndarray) -> Spectrum:
    scan = SpectrumScan(len(mono))
    scan.update(mono.astype(np.float32))
    return scan.finish()


def tracks_of(mono: np.ndarray) -> FrameTracks:
    return spectrum_of(mono).tracks


def duration_of(mono: np.ndarray) -> float:
    return len(mono) / ANALYSIS_RATE


def _kick() -> np.ndarray:
    t = np.arange(4000) / ANALYSIS_RATE
    return np.sin(2 * np.pi * (50 * t + 4 * (1 - np.exp(-t * 40)))) * np.exp(-t * 18)


def _burst(rng: np.random.Generator, decay: float, length: int) -> np.ndarray:
    return rng.standard_normal(length) * np.exp(-np.arange(length) / ANALYSIS_RATE * decay)


def add(sound: np.ndarray, at_s: float, what: np.ndarray) -> None:
    at = round(at_s * ANALYSIS_RATE)
    room = min(len(what), len(sound) - at)
    if at >= 0 and room > 0:
        sound[at : at + room] += what[:room]


def drums(beats_s: np.ndarray, meter: int, length_s: float, seed: int = 0) -> np.ndarray:
    """A band in miniature: kick and a bass note on the one, snare on the others, hats between."""
    rng = np.random.default_rng(seed)
    sound = 1e-4 * rng.standard_normal(round(length_s * ANALYSIS_RATE))
    steps_s = np.append(np.diff(beats_s), np.diff(beats_s)[-1])
    for index, (beat_s, step_s) in enumerate(zip(beats_s, steps_s)):
        place = index % meter
        if place == 0:
            pitch_hz = 55.0 * 2 ** ([0, 5, 7, 3][index // meter % 4] / 12)
            t = np.arange(round(step_s * meter * 0.95 * ANALYSIS_RATE)) / ANALYSIS_RATE
            chord = sum(np.sin(2 * np.pi * pitch_hz * ratio * t) for ratio in (1, 2, 3, 4.76))
            add(sound, beat_s, 0.08 * chord * np.exp(-t))
        add(sound, beat_s, 0.8 * _kick() if place == 0 or (meter == 4 and place == 2) else 0.3 * _burst(rng, 25, 3000))
        add(sound, beat_s, 0.1 * _burst(rng, 120, 800))
        add(sound, beat_s + step_s / 2, 0.1 * _burst(rng, 120, 800))
    return 0.5 * sound / np.abs(sound).max()


def steady(tempo_bpm: float, start_s: float, end_s: float) -> np.ndarray:
    return np.arange(start_s, end_s, 60.0 / tempo_bpm)


def speech_like(rng: np.random.Generator, length_s: float) -> np.ndarray:
    """Syllables of filtered noise and voice, with pauses between words: no pulse."""
    sound = 1e-4 * rng.standard_normal(round(length_s * ANALYSIS_RATE))
    at_s = 0.3
    while at_s < length_s:
        long_s = rng.uniform(0.06, 0.3)
        t = np.arange(round(long_s * ANALYSIS_RATE)) / ANALYSIS_RATE
        voice = sum(np.sin(2 * np.pi * rng.uniform(100, 180) * k * t) / k for k in range(1, 20))
        color = voice if rng.random() < 0.7 else rng.standard_normal(len(t))
        add(sound, at_s, rng.uniform(0.05, 0.3) * color * np.sin(np.pi * t / long_s))
        at_s += long_s + rng.exponential(0.06) + (rng.exponential(0.5) if rng.random() < 0.25 else 0.0)
    return sound


def jittered(rng: np.random.Generator, length_s: float) -> np.ndarray:
    """Blows at random times."""
    sound = 1e-4 * rng.standard_normal(round(length_s * ANALYSIS_RATE))
    for at_s in np.cumsum(rng.exponential(0.4, round(length_s * 3))):
        add(sound, at_s, rng.uniform(0.2, 0.8) * _burst(rng, 40, 3000))
    return sound


def rubato(rng: np.random.Generator, length_s: float) -> np.ndarray:
    """Notes of random length at random times."""
    sound = 1e-4 * rng.standard_normal(round(length_s * ANALYSIS_RATE))
    at_s = 0.5
    t = np.arange(30_000) / ANALYSIS_RATE
    while at_s < length_s:
        pitch_hz = 110.0 * 2 ** (rng.integers(0, 24) / 12)
        note = sum(np.sin(2 * np.pi * pitch_hz * k * t) / k for k in (1, 2, 3)) * np.exp(-3 * t)
        add(sound, at_s, rng.uniform(0.1, 0.3) * note)
        at_s += rng.choice([0.15, 0.3, 0.5, 0.8, 1.3]) * np.exp(rng.normal(0, 0.3))
    return sound


def rain(rng: np.random.Generator, length_s: float) -> np.ndarray:
    sound = 0.05 * rng.standard_normal(round(length_s * ANALYSIS_RATE))
    for at_s in rng.uniform(0, length_s, round(length_s * 12)):
        add(sound, at_s, rng.uniform(0.05, 0.5) * _burst(rng, 150, 900))
    return sound
