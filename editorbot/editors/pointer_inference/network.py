"""The pointer network, computed with NumPy alone, so that editing needs no torch.

The same sums as :class:`editorbot.models.pointer.PointerNetwork` over all rows at once, from the same weights; a test
compares the two. Frames are computed in blocks, so that memory grows no faster than their number.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32
from scipy.special import erf

from editorbot.layers import Weights, layer_norm, linear, softmax
from editorbot.models.pointer_config import OPS, STEP_REPEATS, PointerConfig, PointerInputs, RowScores
from editorbot.models.scorer_config import CLASSES, INPUT_LIMIT, LOG_STOPPED, STOPPED, StepInputs
from editorbot.timebase import STEP_FRAMES

BLOCK_ROWS = 2_048
"""Frames or rows computed together."""

BAND_ROWS = 64
"""Rows that share their keys in the windowed attention."""

NEAR_FRAMES = 430.0
"""Ten seconds: the scale of the features for the distance to either end."""

Rows = Float32[np.ndarray, "_ _"]


def row_scores(inputs: PointerInputs, weights: Weights, config: PointerConfig) -> RowScores:
    """Compute the network's answers for every raw frame as the last one played.

    Notes
    -----
    Time O(frames x (window + tokens)), memory O(frames).
    """
    frames, kinds, moments = encode(inputs, weights, config)
    tokens = _summary(moments, weights)
    token_keys, token_values = np.split(linear(tokens, weights, "token_kv"), 2, axis=1)
    keys, values = np.split(linear(frames, weights, "window_kv"), 2, axis=1)
    count = len(frames)
    padded = np.concatenate([weights["before"][None], frames, frames[-1:]])
    answers: dict[str, list[Rows]] = {"delta": [], "jump": [], "use_jump": [], "stop": []}
    for first, end in _blocks(count + 1):
        queries = linear(np.concatenate([padded[first:end], padded[first + 1 : end + 1]], axis=1), weights, "query")
        near = _window(queries, first, keys, values, weights["window_bias"]) if config.window else queries * 0
        far = _attended(queries, token_keys, token_values, config.n_heads)
        mixed = layer_norm(np.concatenate([queries, near, far], axis=1), weights, "mix.0")
        mixed = _gelu(linear(mixed, weights, "mix.1"))
        for name, found in answers.items():
            logits = linear(mixed, weights, name)
            found.append(_log_softmax(logits) if name in ("delta", "jump") else logits)
    whole = {name: np.concatenate(found) for name, found in answers.items()}
    return RowScores(
        delta=whole["delta"],
        jump=whole["jump"],
        use_jump=whole["use_jump"][:, 0],
        stop=whole["stop"][:, 0],
        arrive=linear(frames, weights, "arrive")[:, 0],
        leave=linear(frames, weights, "leave")[:, 0],
        kinds=softmax(kinds),
    )


def encode(inputs: PointerInputs, weights: Weights, config: PointerConfig) -> tuple[Rows, Rows, Rows]:
    """Compute a vector per frame, the log odds of the classes, and the coarse vectors that the summary reads."""
    fine = _stem(inputs.mel, weights)
    count, width = fine.shape
    stride = config.stride
    coarse = np.concatenate([fine, np.zeros((-count % stride, width), np.float32)]).reshape(-1, stride * width)
    x = linear(coarse, weights, "gather") + linear(_positions(len(coarse), count, stride), weights, "place")
    steps = None
    if config.step_inputs:
        if inputs.steps is None:
            raise ValueError("this network reads inputs of each step, but was given none")
        steps = steps_at(inputs.steps, len(coarse), stride)
        scaled = (steps.values - weights["mean"]) / weights["scale"]
        x += linear(np.clip(scaled, -INPUT_LIMIT, INPUT_LIMIT), weights, "enter")
    half = -(-config.n_layers // 2)
    for number in range(half):
        x = _layer(x, weights, number, config)
    if steps is not None:
        x = x + _read_repeats(x, softmax(linear(x, weights, "guess")), steps, weights)
    for number in range(half, config.n_layers):
        x = _layer(x, weights, number, config)
    kinds = linear(x, weights, "decide")
    fine += linear(x, weights, "spread").reshape(-1, width)[:count]
    near = np.empty_like(fine)
    reach = config.conv_kernel // 2
    for first, end in _blocks(count):
        seen = _around(fine, first - reach, end + reach)
        near[first:end] = linear(_gelu(_depthwise(seen, weights, "refine", 1)), weights, "refined")
    return layer_norm(fine + near, weights, "norm"), kinds, layer_norm(x, weights, "moment_norm")


def _stem(mel: Float32[np.ndarray, "inputs frames"], weights: Weights) -> Rows:
    """Compute the first convolution over the frames."""
    kernel = weights["stem.weight"]  # (width, inputs, 3)
    reach = kernel.shape[2] // 2
    rows = []
    for first, end in _blocks(mel.shape[1]):
        low, high = max(first - reach, 0), min(end + reach, mel.shape[1])
        seen = np.zeros((end - first + 2 * reach, mel.shape[0]), np.float32)
        seen[low - first + reach : high - first + reach] = mel[:, low:high].T - np.float32(0.5)
        total = sum(seen[k : k + end - first] @ kernel[:, :, k].T for k in range(kernel.shape[2]))
        rows.append(_gelu(total + weights["stem.bias"]))
    return np.concatenate(rows)


def _positions(count: int, frames: int, stride: int) -> Rows:
    """Compute position features of each moment: near the start, near the end, share of the whole, and its square."""
    at = np.arange(count) * float(stride)
    share = at / max(frames - 1, 1)
    columns = [np.exp(-at / NEAR_FRAMES), np.exp(-(frames - 1 - at) / NEAR_FRAMES), share, share**2]
    return np.stack(columns, axis=1).astype(np.float32)


def steps_at(steps: StepInputs, count: int, stride: int) -> StepInputs:
    """Sample the inputs of steps at `count` moments of `stride` frames, with nearest repeats counted in moments."""
    moment = np.arange(count)
    step = np.minimum(moment * stride // STEP_FRAMES, len(steps.values) - 1)
    offset = moment - step * STEP_FRAMES // stride
    nearest_repeats = steps.nearest_repeats[step]
    there = np.clip(nearest_repeats * STEP_FRAMES // stride + offset[:, None], 0, count - 1)
    return StepInputs(
        steps.values[step], np.where(nearest_repeats >= 0, there, -1).astype(np.int32), steps.similarity[step]
    )


def _layer(x: Rows, weights: Weights, number: int, config: PointerConfig) -> Rows:
    """Compute one layer of the encoder; see `models.pointer_layers.EncoderLayer`."""
    name = f"layers.{number}"
    count, width = x.shape
    parts = linear(layer_norm(x, weights, f"{name}.attention_norm"), weights, f"{name}.qkv")
    q, k, v = parts.reshape(count, 3, config.n_heads, -1).transpose(1, 2, 0, 3)
    q, k = _phi(q), _phi(k)
    state = k.transpose(0, 2, 1) @ v / count
    found = (q @ state) / (q @ k.mean(1)[:, :, None] + np.float32(1e-6))
    x = x + linear(found.transpose(1, 0, 2).reshape(count, width), weights, f"{name}.out")
    dilation = config.dilations[number % len(config.dilations)]
    reach = (config.conv_kernel - 1) // 2 * dilation
    seen = _around(layer_norm(x, weights, f"{name}.conv_norm"), -reach, count + reach)
    near = _gelu(_depthwise(seen, weights, f"{name}.depthwise", dilation))
    x = x + linear(near, weights, f"{name}.pointwise")
    fed = _gelu(linear(layer_norm(x, weights, f"{name}.feed_norm"), weights, f"{name}.feed.0"))
    return np.asarray(x + linear(fed, weights, f"{name}.feed.2"))


def _read_repeats(x: Rows, chances: Rows, steps: StepInputs, weights: Weights) -> Rows:
    """Compute what each moment reads at its nearest repeats; see `models.pointer.RepeatReader`."""
    messages = np.concatenate([np.tanh(linear(x, weights, "twins.tell")), chances], axis=1)
    stopped = np.cumsum(chances[:, STOPPED].sum(1))
    parts = [chances]
    for number in range(STEP_REPEATS):
        is_there = (steps.nearest_repeats[:, number] >= 0).astype(np.float32)
        at = np.maximum(steps.nearest_repeats[:, number], 0)
        between = np.log1p(np.abs(stopped[at] - stopped)) / LOG_STOPPED
        parts.append(messages[at] * is_there[:, None])
        parts.append(np.stack([steps.similarity[:, number] * is_there, is_there, between * is_there], axis=1))
    return linear(np.concatenate(parts, axis=1), weights, "twins.read")


def _summary(moments: Rows, weights: Weights) -> Rows:
    """Compute the summary tokens."""
    queries = weights["tokens"]
    if not len(queries):
        return np.zeros((0, moments.shape[1]), np.float32)
    return softmax(queries @ moments.T * np.float32(moments.shape[1] ** -0.5)) @ moments


def _window(queries: Rows, first: int, keys: Rows, values: Rows, bias: np.ndarray) -> Rows:
    """Attend from rows first, first + 1, ... to the frames around each; the row past the end, to the last ones."""
    heads, window = bias.shape
    half, count, rows = window // 2, len(keys), len(queries)
    found = np.empty_like(queries)
    size = queries.shape[1] // heads
    scale = np.float32(size**-0.5)
    offset = np.arange(BAND_ROWS + 2 * half)[None] - np.arange(BAND_ROWS)[:, None]
    shift = np.where((offset >= 0) & (offset < window), bias[:, np.clip(offset, 0, window - 1)], np.float32(-1e9))
    whole = rows - (1 if first + rows > count else 0)
    for low in range(0, whole, BAND_ROWS):
        high = min(low + BAND_ROWS, whole)
        start = first + low - half
        span = high - low + 2 * half
        at = np.arange(start, start + span)
        k = _around(keys, start, start + span).reshape(span, heads, size).transpose(1, 2, 0)
        v = _around(values, start, start + span).reshape(span, heads, size).transpose(1, 0, 2)
        q = queries[low:high].reshape(-1, heads, size).transpose(1, 0, 2)
        scores = q @ k * scale + shift[:, : high - low, :span]
        scores[:, :, (at < 0) | (at >= count)] = -1e9
        found[low:high] = (_softmax3(scores) @ v).transpose(1, 0, 2).reshape(high - low, -1)
    if whole < rows:  # the row past the end expects the last frame
        last = np.arange(max(count - 1 - half, 0), count)
        k, v = (part[last].reshape(-1, heads, size).transpose(1, 0, 2) for part in (keys, values))
        q = queries[-1:].reshape(1, heads, size).transpose(1, 0, 2)
        scores = q @ k.transpose(0, 2, 1) * scale + bias[:, None, last - (count - 1) + half]
        found[-1] = (_softmax3(scores) @ v).reshape(-1)
    return found


def _attended(queries: Rows, keys: Rows, values: Rows, heads: int) -> Rows:
    """Attend to the summary tokens; zeros if there are none."""
    if not len(keys):
        return queries * 0
    q, k, v = (part.reshape(len(part), heads, -1).transpose(1, 0, 2) for part in (queries, keys, values))
    chances = _softmax3(q @ k.transpose(0, 2, 1) * np.float32(q.shape[2] ** -0.5))
    return np.asarray((chances @ v).transpose(1, 0, 2).reshape(len(queries), -1))


def _softmax3(scores: np.ndarray) -> np.ndarray:
    """Compute the softmax along the last axis, in place."""
    scores -= scores.max(-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(-1, keepdims=True)
    return scores


def _phi(x: np.ndarray) -> np.ndarray:
    """Compute ELU + 1."""
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


def _depthwise(seen: Rows, weights: Weights, name: str, dilation: int) -> Rows:
    """Convolve each channel of rows that are padded with their surroundings."""
    kernel = weights[f"{name}.weight"][:, 0]  # (width, kernel)
    count = len(seen) - (kernel.shape[1] - 1) * dilation
    total = np.zeros((count, seen.shape[1]), np.float32)
    for k in range(kernel.shape[1]):
        total += seen[k * dilation : k * dilation + count] * kernel[:, k]
    return total + weights[f"{name}.bias"]


def _around(rows: Rows, first: int, end: int) -> Rows:
    """Slice rows [first, end), with zeros beyond the ends."""
    low, high = max(first, 0), min(end, len(rows))
    if (low, high) == (first, end):
        return rows[first:end]
    found = np.zeros((end - first, rows.shape[1]), rows.dtype)
    found[low - first : high - first] = rows[low:high]
    return found


def _gelu(x: Rows) -> Rows:
    return np.asarray(x * (erf(x * np.float32(0.5**0.5)) + 1) * np.float32(0.5), np.float32)


def _log_softmax(rows: Rows) -> Rows:
    rows = rows - rows.max(1, keepdims=True)
    return np.asarray(rows - np.log(np.exp(rows).sum(1, keepdims=True)), np.float32)


def _blocks(count: int) -> Iterator[tuple[int, int]]:
    for first in range(0, count, BLOCK_ROWS):
        yield first, min(first + BLOCK_ROWS, count)


def weight_shapes(config: PointerConfig) -> dict[str, tuple[int, ...]]:
    """List the shape of every parameter of a network by its name."""
    width, frame, kernel = config.hidden_dim, config.frame_dim, config.conv_kernel
    linears = {
        "gather": (config.stride * frame, width),
        "place": (4, width),
        "guess": (width, len(CLASSES)),
        "decide": (width, len(CLASSES)),
        "token_kv": (width, 2 * frame),
        "spread": (width, config.stride * frame),
        "refined": (frame, frame),
        "arrive": (frame, 1),
        "leave": (frame, 1),
        "query": (2 * frame, frame),
        "window_kv": (frame, 2 * frame),
        "mix.1": (3 * frame, frame),
        "delta": (frame, 2 * config.max_delta + 1),
        "jump": (frame, 2 * config.jump_buckets),
        "use_jump": (frame, 1),
        "stop": (frame, 1),
    }
    norms = {"moment_norm": width, "norm": frame, "mix.0": 3 * frame}
    shapes: dict[str, tuple[int, ...]] = {
        "stem.weight": (frame, config.inputs, 3),
        "stem.bias": (frame,),
        "refine.weight": (frame, 1, kernel),
        "refine.bias": (frame,),
        "before": (frame,),
        "window_bias": (config.n_heads, max(config.window, 1)),
        "tokens": (config.global_tokens, width),
    }
    if config.op_head:
        linears["op"] = (frame, len(OPS))
    if config.step_inputs:
        shapes |= {"mean": (config.step_values,), "scale": (config.step_values,)}
        linears["enter"] = (config.step_values, width)
        linears["twins.tell"] = (width, config.told)
        linears["twins.read"] = (len(CLASSES) + STEP_REPEATS * (config.told + len(CLASSES) + 3), width)
    for number in range(config.n_layers):
        layer = f"layers.{number}"
        linears |= {f"{layer}.qkv": (width, 3 * width), f"{layer}.out": (width, width)}
        linears |= {f"{layer}.pointwise": (width, width), f"{layer}.feed.0": (width, 2 * width)}
        linears[f"{layer}.feed.2"] = (2 * width, width)
        shapes |= {f"{layer}.depthwise.weight": (width, 1, kernel), f"{layer}.depthwise.bias": (width,)}
        norms |= {f"{layer}.{name}_norm": width for name in ("attention", "conv", "feed")}
    for name, (before, after) in linears.items():
        shapes |= {f"{name}.weight": (after, before), f"{name}.bias": (after,)}
    for name, size in norms.items():
        shapes |= {f"{name}.weight": (size,), f"{name}.bias": (size,)}
    return shapes
