"""Steps drawn from what the policy says, compiled: between two moments of a game there is little to work out, and
each operation on tensors that small takes longer to call than to do.
"""

from __future__ import annotations

import math
from typing import NamedTuple, no_type_check

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from numba import njit

from editorbot.models.policy import TypeLogits

Row = Float32[np.ndarray, "_ _"]
Table = Float32[np.ndarray, "_ _ _"]


class OpenArrays(NamedTuple):
    """What is open; see :class:`editorbot.environment.masks.Masks`."""

    type: Bool[np.ndarray, "moments types"]
    """Types."""
    size: Bool[np.ndarray, "moments types 5"]
    """Sizes."""
    amount: Bool[np.ndarray, "moments types 5"]
    """Amounts."""


class Odds(NamedTuple):
    """Log odds of what is open and, of any number, of what is closed."""

    type: Row
    """Types, shape=(moments, types)."""
    size: Table
    """Sizes given each type, shape=(moments, types, 5)."""
    amount: Table
    """Amounts given each type, shape=(moments, types, 5)."""


class Drawn(NamedTuple):
    """Steps drawn."""

    actions: Int64[np.ndarray, "moments 3"]
    """Type, size, amount."""
    log_prob: Float32[np.ndarray, " moments"]
    """Joint log probability."""


def draw_steps(logits: TypeLogits, masks: OpenArrays, generator: torch.Generator) -> Drawn:
    """Return a step drawn for each moment; closed ones are never drawn.

    Parameters
    ----------
    logits : TypeLogits
        Log odds, masked or not.
    masks : OpenArrays
        What is open, at least one type of each moment, and one size and amount of each open type.
    generator : torch.Generator
        On the device of the log odds.
    """
    clocks = [
        torch.empty_like(part).exponential_(generator=generator).cpu().numpy()
        for part in (logits.type, logits.size[:, 0], logits.amount[:, 0])
    ]
    drawn = Drawn(np.empty((len(masks.type), 3), np.int64), np.empty(len(masks.type), np.float32))
    _draw(Odds(*(part.cpu().numpy() for part in logits)), masks, *clocks, *drawn)
    return drawn


@njit(cache=True, nogil=True)
@no_type_check
def _draw(odds, masks, type_clocks, size_clocks, amount_clocks, actions, log_prob):
    for i in range(len(actions)):
        kind, of_kind = _first(odds.type[i], masks.type[i], type_clocks[i])
        size, of_size = _first(odds.size[i, kind], masks.size[i, kind], size_clocks[i])
        amount, of_amount = _first(odds.amount[i, kind], masks.amount[i, kind], amount_clocks[i])
        actions[i, 0], actions[i, 1], actions[i, 2] = kind, size, amount
        log_prob[i] = of_kind + of_size + of_amount


@njit(cache=True, nogil=True)
@no_type_check
def _first(odds, is_open, clocks):
    """Return whose exponential clock, as fast as it is likely, rings first, and the log of its chance."""
    top = -math.inf
    for k in range(len(odds)):
        top = max(top, odds[k]) if is_open[k] else top
    total, best, first = 0.0, -1.0, 0
    for k in range(len(odds)):
        if is_open[k]:
            share = math.exp(odds[k] - top)
            total += share
            if share > best * clocks[k]:
                best, first = share / clocks[k], k
    return first, odds[first] - top - math.log(total)
