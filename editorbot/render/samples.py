"""Samples of any type as float64."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Shaped


def full_scale_factor(dtype: np.dtype) -> float:
    """Return what samples of a type are multiplied by, for a full scale of 1.0."""
    return 1.0 / (1 << (8 * dtype.itemsize - 1)) if dtype.kind == "i" else 1.0


def as_float(block: Shaped[np.ndarray, "samples channels"]) -> Float64[np.ndarray, "samples channels"]:
    """Return samples as float64 with full scale 1.0; integers are divided by 2**(bits - 1)."""
    if block.dtype.kind == "i":
        return block * full_scale_factor(block.dtype)
    return block.astype(np.float64, copy=False)
