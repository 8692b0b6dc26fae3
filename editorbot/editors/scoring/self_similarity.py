"""Finds where each moment of a recording is played again, and how similar all its moments are to each other.

Each step is a unit vector of timbre and harmony. The mean cosine of two stretches is their similarity: the
self-similarity matrix [1]_, averaged along its diagonals. The networks read two things of it:

* The nearest repeats: for each step, stretch length and band of distances, the most similar other place, later and
  earlier. A sloppy take and the good one, two turns of a vamp, a composed repeat: each is a step and its repeat.
* The lag matrix: for each token (3 s) and each distance up to eight minutes, the best similarity there. It shows that
  a vamp comes ten times and a chorus three times, which the nearest repeat alone does not.

Conventions
-----------
Distances are steps, positive in both directions. Stretches are centered on their step. A silent step is the zero
vector, so silence is similar to nothing. ``lag_matrix[length, token, lag]`` compares a token with the one `lag` tokens
later; 0 if there is none.

References
----------
.. [1] Foote, "Visualizing Music and Audio using Self-Similarity", ACM Multimedia 1999.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Int32
from numba import njit

from editorbot.models.scorer_config import LAG_TOKENS, TOKEN_STEPS
from editorbot.timebase import s_to_steps

REPEAT_LENGTHS = (8, 32, 64)
"""Lengths of the stretches whose nearest repeats are found [steps]: 1.5, 6 and 12 s."""

BAND_BOUNDS = tuple(s_to_steps(seconds) for seconds in (2.5, 18.0, 90.0, 480.0))
"""Bounds of the bands of distances [steps]: takes of one song are within eight minutes of each other."""

BANDS = len(BAND_BOUNDS) - 1
"""Number of bands of distances."""

LAG_LENGTHS = (8, 32)
"""Lengths of the stretches that the lag matrix compares [steps]: 1.5 and 6 s."""

_BLOCK_STEPS = 512
"""Rows of the self-similarity matrix in memory at a time."""

_HALF_TOKEN = TOKEN_STEPS // 2
_FARTHEST_LAG = LAG_TOKENS * TOKEN_STEPS
_NEAREST_LAG = s_to_steps(2.5)

Vectors = Float32[np.ndarray, "steps dimensions"]
"""Unit vectors of the steps, zero where it is silent."""


@dataclass(frozen=True)
class NearestRepeats:
    """The most similar other place of each step, in one direction."""

    similarity: Float32[np.ndarray, "lengths bands steps"]
    """Mean cosine, in [-1, 1]; 0 if there is none."""
    distance: Int32[np.ndarray, "lengths bands steps"]
    """How far away it is [steps]; 0 if there is none."""


def later_repeats(vectors: Vectors) -> NearestRepeats:
    """Find where each step is played again later.

    Notes
    -----
    Time O(steps x distances x dimensions), memory O(distances) beside the result.
    """
    count, farthest = len(vectors), BAND_BOUNDS[-1]
    similarity = np.zeros((len(REPEAT_LENGTHS), BANDS, count), np.float32)
    distance = np.zeros((len(REPEAT_LENGTHS), BANDS, count), np.int32)
    sums = np.zeros((len(REPEAT_LENGTHS), farthest), np.float64)
    history = np.zeros((REPEAT_LENGTHS[-1], farthest), np.float32)
    for first, by_distance in _blocks_by_distance(vectors, farthest):
        _update_repeats(by_distance, first, count, sums, history, similarity, distance, REPEAT_LENGTHS, BAND_BOUNDS)
    return NearestRepeats(similarity, distance)


def earlier_repeats(vectors: Vectors) -> NearestRepeats:
    """Find where each step was played before; see :func:`later_repeats`."""
    reversed_ = later_repeats(np.ascontiguousarray(vectors[::-1]))
    parts = (np.ascontiguousarray(values[:, :, ::-1]) for values in (reversed_.similarity, reversed_.distance))
    return NearestRepeats(*parts)


def lag_matrix_of(vectors: Vectors) -> Float32[np.ndarray, "lengths tokens lags"]:
    """Compute the best similarity of each token at each distance, shape=(len(LAG_LENGTHS), tokens, LAG_TOKENS).

    Notes
    -----
    Time O(steps x distances x dimensions), memory O(distances) beside the result.
    """
    count = len(vectors)
    halves = np.zeros((len(LAG_LENGTHS), 2 * -(-count // TOKEN_STEPS), 2 * LAG_TOKENS), np.float32)
    sums = np.zeros((len(LAG_LENGTHS), _FARTHEST_LAG), np.float64)
    history = np.zeros((LAG_LENGTHS[-1], _FARTHEST_LAG), np.float32)
    for first, by_distance in _blocks_by_distance(vectors, _FARTHEST_LAG):
        _update_halves(by_distance, first, count, sums, history, halves, LAG_LENGTHS, _HALF_TOKEN, _NEAREST_LAG)
    early, late = halves[:, ::2], halves[:, 1::2]
    lag_matrix = np.maximum(np.maximum(early[..., ::2], early[..., 1::2]), late[..., ::2])
    lag_matrix[..., 1:] = np.maximum(lag_matrix[..., 1:], late[..., 1:-1:2])
    return np.ascontiguousarray(lag_matrix)


def square_of(
    lag_matrix: Float32[np.ndarray, "lengths tokens lags"], rows: range, columns: range
) -> Float32[np.ndarray, "lengths rows columns"]:
    """Read the similarity of some tokens to others, in either direction, off a lag matrix; 0 beyond LAG_TOKENS."""
    row, column = np.array(rows)[:, None], np.array(columns)[None, :]
    distance = np.abs(column - row)
    found = lag_matrix[:, np.minimum(row, column), np.minimum(distance, lag_matrix.shape[-1] - 1)]
    return np.asarray(np.where(distance < lag_matrix.shape[-1], found, 0), np.float32)


def _blocks_by_distance(vectors: Vectors, farthest: int) -> Iterator[tuple[int, Float32[np.ndarray, "rows distances"]]]:
    """Yield the first step of each block of rows, and the cosines of its steps with those 0, 1, 2, ... steps later."""
    padded = np.concatenate([vectors, np.zeros((farthest + _BLOCK_STEPS, vectors.shape[1]), np.float32)])
    for first in range(0, len(vectors), _BLOCK_STEPS):
        rows = padded[first : min(first + _BLOCK_STEPS, len(vectors))]
        pairs = rows @ padded[first : first + len(rows) + farthest].T
        # Row r shifted left by r: columns become distances.
        strides = (pairs.strides[0] + pairs.strides[1], pairs.strides[1])
        yield first, np.lib.stride_tricks.as_strided(pairs, (len(rows), farthest), strides, writeable=False)


@no_type_check
@njit(cache=True, nogil=True)
def _slide(sums, cosines, old, is_full, nearest, farthest):
    """Move a window one row down: add the row that enters it, subtract the one that leaves it."""
    for d in range(nearest, farthest):
        sums[d] += cosines[d] - (old[d] if is_full else np.float32(0.0))


@no_type_check
@njit(cache=True, nogil=True)
def _update_repeats(by_distance, first, count, sums, history, similarity, distance, lengths, bounds):
    """Read a block of rows; `sums` and `history` carry on from block to block."""
    for row in range(by_distance.shape[0]):
        last = first + row
        for number in range(len(lengths)):
            length = lengths[number]
            old = history[(last - length) % history.shape[0]]
            _slide(sums[number], by_distance[row], old, last >= length, bounds[0], bounds[-1])
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
        history[last % history.shape[0]] = by_distance[row]


@no_type_check
@njit(cache=True, nogil=True)
def _update_halves(by_distance, first, count, sums, history, halves, lengths, half, nearest):
    """Read a block of rows; of each half token only the window at its middle counts."""
    farthest = by_distance.shape[1]
    for row in range(by_distance.shape[0]):
        last = first + row
        for number in range(len(lengths)):
            length = lengths[number]
            old = history[(last - length) % history.shape[0]]
            _slide(sums[number], by_distance[row], old, last >= length, nearest, farthest)
            middle = last - length + 1 + length // 2
            if last < length - 1 or middle % half != half // 2:
                continue
            for d in range(nearest, min(farthest, count - last)):
                similarity = sums[number, d] / length
                if similarity > halves[number, middle // half, d // half]:
                    halves[number, middle // half, d // half] = similarity
        history[last % history.shape[0]] = by_distance[row]
