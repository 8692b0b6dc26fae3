"""The network that finds beats and downbeats, computed with NumPy alone, and its weights.

A few short convolutions detect onsets at the frame rate; eight dilated ones at a quarter of it follow tempo and meter,
24 s to either side, and are added to the frames again. It reads what the analysis has anyway: the novelty of eight mel
bands, their level against its surroundings, and the chroma. The weights are safetensors beside a JSON card.

:class:`editorbot.models.beat_net.BeatNetwork` computes the same from the same weights; a test compares the two.

References
----------
M. E. P. Davies and S. Böck, "Temporal convolutional networks for musical audio
beat tracking", EUSIPCO 2019; S. Böck and M. E. P. Davies, "Deconstruct,
analyse, reconstruct: how to improve tempo, beat, and downbeat estimation",
ISMIR 2020. Deviations: fewer bands, two frame rates, no tempo head, ReLU.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int

from editorbot.analysis.novelty import NOVELTY_COLUMNS, WINDOW_FRAMES
from editorbot.analysis.smoothing import running_mean
from editorbot.analysis.spectrum import TRACK_BANDS, FrameTracks
from editorbot.config import config_of
from editorbot.layers import Weights, linear
from editorbot.weights import check_shapes, read_weights, shipped_weights

INPUT_COUNT = NOVELTY_COLUMNS + TRACK_BANDS + 12
"""Numbers a frame that the network reads."""

INPUTS_VERSION = 1
"""Goes up when `inputs_of` gives other numbers: weights trained on the old ones are refused."""

OUTPUTS = ("beat", "downbeat")
"""Columns of the network's output [log odds]."""

LEVEL_SCALE_DB = 10.0
"""Unit of the levels against their surroundings [dB]."""

BLOCK_FRAMES = 16_384
"""Frames computed at a time, a multiple of every stride."""

FORMAT = "editorbot.beats"
"""Value of the card's ``format`` field."""

SHIPPED = shipped_weights("beats")
"""The weights that ship with the package."""


@dataclass(frozen=True)
class BeatNetConfig:
    """The shape of the network."""

    inputs: int = INPUT_COUNT
    """Numbers a frame."""
    width: int = 32
    """Channels at the frame rate."""
    context: int = 64
    """Channels at the slow rate."""
    stride: int = 4
    """Frames that one slow frame covers."""
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128)
    """Dilations of the slow convolutions [slow frames]."""


@dataclass(frozen=True)
class BeatNet:
    """A network that is ready to be used."""

    weights: Weights
    """Parameters by torch's names."""
    config: BeatNetConfig
    """Its shape."""


@lru_cache(maxsize=4)
def read_beat_net(path: Path = SHIPPED) -> BeatNet:
    """Read weights and the card beside them.

    Raises
    ------
    NotFoundError
        If either file is missing.
    FormatError, MismatchError
        If they are no beat network, or one for other inputs or outputs.
    """
    same = {"inputs_version": INPUTS_VERSION, "outputs": list(OUTPUTS)}
    stored = read_weights(path, "a beat network", kind=FORMAT, same=same)
    config = config_of(BeatNetConfig, stored.card.get("config"), path)
    check_shapes(stored.tensors, shapes_of(config), path)
    return BeatNet(stored.tensors, config)


def shapes_of(config: BeatNetConfig) -> dict[str, tuple[int, ...]]:
    """Tell the shape of every tensor of a network."""
    width, context, slow = config.width, config.context, config.stride * config.width
    shapes: dict[str, tuple[int, ...]] = {
        "enter.weight": (width, config.inputs, 5),
        "front.weight": (width, width, 5),
        "down.weight": (context, slow),
        "up.weight": (slow, context),
        "back.weight": (width, width, 5),
        "decide.weight": (len(OUTPUTS), width),
    }
    for number in range(len(config.dilations)):
        shapes[f"look.{number}.weight"] = (context, context, 3)
        shapes[f"mix.{number}.weight"] = (context, context)
    biases = {name.replace("weight", "bias"): shape[:1] for name, shape in shapes.items()}
    return shapes | biases


def inputs_of(
    frames: FrameTracks, evidence: Float32[np.ndarray, "frames columns"]
) -> Float32[np.ndarray, "frames inputs"]:
    """Compute what the network reads, shape=(frames, INPUT_COUNT), from the frame grid and its novelty (`evidence`)."""
    level = frames.band_level_db
    relative = np.clip((level - running_mean(level, WINDOW_FRAMES)) / LEVEL_SCALE_DB, -3, 3)
    return np.concatenate([0.5 * evidence, relative, frames.chroma], axis=1, dtype=np.float32)


def log_odds(
    inputs: Float32[np.ndarray, "frames inputs"], weights: Weights, config: BeatNetConfig
) -> Float32[np.ndarray, "frames outputs"]:
    """Compute the log odds of a beat and of a downbeat at each frame, shape=(frames, 2).

    Notes
    -----
    Time O(frames); beside inputs and result, memory for BLOCK_FRAMES and what the network reads around them.
    """
    reach, count = _reach(config), len(inputs)
    parts = []
    for first in range(0, count, BLOCK_FRAMES):
        start, last = max(0, first - reach), min(first + BLOCK_FRAMES, count)
        odds = _block_log_odds(inputs[start : last + reach], weights, config)
        parts.append(odds[first - start : last - start])
    return np.concatenate(parts)


def chances_near(
    log_odds: Float32[np.ndarray, "frames outputs"], beat_frames: Int[np.ndarray, " beats"]
) -> Float64[np.ndarray, "beats outputs"]:
    """Compute the probability of a beat and of a downbeat within a frame of each beat, shape=(beats, 2)."""
    around = np.clip(beat_frames[:, None] + np.arange(-1, 2), 0, len(log_odds) - 1)
    return 1 / (1 + np.exp(-log_odds[around].max(axis=1).astype(np.float64)))


def _reach(config: BeatNetConfig) -> int:
    """Bound how far the network reads to either side [frames]; a multiple of the stride."""
    # Three layers of five taps at the frame rate, one of three at each dilation.
    return config.stride * (sum(config.dilations) + 8)


def _block_log_odds(
    inputs: Float32[np.ndarray, "frames inputs"], weights: Weights, config: BeatNetConfig
) -> Float32[np.ndarray, "frames outputs"]:
    """Compute the log odds of a block, silence before and after it."""
    count = len(inputs)
    padded = np.pad(inputs, ((0, -count % config.stride), (0, 0)))
    fast = np.maximum(_convolved(padded, weights, "enter"), 0)
    fast = np.maximum(_convolved(fast, weights, "front"), 0)
    slow = np.maximum(linear(fast.reshape(len(fast) // config.stride, -1), weights, "down"), 0)
    for number, dilation in enumerate(config.dilations):
        context = np.maximum(_convolved(slow, weights, f"look.{number}", dilation), 0)
        slow = slow + linear(context, weights, f"mix.{number}")
    fast = np.maximum(fast + linear(slow, weights, "up").reshape(len(fast), config.width), 0)
    fast = np.maximum(_convolved(fast, weights, "back"), 0)
    return np.asarray(linear(fast, weights, "decide")[:count])


def _convolved(
    rows: Float32[np.ndarray, "frames a"], weights: Weights, name: str, dilation: int = 1
) -> Float32[np.ndarray, "frames b"]:
    """Convolve along the frames, zeros beyond the ends; the kernel is (outputs, inputs, taps)."""
    kernel = weights[f"{name}.weight"]
    taps, frames = kernel.shape[2], len(rows)
    total = rows @ kernel[:, :, taps // 2].T
    total += weights[f"{name}.bias"]
    for tap in range(taps):
        offset = (tap - taps // 2) * dilation
        if offset == 0 or abs(offset) >= frames:
            continue
        part = slice(max(0, -offset), min(frames, frames - offset))
        there = slice(part.start + offset, part.stop + offset)
        total[part] += rows[there] @ kernel[:, :, tap].T
    return np.asarray(total)
