"""Running means, extremes and clusters, in NumPy alone.

They compute what scipy.ndimage and scipy.cluster compute, and are tested against them; importing those two takes a
quarter of a second, a fifth of a whole short analysis.

Conventions
-----------
All run along the first axis. A window of `size` around row i holds the rows
from ``i - size // 2`` to ``i - size // 2 + size - 1``.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

BLOCK_ROWS = 16_384
"""Rows computed at a time, to bound memory."""


def running_mean(values: Float[np.ndarray, rows * columns], size: int) -> Float[np.ndarray, rows * columns]:
    """Average over a window around each row; beyond the ends the last row is repeated."""
    before = size // 2
    padded = _padded(values, before, size - 1 - before, "edge").astype(np.float64)
    total = np.cumsum(padded, axis=0)
    sums = total[size - 1 :].copy()
    sums[1:] -= total[:-size]
    return (sums / size).astype(values.dtype)


def running_max(values: Shaped[np.ndarray, rows * columns], size: int) -> Shaped[np.ndarray, rows * columns]:
    """Find the largest value in a window around each row."""
    return _running_extreme(values, size, np.maximum)


def running_min(values: Shaped[np.ndarray, rows * columns], size: int) -> Shaped[np.ndarray, rows * columns]:
    """Find the smallest value in a window around each row."""
    return _running_extreme(values, size, np.minimum)


def closed_gaps(marked: Bool[np.ndarray, " rows"], size: int) -> Bool[np.ndarray, " rows"]:
    """Fill gaps between marks that are shorter than `size` rows (a morphological closing)."""
    around = np.pad(marked, size)
    spread = _window_extreme(np.pad(around, (size - 1, 0)), size, np.maximum)
    shrunk = _window_extreme(np.pad(spread, (0, size - 1)), size, np.minimum)
    return shrunk[size : size + len(marked)]


def smoothed(values: Float[np.ndarray, rows * columns]) -> Float[np.ndarray, rows * columns]:
    """Smooth by a Gaussian of standard deviation 1 row, mirrored at the ends."""
    reach = 4
    bell = np.exp(-0.5 * np.arange(-reach, reach + 1) ** 2)
    bell /= bell.sum()
    padded = _padded(values, reach, reach, "symmetric").astype(np.float64)
    total = sum(weight * padded[shift : shift + len(values)] for shift, weight in enumerate(bell))
    return np.asarray(total).astype(values.dtype)


def average_link_groups(points: Float[np.ndarray, "points coordinates"], largest: float) -> Int[np.ndarray, " points"]:
    """Group points by average linkage: the two closest groups merge while they are within `largest`.

    The same number for the same group. Time O(points**3), for the few sections of a recording.
    """
    groups = np.arange(len(points))
    sizes = np.ones(len(points))
    distance = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2)).astype(np.float64)
    np.fill_diagonal(distance, np.inf)
    while len(points) > 1:
        kept, gone = sorted(divmod(int(distance.argmin()), len(points)))
        if distance[kept, gone] > largest:
            break
        joined = (sizes[kept] * distance[kept] + sizes[gone] * distance[gone]) / (sizes[kept] + sizes[gone])
        distance[kept] = distance[:, kept] = joined
        distance[gone] = distance[:, gone] = np.inf
        distance[kept, kept] = np.inf
        sizes[kept] += sizes[gone]
        groups[groups == gone] = kept
    return groups


def _running_extreme(values: np.ndarray, size: int, extreme: np.ufunc) -> np.ndarray:
    """Find the extreme of a window around each row, some rows at a time."""
    before, found = size // 2, np.empty_like(values)
    for first in range(0, len(values), BLOCK_ROWS):
        low, high = first - before, min(first + BLOCK_ROWS, len(values)) + size - 1 - before
        part = values[max(low, 0) : high]
        padded = _padded(part, max(0, -low), max(0, high - len(values)), "edge")
        found[first : first + BLOCK_ROWS] = _window_extreme(padded, size, extreme)
    return found


def _padded(values: np.ndarray, before: int, after: int, mode: str) -> np.ndarray:
    """Pad along the first axis."""
    widths = [(before, after), *[(0, 0)] * (values.ndim - 1)]
    return np.pad(values, widths, mode=mode)  # type: ignore[call-overload]


def _window_extreme(padded: np.ndarray, size: int, extreme: np.ufunc) -> np.ndarray:
    """Find the extreme of every `size` successive rows, doubling the reach in each step."""
    reach, found = 1, padded
    while reach < size:
        step = min(reach, size - reach)
        found = extreme(found[:-step], found[step:])
        reach += step
    return found
