"""The hot loops of the alignment: best paths over rows of likeness, sums along diagonals."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def advance(likeness, foreign, jump_cost, first_row, value, start, best, best_start):  # type: ignore[no-untyped-def]
    """Take some rows of the best path: go on along the diagonal, or jump from the best place of all.

    Parameters
    ----------
    likeness : np.ndarray, shape=(rows, places), float32
        How well each place explains each row.
    foreign : np.ndarray, shape=(rows,), float32
        What a row is worth that comes from nowhere; its place is the last one, `places`.
    jump_cost : float
        Cost of not going on.
    first_row : int
        Number of the first row.
    value, start : np.ndarray, shape=(places + 1,), float32 and int32
        Worth of the best path to each place, less the best of all, and the row of its last jump; changed in place.
    best, best_start : np.ndarray, shape=(rows,), int32
        Take the best place of each row and the row at which its stretch began.
    """
    rows, places = likeness.shape
    cost = np.float32(jump_cost)
    new_value, new_start = np.empty_like(value), np.empty_like(start)
    for row in range(rows):
        number = np.int32(first_row + row)
        scores = likeness[row]
        # The first place is reached by a jump only, and the first row from outside, where nothing is a jump.
        new_value[0] = scores[0] - (cost if number > 0 else np.float32(0.0))
        new_start[0] = number
        for j in range(1, places):
            goes_on = value[j - 1] >= -cost
            new_value[j] = scores[j] + (value[j - 1] if goes_on else -cost)
            new_start[j] = start[j - 1] if goes_on else number
        stays = value[places] >= -cost
        new_value[places] = foreign[row] + (value[places] if stays else -cost)
        new_start[places] = start[places] if stays else number
        largest = new_value[0]
        for j in range(1, places + 1):
            largest = max(largest, new_value[j])
        at = 0
        while new_value[at] != largest:
            at += 1
        best[row], best_start[row] = at, new_start[at]
        for j in range(places + 1):
            value[j] = new_value[j] - largest
            start[j] = new_start[j]


@njit(cache=True, nogil=True)
def diagonal_sums(likeness, out):  # type: ignore[no-untyped-def]
    """Write ``out[j] = sum over k of likeness[k, j + k]`` for every j with all k inside."""
    rows = likeness.shape[0]
    out[:] = 0.0
    for k in range(rows):
        row = likeness[k]
        for j in range(out.size):
            out[j] += row[j + k]
