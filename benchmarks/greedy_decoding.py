"""Greedy decoding of a pointer network, one frame after the other, as in the original: to compare with.

The product finds the cheapest path instead (`editorbot.editors.pointer_inference.decode`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from editorbot.editors.pointer_inference.decode import Plays
from editorbot.models.pointer_config import PointerConfig, RowScores


def greedy_plays(step: Callable[[int], tuple[int, bool]], frames: int, *, longest: int | None = None) -> Plays:
    """Make plays of one decision after the other.

    Parameters
    ----------
    step : callable
        Given the last pointer (-1 at first), returns the next one, and whether the edit ends instead.
    frames : int
        Frames of the recording.
    longest : int, optional
        Frames after which the edit ends anyway; twice the recording by default.
    """
    starts: list[int] = []
    ends: list[int] = []
    previous = -1
    for _ in range(longest if longest is not None else 2 * frames):
        pointer, is_end = step(previous)
        if is_end or not 0 <= pointer < frames:
            break
        if ends and pointer == ends[-1]:
            ends[-1] += 1
        else:
            starts.append(pointer)
            ends.append(pointer + 1)
        previous = pointer
    if not starts:
        starts, ends = [0], [frames]
    return Plays(np.array(starts, np.int64), np.array(ends, np.int64), 0.0)


def greedy_step(scores: RowScores, config: PointerConfig) -> Callable[[int], tuple[int, bool]]:
    """Make greedy decisions from the network's answers at every row."""

    def step(previous: int) -> tuple[int, bool]:
        return next_pointer(scores, config, previous + 1, previous)

    return step


def next_pointer(scores: RowScores, config: PointerConfig, row: int, previous: int) -> tuple[int, bool]:
    """Choose the likeliest next pointer of a row, and whether the edit ends."""
    if previous + 1 >= len(scores.arrive) or scores.stop[row] > 0:
        return previous, True
    if scores.use_jump[row] <= 0:
        return previous + 1 + int(scores.delta[row].argmax()) - config.max_delta, False
    first, end = config.bucket_range(int(scores.jump[row].argmax()))
    low, high = max(previous + 1 + first, 0), min(previous + 1 + end, len(scores.arrive))
    if low >= high:
        return previous, True
    return low + int(scores.arrive[low:high].argmax()), False
