"""Which steps can be carried out, and mean something of their own.

Three masks: for the type, for the size given the type, for the amount given
the type. Every combination that they leave open can be carried out at the
cursor, and no two of one type mean the same: of equal meanings only the first
in index order is open. So of the moves, whose size counts with NEUTRAL only, the
first size is open, and GAIN by 0 dB is closed, because it is KEEP.

At least one step is always open: KEEP of one beat. The last beats cannot be
left out while nothing is heard yet, for an edit plays something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from editorbot.environment.actions import SIZES, Action, Operation, TypeRow, Vocabulary
from editorbot.environment.dynamics import EpisodeState, Play
from editorbot.errors import UsageError

MAX_LOOPS = 32
"""LOOP and REPEAT_PREV steps that an episode may hold by default."""


@dataclass(frozen=True)
class Masks:
    """What is open at one cursor."""

    type: Bool[np.ndarray, " types"]
    """Types of which at least one action is open, shape=(types,)."""
    size: Bool[np.ndarray, "types 5"]
    """Sizes open for each type, shape=(types, 5); none where the type is closed."""
    amount: Bool[np.ndarray, "types 5"]
    """Amounts open for each type, shape=(types, 5); none where the type is closed."""

    def allows(self, action: Action) -> bool:
        """Tell whether an action is open."""
        size, amount = self.size[action.type, action.size], self.amount[action.type, action.amount]
        return bool(self.type[action.type] and size and amount)


def check_masks(masks: Masks) -> None:
    """Refuse masks that leave nothing open.

    Raises
    ------
    UsageError
        If no type is open, or an open type has no open size or amount.
    """
    empty = masks.type & ~(masks.size.any(axis=1) & masks.amount.any(axis=1))
    if not masks.type.any() or empty.any():
        what = f"type {int(np.argmax(empty))} is open without a size or an amount" if empty.any() else "no type is open"
        raise UsageError(f"all actions are masked: {what}; nothing can be sampled")


def masks_at(state: EpisodeState, lengths: Sequence[int], vocabulary: Vocabulary, max_loops: int = MAX_LOOPS) -> Masks:
    """Return what is open in a state.

    Parameters
    ----------
    state : EpisodeState
        Where the episode stands. After its end KEEP alone is open, so that there is something to sample.
    lengths : sequence of int
        What each size spans at the cursor [beats].
    vocabulary : Vocabulary
        The types.
    max_loops : int
        LOOP and REPEAT_PREV steps that an episode may hold.
    """
    left = state.beats - state.cursor
    if left <= 0:
        return _keep_alone(vocabulary)
    spans = [min(length, left) for length in lengths]
    is_first = [length not in spans[:k] for k, length in enumerate(spans)]
    longest = _longest(state, left, loops_used(state.counts, vocabulary) < max_loops)
    rows = {
        operation: [is_open and length <= most for is_open, length in zip(is_first, spans)]
        for operation, most in longest.items()
    }
    for operation in (Operation.BACK, Operation.SKIP, Operation.REPEAT):
        rows[operation] = [longest[operation] > 0] + [False] * (SIZES - 1)
    size = np.array([rows[operation] for operation in vocabulary.operations])
    amount = np.array(vocabulary.open_amounts)
    for index in vocabulary.jump_types:
        amount[index] &= _within(vocabulary.rows[index], spans[0], left, state)
    is_open: Bool[np.ndarray, " types"] = np.logical_and(size.any(axis=1), amount.any(axis=1))
    return Masks(is_open, size & is_open[:, None], amount & is_open[:, None])


def _keep_alone(vocabulary: Vocabulary) -> Masks:
    """Return the masks that leave only the first type open, which is KEEP in every vocabulary."""
    size = np.zeros((vocabulary.types, SIZES), dtype=bool)
    size[0, 0] = True
    return Masks(size[:, 0].copy(), size, size.copy())


def loops_used(counts: Sequence[int], vocabulary: Vocabulary) -> int:
    """Return how many steps played something again."""
    return sum([counts[index] for index in vocabulary.again_types])


def _longest(state: EpisodeState, left: int, may_loop: bool) -> dict[Operation, int]:
    """Return how many beats each operation may take; one that may take none is closed."""
    longest = dict.fromkeys(Operation, left)
    longest[Operation.SWAP] = left // 2
    longest[Operation.BRIDGE] = left - 1 if state.plays else 0
    longest[Operation.CUT] = left if _is_heard(state) else left - 1
    longest[Operation.LOOP] = left if may_loop else 0
    longest[Operation.REPEAT] = left if may_loop and state.plays else 0
    return longest


def _within(row: TypeRow, shortest: int, left: int, state: EpisodeState) -> list[bool]:
    """Tell by which amounts the cursor can be moved."""
    most = state.cursor if row.operation == Operation.BACK else left - (0 if _is_heard(state) else 1)
    return [(value or shortest) <= most for value in row.values]


def _is_heard(state: EpisodeState) -> bool:
    return bool(state.plays or state.deferred)


def canonical(action: Action, spans: Sequence[int], vocabulary: Vocabulary) -> Action:
    """Return the first action in index order that means the same at a cursor.

    Parameters
    ----------
    action : Action
        Any action.
    spans : sequence of int
        What each size spans at the cursor [beats].
    vocabulary : Vocabulary
        The types.

    Returns
    -------
    action : Action
        Of the same type, or KEEP where the action changes nothing. A move by a size that no open action
        reaches stays as it is.
    """
    row = vocabulary.rows[action.type]
    first_size = next(k for k, length in enumerate(spans) if length == spans[action.size])
    if not row.uses_amount:
        return Action(action.type, first_size if row.uses_size else 0, 0)
    value = row.values[action.amount]
    if value == row.identity:
        return Action(vocabulary.index("KEEP"), first_size, 0)
    if not row.moves:
        return Action(action.type, first_size, row.values.index(value))
    distance = value or spans[action.size]
    for amount, each in enumerate(row.values):
        if (each or spans[0]) == distance:
            return Action(action.type, 0, amount)
    return Action(action.type, first_size, row.values.index(value))


def last_play(state: EpisodeState) -> Play | None:
    """Return what REPEAT_PREV would play again, None before any output."""
    return state.plays[-1] if state.plays else None
