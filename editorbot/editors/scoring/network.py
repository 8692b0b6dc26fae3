"""The learned score's network, computed with NumPy alone, so that editing needs no torch.

The same sums as :class:`editorbot.models.scorer.ScorerNetwork`, from the same
weights; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float32

from editorbot.editors.scoring.inputs import INPUT_COUNT, REPEAT_COUNT
from editorbot.editors.scoring.lag_attention import looked_over
from editorbot.editors.scoring.repeat_features import JamInputs
from editorbot.layers import Weights, layer_norm, linear
from editorbot.models.scorer_config import INPUT_LIMIT, LOG_STOPPED, STOPPED, ScorerConfig

SHAPE = ScorerConfig(inputs=INPUT_COUNT, twins=REPEAT_COUNT)
"""The network that is trained."""


_BLOCK_STEPS = 4096
"""Steps that are computed at a time."""


def log_odds(inputs: JamInputs, weights: Weights, config: ScorerConfig) -> Float32[np.ndarray, "steps classes"]:
    """Return the unnormalized log chances of CLASSES for every step of one recording.

    Notes
    -----
    Time and memory O(steps); beside inputs and result, three times the hidden rows.
    """
    hidden = _in_blocks(partial(_entered, inputs.values, weights), len(inputs.values))
    for number, dilation in enumerate(config.first_dilations):
        hidden = _block(hidden, weights, f"hear.{number}", dilation)
    chances = softmax(linear(hidden, weights, "guess"))
    stopped = np.cumsum(chances[:, STOPPED].sum(1))
    told = np.concatenate([np.tanh(linear(hidden, weights, "tell")), chances], axis=1)
    hidden = _in_blocks(partial(_read, hidden, told, stopped, inputs, weights, config), len(hidden))
    looks = {at: _part(weights, f"over.{number}.") for number, at in enumerate(config.lag_layers)}
    for number in range(len(config.second_dilations) + 1):
        if number in looks:
            hidden = looked_over(hidden, chances, stopped, inputs.lag_matrix, looks[number], config)
        if number < len(config.second_dilations):
            hidden = _block(hidden, weights, f"compare.{number}", config.second_dilations[number])
    return np.asarray(linear(hidden, weights, "decide"), np.float32)


def _in_blocks(rows_of: Callable[[slice], np.ndarray], count: int) -> Float32[np.ndarray, "steps w"]:
    """Return rows that are computed some thousand at a time: what lies between needs memory for those alone."""
    return np.concatenate([rows_of(slice(at, min(at + _BLOCK_STEPS, count))) for at in range(0, count, _BLOCK_STEPS)])


def _entered(values: np.ndarray, weights: Weights, rows: slice) -> np.ndarray:
    """Return the first hidden rows of the steps."""
    scaled = (values[rows] - weights["mean"]) / weights["scale"]
    return linear(np.clip(scaled, -INPUT_LIMIT, INPUT_LIMIT), weights, "enter")


def _read(
    hidden: np.ndarray,
    told: np.ndarray,
    stopped: np.ndarray,
    inputs: JamInputs,
    weights: Weights,
    config: ScorerConfig,
    rows: slice,
) -> np.ndarray:
    """Return hidden rows that have read what was told at the twins."""
    parts = [hidden[rows], told[rows, -chance_count(weights) :]]
    for number in range(config.twins):
        is_there = (inputs.nearest_repeats[rows, number] >= 0).astype(np.float32)
        at = np.maximum(inputs.nearest_repeats[rows, number], 0)
        between = np.log1p(np.abs(stopped[at] - stopped[rows])) / LOG_STOPPED
        likeness = np.stack([inputs.likeness[rows, number] * is_there, is_there, between * is_there], axis=1)
        parts += [told[at] * is_there[:, None], likeness]
    return linear(np.concatenate(parts, axis=1), weights, "read")


def chance_count(weights: Weights) -> int:
    """Return how many classes the network tells apart."""
    return len(weights["guess.bias"])


def _part(weights: Weights, start: str) -> Weights:
    """Return the weights of one layer by their names in it."""
    return {name[len(start) :]: value for name, value in weights.items() if name.startswith(start)}


def softmax(values: Float32[np.ndarray, "steps classes"]) -> Float32[np.ndarray, "steps classes"]:
    """Return chances that sum to 1 in each row."""
    raised = np.exp(values - values.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True))


def _block(hidden: Float32[np.ndarray, "steps w"], weights: Weights, name: str, dilation: int) -> np.ndarray:
    """Return one residual block; see `models.scorer.ConvBlock`."""
    return _in_blocks(partial(_convolved, hidden, weights, name, dilation), len(hidden))


def _convolved(hidden: np.ndarray, weights: Weights, name: str, dilation: int, rows: slice) -> np.ndarray:
    """Return rows of a residual block; beyond the recording's ends lie zeros."""
    first, last = max(0, rows.start - dilation), min(rows.stop + dilation, len(hidden))
    normed = layer_norm(hidden[first:last], weights, f"{name}.norm")
    kernel = weights[f"{name}.look.weight"]
    own = slice(rows.start - first, rows.stop - first)
    seen = normed[own] @ kernel[:, :, 1].T + weights[f"{name}.look.bias"]
    before, after = max(0, dilation - rows.start), max(0, min(rows.stop, len(hidden) - dilation) - rows.start)
    if before < len(seen):
        seen[before:] += normed[own.start - dilation + before : own.stop - dilation] @ kernel[:, :, 0].T
    if after > 0:
        seen[:after] += normed[own.start + dilation : own.start + dilation + after] @ kernel[:, :, 2].T
    return np.asarray(hidden[rows] + linear(np.maximum(seen, 0), weights, f"{name}.mix"), np.float32)
