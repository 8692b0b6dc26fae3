"""The level of each frame of an edit relative to its raw recording, and what the editor did there."""

from __future__ import annotations

import enum

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float32, Int8, Int64

_SMOOTH_FRAMES = 9
_LOWEST_DB, _HIGHEST_DB = -60.0, 40.0
_QUIET = 1e-9
"""Power below which the gain of a raw frame cannot be measured."""
_FADED_DB, _BELOW_DB = 9.0, 1.5
"""A fade ends this far below the segment's gain, and lasts while the gain is this far below."""


class FrameOp(enum.IntEnum):
    """What the editor did at a frame; the numbers are stored in files."""

    COPY = 0
    """The next frame of the raw recording."""
    LOOP = 1
    """A frame that the edit had before."""
    SKIP = 2
    """The first frame after a cut."""
    FADE = 3
    """A frame of a fade at the start or the end of a segment."""
    OTHER = 4
    """Not from the raw recording; nothing is learned from it."""


def gain_curve_db(
    raw_power: Float32[np.ndarray, " raw_frames"],
    edit_power: Float32[np.ndarray, " edit_frames"],
    pointers: Int64[np.ndarray, " edit_frames"],
) -> Float32[np.ndarray, " edit_frames"]:
    """Measure the gain of each frame [dB], shape=(edit frames,); NaN where it is not from the raw recording."""
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
    """Find the frames of one segment that belong to a fade at its start or its end."""
    fading = np.zeros(len(gain_db), dtype=bool)
    if len(gain_db) < 2 * _SMOOTH_FRAMES:
        return fading
    normal = np.median(gain_db)
    is_below = gain_db < normal - _BELOW_DB
    if gain_db[:3].min() < normal - _FADED_DB:
        fading[: _leading(is_below)] = True
    if gain_db[-3:].min() < normal - _FADED_DB:
        fading[len(gain_db) - _leading(is_below[::-1]) :] = True
    return fading


def _leading(is_true: Bool[np.ndarray, " frames"]) -> int:
    """Count the values that are true from the start on."""
    return len(is_true) if is_true.all() else int(np.argmin(is_true))


def frame_ops(
    pointers: Int64[np.ndarray, " frames"], gain_db: Float32[np.ndarray, " frames"]
) -> Int8[np.ndarray, " frames"]:
    """Return the operation of each frame of an edit, from its pointers and gains, shape=(edit frames,)."""
    ops = np.full(len(pointers), FrameOp.COPY, dtype=np.int8)
    ops[_played_before(pointers)] = FrameOp.LOOP
    for first, end in _runs(pointers):
        fading = is_fading(np.nan_to_num(gain_db[first:end], nan=0.0).astype(np.float32))
        ops[first:end][fading] = FrameOp.FADE
        if first > 0:
            ops[first] = FrameOp.SKIP
    ops[pointers < 0] = FrameOp.OTHER
    return ops


def _played_before(pointers: Int64[np.ndarray, " frames"]) -> Bool[np.ndarray, " frames"]:
    """Find the frames that point to where an earlier run of pointers was."""
    played = np.zeros(int(pointers.max(initial=-1)) + 3, dtype=bool)
    before = np.zeros(len(pointers), dtype=bool)
    for first, end in _runs(pointers):
        run = pointers[first:end]
        before[first:end] = played[run]
        played[run] = True
    return before


def _runs(pointers: Int64[np.ndarray, " frames"]) -> list[tuple[int, int]]:
    """Return the (first, end) of the runs that continue in the raw recording, at up to twice or half the speed."""
    step = np.diff(pointers)
    edges = np.flatnonzero((step < 0) | (step > 2) | (pointers[1:] < 0) | (pointers[:-1] < 0)) + 1
    bounds = [0, *edges.tolist(), len(pointers)]
    return [(a, b) for a, b in zip(bounds, bounds[1:]) if b > a and pointers[a] >= 0]
