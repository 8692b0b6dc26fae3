"""Novelty: how much begins at each frame, which beats are found by.

Ten columns a frame: the rise of eight bands, of the whole spectrum, and the change of harmony. Each is compressed and
measured against its own surroundings, so that a quiet passage counts as much as a loud one and a crash cymbal does not
outweigh a bar.

Conventions
-----------
Frames are those of the grid in :mod:`editorbot.timebase`. An onset's rise peaks `ONSET_LEAD_S` before the onset, since
a centred window meets it early.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

from editorbot.analysis.smoothing import running_max, running_mean
from editorbot.analysis.spectrum import TRACK_BANDS, FrameTracks
from editorbot.timebase import s_to_frames

NOVELTY_COLUMNS = TRACK_BANDS + 2
"""Rise of the bands, rise of the spectrum, change of harmony."""

RISE_COLUMN = TRACK_BANDS
"""The column of the whole spectrum's rise."""

ONSET_LEAD_S = 0.013
"""How far the novelty peaks ahead of an onset [s]; measured on rendered music with exact note times."""

WINDOW_FRAMES = s_to_frames(6.0)
"""Window that a frame is measured against [frames], 6 s: a bar or two on either side."""

HARMONY_FRAMES = 9
"""Frames on either side whose chroma is compared, 0.2 s."""

INAUDIBLE_DB, FADE_DB = 30.0, 20.0
"""A band counts in full down to this below its surroundings' peak [dB], and fades out over this much more."""

SILENT_DBFS, LOUD_OVER_SILENT_DB = -75.0, 15.0
"""Frames at this level count nothing, frames this much louder in full: the dither of dead air has no beat."""

BLOCK_FRAMES = 8_192
"""Frames computed at a time, three minutes."""

MARGIN_FRAMES = 3 * WINDOW_FRAMES // 2 + 2 * HARMONY_FRAMES
"""What a frame's novelty depends on to either side, three half windows and the harmony."""

RISE_KNEE_DB = 3.0
"""Rises are compressed logarithmically above this [dB a frame]."""

SPREAD_FLOOR = np.array([0.15] * (TRACK_BANDS + 1) + [0.05], dtype=np.float32)
"""Added to the local spread, so that the shimmer of a drone is not blown up into onsets."""

RANGE = (-3.0, 5.0)
"""Bounds of the result, in local standard deviations."""


def novelty(frames: FrameTracks) -> Float32[np.ndarray, "frames columns"]:
    """Measure how much begins at each frame, in local standard deviations within `RANGE`; near 0 where nothing changes.

    Computed in blocks that overlap by the windows, so that nothing but the result grows with the recording; the borders
    of blocks do not show.
    """
    count = len(frames.level_db)
    result = np.empty((count, NOVELTY_COLUMNS), dtype=np.float32)
    for first in range(0, count, BLOCK_FRAMES):
        start, end = max(0, first - MARGIN_FRAMES), min(count, first + BLOCK_FRAMES + MARGIN_FRAMES)
        part = _novelty_of(frames.band_flux[start:end], frames.band_level_db[start:end], frames.chroma[start:end],
                           frames.level_db[start:end])  # fmt: skip
        result[first : first + BLOCK_FRAMES] = part[first - start : first - start + BLOCK_FRAMES]
    return result


def _novelty_of(
    band_flux: np.ndarray, band_level_db: np.ndarray, chroma: np.ndarray, level_db: np.ndarray
) -> np.ndarray:
    """Compute the novelty of one block, margins included."""
    peak_db = running_max(band_level_db, WINDOW_FRAMES)
    audible = np.clip((band_level_db - peak_db + FADE_DB + INAUDIBLE_DB) / FADE_DB, 0, 1)
    loud = np.clip((level_db - SILENT_DBFS) / LOUD_OVER_SILENT_DB, 0, 1)[:, None]
    rise = np.log1p(np.hstack([band_flux * audible, band_flux.mean(axis=1, keepdims=True)]) * loud / RISE_KNEE_DB)
    raw = np.hstack([rise, _harmony_change(chroma)[:, None] * loud]).astype(np.float32)
    mean = running_mean(raw, WINDOW_FRAMES)
    spread = np.sqrt(np.maximum(running_mean((raw - mean) ** 2, WINDOW_FRAMES), 0))
    return np.asarray(np.clip((raw - mean) / (spread + SPREAD_FLOOR), *RANGE))


def _harmony_change(chroma: Float32[np.ndarray, "frames pitches"]) -> Float[np.ndarray, " frames"]:
    """Compute one minus the cosine between the chroma before and after each frame."""
    count = len(chroma)
    total = np.vstack([np.zeros((1, chroma.shape[1])), np.cumsum(chroma, axis=0, dtype=np.float64)])
    at = np.arange(count)

    def direction(first: np.ndarray, last: np.ndarray) -> np.ndarray:
        summed = total[np.clip(last, 0, count)] - total[np.clip(first, 0, count)]
        return np.asarray(summed / (np.linalg.norm(summed, axis=1, keepdims=True) + 1e-6))

    after, before = direction(at + 1, at + 1 + HARMONY_FRAMES), direction(at - HARMONY_FRAMES, at)
    return np.asarray(np.maximum(0.0, 1.0 - np.einsum("ij,ij->i", after, before)))
