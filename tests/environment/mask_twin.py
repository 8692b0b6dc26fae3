"""The masks, written out naively."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from editorbot.environment.actions import Operation, Vocabulary
from editorbot.environment.dynamics import EpisodeState
from editorbot.environment.masks import Masks


def twin(state: EpisodeState, lengths: Sequence[int], vocabulary: Vocabulary, max_loops: int) -> Masks:
    """Return the masks of a state."""
    size, amount = np.zeros((vocabulary.types, 5), bool), np.zeros((vocabulary.types, 5), bool)
    left = state.beats - state.cursor
    if left <= 0:
        size[0, 0] = amount[0, 0] = True
        return Masks(size[:, 0].copy(), size, amount)
    spans = [min(length, left) for length in lengths]
    is_heard = bool(state.plays or state.deferred)
    repeats = (Operation.LOOP, Operation.REPEAT)
    may_loop = sum(n for row, n in zip(vocabulary.rows, state.counts) if row.operation in repeats) < max_loops
    longest = dict.fromkeys(Operation, left) | {
        Operation.SWAP: left // 2,
        Operation.BRIDGE: left - 1 if state.plays else 0,
        Operation.CUT: left if is_heard else left - 1,
        Operation.LOOP: left if may_loop else 0,
        Operation.REPEAT: left if may_loop and state.plays else 0,
    }
    for kind, row in enumerate(vocabulary.rows):
        most = longest[row.operation]
        if row.moves or row.operation == Operation.REPEAT:
            size[kind, 0] = most > 0
        else:
            size[kind] = [length not in spans[:k] and length <= most for k, length in enumerate(spans)]
        reach = state.cursor if row.operation == Operation.BACK else left - (not is_heard)
        within = [not row.moves or (value or spans[0]) <= reach for value in row.values]
        amount[kind] = np.array(row.distinct_amounts) & within
    is_allowed = size.any(axis=1) & amount.any(axis=1)
    return Masks(is_allowed, size & is_allowed[:, None], amount & is_allowed[:, None])
