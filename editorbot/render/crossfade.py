"""Crossfades of constant power.

Two different sounds add in power, so the gains ``cos`` and ``sin`` keep the
level: the equal-power crossfade. Two sounds that are alike add in amplitude,
and the same gains would swell by up to 3 dB in the middle: a loop that is
joined well, or a clip that is only a little louder than its neighbor. The
gains are therefore divided by the amplitude that the mix of two signals of the
measured correlation would have. At correlation 0 that is the plain
equal-power crossfade, at 1 a mix whose gains sum to 1.

Conventions
-----------
Sound has shape (samples, channels), float64, full scale 1.0. All channels
share one correlation, so that the stereo image does not move.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True)
class Gains:
    """Gains over a crossfade, or over a part of it."""

    outgoing: Float64[np.ndarray, " samples"]
    """Of the clip that ends, falling from 1 to 0."""
    incoming: Float64[np.ndarray, " samples"]
    """Of the clip that begins, rising from 0 to 1."""


def crossfade_gains(start: int, end: int, length: int, correlation: float = 0.0) -> Gains:
    """Compute the gains of samples [start, end) of a crossfade.

    Parameters
    ----------
    start, end : int [samples]
        Part of the crossfade, 0 at its start.
    length : int [samples]
        Length of the whole crossfade, at least 1.
    correlation : float, in [0, 1]
        How alike both sounds are, see :func:`correlation`.

    Returns
    -------
    gains : Gains
        ``cos`` and ``sin`` of a quarter turn, both over ``sqrt(1 + correlation * sin(2 * angle))``.
    """
    angle = 0.5 * np.pi * (np.arange(start, end) + 0.5) / length
    norm = np.sqrt(1.0 + correlation * np.sin(2 * angle))
    return Gains(np.cos(angle) / norm, np.sin(angle) / norm)


def correlation(
    outgoing: Float64[np.ndarray, "samples channels"], incoming: Float64[np.ndarray, "samples channels"]
) -> float:
    """Normalized correlation of two sounds at lag 0, in [0, 1].

    Opposite sounds count as 0: what cancels is not made louder.
    """
    amplitude = math.sqrt(np.square(outgoing).sum()) * math.sqrt(np.square(incoming).sum())
    if not amplitude > 0:
        return 0.0
    return min(max(float(np.sum(outgoing * incoming)) / amplitude, 0.0), 1.0)


def crossfade(
    outgoing: Float64[np.ndarray, "samples channels"], incoming: Float64[np.ndarray, "samples channels"]
) -> Float64[np.ndarray, "samples channels"]:
    """Mix two sounds over a whole crossfade."""
    gains = crossfade_gains(0, len(outgoing), max(len(outgoing), 1), correlation(outgoing, incoming))
    return mix(gains, outgoing, incoming)


def mix(
    gains: Gains, outgoing: Float64[np.ndarray, "samples channels"], incoming: Float64[np.ndarray, "samples channels"]
) -> Float64[np.ndarray, "samples channels"]:
    """Add two sounds with their gains."""
    mixed: Float64[np.ndarray, "samples channels"] = outgoing * gains.outgoing[:, None]
    mixed += incoming * gains.incoming[:, None]
    return mixed
