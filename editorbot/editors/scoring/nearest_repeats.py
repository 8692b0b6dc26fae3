"""Finds, for every step, where the same is played again: near, farther, far, later and earlier.

The mean cosine of two stretches at a distance says how alike they are. For
every step, length and band of distances the best one is kept. A sloppy take
and the good one, two turns of a vamp, a composed repeat: each is a step and
its twin, and what tells them apart is heard at both ends and in between.

Conventions
-----------
Distances are steps, positive in both directions. Stretches are centred on
their step. Silent steps have the vector zero and are like nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Int32
from numba import njit

from editorbot.timebase import s_to_steps

REPEAT_LENGTHS = (8, 32, 64)
"""Lengths of the compared stretches [steps]: 1.5, 6 and 12 s."""

BAND_BOUNDS = tuple(s_to_steps(seconds) for seconds in (2.5, 18.0, 90.0, 480.0))
"""Bounds of the bands of distances [steps]: takes of one song lie within eight minutes of each other."""

BANDS = len(BAND_BOUNDS) - 1
"""Number of bands of distances."""

BLOCK_STEPS = 512
"""Rows of the matrix of all pairs that are held at once."""


@dataclass(frozen=True)
class NearestRepeats:
    """The best twins of every step in one direction."""

    similarity: Float32[np.ndarray, "lengths bands steps"]
    """Mean cosine, in [-1, 1]; 0 where there is none."""
    distance: Int32[np.ndarray, "lengths bands steps"]
    """How far away it lies [steps]; 0 where there is none."""


def later_repeats(vectors: Float32[np.ndarray, "steps dimensions"]) -> NearestRepeats:
    """Return where each step is heard later.

    Parameters
    ----------
    vectors : np.ndarray, shape=(steps, dimensions), float32
        Unit vectors of the steps, zero where it is silent.

    Notes
    -----
    Time O(steps x distances x dimensions), memory O(BLOCK_STEPS x distances).
    """
    count, farthest = len(vectors), BAND_BOUNDS[-1]
    similarity = np.zeros((len(REPEAT_LENGTHS), BANDS, count), np.float32)
    distance = np.zeros((len(REPEAT_LENGTHS), BANDS, count), np.int32)
    sums = np.zeros((len(REPEAT_LENGTHS), farthest), np.float64)
    history = np.zeros((REPEAT_LENGTHS[-1], farthest), np.float32)
    padded = np.concatenate([vectors, np.zeros((farthest + BLOCK_STEPS, vectors.shape[1]), np.float32)])
    for first in range(0, count, BLOCK_STEPS):
        rows = padded[first : min(first + BLOCK_STEPS, count)]
        pairs = rows @ padded[first : first + len(rows) + farthest].T
        # Row r shifted left by r: columns become distances.
        stride = pairs.strides
        shape = (len(rows), farthest)
        by_distance = np.lib.stride_tricks.as_strided(pairs, shape, (stride[0] + stride[1], stride[1]), writeable=False)
        _take_rows(by_distance, first, count, sums, history, similarity, distance, REPEAT_LENGTHS, BAND_BOUNDS)
    return NearestRepeats(similarity, distance)


def earlier_repeats(vectors: Float32[np.ndarray, "steps dimensions"]) -> NearestRepeats:
    """Return where each step was heard before; see :func:`later_repeats`."""
    turned = later_repeats(np.ascontiguousarray(vectors[::-1]))
    back = np.ascontiguousarray(turned.similarity[:, :, ::-1]), np.ascontiguousarray(turned.distance[:, :, ::-1])
    return NearestRepeats(*back)


@no_type_check
@njit(cache=True, nogil=True)
def _take_rows(by_distance, first, count, sums, history, similarity, distance, lengths, bounds):
    """Slide windows down the rows; `sums` and `history` carry on from block to block."""
    ring = history.shape[0]
    for row in range(by_distance.shape[0]):
        last = first + row
        for number in range(len(lengths)):
            length = lengths[number]
            old = history[(last - length) % ring]
            for d in range(bounds[0], bounds[-1]):
                sums[number, d] += by_distance[row, d] - (old[d] if last >= length else np.float32(0.0))
            start = last - length + 1
            if start < 0:
                continue
            for band in range(len(bounds) - 1):
                high = min(bounds[band + 1], count - last)
                best, at = 0.0, 0
                for d in range(bounds[band], high):
                    if sums[number, d] > best:
                        best, at = sums[number, d], d
                middle = start + length // 2
                similarity[number, band, middle] = best / length
                distance[number, band, middle] = at
        history[last % ring] = by_distance[row]
