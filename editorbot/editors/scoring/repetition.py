"""Finds where a recording plays the same thing again.

Each step becomes a unit vector of timbre and harmony. The mean cosine along a
diagonal of the matrix of all pairs says how alike two stretches are; for every
step the best one later and the best one earlier are kept, with their lags.
Only a band of the matrix is looked at, and only a block of it is ever held.

Conventions
-----------
Lags are steps, positive. A similarity is a mean cosine in [-1, 1]; silent
steps have the vector zero, so silence is like nothing, not even silence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from editorbot.analysis.analysis import STEP_MEL_BANDS, step_column
from editorbot.editors.scoring.windows import window_weights, windows_of
from editorbot.timebase import s_to_steps

SHORT_STEPS, LONG_STEPS = 8, 24
"""Lengths of the compared stretches [steps], 1.5 s and 4.5 s."""

MIN_LAG_STEPS = s_to_steps(2.5)
"""Nearer than this everything is like itself [steps]."""

MAX_LAG_STEPS = s_to_steps(480.0)
"""Takes of one song lie within this of each other [steps]; keeps the work linear in the length."""

BLOCK_STEPS = 512
"""Rows of the matrix held at once."""

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
    """Mean cosine of the best match, shape=(steps,); 0 where there is none."""
    lag: Int[np.ndarray, " steps"]
    """Its distance, shape=(steps,) [steps]; 0 where there is none."""


@dataclass(frozen=True)
class Repetition:
    """Where each step is heard again."""

    later_short: Matches
    """Best later match of the 1.5 s around each step."""
    later_long: Matches
    """Best later match of the 4.5 s around each step."""
    earlier_short: Matches
    """Best earlier match of the 1.5 s around each step."""
    earlier_long: Matches
    """Best earlier match of the 4.5 s around each step."""


def step_vectors(steps: Float32[np.ndarray, "steps columns"]) -> Float32[np.ndarray, "steps dimensions"]:
    """Return timbre and harmony of each step as a unit vector, free of level and of the recording's own tone."""
    mel = steps[:, :STEP_MEL_BANDS]
    chroma = steps[:, STEP_MEL_BANDS : STEP_MEL_BANDS + 12]
    level = step_column(steps, "level_db")
    heard = level > np.percentile(level, 90) - FLOOR_BELOW_LOUD_DB
    timbre = np.maximum(mel, mel.max(1, keepdims=True) - MEL_RANGE_DB)
    timbre = timbre - timbre.mean(1, keepdims=True)
    timbre -= _usual_timbre(timbre, heard)
    harmony = chroma - chroma.mean(1, keepdims=True)
    vectors = np.concatenate([_unit(timbre), HARMONY_WEIGHT * _unit(harmony)], axis=1)
    vectors = _unit(vectors)
    vectors[~heard] = 0.0
    return np.ascontiguousarray(vectors, dtype=np.float32)


def _usual_timbre(
    timbre: Float32[np.ndarray, "steps bands"], heard: Bool[np.ndarray, " steps"]
) -> Float32[np.ndarray, "steps bands"]:
    """Return the median tone around each step; it glides from window to window."""
    total, weights = np.zeros_like(timbre), np.zeros((len(timbre), 1), np.float32)
    for first, last in windows_of(len(timbre)):
        if heard[first:last].any():
            weight = window_weights(last - first).astype(np.float32)[:, None]
            total[first:last] += weight * np.median(timbre[first:last][heard[first:last]], axis=0)
            weights[first:last] += weight
    return np.asarray(total / np.maximum(weights, 1e-9))


def _unit(rows: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    """Return rows scaled to length 1; zero rows stay zero."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))


def find_repetition(vectors: Float32[np.ndarray, "steps dimensions"]) -> Repetition:
    """Return the best later and earlier matches of every step.

    Parameters
    ----------
    vectors : np.ndarray, shape=(steps, dimensions), float32
        From :func:`step_vectors`.

    Returns
    -------
    repetition : Repetition
        Stretches are centred on their step.

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
    return Repetition(short.later(), long.later(), short.earlier(), long.earlier())


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

    def later(self) -> Matches:
        """Return the best later matches."""
        return self._centered(0)

    def earlier(self) -> Matches:
        """Return the best earlier matches."""
        return self._centered(1)

    def _centered(self, side: int) -> Matches:
        """Move each stretch's result from its first step to its middle."""
        at = np.clip(np.arange(self._count) - self._length // 2, 0, max(0, self._count - self._length))
        return Matches(self._best[side, at], self._lag[side, at])
