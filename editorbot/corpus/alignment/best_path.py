"""The likeliest way through the raw recording, cell by cell of the edit.

Each cell of the edit comes from a place of the raw recording, or from nowhere. Going on costs
nothing, every jump the same, wherever it goes. Since a jump starts at the best place of the row
before, one number a row is enough to find the way back, and memory does not grow with the square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from editorbot.corpus.alignment.fingerprint import Fingerprint
from editorbot.corpus.kernels import advance

_BLOCK_VALUES = 1 << 22
"""Likenesses that are worked out at a time."""


@dataclass(frozen=True)
class Stretch:
    """Cells of the edit that follow one another in the raw recording."""

    first: int
    """First cell of the edit."""
    end: int
    """End cell of the edit."""
    raw_first: int
    """Cell of the raw recording where it starts; -1 where it comes from nowhere."""


def best_path(raw: Fingerprint, edit: Fingerprint, *, jump_cost: float, foreign_score: float) -> list[Stretch]:
    """Return the stretches of the best path, in order, covering every cell of the edit.

    Parameters
    ----------
    raw, edit : Fingerprint
        Of equal cell distance.
    jump_cost : float
        Cost of a jump, in cells of full likeness.
    foreign_score : float
        Likeness below which a cell rather comes from nowhere.
    """
    cells, places = len(edit.rows), len(raw.rows)
    value, start = np.zeros(places + 1, dtype=np.float32), np.zeros(places + 1, dtype=np.int32)
    best, best_start = np.empty(cells, dtype=np.int32), np.empty(cells, dtype=np.int32)
    weighted = edit.rows * edit.weight[:, None]
    step = max(1, _BLOCK_VALUES // places)
    backwards = np.ascontiguousarray(raw.rows.T)
    for first in range(0, cells, step):
        end = min(first + step, cells)
        likeness = weighted[first:end] @ backwards
        foreign = (edit.weight[first:end] * np.float32(foreign_score)).astype(np.float32)
        advance(likeness, foreign, jump_cost, first, value, start, best[first:end], best_start[first:end])
    return _way_back(best, best_start, places)


def _way_back(best, best_start, places: int) -> list[Stretch]:  # type: ignore[no-untyped-def]
    stretches: list[Stretch] = []
    row = len(best) - 1
    while row >= 0:
        first, at = int(best_start[row]), int(best[row])
        raw_first = -1 if at == places else at - (row - first)
        stretches.append(Stretch(first, row + 1, raw_first))
        row = first - 1
    return stretches[::-1]
