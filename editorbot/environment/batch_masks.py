"""Masks of many episodes at once, and draws of what they leave open, compiled.

The same rules as in :mod:`editorbot.environment.masks`.

Conventions
-----------
As in :mod:`~editorbot.environment.batch_episodes`.
"""

from __future__ import annotations

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool
from numba import njit

from editorbot.environment.actions import AMOUNTS, SIZES
from editorbot.environment.batch_episodes import BACK, BRIDGE, CUT, LOOP, REPEAT, SKIP, SWAP


class MaskRoom(NamedTuple):
    """Where masks are written."""

    type: Bool[np.ndarray, "episodes types"]
    """As in `Masks`, also the next two."""
    size: Bool[np.ndarray, "episodes types 5"]
    amount: Bool[np.ndarray, "episodes types 5"]


@njit(cache=True, nogil=True)
@no_type_check
def mask_all(low, high, recordings, vocabulary, max_loops, episodes, room):
    """Write what is open to episodes low to high; the same as `masks.masks_at`."""
    spans = np.zeros(SIZES, dtype=np.int64)
    is_first = np.zeros(SIZES, dtype=np.bool_)
    types, sizes, amounts = room.type, room.size, room.amount
    operations, values, open_amounts, counts = (
        vocabulary.operation,
        vocabulary.values,
        vocabulary.open_amounts,
        episodes.counts,
    )
    kinds = len(operations)
    for i in range(low, high):
        cursor = episodes.cursor[i]
        left = episodes.beats[i] - cursor
        if left <= 0:
            types[i], sizes[i], amounts[i] = False, False, False
            types[i, 0] = sizes[i, 0, 0] = amounts[i, 0, 0] = True
            continue
        at = recordings.offset[episodes.recording[i]] + episodes.first[i] + cursor
        for size in range(SIZES):
            spans[size] = min(recordings.lengths[at, size], left)
            is_first[size] = True
            for earlier in range(size):
                is_first[size] = is_first[size] and spans[earlier] != spans[size]
        loops = 0
        for kind in range(kinds):
            loops += counts[i, kind] if operations[kind] in (LOOP, REPEAT) else 0
        is_heard, is_played = episodes.play_count[i] > 0, episodes.last_play[i] >= 0
        for kind in range(kinds):
            operation = operations[kind]
            most = _most(operation, left, is_heard, is_played, loops < max_loops)
            first_alone = operation in (BACK, SKIP, REPEAT)
            any_size, any_amount = False, False
            for size in range(SIZES):
                is_open = size == 0 and most > 0 if first_alone else is_first[size] and spans[size] <= most
                sizes[i, kind, size] = is_open
                any_size = any_size or is_open
            for amount in range(AMOUNTS):
                is_open = open_amounts[kind, amount]
                if operation in (BACK, SKIP):
                    way = int(values[kind, amount]) if int(values[kind, amount]) != 0 else spans[0]
                    is_open = is_open and way <= (cursor if operation == BACK else left - (0 if is_heard else 1))
                amounts[i, kind, amount] = is_open
                any_amount = any_amount or is_open
            types[i, kind] = any_size and any_amount
            if not types[i, kind]:
                for k in range(SIZES):
                    sizes[i, kind, k] = amounts[i, kind, k] = False


@njit(cache=True, nogil=True)
@no_type_check
def _most(operation, left, is_heard, is_played, may_loop):
    """Return how many beats a type may take, 0 where it is closed."""
    if operation == SWAP:
        return left // 2
    if operation == BRIDGE:
        return left - 1 if is_played else 0
    if operation == CUT and not is_heard:
        return left - 1
    if operation == LOOP and not may_loop:
        return 0
    if operation == REPEAT and not (may_loop and is_played):
        return 0
    return left


@njit(cache=True, nogil=True)
@no_type_check
def draw_open(masks, chances, out):
    """Fill in actions, shape=(episodes, 3), drawn evenly: a type, a size of it, an amount of it.

    `chances` are numbers in [0, 1), of the same shape.
    """
    for i in range(len(out)):
        kind = _pick(masks.type[i], chances[i, 0])
        out[i, 0] = kind
        out[i, 1] = _pick(masks.size[i, kind], chances[i, 1])
        out[i, 2] = _pick(masks.amount[i, kind], chances[i, 2])


@njit(cache=True, nogil=True)
@no_type_check
def _pick(mask, chance):
    number = 0
    for k in range(len(mask)):
        number += mask[k]
    left = int(chance * number)
    for k in range(len(mask)):
        if mask[k]:
            if left == 0:
                return k
            left -= 1
    return 0
