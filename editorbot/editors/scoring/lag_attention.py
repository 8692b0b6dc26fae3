"""The look over the whole recording, computed with NumPy alone; see `models.scorer.LagAttention`."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.editors.scoring.lag_matrix import square_of
from editorbot.layers import Weights, layer_norm, linear
from editorbot.models.scorer_config import (
    ALIKE_FROM,
    ALIKE_TIMES,
    CLOSED_BY,
    LAG_TOKENS,
    LOG_DISTANCE,
    LOG_STOPPED,
    NEAR_SHARE,
    SAME_FROM,
    SAME_TIMES,
    SHORT_STOP_STEPS,
    TOKEN_STEPS,
    ScorerConfig,
)

_BLOCK_TOKENS = 128
"""Tokens that look at a time: their map has so many rows and 2 x LAG_TOKENS more columns."""


def looked_over(
    hidden: Float32[np.ndarray, "steps width"],
    chances: Float32[np.ndarray, "steps classes"],
    stopped: Float32[np.ndarray, " steps"],
    lag_matrix: Float32[np.ndarray, "lengths tokens lags"],
    weights: Weights,
    config: ScorerConfig,
) -> Float32[np.ndarray, "steps width"]:
    """Return the hidden rows with what was found in the whole recording added.

    Parameters
    ----------
    hidden, chances, stopped
        Rows of the steps, the first pass's chances, the steps stopped so far.
    lag_matrix : np.ndarray
        `JamInputs.lag_matrix`.
    weights : dict
        Of one layer, by torch's names.
    config : ScorerConfig
        The network's shape.

    Notes
    -----
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
        told, is_open = _told(square_of(lag_matrix, rows, columns), at, rows, columns, weights)
        seen = slice(columns.start, columns.stop)
        looked = _look(query[:, rows.start : rows.stop], key[:, seen], value[:, seen], told, is_open, weights["sink"])
        counts = _counts(told[config.heads :], is_open, rows, columns)
        found[rows.start : rows.stop] = linear(np.concatenate([looked, counts], axis=1), weights, "out")
    return np.asarray(hidden + np.repeat(found, TOKEN_STEPS, axis=0)[: len(hidden)], np.float32)


def _pooled(rows: np.ndarray, tokens: int, end: np.ndarray) -> np.ndarray:
    """Return means over the steps of each token; beyond the recording's end lies `end`."""
    missing = tokens * TOKEN_STEPS - len(rows)
    whole = np.concatenate([rows, np.broadcast_to(end, (missing, rows.shape[1]))])
    return np.asarray(whole.reshape(tokens, TOKEN_STEPS, -1).mean(1), np.float32)


def _told(
    likeness: np.ndarray, stopped: np.ndarray, rows: range, columns: range, weights: Weights
) -> tuple[np.ndarray, np.ndarray]:
    """Return what pairs are to each other, shape=(3 heads, rows, columns), and which are near enough."""
    lag = (np.array(columns)[None, :] - np.array(rows)[:, None]).astype(np.float32)
    distance, (short, long) = np.abs(lag), likeness
    between = np.abs(stopped[columns.start : columns.stop][None, :] - stopped[rows.start : rows.stop][:, None])
    features = [
        short, long, np.maximum(long - ALIKE_FROM, 0) * ALIKE_TIMES, np.maximum(long - SAME_FROM, 0) * SAME_TIMES,
        np.sign(lag), np.log1p(distance) / LOG_DISTANCE, np.log1p(between / SHORT_STOP_STEPS) / LOG_STOPPED,
        np.minimum(distance * NEAR_SHARE, 1),
    ]  # fmt: skip
    pairs = np.stack(features, axis=-1).reshape(-1, len(features)).astype(np.float32)
    told = linear(np.maximum(linear(pairs, weights, "pair"), 0), weights, "bias")
    return np.moveaxis(told.reshape(*lag.shape, -1), -1, 0), distance < LAG_TOKENS


def _look(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, told: np.ndarray, is_open: np.ndarray, sink: np.ndarray
) -> np.ndarray:
    """Return what is looked at, shape=(rows, width); whoever finds nothing looks into the sink."""
    odds = query @ key.transpose(0, 2, 1) / np.float32(query.shape[-1] ** 0.5) + told[: len(query)]
    odds = np.where(is_open, odds, np.float32(-CLOSED_BY))
    highest = np.maximum(odds.max(-1, keepdims=True), sink[:, None, None])
    share = np.exp(odds - highest)
    share /= share.sum(-1, keepdims=True) + np.exp(sink[:, None, None] - highest)
    return np.asarray((share @ value).transpose(1, 0, 2).reshape(query.shape[1], -1), np.float32)


def _counts(told: np.ndarray, is_open: np.ndarray, rows: range, columns: range) -> np.ndarray:
    """Return how many tokens are like each one, later ones first, shape=(rows, 4 heads)."""
    is_later = np.array(columns)[None, :] > np.array(rows)[:, None]
    is_earlier = np.array(columns)[None, :] < np.array(rows)[:, None]
    alike = is_open / (1 + np.exp(-told))
    both = [np.log1p((alike * side).sum(-1)) for side in (is_later, is_earlier)]
    return np.asarray(np.concatenate(both).T, np.float32)
