"""The spots of a ruined recording as steps on the beats that were found in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from editorbot.corpus.labels.undoing import Spot
from editorbot.environment.actions import V3, Action, Operation
from editorbot.environment.dynamics import advance, first_state
from editorbot.environment.transcript import tiles

_NEAR = 0.3
"""How far a beat of the new recording may lie from where one was [beats]."""


@dataclass(frozen=True)
class SpotsOnBeats:
    """The steps that repair a recording, on its own beats."""

    actions: tuple[Action, ...]
    """All steps, from the first beat to the last."""
    right: frozenset[int]
    """Numbers of those that repair something."""
    kept_share: float
    """Share of the beats that is kept."""


def spots_on_beats(
    spots: Sequence[Spot], bounds: Int64[np.ndarray, " boundaries"], lengths: Int64[np.ndarray, "beats 5"]
) -> SpotsOnBeats:
    """Return the steps that repair a recording; spots that its beats do not hit are passed over as kept.

    Parameters
    ----------
    spots : sequence of Spot
        What is right where, in order.
    bounds : np.ndarray, shape=(beats + 1,) [samples]
        The recording's own beats, as they were found, and its end.
    lengths : np.ndarray, shape=(beats, 5)
        What each size spans from each beat on.
    """
    actions: list[Action] = []
    right: set[int] = set()
    cursor, cut = 0, 0
    for spot in spots:
        first, end = _nearest(bounds, spot.start), _nearest(bounds, spot.end)
        if first is None or end is None or first < cursor:
            continue
        action = _action(spot, first, end, lengths)
        if action is None:
            continue
        actions += _kept(cursor, first, lengths)
        right.add(len(actions))
        actions.append(action)
        cursor = _after(first, action, lengths)
        cut += cursor - first if _leaves_out(action) else 0
    actions += _kept(cursor, len(lengths), lengths)
    return SpotsOnBeats(tuple(actions), frozenset(right), 1.0 - cut / max(len(lengths), 1))


def _kept(first: int, end: int, lengths: Int64[np.ndarray, "beats 5"]) -> list[Action]:
    """Return the steps that keep a stretch."""
    return [Action(V3.index("KEEP"), size, 0) for size in tiles(first, end, lengths.tolist())]


def _leaves_out(action: Action) -> bool:
    return V3.rows[action.type].operation in (Operation.CUT, Operation.SKIP)


def _nearest(bounds: Int64[np.ndarray, " bounds"], at: int) -> int | None:
    """Return the beat that begins near a sample, None where none does."""
    beat = int(np.argmin(np.abs(bounds - at)))
    length = int(np.median(np.diff(bounds)))
    return beat if abs(int(bounds[beat]) - at) <= _NEAR * length else None


def _action(spot: Spot, first: int, end: int, lengths: Int64[np.ndarray, "beats 5"]) -> Action | None:
    """Return the action of a spot, None where no size spans it."""
    if first >= len(lengths):
        return None
    row = V3.rows[spot.type]
    if row.moves or row.operation == Operation.REPEAT:
        return Action(spot.type, 0, spot.amount)
    sizes = np.flatnonzero(lengths[first] == end - first)
    return Action(spot.type, int(sizes[0]), spot.amount) if len(sizes) else None


def _after(first: int, action: Action, lengths: Int64[np.ndarray, "beats 5"]) -> int:
    """Return the cursor after a step."""
    state = replace(first_state(len(lengths), V3), cursor=first)
    return advance(state, action, lengths[first].tolist(), V3).cursor
