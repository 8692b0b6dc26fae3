"""Computes the mel networks with NumPy alone, so that polishing a track needs no torch.

The same computation as :mod:`editorbot.models.mel`, from the same weights; a
test compares the two. A track of any length goes through in overlapping chunks
with a crossfade between neighbors, so no border is heard.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from jaxtyping import Float32, Int64

from editorbot.layers import Weights, layer_norm, linear
from editorbot.models.mel_config import (
    BANDS,
    CELL_LAGS,
    CELL_LEVELS,
    CELL_NEIGHBORS,
    CELL_SPREAD,
    GATE_ODDS,
    GROUPS,
    SUMMARY_PLANES,
    Mel2MelConfig,
    MelNetConfig,
    ReconstructConfig,
)
from editorbot.polish.blocks import MelFrames

Rows = Float32[np.ndarray, "_frames _width"]
"""A vector a frame."""


@dataclass(frozen=True)
class MelNet:
    """A network that is ready to run."""

    weights: Weights
    """Parameters by torch's names."""
    config: MelNetConfig
    """Its layers and sizes."""
    digest: str = ""
    """Digest of the weights' file."""


def edited_mel(
    net: MelNet,
    raw: MelFrames,
    labels: Int64[np.ndarray, " frames"],
    summary: Float32[np.ndarray, " summary"],
) -> MelFrames:
    """Predict the finished mel of one chunk; arguments as for :meth:`editorbot.models.mel.Reconstruct.forward`.

    For `Reconstruct` a chunk has at most ``net.config.chunk_frames`` frames.
    """
    weights, config = net.weights, net.config
    groups = summary.reshape(1, len(SUMMARY_PLANES) * GROUPS, BANDS // GROUPS).mean(axis=2)
    track = np.maximum(linear(groups, weights, "summary.enter"), 0)
    track = np.maximum(linear(track, weights, "summary.mix"), 0)
    curve = linear(track, weights, "summary.curve")
    gate = 1 / (1 + np.exp(-(np.float32(GATE_ODDS) + linear(track, weights, "summary.gate"))))
    if isinstance(config, Mel2MelConfig):
        change = _convolution_change(config, weights, raw, track)
    else:
        change = _transformer_change(config, weights, raw, labels, track) + _cell_change(weights, raw, summary, track)
    return np.asarray(raw + gate * (curve + change), dtype=np.float32)


def _convolution_change(config: Mel2MelConfig, weights: Weights, raw: Rows, track: Rows) -> Rows:
    rows = linear(raw - np.float32(0.5), weights, "enter") + linear(track, weights, "track")
    for number, dilation in enumerate(config.dilations):
        seen = np.maximum(_convolved(np.maximum(rows, 0), weights, f"look.{number}", dilation), 0)
        rows = rows + linear(seen, weights, f"mix.{number}")
    return linear(np.maximum(rows, 0), weights, "leave")


def _convolved(rows: Rows, weights: Weights, name: str, dilation: int) -> Rows:
    """Convolve along the frames, zeros beyond the ends; the kernel is (outputs, inputs, 3)."""
    kernel = weights[f"{name}.weight"]
    padded = np.pad(rows, ((dilation, dilation), (0, 0)))
    total = np.broadcast_to(weights[f"{name}.bias"], rows.shape).copy()
    for tap in range(3):
        total += padded[tap * dilation : tap * dilation + len(rows)] @ kernel[:, :, tap].T
    return total


def _transformer_change(
    config: ReconstructConfig, weights: Weights, raw: Rows, labels: Int64[np.ndarray, " frames"], track: Rows
) -> Rows:
    padded = np.concatenate([raw[:1], raw, raw[-1:]]) - np.float32(0.5)
    rows = linear(np.concatenate([padded[:-2], padded[1:-1], padded[2:]], axis=1), weights, "encoder.enter")
    rows = rows + weights["encoder.label.weight"][labels] + linear(track, weights, "encoder.track")
    rows = rows + _positions(len(raw), rows.shape[1])
    for side, leave in (("encoder", "decoder.enter"), ("decoder", "decoder.leave")):
        for number in range(config.n_layers):
            rows = _transformer_layer(rows, weights, f"{side}.layers.{number}", config.n_heads)
        rows = linear(layer_norm(rows, weights, f"{side}.norm"), weights, leave)
    return rows


def _transformer_layer(rows: Rows, weights: Weights, name: str, heads: int) -> Rows:
    frames, width = rows.shape
    parts = linear(layer_norm(rows, weights, f"{name}.norm_1"), weights, f"{name}.attend")
    query, key, value = parts.reshape(frames, 3, heads, width // heads).transpose(1, 2, 0, 3)
    odds = query @ key.transpose(0, 2, 1) * np.float32(1 / math.sqrt(width // heads))
    odds = np.exp(odds - odds.max(axis=2, keepdims=True))
    seen = (odds / odds.sum(axis=2, keepdims=True)) @ value
    rows = rows + linear(seen.transpose(1, 0, 2).reshape(frames, width), weights, f"{name}.leave")
    wide = np.maximum(linear(layer_norm(rows, weights, f"{name}.norm_2"), weights, f"{name}.widen"), 0)
    return rows + linear(wide, weights, f"{name}.narrow")


def _positions(frames: int, width: int) -> Rows:
    at = np.arange(frames, dtype=np.float32)[:, None]
    rates = np.exp(np.arange(0, width, 2, dtype=np.float32) * np.float32(-math.log(10_000.0) / width))
    return np.concatenate([np.sin(at * rates), np.cos(at * rates)], axis=1)


def _cell_change(weights: Weights, raw: Rows, summary: Float32[np.ndarray, " summary"], track: Rows) -> Rows:
    rows = linear(_cell_inputs(raw, summary), weights, "cells.enter") + linear(track, weights, "cells.track")
    rows = np.maximum(rows, 0)
    for mix in ("cells.mix_1", "cells.mix_2"):
        rows = rows + np.maximum(linear(rows, weights, mix), 0)
    return linear(rows, weights, "cells.leave").reshape(len(raw), BANDS)


def _cell_inputs(raw: Rows, summary: Float32[np.ndarray, " summary"]) -> Rows:
    """Inputs of each time-frequency cell, shape=(frames * 128, CELL_INPUTS)."""
    frames = len(raw)
    planes = summary.reshape(len(SUMMARY_PLANES), BANDS)
    padded = np.pad(planes, ((0, 0), (CELL_SPREAD, CELL_SPREAD)), mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * CELL_SPREAD + 1, axis=1).mean(axis=2)
    centred = raw - np.float32(0.5)
    inputs = [centred, *(centred - planes[number] for number in CELL_LEVELS), *around]
    reach = max(map(abs, CELL_LAGS))
    later = np.pad(raw, ((reach, reach), (0, 0)), mode="edge")
    inputs += [later[reach + lag : reach + lag + frames] - raw for lag in CELL_LAGS]
    reach = max(map(abs, CELL_NEIGHBORS))
    beside = np.pad(raw, ((0, 0), (reach, reach)), mode="edge")
    inputs += [beside[:, reach + step : reach + step + BANDS] - raw for step in CELL_NEIGHBORS]
    place = np.linspace(-1, 1, BANDS, dtype=np.float32)
    inputs += [place, place**2, np.sin(3 * place), np.cos(6 * place)]
    cells = np.empty((frames, BANDS, len(inputs)), dtype=np.float32)
    for number, values in enumerate(inputs):
        cells[:, :, number] = values
    return cells.reshape(frames * BANDS, len(inputs))


def mel_changes(
    net: MelNet,
    raw: Iterable[MelFrames],
    labels: Int64[np.ndarray, " all_frames"],
    summary: Float32[np.ndarray, " summary"],
) -> Iterator[MelFrames]:
    """Predict what finishing adds to the raw mel of a whole track, piece by piece.

    `raw` comes, and the change goes, in pieces of any length, as many frames in all. `labels` are those of the whole
    track; the last one is repeated for frames beyond its end.

    Notes
    -----
    Chunks begin half a chunk apart. An eighth of a chunk at each of its inner ends is context only; over the quarter
    next to that, one chunk fades into the other.
    """
    size = net.config.chunk_frames
    step, fading = size // 2, 2 * (size // 8)
    leave = size - size // 4 - size // 8  # where the fade into the next chunk begins
    enter = leave - step
    fade = ((np.arange(fading) + 0.5) / max(fading, 1)).astype(np.float32)[:, None]
    held = np.zeros((0, BANDS), dtype=np.float32)
    before: MelFrames | None = None
    first = 0
    for piece in chain(raw, [None]):
        held = held if piece is None else np.concatenate([held, piece])
        while len(held) > size or (piece is None and len(held)):
            chunk, is_last = held[:size], len(held) <= size
            chunk_labels = labels[np.minimum(np.arange(first, first + len(chunk)), len(labels) - 1)]
            change = edited_mel(net, chunk, chunk_labels, summary) - chunk
            if before is not None:
                change = change[enter:]
                change[:fading] = fade * change[:fading] + (1 - fade) * before
            if is_last:
                yield change
                return
            end = leave if before is None else leave - enter
            yield change[:end]
            before = change[end : end + fading]
            held, first = held[step:], first + step
