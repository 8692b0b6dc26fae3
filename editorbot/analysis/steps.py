"""The step grid: eight frames become one row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from editorbot.analysis.analysis import STEP_COLUMNS, STEP_MEL_BANDS
from editorbot.timebase import STEP_FRAMES

_MEL = slice(0, STEP_MEL_BANDS)
_CHROMA = slice(STEP_MEL_BANDS, STEP_MEL_BANDS + 12)
_AT = {name: column for column, name in enumerate(STEP_COLUMNS)}
_MEANS = ("level_db", "flux", "flatness", "zero_crossings", "centroid_hz", "low_share")
_SILENCE = np.float32(1e-30)


@dataclass(frozen=True)
class StepSources:
    """Rows of frames that steps are made of; the first frame starts a step."""

    mel_db: Float32[np.ndarray, "frames mel_bands"]
    """Log power of the step grid's mel bands, shape=(frames, 40) [dB]."""
    chroma: Float32[np.ndarray, "frames pitches"]
    """Energy of each pitch class, shape=(frames, 12), not scaled."""
    level_db: Float32[np.ndarray, " frames"]
    """Level [dBFS]."""
    flux: Float32[np.ndarray, " frames"]
    """Onset strength at its own frame [dB]."""
    flatness: Float[np.ndarray, " frames"]
    """Spectral flatness in [0, 1]."""
    zero_crossings: Float[np.ndarray, " frames"]
    """Zero-crossing rate."""
    centroid_hz: Float[np.ndarray, " frames"]
    """Spectral centroid [Hz]."""
    low_share: Float[np.ndarray, " frames"]
    """Share of power below 200 Hz."""


def fill_steps(sources: StepSources, steps: Float32[np.ndarray, "steps columns"]) -> None:
    """Write the rows of the steps that the frames fill; ``width`` is left as it is."""
    starts = np.arange(0, len(sources.flux), STEP_FRAMES)
    counts = np.diff(np.append(starts, len(sources.flux)))[:, None].astype(np.float32)
    rows = steps[: len(starts)]
    rows[:, _MEL] = np.add.reduceat(sources.mel_db, starts, axis=0) / counts
    rows[:, _CHROMA] = largest_to_one(np.add.reduceat(sources.chroma, starts, axis=0))
    table = np.stack([getattr(sources, name) for name in _MEANS], axis=1)
    rows[:, [_AT[name] for name in _MEANS]] = np.add.reduceat(table, starts, axis=0) / counts
    rows[:, _AT["level_min_db"]] = np.minimum.reduceat(sources.level_db, starts)
    rows[:, _AT["level_max_db"]] = np.maximum.reduceat(sources.level_db, starts)
    rows[:, _AT["flux_max"]] = np.maximum.reduceat(sources.flux, starts)


def largest_to_one(energy: Float32[np.ndarray, "rows pitches"]) -> Float32[np.ndarray, "rows pitches"]:
    """Scale each row to a largest value of 1; rows of silence become 0."""
    largest = energy.max(axis=1, keepdims=True)
    scaled: Float32[np.ndarray, "rows pitches"] = np.where(largest > _SILENCE, energy, 0) / np.maximum(
        largest, _SILENCE
    )
    return scaled
