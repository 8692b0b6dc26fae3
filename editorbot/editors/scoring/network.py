"""The learned score's network, computed with NumPy alone, so that editing needs no torch.

The same sums as :class:`editorbot.models.scorer.ScorerNetwork`, from the same
weights; a test holds the two together.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.editors.scoring.again import JamInputs
from editorbot.editors.scoring.inputs import INPUT_COUNT, TWIN_COUNT
from editorbot.editors.scoring.lag_attention import LAYER_NORM_EPSILON, Weights, layer_norm, linear, looked_over
from editorbot.models.scorer_shape import ScorerConfig

__all__ = ["LAYER_NORM_EPSILON", "SHAPE", "Weights", "log_odds", "softmax"]

SHAPE = ScorerConfig(inputs=INPUT_COUNT, twins=TWIN_COUNT)
"""The network that is trained."""


def log_odds(inputs: JamInputs, weights: Weights, config: ScorerConfig) -> Float32[np.ndarray, "steps classes"]:
    """Return the unnormalized log chances of CLASSES for every step of one recording.

    Notes
    -----
    Time and memory O(steps).
    """
    scaled = np.clip((inputs.values - weights["mean"]) / weights["scale"], -5, 5)
    hidden = linear(scaled, weights, "enter")
    for number, dilation in enumerate(config.first_dilations):
        hidden = _block(hidden, weights, f"hear.{number}", dilation)
    chances = softmax(linear(hidden, weights, "guess"))
    told = np.concatenate([np.tanh(linear(hidden, weights, "tell")), chances], axis=1)
    stopped = np.cumsum(chances[:, 1:4].sum(1))
    parts = [hidden, chances]
    for number in range(config.twins):
        is_there = (inputs.twins[:, number] >= 0).astype(np.float32)
        at = np.maximum(inputs.twins[:, number], 0)
        between = np.log1p(np.abs(stopped[at] - stopped)) / 3
        told_there = told[at] * is_there[:, None]
        parts += [told_there, np.stack([inputs.likeness[:, number] * is_there, is_there, between * is_there], axis=1)]
    hidden = linear(np.concatenate(parts, axis=1), weights, "read")
    looks = {at: _part(weights, f"over.{number}.") for number, at in enumerate(config.lag_layers)}
    for number in range(len(config.second_dilations) + 1):
        if number in looks:
            hidden = looked_over(hidden, chances, stopped, inputs.lags, looks[number], config)
        if number < len(config.second_dilations):
            hidden = _block(hidden, weights, f"compare.{number}", config.second_dilations[number])
    return np.asarray(linear(hidden, weights, "decide"), np.float32)


def _part(weights: Weights, start: str) -> Weights:
    """Return the weights of one layer by their names in it."""
    return {name[len(start) :]: value for name, value in weights.items() if name.startswith(start)}


def softmax(values: Float32[np.ndarray, "steps classes"]) -> Float32[np.ndarray, "steps classes"]:
    """Return chances that sum to 1 in each row."""
    raised = np.exp(values - values.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True))


def _block(hidden: Float32[np.ndarray, "steps w"], weights: Weights, name: str, dilation: int) -> np.ndarray:
    """Return one residual block; see `models.scorer.ConvBlock`."""
    normed = layer_norm(hidden, weights, f"{name}.norm")
    kernel = weights[f"{name}.look.weight"]
    seen = normed @ kernel[:, :, 1].T + weights[f"{name}.look.bias"]
    if len(hidden) > dilation:
        seen[dilation:] += normed[:-dilation] @ kernel[:, :, 0].T
        seen[:-dilation] += normed[dilation:] @ kernel[:, :, 2].T
    return np.asarray(hidden + linear(np.maximum(seen, 0), weights, f"{name}.mix"), np.float32)
