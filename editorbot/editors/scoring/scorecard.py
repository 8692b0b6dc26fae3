"""A scorecard: points for every cue, added up to a chance.

An additive model that can be read like a doctor's chart: each cue has a few
knots with points at them, in between the points run straight, the sum of all
points and the base is the log odds. Fitted by `tools/fit_scored.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32


@dataclass(frozen=True)
class Row:
    """What one cue is worth."""

    cue: str
    """Name of the cue."""
    knots: tuple[float, ...]
    """Values of the cue, increasing; beyond the ends the points stay those of the ends."""
    points: tuple[float, ...]
    """Points at the knots [log odds]."""

    def __post_init__(self) -> None:
        increasing = all(a < b for a, b in zip(self.knots, self.knots[1:]))
        if len(self.knots) != len(self.points) or not self.knots or not increasing:
            raise ValueError(f"row {self.cue}: knots must increase and have as many points, but are {self.knots}")


@dataclass(frozen=True)
class Scorecard:
    """Rows whose points are added."""

    base: float
    """Log odds before any row."""
    rows: tuple[Row, ...]
    """One row a cue."""

    def log_odds(self, cues: Mapping[str, Float32[np.ndarray, " steps"]]) -> Float[np.ndarray, " steps"]:
        """Return the sum of points of every step, shape=(steps,) [log odds].

        Raises
        ------
        KeyError
            If a cue is missing.
        """
        total = np.full(len(next(iter(cues.values()))), self.base)
        for row in self.rows:
            total += np.interp(cues[row.cue], row.knots, row.points)
        return total


def chance(log_odds: Float[np.ndarray, ...]) -> Float[np.ndarray, ...]:
    """Return log odds as a chance in (0, 1)."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -30.0, 30.0))))


def odds_of(chances: Float[np.ndarray, ...]) -> Float[np.ndarray, ...]:
    """Return chances in [0, 1] as log odds, float64; those nearer to 0 or 1 than 1e-6 count as that."""
    known = np.clip(np.asarray(chances, np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(known) - np.log1p(-known))
