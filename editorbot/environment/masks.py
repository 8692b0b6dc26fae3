"""Action masks: which types, sizes and amounts are allowed at the cursor.

There are three: for the type, for the size given the type, for the amount given the type. Every combination that they
allow can be carried out, and no two of one type mean the same: of equal meanings only the first in index order is
allowed. So a type that moves the cursor allows its first size only, because its size counts with NEUTRAL alone, and
GAIN by 0 dB is masked, because it is KEEP.

At least one action is always allowed: KEEP of one beat. The last beats cannot be left out while nothing was played yet,
because an edit plays something. The single and the batch environment share the compiled rules below; the tests hold a
naive twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool
from numba import njit

from editorbot.environment.actions import AMOUNTS, SIZES, Action, Operation, Vocabulary
from editorbot.environment.dynamics import EpisodeState
from editorbot.environment.settings import MAX_LOOPS


@dataclass(frozen=True)
class Masks:
    """Allowed actions at one cursor."""

    type: Bool[np.ndarray, " types"]
    """Types of which at least one action is allowed, shape=(types,)."""
    size: Bool[np.ndarray, "types 5"]
    """Sizes allowed for each type, shape=(types, 5); none where the type is masked."""
    amount: Bool[np.ndarray, "types 5"]
    """Amounts allowed for each type, shape=(types, 5); none where the type is masked."""

    def allows(self, action: Action) -> bool:
        """Tell whether an action is allowed."""
        size, amount = self.size[action.type, action.size], self.amount[action.type, action.amount]
        return bool(self.type[action.type] and size and amount)

    def sample(self, rng: np.random.Generator) -> Action:
        """Sample an allowed action uniformly: a type, a size of it, an amount of it."""
        kind = int(rng.choice(np.flatnonzero(self.type)))
        size, amount = (int(rng.choice(np.flatnonzero(part[kind]))) for part in (self.size, self.amount))
        return Action(kind, size, amount)


class BatchMasks(NamedTuple):
    """Masks of many episodes; a named tuple, because numba takes those."""

    type: Bool[np.ndarray, "episodes types"]
    """As in `Masks`, also the next two."""
    size: Bool[np.ndarray, "episodes types 5"]
    amount: Bool[np.ndarray, "episodes types 5"]

    @classmethod
    def empty(cls, episodes: int, types: int) -> BatchMasks:
        """Make room for the masks of so many episodes."""
        shapes = ((episodes, types), (episodes, types, SIZES), (episodes, types, AMOUNTS))
        return cls(*(np.zeros(shape, dtype=bool) for shape in shapes))


def masks_at(state: EpisodeState, lengths: Sequence[int], vocabulary: Vocabulary, max_loops: int = MAX_LOOPS) -> Masks:
    """Compute the masks of a state.

    Parameters
    ----------
    state : EpisodeState
        The episode so far. After its end KEEP alone is allowed, so that there is something to sample.
    lengths : sequence of int
        What each size spans at the cursor [beats].
    vocabulary : Vocabulary
        The types.
    max_loops : int
        LOOP and REPEAT_PREV steps allowed in an episode.
    """
    masks = BatchMasks.empty(1, vocabulary.types)
    is_heard, can_repeat = bool(state.plays or state.deferred), bool(state.plays)
    spans, counts = np.array(lengths, dtype=np.int64), np.array(state.counts, dtype=np.int64)
    _write_masks(0, state.cursor, state.beats, spans, counts, is_heard, can_repeat, vocabulary.arrays, max_loops, masks)
    return Masks(*(part[0] for part in masks))


@njit(cache=True, nogil=True)
@no_type_check
def mask_all(low, high, recordings, vocabulary, max_loops, episodes, masks):
    """Write the masks of episodes low to high."""
    for i in range(low, high):
        cursor = episodes.cursor[i]
        spans = recordings.lengths[recordings.offset[episodes.recording[i]] + episodes.first[i] + cursor]
        is_heard, can_repeat = episodes.play_count[i] > 0, episodes.last_play[i] >= 0
        counts = episodes.counts[i]
        _write_masks(i, cursor, episodes.beats[i], spans, counts, is_heard, can_repeat, vocabulary, max_loops, masks)


@njit(cache=True, nogil=True)
@no_type_check
def _write_masks(i, cursor, beats, spans, counts, is_heard, can_repeat, vocabulary, max_loops, masks):
    """Write the masks of one episode to row `i`."""
    types, sizes, amounts = masks.type[i], masks.size[i], masks.amount[i]
    left = beats - cursor
    if left <= 0:
        types[:], sizes[:], amounts[:] = False, False, False
        types[0] = sizes[0, 0] = amounts[0, 0] = True  # KEEP in every vocabulary
        return
    loops = 0
    for kind in range(len(types)):
        operation = vocabulary.operation[kind]
        loops += counts[kind] if operation == Operation.LOOP or operation == Operation.REPEAT else 0
    for kind in range(len(types)):
        operation = vocabulary.operation[kind]
        moves = operation == Operation.BACK or operation == Operation.SKIP
        longest = _longest_span(operation, left, is_heard, can_repeat, loops < max_loops)
        any_size, any_amount = False, False
        for size in range(SIZES):
            length = min(spans[size], left)
            is_allowed = length <= longest
            for earlier in range(size):
                is_allowed = is_allowed and min(spans[earlier], left) != length
            if moves or operation == Operation.REPEAT:
                is_allowed = size == 0 and longest > 0
            sizes[kind, size] = is_allowed
            any_size = any_size or is_allowed
        for amount in range(AMOUNTS):
            is_allowed = vocabulary.distinct_amounts[kind, amount]
            if moves:
                value = int(vocabulary.values[kind, amount])
                distance = value if value != 0 else min(spans[0], left)
                most = cursor if operation == Operation.BACK else left - (0 if is_heard else 1)
                is_allowed = is_allowed and distance <= most
            amounts[kind, amount] = is_allowed
            any_amount = any_amount or is_allowed
        types[kind] = any_size and any_amount
        if not types[kind]:
            sizes[kind, :] = amounts[kind, :] = False


@njit(cache=True, nogil=True)
@no_type_check
def _longest_span(operation, left, is_heard, can_repeat, may_loop):
    """Beats that an operation may span, 0 where it is masked."""
    if operation == Operation.SWAP:
        return left // 2
    if operation == Operation.BRIDGE:
        return left - 1 if can_repeat else 0
    if operation == Operation.CUT and not is_heard:
        return left - 1
    if operation == Operation.LOOP and not may_loop:
        return 0
    if operation == Operation.REPEAT and not (may_loop and can_repeat):
        return 0
    return left


@njit(cache=True, nogil=True)
@no_type_check
def sample_allowed(masks, uniform, actions):
    """Write an allowed action of each episode, shape=(episodes, 3): a type, a size of it, an amount of it.

    `uniform` holds numbers in [0, 1), of the same shape.
    """
    for i in range(len(actions)):
        kind = _pick(masks.type[i], uniform[i, 0])
        actions[i, 0] = kind
        actions[i, 1] = _pick(masks.size[i, kind], uniform[i, 1])
        actions[i, 2] = _pick(masks.amount[i, kind], uniform[i, 2])


@njit(cache=True, nogil=True)
@no_type_check
def _pick(mask, uniform):
    count = 0
    for k in range(len(mask)):
        count += mask[k]
    left = int(uniform * count)
    for k in range(len(mask)):
        if mask[k]:
            if left == 0:
                return k
            left -= 1
    return 0
