"""How loud the edit is against its raw recording, frame by frame, and where it fades."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float32, Int64

_SMOOTH_FRAMES = 9
_LOWEST_DB, _HIGHEST_DB = -60.0, 40.0
_QUIET = 1e-9
"""Power below which a raw frame tells no gain."""
_FADED_DB, _BELOW_DB = 9.0, 1.5
"""A fade ends this far below the segment's gain, and lasts while it lies this far below."""


def gain_curve_db(
    raw_power: Float32[np.ndarray, " raw_frames"],
    edit_power: Float32[np.ndarray, " edit_frames"],
    pointers: Int64[np.ndarray, " edit_frames"],
) -> Float32[np.ndarray, " edit_frames"]:
    """Return the gain of each frame [dB], shape=(edit frames,); NaN where it is not from the raw recording."""
    gain = np.full(len(pointers), np.nan, dtype=np.float32)
    known = np.flatnonzero((pointers >= 0) & (raw_power[np.maximum(pointers, 0)] > _QUIET))
    if len(known) == 0:
        return gain
    ratio = np.maximum(edit_power[known], 1e-12) / raw_power[pointers[known]]
    measured = np.clip(10 * np.log10(ratio), _LOWEST_DB, _HIGHEST_DB)
    smooth = scipy.ndimage.median_filter(measured, _SMOOTH_FRAMES, mode="nearest")
    mapped = np.flatnonzero(pointers >= 0)
    gain[mapped] = np.interp(mapped, known, smooth)
    return gain


def is_fading(gain_db: Float32[np.ndarray, " frames"]) -> Bool[np.ndarray, " frames"]:
    """Tell which frames of one segment belong to a fade at its start or its end.

    Parameters
    ----------
    gain_db : np.ndarray, shape=(frames,) [dB]
        Gain of the segment's frames.
    """
    fading = np.zeros(len(gain_db), dtype=bool)
    if len(gain_db) < 2 * _SMOOTH_FRAMES:
        return fading
    normal = np.median(gain_db)
    is_below = gain_db < normal - _BELOW_DB
    if gain_db[:3].min() < normal - _FADED_DB:
        fading[: _run(is_below)] = True
    if gain_db[-3:].min() < normal - _FADED_DB:
        fading[len(gain_db) - _run(is_below[::-1]) :] = True
    return fading


def _run(is_true: Bool[np.ndarray, " frames"]) -> int:
    """Return how many values are true from the start on."""
    return len(is_true) if is_true.all() else int(np.argmin(is_true))
