"""The network that hears beats and downbeats, computed with NumPy alone.

A few short convolutions hear onsets at the frame rate; eight dilated ones at a
quarter of it hear tempo and meter, 24 s to either side; what they found is
laid over the frames again. It reads what the analysis has anyway: the novelty
of eight mel bands, their level against its surroundings, and the chroma.

The same sums as :class:`editorbot.models.beat_net.BeatNetwork`, from the same
weights; a test holds the two together.

References
----------
M. E. P. Davies and S. Böck, "Temporal convolutional networks for musical audio
beat tracking", EUSIPCO 2019; S. Böck and M. E. P. Davies, "Deconstruct,
analyse, reconstruct: how to improve tempo, beat, and downbeat estimation",
ISMIR 2020. Deviations: fewer bands, two frame rates, no tempo head, ReLU.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from editorbot.analysis.novelty import NOVELTY_COLUMNS, WINDOW_FRAMES
from editorbot.analysis.smoothing import running_mean
from editorbot.analysis.spectrum import TRACK_BANDS, FrameTracks
from editorbot.layers import Weights, linear

INPUT_COUNT = NOVELTY_COLUMNS + TRACK_BANDS + 12
"""Numbers a frame that the network reads."""

INPUTS_VERSION = 1
"""Goes up when `inputs_of` gives other numbers: weights trained on the old ones are refused."""

OUTPUTS = ("beat", "downbeat")
"""What the network says of each frame [log odds]."""

LEVEL_SCALE_DB = 10.0
"""Levels are read in units of this against their surroundings [dB]."""

BLOCK_FRAMES = 16_384
"""Frames worked on at a time, a multiple of every stride."""


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
    """Distances looked at by the slow convolutions [slow frames]."""


def inputs_of(
    frames: FrameTracks, evidence: Float32[np.ndarray, "frames columns"]
) -> Float32[np.ndarray, "frames inputs"]:
    """Return what the network reads, shape=(frames, INPUT_COUNT).

    Parameters
    ----------
    frames : FrameTracks
        The frame grid.
    evidence : np.ndarray, shape=(frames, NOVELTY_COLUMNS), float32
        Its novelty, see :mod:`editorbot.analysis.novelty`.
    """
    level = frames.band_level_db
    relative = np.clip((level - running_mean(level, WINDOW_FRAMES)) / LEVEL_SCALE_DB, -3, 3)
    return np.concatenate([0.5 * evidence, relative, frames.chroma], axis=1, dtype=np.float32)


def log_odds(
    inputs: Float32[np.ndarray, "frames inputs"], weights: Weights, config: BeatNetConfig
) -> Float32[np.ndarray, "frames outputs"]:
    """Return the log odds of a beat and of a downbeat at each frame, shape=(frames, 2).

    Notes
    -----
    Time O(frames); beside inputs and result memory for BLOCK_FRAMES and what the network reads around them.
    """
    reach, count = _reach(config), len(inputs)
    parts = []
    for first in range(0, count, BLOCK_FRAMES):
        start, last = max(0, first - reach), min(first + BLOCK_FRAMES, count)
        odds = _block_log_odds(inputs[start : last + reach], weights, config)
        parts.append(odds[first - start : last - start])
    return np.concatenate(parts)


def _reach(config: BeatNetConfig) -> int:
    """Return how far the network reads to either side, at least [frames]; a multiple of the stride."""
    # Three layers of five taps at the frame rate, one of three at each dilation.
    return config.stride * (sum(config.dilations) + 8)


def _block_log_odds(
    inputs: Float32[np.ndarray, "frames inputs"], weights: Weights, config: BeatNetConfig
) -> Float32[np.ndarray, "frames outputs"]:
    """Return the log odds of frames beyond which nothing is heard."""
    count = len(inputs)
    padded = np.pad(inputs, ((0, -count % config.stride), (0, 0)))
    heard = np.maximum(_convolved(padded, weights, "enter"), 0)
    heard = np.maximum(_convolved(heard, weights, "front"), 0)
    slow = np.maximum(linear(heard.reshape(len(heard) // config.stride, -1), weights, "down"), 0)
    for number, dilation in enumerate(config.dilations):
        seen = np.maximum(_convolved(slow, weights, f"look.{number}", dilation), 0)
        slow = slow + linear(seen, weights, f"mix.{number}")
    heard = np.maximum(heard + linear(slow, weights, "up").reshape(len(heard), config.width), 0)
    heard = np.maximum(_convolved(heard, weights, "back"), 0)
    return np.asarray(linear(heard, weights, "decide")[:count])


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
