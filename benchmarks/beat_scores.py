"""How well beats agree with the truth."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

TOLERANCE_S = 0.07
"""Largest distance of a beat from its true place [s], the field's usual one."""


def f_measure(
    true_s: Float[np.ndarray, " true"], found_s: Float[np.ndarray, " found"], tolerance_s: float = TOLERANCE_S
) -> float:
    """Return the F measure of found times, half and double tempo not forgiven.

    Each true time is matched with at most one found time within the tolerance,
    in order; for sorted times this greedy matching is the largest possible.

    Parameters
    ----------
    true_s, found_s : np.ndarray, shapes (true,) and (found,) [seconds]
        Increasing.
    tolerance_s : float [seconds], inclusive
        Largest distance of a match.

    Returns
    -------
    f : float in [0, 1]
        1 where both are empty.
    """
    if len(true_s) + len(found_s) == 0:
        return 1.0
    true_at = found_at = hits = 0
    while true_at < len(true_s) and found_at < len(found_s):
        late_s = found_s[found_at] - true_s[true_at]
        hit = abs(late_s) <= tolerance_s
        hits += hit
        true_at += hit or late_s > 0
        found_at += hit or late_s < 0
    return 2.0 * hits / (len(true_s) + len(found_s))


def fitted_offset_s(true_s: Float[np.ndarray, " true"], found_s: Float[np.ndarray, " found"]) -> float:
    """Return the constant shift of the true times, within 0.15 s, that suits the found ones best [s]."""
    shifts_s = np.arange(-0.15, 0.1501, 0.005)
    return float(shifts_s[np.argmax([f_measure(true_s + shift_s, found_s) for shift_s in shifts_s])])
