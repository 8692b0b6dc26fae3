"""What the editor did at each frame of an edit, as the pointer network learns it."""

from __future__ import annotations

import enum

import numpy as np
from jaxtyping import Bool, Int8, Int64

from editorbot.corpus.alignment.align import Alignment
from editorbot.corpus.alignment.gains import is_fading


class FrameOp(enum.IntEnum):
    """Numbers of the operations; fixed, they stand in files."""

    COPY = 0
    """The next frame of the raw recording."""
    LOOP = 1
    """A frame that the edit had before."""
    SKIP = 2
    """The first frame after a cut."""
    FADE = 3
    """A frame of a fade at the start or the end of a segment."""
    OTHER = 4
    """Not from the raw recording; teaches nothing."""


def frame_ops(alignment: Alignment) -> Int8[np.ndarray, " frames"]:
    """Return the operation of each frame of an edit, shape=(edit frames,)."""
    pointers = alignment.pointers
    ops = np.full(len(pointers), FrameOp.COPY, dtype=np.int8)
    ops[_heard_before(pointers)] = FrameOp.LOOP
    for first, end in _runs(pointers):
        fading = is_fading(np.nan_to_num(alignment.gain_db[first:end], nan=0.0).astype(np.float32))
        ops[first:end][fading] = FrameOp.FADE
        if first > 0:
            ops[first] = FrameOp.SKIP
    ops[pointers < 0] = FrameOp.OTHER
    return ops


def _heard_before(pointers: Int64[np.ndarray, " frames"]) -> Bool[np.ndarray, " frames"]:
    """Tell which frames point to where an earlier run of pointers was."""
    heard = np.zeros(int(pointers.max(initial=-1)) + 3, dtype=bool)
    before = np.zeros(len(pointers), dtype=bool)
    for first, end in _runs(pointers):
        run = pointers[first:end]
        before[first:end] = heard[run]
        heard[run] = True
    return before


def _runs(pointers: Int64[np.ndarray, " frames"]) -> list[tuple[int, int]]:
    """Return the (first, end) of the runs that go on in the raw recording, at up to twice or half the speed."""
    step = np.diff(pointers)
    edges = np.flatnonzero((step < 0) | (step > 2) | (pointers[1:] < 0) | (pointers[:-1] < 0)) + 1
    bounds = [0, *edges.tolist(), len(pointers)]
    return [(a, b) for a, b in zip(bounds, bounds[1:]) if b > a and pointers[a] >= 0]
