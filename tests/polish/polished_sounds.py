"""Sounds and ways through polish that its tests share."""

from __future__ import annotations

import math

import numpy as np
from scipy.signal import resample_poly

from editorbot.editlist.edit_list import PolishStep
from editorbot.polish import polish_blocks

RATE = 44_100
LOUDNESS = (PolishStep("loudness"),)


def polished(sound: np.ndarray, steps=LOUDNESS, rate: int = RATE, length: int = 8_192) -> np.ndarray:
    def make_blocks():
        return iter([sound[at : at + length] for at in range(0, len(sound), length)])

    return np.concatenate(list(polish_blocks(make_blocks, rate, sound.shape[1], steps)))


def true_peak_db(sound: np.ndarray) -> float:
    """Return the true peak by another method than the package's: 8 x, with a filter of its own."""
    padded = np.pad(sound, ((64, 64), (0, 0)))
    return 20 * math.log10(np.abs(resample_poly(padded, 8, 1, axis=0)).max())


def quiet_music(seconds: float = 10.0, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    time_s = np.arange(round(RATE * seconds)) / RATE
    tone = np.sin(2 * np.pi * 220 * time_s) * (1 + 0.5 * np.sin(2 * np.pi * 2 * time_s))
    return 0.02 * (tone[:, None] + 0.3 * rng.standard_normal((len(time_s), channels)))


def hard_cases() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    clicks = quiet_music(4.0)
    clicks[::7_919] += 0.9
    quarter = 0.05 * rng.standard_normal((4 * RATE, 1))
    quarter[RATE : 2 * RATE, 0] += 0.9 * np.sin(2 * np.pi * (0.25 * np.arange(RATE) + 0.125))
    square = np.sign(np.sin(2 * np.pi * 97.3 * np.arange(4 * RATE) / RATE))[:, None] * 0.9
    square[: 3 * RATE] *= 0.05
    bursts = 0.01 * rng.standard_normal((4 * RATE, 2))
    bursts[::RATE] = 1.0
    bursts[1::RATE] = -1.0
    loud_end = np.concatenate([quiet_music(3.0), rng.uniform(-1, 1, (3_000, 2))])
    return [clicks, quarter, square, bursts, loud_end]
