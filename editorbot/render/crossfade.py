"""Equal-power crossfades: their gains."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64


def equal_power_gain(position: Float64[np.ndarray, " samples"], length: int) -> Float64[np.ndarray, " samples"]:
    """Return the gain of the incoming clip; the outgoing one has that of ``length - position``.

    Parameters
    ----------
    position : np.ndarray, shape=(samples,), float64 [samples]
        Places inside the crossfade, 0 at its start; sample centres are at halves.
    length : int [samples]
        Length of the crossfade, at least 1.

    Returns
    -------
    gain : np.ndarray, shape=(samples,), float64
        ``sin(pi / 2 * position / length)``; squares of both gains sum to 1.
    """
    return np.sin(0.5 * np.pi * np.clip(position / length, 0.0, 1.0))
