"""Turns log odds of every step into stretches, so that no single step makes a cut."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from editorbot.editors.scoring.scorecard import chance

MAX_LOG_ODDS = 6.0
"""No single step may count for more than this."""

LENIENCES = tuple(np.arange(-0.5, 2.01, 0.25).tolist())
"""Values that are tried as additions to the log odds of all steps of a recording; above 0 keeps more."""


def likely_best_stretches(log_odds: Float[np.ndarray, " steps"], switch_cost: float) -> Bool[np.ndarray, " steps"]:
    """Choose the steps that are 'on' so that the expected F1 is highest.

    A step is worth keeping if its chance is at least half of the best possible F1, so in a difficult recording steps
    that are less sure are kept too: one threshold for all recordings is too strict for some and too lenient for others.

    Parameters
    ----------
    log_odds : np.ndarray, shape=(steps,)
        Calibrated: of the steps at 0, half are right.
    switch_cost : float, >= 0
        Price of going from on to off or back [log odds].

    Returns
    -------
    on : np.ndarray, shape=(steps,), bool
        The best of one path for each of LENIENCES.

    References
    ----------
    Lipton, Elkan and Naryanaswamy, "Optimal Thresholding of Classifiers to Maximize F1 Measure", 2014.
    """
    chances = chance(log_odds)
    paths = [best_stretches(log_odds + more, switch_cost) for more in LENIENCES]
    return max(paths, key=lambda on: expected_f1(on, chances))


def expected_f1(on: Bool[np.ndarray, " steps"], chances: Float[np.ndarray, " steps"]) -> float:
    """Compute F1 of 'on' with chances in place of the truth; 0 if nothing is on."""
    return float(2 * chances[on].sum() / max(on.sum() + chances.sum(), 1e-9))


def best_stretches(log_odds: Float[np.ndarray, " steps"], switch_cost: float) -> Bool[np.ndarray, " steps"]:
    """Find the best path of 'on' and 'off' if every switch between them has a price.

    Parameters
    ----------
    log_odds : np.ndarray, shape=(steps,)
        Positive for steps that are rather on than off.
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
