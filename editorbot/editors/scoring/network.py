"""The learned score's network, computed with NumPy alone, so that editing needs no torch.

The same sums as :class:`editorbot.models.scorer.ScorerNetwork`, from the same
weights; a test holds the two together.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.editors.scoring.inputs import INPUT_COUNT, TWIN_COUNT, StepInputs
from editorbot.models.scorer_shape import ScorerConfig

LAYER_NORM_EPSILON = 1e-5
"""As in torch."""

Weights = dict[str, Float32[np.ndarray, "..."]]
"""Parameters by torch's names."""


SHAPE = ScorerConfig(inputs=INPUT_COUNT, twins=TWIN_COUNT)
"""The network that is trained."""


def log_odds(inputs: StepInputs, weights: Weights, config: ScorerConfig) -> Float32[np.ndarray, "steps classes"]:
    """Return the unnormalized log chances of CLASSES for every step of one recording.

    Notes
    -----
    Time and memory O(steps).
    """
    scaled = np.clip((inputs.values - weights["mean"]) / weights["scale"], -5, 5)
    hidden = _linear(scaled, weights, "enter")
    for number, dilation in enumerate(config.first_dilations):
        hidden = _block(hidden, weights, f"hear.{number}", dilation)
    chances = softmax(_linear(hidden, weights, "guess"))
    told = np.concatenate([np.tanh(_linear(hidden, weights, "tell")), chances], axis=1)
    stopped = np.cumsum(chances[:, 1:4].sum(1))
    parts = [hidden, chances]
    for number in range(config.twins):
        is_there = (inputs.twins[:, number] >= 0).astype(np.float32)
        at = np.maximum(inputs.twins[:, number], 0)
        between = np.log1p(np.abs(stopped[at] - stopped)) / 3
        told_there = told[at] * is_there[:, None]
        parts += [told_there, np.stack([inputs.likeness[:, number] * is_there, is_there, between * is_there], axis=1)]
    hidden = _linear(np.concatenate(parts, axis=1), weights, "read")
    for number, dilation in enumerate(config.second_dilations):
        hidden = _block(hidden, weights, f"compare.{number}", dilation)
    return np.asarray(_linear(hidden, weights, "decide"), np.float32)


def softmax(values: Float32[np.ndarray, "steps classes"]) -> Float32[np.ndarray, "steps classes"]:
    """Return chances that sum to 1 in each row."""
    raised = np.exp(values - values.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True))


def _linear(rows: Float32[np.ndarray, "steps a"], weights: Weights, name: str) -> Float32[np.ndarray, "steps b"]:
    return np.asarray(rows @ weights[f"{name}.weight"].T + weights[f"{name}.bias"], np.float32)


def _block(hidden: Float32[np.ndarray, "steps w"], weights: Weights, name: str, dilation: int) -> np.ndarray:
    """Return one residual block; see `models.scorer.ConvBlock`."""
    centered = hidden - hidden.mean(1, keepdims=True)
    normed = centered / np.sqrt((centered**2).mean(1, keepdims=True) + LAYER_NORM_EPSILON)
    normed = normed * weights[f"{name}.norm.weight"] + weights[f"{name}.norm.bias"]
    kernel = weights[f"{name}.look.weight"]
    seen = normed @ kernel[:, :, 1].T + weights[f"{name}.look.bias"]
    if len(hidden) > dilation:
        seen[dilation:] += normed[:-dilation] @ kernel[:, :, 0].T
        seen[:-dilation] += normed[dilation:] @ kernel[:, :, 2].T
    return np.asarray(hidden + _linear(np.maximum(seen, 0), weights, f"{name}.mix"), np.float32)
