"""Inputs of the mel networks: the mel scaled to [0, 1], and a summary of the whole track, ten statistics a band.

Levels are relative to the track's highest mel value, as in :mod:`editorbot.analysis.mel`, so that a track's gain does
not matter. A track of hours is read block by block: levels are kept as histograms.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32, Float64, Int64

from editorbot.models.mel_config import BANDS, MEL_SPAN_DB, SUMMARY_PLANES, SUMMARY_SIZE
from editorbot.polish.blocks import BandValues, MelFrames

LOWEST_DB, HIGHEST_DB = -160, 250
"""Range of the histogram of levels [dB]."""

SHARES = {"low": 0.1, "high": 0.9, "floor": 0.02, "middle": 0.5, "peak": 0.98}
"""Quantile of each plane of levels. Noise lifts ``floor`` and ``low`` and brings them together; clipping brings
``high`` and ``peak`` together."""

STEP_FRAMES = 3
"""``rise`` and ``fall`` are level differences over so many frames."""

STEP_SHARE = 0.05
"""Share of a band's frames that rise more than ``rise``, and of those that fall more than ``fall``: with
reverberation nothing falls fast."""

STEEPEST_DB = 80
"""Range of the histogram of rises and falls [dB]."""


def power_db(power: MelFrames) -> MelFrames:
    """Convert mel power to levels [dB], at least LOWEST_DB."""
    return np.asarray(10 * np.log10(np.maximum(power, 1e-16)), dtype=np.float32)


def scaled(mel_db: MelFrames, reference_db: float) -> MelFrames:
    """Scale levels to mel values in [0, 1]; the reference is 1."""
    return np.clip((mel_db - np.float32(reference_db)) / np.float32(MEL_SPAN_DB) + 1, 0, 1).astype(np.float32)


class SummaryMeter:
    """Accumulates the levels of a track, and summarizes each band."""

    def __init__(self) -> None:
        self._counts = np.zeros((BANDS, HIGHEST_DB - LOWEST_DB), dtype=np.int64)
        self._motion = np.zeros(BANDS)
        self._steps = np.zeros((BANDS, 2 * STEEPEST_DB), dtype=np.int64)
        self._last: MelFrames | None = None
        self.frames = 0
        """Frames taken."""
        self.reference_db = float(LOWEST_DB)
        """Highest level so far [dB]."""

    def add(self, mel_db: MelFrames) -> None:
        """Take the next frames."""
        if len(mel_db) == 0:
            return
        rows = np.clip(mel_db - LOWEST_DB, 0, self._counts.shape[1] - 1).astype(np.int64)
        _count(self._counts, rows)
        self.reference_db = max(self.reference_db, float(mel_db.max()))
        joined = mel_db if self._last is None else np.concatenate([self._last, mel_db])
        # Clipped below, as the mel is; early in a track the reference is only an estimate.
        clipped = np.maximum(joined, self.reference_db - MEL_SPAN_DB)
        since = 0 if self._last is None else len(self._last)
        self._motion += np.abs(np.diff(clipped[max(since - 1, 0) :], axis=0)).sum(axis=0)
        steps = clipped[STEP_FRAMES:] - clipped[:-STEP_FRAMES]
        _count(self._steps, np.clip(steps + STEEPEST_DB, 0, self._steps.shape[1] - 1).astype(np.int64))
        self._last = joined[-STEP_FRAMES:].copy()
        self.frames += len(mel_db)

    def summary(self) -> Float32[np.ndarray, " summary"]:
        """Concatenate the planes, shape=(SUMMARY_SIZE,); zeros without frames."""
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
        has_steps = self._steps.any()
        return planes_of(mean, spread, levels, motion, rise * has_steps / MEL_SPAN_DB, fall * has_steps / MEL_SPAN_DB)


def planes_of(
    mean: BandValues,
    spread: BandValues,
    levels: Mapping[str, BandValues],
    motion: BandValues,
    rise: BandValues,
    fall: BandValues,
) -> Float32[np.ndarray, " summary"]:
    """Scale and concatenate statistics of each band, in units of MEL_SPAN_DB, in the order of SUMMARY_PLANES."""
    named = {name: level - 0.5 for name, level in levels.items()}
    named |= {"mean": mean - 0.5, "spread": 2 * spread, "motion": 5 * motion, "rise": 2 * rise, "fall": 2 * fall}
    return np.concatenate([named[name] for name in SUMMARY_PLANES]).astype(np.float32)


def _count(counts: Int64[np.ndarray, "128 levels"], rows: Int64[np.ndarray, "frames 128"]) -> None:
    """Add frames to the histogram of each band."""
    flat = rows + np.arange(BANDS) * counts.shape[1]
    counts += np.bincount(flat.ravel(), minlength=counts.size).reshape(counts.shape)


def _first_above(below: Float64[np.ndarray, "128 levels"], share: float) -> np.ndarray:
    """Quantile of each band: the first level below which a share of the frames is."""
    return np.argmax(below >= share, axis=1)
