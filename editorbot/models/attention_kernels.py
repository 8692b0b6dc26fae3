"""Neighborhood attention in compiled loops, forward and backward, for any number of concatenated recordings.

No torch here: editing and training use the same loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Int64


def neighborhood(
    lengths: Sequence[int], kernel: int
) -> tuple[Int64[np.ndarray, " beats"], Int64[np.ndarray, " beats"]]:
    """Find the first neighbor of every beat, and how many it has.

    Parameters
    ----------
    lengths : sequence of int
        Beats of each recording, which are concatenated.
    kernel : int
        Neighbors of a beat, odd; in a shorter recording, its largest odd number of beats.

    Returns
    -------
    first, count : np.ndarray, shape=(beats,), int64
        Neighbors are first, first + 1, ..., first + count - 1.

    Examples
    --------
    >>> first, count = neighborhood([5, 2], 3)
    >>> first.tolist(), count.tolist()
    ([0, 0, 1, 2, 2, 5, 6], [3, 3, 3, 3, 3, 1, 1])
    """
    first, count, offset = [], [], 0
    for length in lengths:
        seen = min(kernel, length - 1 + length % 2)
        first.append(offset + np.clip(np.arange(length) - seen // 2, 0, max(length - seen, 0)))
        count.append(np.full(length, seen))
        offset += length
    return np.concatenate(first).astype(np.int64), np.concatenate(count).astype(np.int64)


@no_type_check
@numba.njit(cache=True, nogil=True, fastmath=True)
def attend(q, k, v, first, count, scale, out, shares):
    """Compute the attention of each beat to its neighbors, and its weights, into `out` and `shares`.

    Parameters
    ----------
    q, k, v, out : np.ndarray, shape=(heads, beats, size), float32
        Queries, keys, values; the result.
    first, count : np.ndarray, shape=(beats,), int64
        See `neighborhood`.
    scale : float
        Factor of the dot products.
    shares : np.ndarray, shape=(heads, beats, kernel), float32
        Attention weights, as many as each beat has neighbors.
    """
    heads, beats, size = q.shape
    for head in range(heads):
        for beat in range(beats):
            start, seen = first[beat], count[beat]
            most = np.float32(-np.inf)
            for j in range(seen):
                total = np.float32(0.0)
                for d in range(size):
                    total += q[head, beat, d] * k[head, start + j, d]
                total *= scale
                shares[head, beat, j] = total
                most = max(most, total)
            whole = np.float32(0.0)
            for j in range(seen):
                raised = np.exp(shares[head, beat, j] - most)
                shares[head, beat, j] = raised
                whole += raised
            for d in range(size):
                out[head, beat, d] = 0.0
            for j in range(seen):
                share = shares[head, beat, j] / whole
                shares[head, beat, j] = share
                for d in range(size):
                    out[head, beat, d] += share * v[head, start + j, d]


@no_type_check
@numba.njit(cache=True, nogil=True, fastmath=True)
def attend_backward(q, k, v, first, count, scale, shares, grad, grad_q, grad_k, grad_v):
    """Add the gradients of queries, keys and values to `grad_q`, `grad_k` and `grad_v`, of the same shapes.

    Parameters
    ----------
    q, k, v, first, count, scale, shares
        Inputs and results of `attend`.
    grad : np.ndarray, shape=(heads, beats, size), float32
        Gradient of its output.
    """
    heads, beats, size = q.shape
    raised = np.empty(shares.shape[2], np.float32)
    for head in range(heads):
        for beat in range(beats):
            start, seen = first[beat], count[beat]
            mean = np.float32(0.0)
            for j in range(seen):
                total = np.float32(0.0)
                for d in range(size):
                    total += grad[head, beat, d] * v[head, start + j, d]
                raised[j] = total
                mean += total * shares[head, beat, j]
            for j in range(seen):
                share = shares[head, beat, j]
                slope = share * (raised[j] - mean) * scale
                for d in range(size):
                    grad_v[head, start + j, d] += share * grad[head, beat, d]
                    grad_q[head, beat, d] += slope * k[head, start + j, d]
                    grad_k[head, start + j, d] += slope * q[head, beat, d]
