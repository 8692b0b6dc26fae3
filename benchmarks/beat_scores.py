"""How well beats agree with the truth, by ``mir_eval``."""

from __future__ import annotations

import mir_eval
import numpy as np
from jaxtyping import Float

TOLERANCE_S = 0.07
"""Largest distance of a beat from its true place [s], the field's usual one."""


def f_measure(
    true_s: Float[np.ndarray, " true"], found_s: Float[np.ndarray, " found"], tolerance_s: float = TOLERANCE_S
) -> float:
    """Measure the F of found times, in [0, 1]; half and double tempo are not forgiven; 1 where both are empty."""
    if min(len(true_s), len(found_s)) == 0:
        return float(len(true_s) == len(found_s))
    return float(mir_eval.beat.f_measure(true_s, found_s, f_measure_threshold=tolerance_s))


def fitted_offset_s(true_s: Float[np.ndarray, " true"], found_s: Float[np.ndarray, " found"]) -> float:
    """Fit the constant shift of the true times, within 0.15 s, that suits the found ones best [s]."""
    shifts_s = np.arange(-0.15, 0.1501, 0.005)
    return float(shifts_s[np.argmax([f_measure(true_s + shift_s, found_s) for shift_s in shifts_s])])
