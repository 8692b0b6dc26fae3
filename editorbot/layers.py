"""Layers of networks, computed with NumPy alone: every network that runs without torch is made of them.

The same sums as torch's layers from the same weights; the tests of each network hold the two together.

Conventions
-----------
A row is what is known of one place: a frame, a beat, a step, a token.
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
    """Return rows through the fully connected layer of that name."""
    return np.asarray(rows @ weights[f"{name}.weight"].T + weights[f"{name}.bias"], np.float32)


def layer_norm(rows: Float32[np.ndarray, "rows a"], weights: Weights, name: str) -> Float32[np.ndarray, "rows a"]:
    """Return rows of mean 0 and spread 1, scaled and shifted as the layer of that name learned."""
    centered = rows - rows.mean(1, keepdims=True)
    normed = centered / np.sqrt((centered**2).mean(1, keepdims=True) + np.float32(LAYER_NORM_EPSILON))
    return np.asarray(normed * weights[f"{name}.weight"] + weights[f"{name}.bias"], np.float32)


def softmax(rows: Float32[np.ndarray, "rows a"]) -> Float32[np.ndarray, "rows a"]:
    """Return chances that sum to 1 in each row."""
    raised = np.exp(rows - rows.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True))
