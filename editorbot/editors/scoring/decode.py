"""Turns a score for every step into stretches, so that no cut comes from a single step."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from editorbot.editors.scoring.scorecard import chance

MAX_LOG_ODDS = 6.0
"""No single step may count for more than this."""

LENIENCES = tuple(np.arange(-0.5, 2.01, 0.25).tolist())
"""What is tried as an addition to the log odds of every step of a recording; above 0 keeps more."""


def likely_best_stretches(log_odds: Float[np.ndarray, " steps"], switch_cost: float) -> Bool[np.ndarray, " steps"]:
    """Tell which steps are 'on' where the F1 that is to be expected is highest.

    A step is worth keeping from half the F1 on that can be reached, so a recording that is hard to tell keeps
    steps that are less sure: one threshold for all recordings is too strict for some and too lenient for others.

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
    """Return F1 of 'on' with chances in place of the truth; 0 where nothing is on."""
    return float(2 * chances[on].sum() / max(on.sum() + chances.sum(), 1e-9))


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
