"""What is measured in the short-time spectrum of a recording.

Conventions
-----------
Frame `f` is centred on sample ``f * HOP_SAMPLES`` of the downmix; before the start and after the
end is silence. Definitions are those of librosa's `feature` and `onset` modules, without `top_db`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from editorbot.analysis.filterbanks import CONTRAST_BANDS
from editorbot.analysis.frame_rows import SpooledRows
from editorbot.timebase import N_FFT

MEL_BANDS, MFCC = 128, 13
"""Mel bands of the frame grid, and coefficients taken from them."""

TRACK_BANDS = 8
"""Groups of mel bands in `FrameTracks`, low to high, 16 mel bands each."""

FRAME_COLUMNS: tuple[str, ...] = (
    "rms", "centroid_hz", "zero_crossing_rate", "rolloff_hz", "bandwidth_hz", "flatness",
    *(f"contrast_{band}" for band in range(CONTRAST_BANDS)), *(f"mfcc_{order}" for order in range(MFCC)),
)  # fmt: skip
"""Columns of `Spectrum.columns`."""

STEP_MEL_BANDS = 40
"""Mel bands of the step grid's timbre."""

STEP_COLUMNS: tuple[str, ...] = (
    *(f"mel_{band}" for band in range(STEP_MEL_BANDS)),
    *(f"chroma_{pitch}" for pitch in range(12)),
    "level_db", "level_min_db", "level_max_db", "flux", "flux_max", "flatness", "zero_crossings", "centroid_hz",
    "low_share", "width",
)  # fmt: skip
"""Columns of `Spectrum.steps` and `Analysis.steps`.

``mel_*``: mean log power of 40 mel bands [dB, absolute]. ``chroma_*``: mean energy of 12 pitch classes, each step
scaled to a largest value of 1 (0 in silence). ``level_*``: mean, lowest and highest frame level [dBFS]. ``flux``: mean
and largest onset strength. ``flatness``: mean spectral flatness in [0, 1]. ``zero_crossings``: mean rate.
``centroid_hz``: mean spectral centroid. ``low_share``: share of power below 200 Hz. ``width``: side over mid energy
ratio of a stereo file, 0 for mono.
"""

LEVEL_FLOOR_DB = -120.0
"""Level of silence [dBFS]."""

_POWER_FLOOR = np.float32(1e-10)
_DB_A_NEPER = np.float32(10.0 / np.log(10.0))


@dataclass(frozen=True)
class FrameTracks:
    """What beats and structure are found in, one row a frame of the grid."""

    onset: Float32[np.ndarray, " frames"]
    """Onset strength, shape=(frames,): mean rise of the mel bands [dB]. As librosa's, it is two frames late."""
    band_flux: Float32[np.ndarray, "frames bands"]
    """Mean rise of each band group since the frame before [dB], shape=(frames, 8); not late."""
    band_level_db: Float32[np.ndarray, "frames bands"]
    """Level of each band group [dB], shape=(frames, 8), mean of the log-mel bands."""
    chroma: Float32[np.ndarray, "frames pitches"]
    """Energy of 12 pitch classes, C first, shape=(frames, 12), largest 1, 0 in silence."""
    level_db: Float32[np.ndarray, " frames"]
    """Level, shape=(frames,) [dBFS], at least LEVEL_FLOOR_DB."""


@dataclass(frozen=True)
class Spectrum:
    """Everything that the pass over a recording measures."""

    tracks: FrameTracks
    """Rows for beats and structure."""
    columns: Float32[np.ndarray, "frames columns"] | SpooledRows
    """Rows for the features, shape=(frames, 26); see FRAME_COLUMNS. Of a long recording, to be read by slices."""
    steps: Float32[np.ndarray, "steps step_columns"]
    """The step grid; see STEP_COLUMNS."""
    mel_reference_db: float
    """The largest log-mel value of the recording [dB]."""


def step_column(steps: Float32[np.ndarray, "steps columns"], name: str) -> Float32[np.ndarray, " steps"]:
    """View one of STEP_COLUMNS of the step grid, shape=(steps,)."""
    return steps[:, STEP_COLUMNS.index(name)]


def power_to_db(power: Float32[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """Compute ``10 log10(max(power, 1e-10))``."""
    decibels: Float32[np.ndarray, "*shape"] = np.log(np.maximum(power, _POWER_FLOOR))
    decibels *= _DB_A_NEPER
    return decibels


def hann_window() -> Float64[np.ndarray, " window"]:
    """Make the periodic Hann window, shape=(2048,)."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT))
