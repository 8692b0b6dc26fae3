"""Samples of any type as float64."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Shaped


def as_float(block: Shaped[np.ndarray, "samples channels"]) -> Float64[np.ndarray, "samples channels"]:
    """Return samples as float64 with full scale 1.0; integers are divided by 2**(bits - 1)."""
    if block.dtype.kind == "i":
        return block * (1.0 / (1 << (8 * block.dtype.itemsize - 1)))
    return block.astype(np.float64, copy=False)
