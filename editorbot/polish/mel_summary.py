"""What the networks of tone are given: the mel in [0, 1], and what the whole track says of each band.

Levels count from the track's own highest mel value, as in :mod:`editorbot.analysis.mel`, so a track means the same
at any level. A track of hours is heard block by block: levels are kept as histograms.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32, Float64, Int64, Shaped

from editorbot.models.mel_config import BANDS, MEL_SPAN_DB, SUMMARY_PLANES, SUMMARY_SIZE

BandValues = Shaped[np.ndarray, " 128"]
"""A number of each band."""

LOWEST_DB, HIGHEST_DB = -160, 250
"""Levels that are told apart [dB]."""

SHARES = {"low": 0.1, "high": 0.9, "floor": 0.02, "middle": 0.5, "peak": 0.98}
"""Share of the frames below each plane of levels. Noise holds ``floor`` and ``low`` together and lifts both; what was
driven into clipping holds ``high`` and ``peak`` together."""

STEP_FRAMES = 3
"""Frames apart over which ``rise`` and ``fall`` are told."""

STEP_SHARE = 0.05
"""Share of a band's frames that rise more than ``rise``, and of those that fall more than ``fall``: a room lets
nothing fall fast."""

STEEPEST_DB = 80
"""Rises and falls are told apart up to this [dB]."""


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
        self._steps = np.zeros((BANDS, 2 * STEEPEST_DB), dtype=np.int64)
        self._last: Float32[np.ndarray, "_frames 128"] | None = None
        self.frames = 0
        """Frames taken."""
        self.reference_db = float(LOWEST_DB)
        """Highest level so far [dB]."""

    def add(self, mel_db: Float32[np.ndarray, "frames 128"]) -> None:
        """Take the next frames."""
        if len(mel_db) == 0:
            return
        rows = np.clip(mel_db - LOWEST_DB, 0, self._counts.shape[1] - 1).astype(np.int64)
        _count(self._counts, rows)
        self.reference_db = max(self.reference_db, float(mel_db.max()))
        joined = mel_db if self._last is None else np.concatenate([self._last, mel_db])
        # What lies below the range is cut off, as in the mel; early in a track its reference is only guessed at.
        heard = np.maximum(joined, self.reference_db - MEL_SPAN_DB)
        since = 0 if self._last is None else len(self._last)
        self._motion += np.abs(np.diff(heard[max(since - 1, 0) :], axis=0)).sum(axis=0)
        steps = heard[STEP_FRAMES:] - heard[:-STEP_FRAMES]
        _count(self._steps, np.clip(steps + STEEPEST_DB, 0, self._steps.shape[1] - 1).astype(np.int64))
        self._last = joined[-STEP_FRAMES:].copy()
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
        levels = {name: values[_first_above(below, share)] for name, share in SHARES.items()}
        motion = self._motion / max(self.frames - 1, 1) / MEL_SPAN_DB
        stepped = np.cumsum(self._steps, axis=1) / np.maximum(self._steps.sum(axis=1, keepdims=True), 1)
        steps_db = np.arange(-STEEPEST_DB, STEEPEST_DB) + 0.5
        fall, rise = (steps_db[_first_above(stepped, share)] for share in (STEP_SHARE, 1 - STEP_SHARE))
        told = self._steps.any()
        return planes_of(mean, spread, levels, motion, rise * told / MEL_SPAN_DB, fall * told / MEL_SPAN_DB)


def planes_of(
    mean: BandValues,
    spread: BandValues,
    levels: Mapping[str, BandValues],
    motion: BandValues,
    rise: BandValues,
    fall: BandValues,
) -> Float32[np.ndarray, " summary"]:
    """Return the planes that numbers of each band make up, in units of MEL_SPAN_DB, one after another."""
    named = {name: level - 0.5 for name, level in levels.items()}
    named |= {"mean": mean - 0.5, "spread": 2 * spread, "motion": 5 * motion, "rise": 2 * rise, "fall": 2 * fall}
    return np.concatenate([named[name] for name in SUMMARY_PLANES]).astype(np.float32)


def _count(counts: Int64[np.ndarray, "128 levels"], rows: Int64[np.ndarray, "frames 128"]) -> None:
    """Count in which row of its histogram each band of each frame lies."""
    flat = rows + np.arange(BANDS) * counts.shape[1]
    counts += np.bincount(flat.ravel(), minlength=counts.size).reshape(counts.shape)


def _first_above(below: Float64[np.ndarray, "128 levels"], share: float) -> np.ndarray:
    """Return the first level of each band below which a share of the frames lies."""
    return np.argmax(below >= share, axis=1)
