"""Layers of networks in NumPy: every network that runs without torch is made of them.

The same sums as torch's layers from the same weights; the tests of each network hold the two together.

Conventions
-----------
A row holds the features of one place: a frame, a beat, a step, a token.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32

Weights = Mapping[str, Float32[np.ndarray, "..."]]
"""Parameters by torch's names."""

LAYER_NORM_EPSILON = 1e-5
"""What torch adds to the variance in a layer norm."""


def linear(rows: Float32[np.ndarray, "rows a"], weights: Weights, name: str) -> Float32[np.ndarray, "rows b"]:
    """Apply the fully connected layer of that name to rows."""
    return np.asarray(rows @ weights[f"{name}.weight"].T + weights[f"{name}.bias"], np.float32)


def layer_norm(rows: Float32[np.ndarray, "rows a"], weights: Weights, name: str) -> Float32[np.ndarray, "rows a"]:
    """Normalize rows to mean 0 and deviation 1, then scale and shift them as the layer of that name learned."""
    centered = rows - rows.mean(1, keepdims=True)
    normed = centered / np.sqrt((centered**2).mean(1, keepdims=True) + np.float32(LAYER_NORM_EPSILON))
    return np.asarray(normed * weights[f"{name}.weight"] + weights[f"{name}.bias"], np.float32)


def softmax(rows: Float32[np.ndarray, "rows a"]) -> Float32[np.ndarray, "rows a"]:
    """Probabilities that sum to 1 in each row."""
    raised = np.exp(rows - rows.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True))
