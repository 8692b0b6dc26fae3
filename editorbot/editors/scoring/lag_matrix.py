"""How alike a recording is to itself at every distance, coarsely: the map that attention is led by.

The best twin of each step tells of one other play. A vamp has ten, a chorus
three: here every token (3 s) has, for every distance up to eight minutes, the
best mean cosine of the stretches around it, so that plays can be counted.

Conventions
-----------
A token is TOKEN_STEPS steps. ``lag_matrix[length, token, lag]`` compares a token with
the one `lag` tokens later; 0 where there is none.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from editorbot.models.scorer_config import LAG_TOKENS, TOKEN_STEPS
from editorbot.timebase import s_to_steps

COMPARED_STEPS = (8, 32)
"""Lengths of the compared stretches [steps]: 1.5 and 6 s."""

_HALF = TOKEN_STEPS // 2
_FARTHEST = LAG_TOKENS * TOKEN_STEPS
_NEAREST = s_to_steps(2.5)
_BLOCK = 512


def likeness_by_lag(vectors: Float32[np.ndarray, "steps dimensions"]) -> Float32[np.ndarray, "lengths tokens lags"]:
    """Return the best likeness of each token at each distance, shape=(len(COMPARED_STEPS), tokens, LAG_TOKENS).

    Parameters
    ----------
    vectors : np.ndarray, shape=(steps, dimensions), float32
        Unit vectors of the steps, zero where it is silent.

    Notes
    -----
    Time O(steps x distances x dimensions), memory O(distances) beside the result.
    """
    count, longest = len(vectors), COMPARED_STEPS[-1]
    halves = np.zeros((len(COMPARED_STEPS), 2 * -(-count // TOKEN_STEPS), 2 * LAG_TOKENS), np.float32)
    sums = np.zeros((len(COMPARED_STEPS), _FARTHEST), np.float64)
    history = np.zeros((longest, _FARTHEST), np.float32)
    padded = np.concatenate([vectors, np.zeros((_FARTHEST + _BLOCK, vectors.shape[1]), np.float32)])
    for first in range(0, count, _BLOCK):
        rows = padded[first : min(first + _BLOCK, count)]
        pairs = rows @ padded[first : first + len(rows) + _FARTHEST].T
        # Row r shifted left by r: columns become distances.
        stride = (pairs.strides[0] + pairs.strides[1], pairs.strides[1])
        by_distance = np.lib.stride_tricks.as_strided(pairs, (len(rows), _FARTHEST), stride, writeable=False)
        _take_rows(by_distance, first, count, sums, history, halves, COMPARED_STEPS, _HALF, _NEAREST)
    return _joined(halves)


def _joined(halves: Float32[np.ndarray, "lengths halves half_lags"]) -> Float32[np.ndarray, "lengths tokens lags"]:
    """Return the best of what two half tokens are to two others."""
    first, second = halves[:, ::2], halves[:, 1::2]
    lag_matrix = np.maximum(np.maximum(first[..., ::2], first[..., 1::2]), second[..., ::2])
    lag_matrix[..., 1:] = np.maximum(lag_matrix[..., 1:], second[..., 1:-1:2])
    return np.ascontiguousarray(lag_matrix)


@no_type_check
@njit(cache=True, nogil=True)
def _take_rows(by_distance, first, count, sums, history, halves, lengths, half, nearest):
    """Slide windows down the rows; of each half token the one window at its middle counts."""
    ring, farthest = history.shape[0], by_distance.shape[1]
    for row in range(by_distance.shape[0]):
        last = first + row
        for number in range(len(lengths)):
            length = lengths[number]
            old = history[(last - length) % ring]
            for d in range(nearest, farthest):
                sums[number, d] += by_distance[row, d] - (old[d] if last >= length else np.float32(0.0))
            middle = last - length + 1 + length // 2
            if last < length - 1 or middle % half != half // 2:
                continue
            for d in range(nearest, min(farthest, count - last)):
                likeness = sums[number, d] / length
                if likeness > halves[number, middle // half, d // half]:
                    halves[number, middle // half, d // half] = likeness
        history[last % ring] = by_distance[row]


def square_of(
    lag_matrix: Float32[np.ndarray, "lengths tokens lags"], rows: range, columns: range
) -> Float32[np.ndarray, "lengths rows columns"]:
    """Return the likeness of some tokens to some others, either way; 0 beyond LAG_TOKENS."""
    row, column = np.array(rows)[:, None], np.array(columns)[None, :]
    distance = np.abs(column - row)
    found = lag_matrix[:, np.minimum(row, column), np.minimum(distance, lag_matrix.shape[-1] - 1)]
    return np.asarray(np.where(distance < lag_matrix.shape[-1], found, 0), np.float32)
