"""What the networks of tone are given: the mel in [0, 1], and what the whole track says of each band.

Levels count from the track's own highest mel value, as in :mod:`editorbot.analysis.mel`, so a track means the same
at any level. A track of hours is heard block by block: levels are kept as histograms.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64

from editorbot.models.mel_shape import BANDS, MEL_SPAN_DB, SUMMARY_SIZE

LOWEST_DB, HIGHEST_DB = -160, 250
"""Levels that are told apart [dB]."""

LOW_SHARE, HIGH_SHARE = 0.1, 0.9
"""Shares of the frames below the planes ``low`` and ``high``."""


def power_db(power: Float32[np.ndarray, "frames 128"]) -> Float32[np.ndarray, "frames 128"]:
    """Return mel power as levels [dB], at least LOWEST_DB."""
    return np.asarray(10 * np.log10(np.maximum(power, 1e-16)), dtype=np.float32)


def scaled(mel_db: Float32[np.ndarray, "frames 128"], reference_db: float) -> Float32[np.ndarray, "frames 128"]:
    """Return levels as mel values in [0, 1], 1 being the reference."""
    return np.clip((mel_db - np.float32(reference_db)) / np.float32(MEL_SPAN_DB) + 1, 0, 1).astype(np.float32)


class SummaryMeter:
    """Takes levels, and sums up what the bands held."""

    def __init__(self) -> None:
        self._counts = np.zeros((BANDS, HIGHEST_DB - LOWEST_DB), dtype=np.int64)
        self._motion = np.zeros(BANDS)
        self._last: Float32[np.ndarray, "1 128"] | None = None
        self.frames = 0
        """Frames taken."""
        self.reference_db = float(LOWEST_DB)
        """Highest level so far [dB]."""

    def add(self, mel_db: Float32[np.ndarray, "frames 128"]) -> None:
        """Take the next frames."""
        if len(mel_db) == 0:
            return
        rows = np.clip(mel_db - LOWEST_DB, 0, self._counts.shape[1] - 1).astype(np.int64)
        flat = rows + np.arange(BANDS) * self._counts.shape[1]
        self._counts += np.bincount(flat.ravel(), minlength=self._counts.size).reshape(self._counts.shape)
        self.reference_db = max(self.reference_db, float(mel_db.max()))
        joined = mel_db if self._last is None else np.concatenate([self._last, mel_db])
        # What lies below the range is cut off, as in the mel; early in a track its reference is only guessed at.
        heard = np.maximum(joined, self.reference_db - MEL_SPAN_DB)
        self._motion += np.abs(np.diff(heard, axis=0)).sum(axis=0)
        self._last = mel_db[-1:].copy()
        self.frames += len(mel_db)

    def summary(self) -> Float32[np.ndarray, " summary"]:
        """Return the planes one after another, shape=(SUMMARY_SIZE,); zeros where nothing was taken."""
        if self.frames == 0:
            return np.zeros(SUMMARY_SIZE, dtype=np.float32)
        levels_db = np.arange(LOWEST_DB, HIGHEST_DB) + 0.5
        values = np.clip((levels_db - self.reference_db) / MEL_SPAN_DB + 1, 0, 1)
        mean = self._counts @ values / self.frames
        spread = np.sqrt(np.maximum(self._counts @ values**2 / self.frames - mean**2, 0))
        below = np.cumsum(self._counts, axis=1) / self.frames
        low, high = (values[_first_above(below, share)] for share in (LOW_SHARE, HIGH_SHARE))
        motion = self._motion / max(self.frames - 1, 1) / MEL_SPAN_DB
        planes = (mean - 0.5, 2 * spread, low - 0.5, high - 0.5, 5 * motion)
        return np.concatenate(planes).astype(np.float32)


def _first_above(below: Float64[np.ndarray, "128 levels"], share: float) -> np.ndarray:
    """Return the first level of each band below which a share of the frames lies."""
    return np.argmax(below >= share, axis=1)
