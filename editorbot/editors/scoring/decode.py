"""Turns a score for every step into stretches, so that no cut comes from a single step."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

MAX_LOG_ODDS = 6.0
"""No single step may count for more than this."""


def best_stretches(log_odds: Float[np.ndarray, " steps"], switch_cost: float) -> Bool[np.ndarray, " steps"]:
    """Tell which steps are 'on' on the best path that pays for every switch.

    Parameters
    ----------
    log_odds : np.ndarray, shape=(steps,)
        Positive where a step speaks for 'on'.
    switch_cost : float, >= 0
        Price of going from on to off or back [log odds].

    Returns
    -------
    on : np.ndarray, shape=(steps,), bool
        The path with the largest sum of log odds over its 'on' steps less its switches.

    Notes
    -----
    The Viterbi algorithm with two states: time and memory O(steps).
    """
    gains = np.clip(log_odds, -MAX_LOG_ODDS, MAX_LOG_ODDS).tolist()
    off, on = 0.0, 0.0
    came_from_on, came_from_off = [False] * len(gains), [False] * len(gains)
    for step, gain in enumerate(gains):
        stay_off, leave = off, on - switch_cost
        stay_on, enter = on, off - switch_cost
        came_from_on[step], came_from_off[step] = leave > stay_off, enter > stay_on
        off, on = max(stay_off, leave), max(stay_on, enter) + gain
    path = np.zeros(len(gains), dtype=bool)
    state = on > off
    for step in range(len(gains) - 1, -1, -1):
        path[step] = state
        state = not came_from_off[step] if state else came_from_on[step]
    return path
