"""Frames, steps and runs of them, as arrays; see :mod:`editorbot.timebase` for single times."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int64

from editorbot.timebase import FRAME_S, STEP_S


def nearest_frames(times_s: Float[np.ndarray, " times"]) -> Int64[np.ndarray, " times"]:
    """Find the frame whose centre is nearest to each time [seconds]; the even one of two."""
    return np.asarray(np.rint(times_s / FRAME_S).astype(np.int64))


def step_middles_s(count: int) -> Float64[np.ndarray, " steps"]:
    """Compute the middle of each of the first `count` steps, shape=(count,) [seconds]."""
    return (np.arange(count) + 0.5) * STEP_S


def runs_of(flags: Bool[np.ndarray, " places"]) -> list[tuple[int, int]]:
    """Find the runs of true flags along a grid, as (first, after the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))).tolist()
    return list(zip(edges[::2], edges[1::2]))


def means_between(
    rows: Float[np.ndarray, "rows columns"], firsts: Int[np.ndarray, " parts"]
) -> Float[np.ndarray, "parts columns"]:
    """Average rows from each of `firsts` to the next, the last to the end; two equal firsts take that row alone."""
    lengths = np.diff(np.append(firsts, len(rows)))[:, None]
    return np.asarray(np.add.reduceat(rows, firsts, axis=0) / np.maximum(lengths, 1))
