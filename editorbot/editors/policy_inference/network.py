"""The policy's networks, computed with NumPy alone, so that editing needs no torch.

The same sums as :class:`editorbot.models.policy.EditingAgent`, from the same weights; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from editorbot.environment.masks import Masks
from editorbot.environment.state import FEATURES, Normalizer
from editorbot.layers import Weights, layer_norm, linear
from editorbot.models.attention_kernels import attend, neighborhood
from editorbot.models.policy_config import BEAT_INPUTS, CENTRE, CLOSED, OUTLOOK, PolicyConfig

Rows = Float32[np.ndarray, "_ _"]


@dataclass(frozen=True)
class EncodedRecording:
    """The encoder's output for one recording."""

    beats: Rows
    """A vector per beat, shape=(beats, hidden)."""
    ahead: Rows
    """Chance that each of the next OUTLOOK beats is kept, and the beat's score features, shape=(beats, AHEAD)."""
    summary: Float32[np.ndarray, " twice_hidden"]
    """Mean and maximum over the beats."""
    keep_ratio: float
    """Predicted share of the recording that an edit keeps."""


@dataclass(frozen=True)
class StepLogits:
    """The policy's output for one action; invalid choices have CLOSED."""

    type: Float32[np.ndarray, " types"]
    """Log odds of the types."""
    size: Float32[np.ndarray, "types 5"]
    """Log odds of the sizes given each type."""
    amount: Float32[np.ndarray, "types 5"]
    """Log odds of the amounts given each type."""


def beat_inputs(features: Rows, score_features: Rows, normalizer: Normalizer) -> Rows:
    """Compute the encoder's inputs: features normalized like those of the beat at the cursor, and score features."""
    shaped = (np.asarray(features, np.float32) - normalizer.mean_array[CENTRE]) * normalizer.scale_array[CENTRE]
    inputs = np.concatenate([np.clip(shaped, -5, 5), score_features], axis=1).astype(np.float32)
    if inputs.shape[1] != FEATURES + score_features.shape[1]:
        raise ValueError(f"features are {features.shape[1]} wide, but {FEATURES} are known")
    return inputs


def encode(inputs: Rows, weights: Weights, config: PolicyConfig) -> EncodedRecording:
    """Encode one recording.

    Notes
    -----
    Time and memory O(beats).
    """
    first, count = neighborhood([len(inputs)], config.natten_kernel_size)
    x = linear(inputs, weights, "encoder.enter")
    for number in range(config.natten_n_layers):
        name = f"encoder.layers.{number}"
        parts = linear(layer_norm(x, weights, f"{name}.attention_norm"), weights, f"{name}.qkv")
        heads = parts.reshape(len(x), 3, config.natten_n_heads, -1).transpose(1, 2, 0, 3)
        q, k, v = (np.ascontiguousarray(part) for part in heads)
        near = np.empty_like(q)
        shares = np.empty((*q.shape[:2], int(count.max())), np.float32)
        attend(q, k, v, first, count, np.float32(q.shape[-1] ** -0.5), near, shares)
        x = x + linear(near.transpose(1, 0, 2).reshape(x.shape), weights, f"{name}.out")
        fed = np.maximum(linear(layer_norm(x, weights, f"{name}.feed_norm"), weights, f"{name}.feed_in"), 0)
        x = x + linear(fed, weights, f"{name}.feed_out")
    beats = layer_norm(x, weights, "encoder.norm")
    summary = np.concatenate([beats.mean(0), beats.max(0)])
    ratio = linear(summary[None], weights, "tasks.keep_ratio")[0, 0]
    kept = _sigmoid(linear(beats, weights, "encoder.kept")[:, 0])
    following = np.minimum(np.arange(len(kept))[:, None] + np.arange(OUTLOOK), len(kept) - 1)
    ahead = np.concatenate([kept[following], inputs[:, FEATURES:]], axis=1).astype(np.float32)
    return EncodedRecording(beats, ahead, summary, float(_sigmoid(ratio)))


def step_logits(
    inputs: Float32[np.ndarray, " inputs"], masks: Masks, weights: Weights, config: PolicyConfig
) -> StepLogits:
    """Compute the policy's log odds of one action, with CLOSED for choices that the masks forbid.

    `inputs` are the encoded beat, what is ahead, the summary, and the normalized state, concatenated.
    """
    types = config.action_vocabulary.types
    x = np.maximum(linear(inputs[None], weights, "policy.enter"), 0)
    x = x + np.maximum(linear(x, weights, "policy.mix"), 0)
    sizes = linear(x, weights, "policy.size_head").reshape(types, -1)
    amounts = linear(x, weights, "policy.amount_head").reshape(types, -1)
    return StepLogits(
        np.where(masks.type, linear(x, weights, "policy.type_head")[0], np.float32(CLOSED)),
        np.where(masks.size, sizes, np.float32(CLOSED)),
        np.where(masks.amount, amounts, np.float32(CLOSED)),
    )


def weight_shapes(config: PolicyConfig) -> dict[str, tuple[int, ...]]:
    """List the shape of every parameter that editing needs."""
    hidden, types = config.policy_hidden_dim, config.action_vocabulary.types
    wide = 2 * hidden
    shapes: dict[str, tuple[int, ...]] = {}

    def dense(name: str, inputs: int, outputs: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (outputs, inputs), (outputs,)

    def norm(name: str) -> None:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (hidden,)

    dense("encoder.enter", BEAT_INPUTS, hidden)
    for number in range(config.natten_n_layers):
        name = f"encoder.layers.{number}"
        norm(f"{name}.attention_norm")
        dense(f"{name}.qkv", hidden, 3 * hidden)
        dense(f"{name}.out", hidden, hidden)
        norm(f"{name}.feed_norm")
        dense(f"{name}.feed_in", hidden, wide)
        dense(f"{name}.feed_out", wide, hidden)
    norm("encoder.norm")
    dense("encoder.kept", hidden, 1)
    dense("tasks.keep_ratio", wide, 1)
    dense("policy.enter", config.inputs, wide)
    dense("policy.mix", wide, wide)
    dense("policy.type_head", wide, types)
    dense("policy.size_head", wide, 5 * types)
    dense("policy.amount_head", wide, 5 * types)
    return shapes


def _sigmoid(values: np.ndarray | np.float32) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.asarray(values, np.float64))))
