"""The one short-time spectrum of a recording, and what is read from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

TRACK_BANDS = 8
"""Groups of mel bands that `FrameTracks` keeps apart, low to high, 16 mel bands each."""


@dataclass(frozen=True)
class FrameTracks:
    """What the beat tracker and the structure finder read, one row a frame of the grid."""

    onset: Float32[np.ndarray, " frames"]
    """Onset strength, shape=(frames,), librosa's definition: mean over mel bands of the rise in dB."""
    band_flux: Float32[np.ndarray, "frames bands"]
    """Rise of each band group [dB a frame], shape=(frames, 8), mean of the positive mel differences."""
    band_level_db: Float32[np.ndarray, "frames bands"]
    """Level of each band group [dB], shape=(frames, 8), mean of the log-mel bands."""
    chroma: Float32[np.ndarray, "frames pitches"]
    """Energy of 12 pitch classes, C first, shape=(frames, 12), largest 1, 0 in silence."""
    level_db: Float32[np.ndarray, " frames"]
    """Level, shape=(frames,) [dBFS], at least -120."""
