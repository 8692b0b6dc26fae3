"""A scorecard: points for every cue, added up to log odds.

An additive model that can be read like a doctor's chart: each cue has a few knots with points at them, between which
the points are interpolated linearly; the sum of all points and the base is the log odds. The cards that ship are
``pretrained/scored_rules.json`` and ``pretrained/overlap_trim.json``, fitted by `tools.fit_scored` and
`tools.fit_overlap_trim`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32

from editorbot.weights import check_card, shipped_weights

FORMAT = "editorbot.scorecards"
"""Value of the ``format`` field of a file of cards."""

VERSION = 1
"""Its version; another one is refused."""


@dataclass(frozen=True)
class Row:
    """Points of one cue."""

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
        """Add up the points of every step, shape=(steps,) [log odds].

        Raises
        ------
        KeyError
            If a cue is missing.
        """
        total = np.full(len(next(iter(cues.values()))), self.base)
        for row in self.rows:
            total += np.interp(cues[row.cue], row.knots, row.points)
        return total


@lru_cache(maxsize=4)
def read_cards(name: str) -> Mapping[str, Scorecard]:
    """Read the scorecards that ship with the package under a name, by their own names."""
    path = shipped_weights(name).with_suffix(".json")
    stored = json.loads(path.read_text(encoding="utf-8"))
    check_card(stored, path, kind=FORMAT, same={"version": VERSION})
    return {
        card: Scorecard(fields["base"], tuple(_row(**row) for row in fields["rows"]))
        for card, fields in stored["cards"].items()
    }


def _row(cue: str, knots: list[float], points: list[float]) -> Row:
    return Row(cue, tuple(knots), tuple(points))


def chance(log_odds: Float[np.ndarray, ...]) -> Float[np.ndarray, ...]:
    """Convert log odds to chances in (0, 1)."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -30.0, 30.0))))


def odds_of(chances: Float[np.ndarray, ...]) -> Float[np.ndarray, ...]:
    """Convert chances in [0, 1] to log odds, float64; chances closer than 1e-6 to 0 or 1 count as that."""
    known = np.clip(np.asarray(chances, np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(known) - np.log1p(-known))
