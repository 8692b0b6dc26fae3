"""Sounds whose answers are known by construction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile as sf


def band(seconds: float, rate: int, *, seed: int = 0, bpm: float = 120.0, root_hz: float = 110.0) -> np.ndarray:
    """Return a small band: a drum on every beat, a bass and a chord that change every bar, shape=(samples,)."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * rate)
    t = np.arange(samples) / rate
    beat_s = 60.0 / bpm
    in_beat_s = t % beat_s
    beat = (t / beat_s).astype(int)
    drum = np.where(beat % 2 == 0, np.sin(2 * np.pi * 60 * in_beat_s), rng.standard_normal(samples))
    sound = 0.5 * drum * np.exp(-in_beat_s * 25)
    step = np.array([0, 5, 7, 3])[(beat // 4) % 4]
    root = root_hz * 2 ** (step / 12)
    phase = 2 * np.pi * np.cumsum(root) / rate
    for harmonic, level in ((1, 0.2), (2, 0.1), (2.5, 0.08), (3, 0.08)):
        sound += level * np.sin(harmonic * phase) * (0.6 + 0.4 * np.exp(-in_beat_s * 3))
    return 0.4 * sound


def jam(rate: int = 22_050, *, channels: int = 2, seed: int = 0) -> np.ndarray:
    """Return music, six seconds of nothing, and the music again with more after it, shape=(samples, channels)."""
    rng = np.random.default_rng(seed)
    song = band(24.0, rate, seed=seed)
    parts = [song[: 8 * rate], np.zeros(6 * rate), song, np.zeros(2 * rate)]
    mono = np.concatenate(parts)
    noise = 1e-4 * rng.standard_normal((len(mono), channels))
    return mono[:, None] + noise


def write(path: Path, sound: np.ndarray, rate: int = 22_050, subtype: str = "PCM_16") -> Path:
    """Write a sound and return its path."""
    sf.write(path, sound, rate, subtype=subtype)
    return path
