"""Turns steps into vectors of timbre and harmony, and finds the best match of each step for the rules.

The mean cosine along a diagonal of the self-similarity matrix is the similarity of two stretches; for each step the
best match later and the best one earlier are found, with their lags. Only a band of the matrix is computed, one block
at a time. The networks read :mod:`editorbot.editors.scoring.self_similarity` instead.

Conventions
-----------
Lags are steps, positive. A similarity is a mean cosine in [-1, 1]. A silent step is the zero vector, so silence is
similar to nothing, not even to silence. What is usual is measured over windows of five minutes, because a long
session has many songs; windows overlap by half, and each counts most in its middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from editorbot.analysis.spectrum import STEP_MEL_BANDS, step_column
from editorbot.timebase import s_to_steps

WINDOW_STEPS = s_to_steps(300.0)
"""What is usual is measured over this [steps], five minutes: about a song with its takes."""

SHORT_STEPS, LONG_STEPS = 8, 24
"""Lengths of the compared stretches [steps], 1.5 s and 4.5 s."""

MIN_LAG_STEPS = s_to_steps(2.5)
"""Nearer than this everything is similar to itself [steps]."""

MAX_LAG_STEPS = s_to_steps(480.0)
"""Takes of one song are within this of each other [steps]; keeps the work linear in the length."""

BLOCK_STEPS = 512
"""Rows of the matrix in memory at a time."""

FLOOR_BELOW_LOUD_DB = 50.0
"""A step this far below the loud parts is silent [dB]."""

MEL_RANGE_DB = 45.0
"""Bands are clipped this far below a step's strongest [dB], so that noise floors do not count."""

HARMONY_WEIGHT = 0.6
"""Weight of harmony against timbre, whose weight is 1."""


@dataclass(frozen=True)
class Matches:
    """The best match of every step in one direction."""

    similarity: Float32[np.ndarray, " steps"]
    """Mean cosine of the best match, shape=(steps,); 0 if there is none."""
    lag: Int[np.ndarray, " steps"]
    """Its distance, shape=(steps,) [steps]; 0 if there is none."""


@dataclass(frozen=True)
class Repetition:
    """Where each step is played again."""

    later_short: Matches
    """Best later match of the 1.5 s around each step."""
    later_long: Matches
    """Best later match of the 4.5 s around each step."""
    earlier_short: Matches
    """Best earlier match of the 1.5 s around each step."""
    earlier_long: Matches
    """Best earlier match of the 4.5 s around each step."""


def windows_of(count: int) -> list[tuple[int, int]]:
    """Divide `count` steps into windows [first, last): one where that is enough, else overlapping by half."""
    if count <= WINDOW_STEPS * 3 // 2:
        return [(0, count)]
    starts = np.linspace(0, count - WINDOW_STEPS, 1 + -(-2 * (count - WINDOW_STEPS) // WINDOW_STEPS)).astype(int)
    return [(int(start), int(start) + WINDOW_STEPS) for start in starts]


def window_weights(length: int) -> Float[np.ndarray, " steps"]:
    """Weigh the steps of a window: most in the middle, never nothing."""
    return np.asarray(np.minimum(np.arange(length) + 1.0, np.arange(length, 0, -1.0)))


def step_vectors(steps: Float32[np.ndarray, "steps columns"]) -> Float32[np.ndarray, "steps dimensions"]:
    """Compute timbre and harmony of each step as a unit vector, free of level and of the recording's own tone."""
    mel = steps[:, :STEP_MEL_BANDS]
    chroma = steps[:, STEP_MEL_BANDS : STEP_MEL_BANDS + 12]
    level = step_column(steps, "level_db")
    is_loud = level > np.percentile(level, 90) - FLOOR_BELOW_LOUD_DB
    timbre = np.maximum(mel, mel.max(1, keepdims=True) - MEL_RANGE_DB)
    timbre = timbre - timbre.mean(1, keepdims=True)
    timbre -= _usual_timbre(timbre, is_loud)
    harmony = chroma - chroma.mean(1, keepdims=True)
    vectors = np.concatenate([_unit(timbre), HARMONY_WEIGHT * _unit(harmony)], axis=1)
    vectors = _unit(vectors)
    vectors[~is_loud] = 0.0
    return np.ascontiguousarray(vectors, dtype=np.float32)


def _usual_timbre(
    timbre: Float32[np.ndarray, "steps bands"], is_loud: Bool[np.ndarray, " steps"]
) -> Float32[np.ndarray, "steps bands"]:
    """Compute the median tone around each step; it glides from window to window."""
    total, weights = np.zeros_like(timbre), np.zeros((len(timbre), 1), np.float32)
    for first, last in windows_of(len(timbre)):
        if is_loud[first:last].any():
            weight = window_weights(last - first).astype(np.float32)[:, None]
            total[first:last] += weight * np.median(timbre[first:last][is_loud[first:last]], axis=0)
            weights[first:last] += weight
    return np.asarray(total / np.maximum(weights, 1e-9))


def _unit(rows: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    """Scale rows to length 1; zero rows stay zero."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))


def find_repetition(vectors: Float32[np.ndarray, "steps dimensions"]) -> Repetition:
    """Find the best later and earlier match of each step, with stretches centered on the step.

    Notes
    -----
    Time O(steps x MAX_LAG_STEPS x dimensions), memory O(BLOCK_STEPS x MAX_LAG_STEPS).
    """
    count = len(vectors)
    finders = [_Best(count, length) for length in (SHORT_STEPS, LONG_STEPS)]
    for first in range(0, count, BLOCK_STEPS):
        rows = vectors[first : first + BLOCK_STEPS + LONG_STEPS - 1]
        columns = vectors[first + MIN_LAG_STEPS : first + BLOCK_STEPS + MAX_LAG_STEPS + LONG_STEPS]
        if len(rows) < SHORT_STEPS or len(columns) < SHORT_STEPS:
            continue
        pairs = _diagonal_sums(_diagonal_sums(_diagonal_sums(rows @ columns.T, 1), 2), 4)  # 8 steps
        finders[0].take(pairs[:BLOCK_STEPS], first)
        if min(pairs.shape) > 2 * SHORT_STEPS:
            rest = 2 * SHORT_STEPS
            long_pairs = pairs[:-rest, :-rest] + pairs[SHORT_STEPS:-SHORT_STEPS, SHORT_STEPS:-SHORT_STEPS]
            finders[1].take((long_pairs + pairs[rest:, rest:])[:BLOCK_STEPS], first)
    short, long = finders
    return Repetition(short.centered(0), long.centered(0), short.centered(1), long.centered(1))


def _diagonal_sums(pairs: Float32[np.ndarray, "rows columns"], shift: int) -> Float32[np.ndarray, "rows2 columns2"]:
    """Add to each pair the one `shift` further along its diagonal."""
    return np.asarray(pairs[:-shift, :-shift] + pairs[shift:, shift:])


class _Best:
    """Collects the best matches of stretches of one length."""

    def __init__(self, count: int, length: int) -> None:
        self._count, self._length = count, length
        self._best = np.zeros((2, count), np.float32)
        self._lag = np.zeros((2, count), np.int64)

    def take(self, sums: Float32[np.ndarray, "rows columns"], first: int) -> None:
        """Read a block whose row r, column c compares stretches starting at first + r and first + MIN_LAG_STEPS + c."""
        rows, columns = np.arange(sums.shape[0])[:, None], np.arange(sums.shape[1])[None, :]
        lags = MIN_LAG_STEPS + columns - rows
        sums = np.where((lags >= MIN_LAG_STEPS) & (lags <= MAX_LAG_STEPS), sums / self._length, -1.0)
        best = sums.argmax(1)
        self._raise_to(0, first + rows[:, 0], sums[rows[:, 0], best], lags[rows[:, 0], best])
        best = sums.argmax(0)
        self._raise_to(1, first + MIN_LAG_STEPS + columns[0], sums[best, columns[0]], lags[best, columns[0]])

    def _raise_to(
        self,
        side: int,
        starts: Int[np.ndarray, " starts"],
        similarity: Float32[np.ndarray, " starts"],
        lag: Int[np.ndarray, " starts"],
    ) -> None:
        better = similarity > self._best[side, starts]
        self._best[side, starts[better]] = similarity[better]
        self._lag[side, starts[better]] = lag[better]

    def centered(self, side: int) -> Matches:
        """Move each stretch's later (0) or earlier (1) match from its first step to its middle."""
        at = np.clip(np.arange(self._count) - self._length // 2, 0, max(0, self._count - self._length))
        return Matches(self._best[side, at], self._lag[side, at])
