"""The learned score's network, computed with NumPy alone, so that editing needs no torch.

The same sums as :class:`editorbot.models.scorer.ScorerNetwork`, from the same weights; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float32

from editorbot.editors.scoring.inputs import INPUT_COUNT, REPEAT_COUNT
from editorbot.editors.scoring.self_similarity import square_of
from editorbot.layers import Weights, layer_norm, linear, softmax
from editorbot.models.scorer_config import (
    ALIKE_FROM,
    ALIKE_TIMES,
    CLOSED_BY,
    INPUT_LIMIT,
    LAG_TOKENS,
    LOG_DISTANCE,
    LOG_STOPPED,
    NEAR_SHARE,
    SAME_FROM,
    SAME_TIMES,
    SHORT_STOP_STEPS,
    STOPPED,
    TOKEN_STEPS,
    ScorerConfig,
    StepInputs,
)

SHAPE = ScorerConfig(inputs=INPUT_COUNT, twins=REPEAT_COUNT)
"""The network that is trained."""

_BLOCK_STEPS = 4096
"""Steps computed at a time."""

_BLOCK_TOKENS = 128
"""Tokens whose attention is computed at a time: their pairs have as many rows and 2 x LAG_TOKENS more columns."""

Rows = Float32[np.ndarray, "_ _"]


def log_odds(inputs: StepInputs, weights: Weights, config: ScorerConfig) -> Float32[np.ndarray, "steps classes"]:
    """Compute the unnormalized log chances of CLASSES for every step of one recording.

    Notes
    -----
    Time and memory O(steps); beside inputs and result, three times the hidden rows.
    """
    hidden = _in_blocks(partial(_input_rows, inputs.values, weights), len(inputs.values))
    for number, dilation in enumerate(config.first_dilations):
        hidden = _residual_block(hidden, weights, f"hear.{number}", dilation)
    chances = softmax(linear(hidden, weights, "guess"))
    stopped = np.cumsum(chances[:, STOPPED].sum(1))
    messages = np.concatenate([np.tanh(linear(hidden, weights, "tell")), chances], axis=1)
    hidden = _in_blocks(partial(_read_repeats, hidden, messages, stopped, inputs, weights, config), len(hidden))
    attention = {at: _layer_weights(weights, f"over.{number}.") for number, at in enumerate(config.lag_layers)}
    for number in range(len(config.second_dilations) + 1):
        if number in attention:
            hidden = _attend(hidden, chances, stopped, inputs.lag_matrix, attention[number], config)
        if number < len(config.second_dilations):
            hidden = _residual_block(hidden, weights, f"compare.{number}", config.second_dilations[number])
    return np.asarray(linear(hidden, weights, "decide"), np.float32)


def _in_blocks(rows_of: Callable[[slice], Rows], count: int) -> Rows:
    """Compute rows some thousand at a time, so that intermediate results need memory for those alone."""
    return np.concatenate([rows_of(slice(at, min(at + _BLOCK_STEPS, count))) for at in range(0, count, _BLOCK_STEPS)])


def _input_rows(values: Rows, weights: Weights, rows: slice) -> Rows:
    scaled = (values[rows] - weights["mean"]) / weights["scale"]
    return linear(np.clip(scaled, -INPUT_LIMIT, INPUT_LIMIT), weights, "enter")


def _read_repeats(
    hidden: Rows,
    messages: Rows,
    stopped: Float32[np.ndarray, " steps"],
    inputs: StepInputs,
    weights: Weights,
    config: ScorerConfig,
    rows: slice,
) -> Rows:
    """Add to each step the messages of its nearest repeats, how similar they are, and how much was stopped between."""
    classes = len(weights["guess.bias"])
    parts = [hidden[rows], messages[rows, -classes:]]
    for number in range(config.twins):
        is_there = (inputs.nearest_repeats[rows, number] >= 0).astype(np.float32)
        at = np.maximum(inputs.nearest_repeats[rows, number], 0)
        between = np.log1p(np.abs(stopped[at] - stopped[rows])) / LOG_STOPPED
        relation = np.stack([inputs.similarity[rows, number] * is_there, is_there, between * is_there], axis=1)
        parts += [messages[at] * is_there[:, None], relation]
    return linear(np.concatenate(parts, axis=1), weights, "read")


def _layer_weights(weights: Weights, prefix: str) -> Weights:
    return {name[len(prefix) :]: value for name, value in weights.items() if name.startswith(prefix)}


def _residual_block(hidden: Rows, weights: Weights, name: str, dilation: int) -> Rows:
    """Compute one residual block; see `models.scorer.ConvBlock`."""
    return _in_blocks(partial(_convolved, hidden, weights, name, dilation), len(hidden))


def _convolved(hidden: Rows, weights: Weights, name: str, dilation: int, rows: slice) -> Rows:
    """Compute rows of a residual block, with zeros beyond the recording's ends."""
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


def _attend(
    hidden: Rows,
    chances: Rows,
    stopped: Float32[np.ndarray, " steps"],
    lag_matrix: Float32[np.ndarray, "lengths tokens lags"],
    weights: Weights,
    config: ScorerConfig,
) -> Rows:
    """Let tokens attend to each other over the whole recording; see `models.scorer.LagAttention`.

    `chances` are those of the first pass, `stopped` the steps stopped so far, `weights` those of one layer.
    Time O(tokens x LAG_TOKENS), memory O(tokens).
    """
    tokens = lag_matrix.shape[1]
    pooled = _pooled(np.concatenate([hidden, chances], axis=1), tokens, np.zeros(1, np.float32))
    at = _pooled(stopped[:, None], tokens, stopped[-1:, None])[:, 0]
    parts = linear(layer_norm(pooled, weights, "norm"), weights, "look")
    query, key, value = np.moveaxis(parts.reshape(tokens, 3, config.heads, -1), (1, 2), (0, 1))
    found = np.empty((tokens, config.width), np.float32)
    for first in range(0, tokens, _BLOCK_TOKENS):
        rows = range(first, min(first + _BLOCK_TOKENS, tokens))
        columns = range(max(0, first - LAG_TOKENS + 1), min(rows.stop + LAG_TOKENS - 1, tokens))
        biases, is_open = _pair_biases(square_of(lag_matrix, rows, columns), at, rows, columns, weights)
        seen = slice(columns.start, columns.stop)
        own = query[:, rows.start : rows.stop]
        mixed = _attention(own, key[:, seen], value[:, seen], biases[: config.heads], is_open, weights["sink"])
        counts = _counts(biases[config.heads :], is_open, rows, columns)
        found[rows.start : rows.stop] = linear(np.concatenate([mixed, counts], axis=1), weights, "out")
    return np.asarray(hidden + np.repeat(found, TOKEN_STEPS, axis=0)[: len(hidden)], np.float32)


def _pooled(rows: Rows, tokens: int, padding: np.ndarray) -> Rows:
    """Average rows over the steps of each token; the last token is filled up with `padding`."""
    missing = tokens * TOKEN_STEPS - len(rows)
    whole = np.concatenate([rows, np.broadcast_to(padding, (missing, rows.shape[1]))])
    return np.asarray(whole.reshape(tokens, TOKEN_STEPS, -1).mean(1), np.float32)


def _pair_biases(
    similarity: np.ndarray, stopped: np.ndarray, rows: range, columns: range, weights: Weights
) -> tuple[np.ndarray, np.ndarray]:
    """Compute attention biases of pairs of tokens, shape=(3 heads, rows, columns), and which pairs are near enough."""
    lag = (np.array(columns)[None, :] - np.array(rows)[:, None]).astype(np.float32)
    distance, (short, long) = np.abs(lag), similarity
    between = np.abs(stopped[columns.start : columns.stop][None, :] - stopped[rows.start : rows.stop][:, None])
    features = [
        short, long, np.maximum(long - ALIKE_FROM, 0) * ALIKE_TIMES, np.maximum(long - SAME_FROM, 0) * SAME_TIMES,
        np.sign(lag), np.log1p(distance) / LOG_DISTANCE, np.log1p(between / SHORT_STOP_STEPS) / LOG_STOPPED,
        np.minimum(distance * NEAR_SHARE, 1),
    ]  # fmt: skip
    pairs = np.stack(features, axis=-1).reshape(-1, len(features)).astype(np.float32)
    biases = linear(np.maximum(linear(pairs, weights, "pair"), 0), weights, "bias")
    return np.moveaxis(biases.reshape(*lag.shape, -1), -1, 0), distance < LAG_TOKENS


def _attention(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, biases: np.ndarray, is_open: np.ndarray, sink: np.ndarray
) -> Rows:
    """Compute biased attention with a sink that takes what matches nothing, shape=(rows, width)."""
    odds = query @ key.transpose(0, 2, 1) / np.float32(query.shape[-1] ** 0.5) + biases
    odds = np.where(is_open, odds, np.float32(-CLOSED_BY))
    highest = np.maximum(odds.max(-1, keepdims=True), sink[:, None, None])
    share = np.exp(odds - highest)
    share /= share.sum(-1, keepdims=True) + np.exp(sink[:, None, None] - highest)
    return np.asarray((share @ value).transpose(1, 0, 2).reshape(query.shape[1], -1), np.float32)


def _counts(biases: np.ndarray, is_open: np.ndarray, rows: range, columns: range) -> Rows:
    """Count how many tokens are similar to each one, later ones first, shape=(rows, 4 heads)."""
    is_later = np.array(columns)[None, :] > np.array(rows)[:, None]
    is_earlier = np.array(columns)[None, :] < np.array(rows)[:, None]
    similar = is_open / (1 + np.exp(-biases))
    both = [np.log1p((similar * side).sum(-1)) for side in (is_later, is_earlier)]
    return np.asarray(np.concatenate(both).T, np.float32)
