"""The shape of the pointer network, its inputs and outputs, and how distances are counted; without torch.

Conventions
-----------
Row ``r`` predicts what comes after raw frame ``r - 1``; row 0 predicts the first frame of the edit. A distance is
``target - expected``; with ``expected: previous`` 0 means 'go on'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Float32, Int

from editorbot.errors import UsageError
from editorbot.models.scorer_config import CLASSES, StepInputs

Expected = Literal["previous", "ratio"]
"""Center of the attention window: the last pointer + 1, or output position / compression ratio."""

DEFAULT_RATIO = 0.67
"""Length of an edit over that of its raw recording, if it was not learned."""

STEP_VALUES = 168
"""Inputs of each step, `editors.scoring.inputs.INPUT_COUNT`; a test compares the two."""

STEP_REPEATS = 6
"""Nearest repeats of each step, `editors.scoring.inputs.REPEAT_COUNT`."""

OPS = ("COPY", "LOOP", "SKIP", "FADE")
"""Classes of the op head, in index order."""


@dataclass(frozen=True)
class PointerConfig:
    """The shape of the network."""

    mel_bands: int = 128
    """Bands of a mel; training takes no other number, e.g. --mel-bands 128."""
    use_stems: bool = False
    """Read the mels of four stems too; off by default, e.g. --use-stems."""
    hidden_dim: int = 64
    """Width of the encoder's layers, divisible by n_heads; e.g. --hidden-dim 256."""
    n_heads: int = 4
    """Attention heads, e.g. --n-heads 8."""
    n_layers: int = 3
    """Layers of the encoder, e.g. --n-layers 6."""
    conv_kernel: int = 15
    """Kernel of the layers' convolutions [frames], odd; e.g. --conv-kernel 9."""
    dilations: tuple[int, ...] = (1, 4, 16)
    """Dilations of the convolutions [frames]; the layers take turns, e.g. --dilations 1 4 16 64."""
    global_tokens: int = 64
    """Summary tokens of the whole recording; 0 for none, e.g. --global-tokens 32."""
    window: int = 65
    """Window of the cross-attention around the expected position [frames], odd; 0 for none, e.g. --window 33."""
    max_delta: int = 64
    """Largest distance that has a class of its own [frames], e.g. --max-delta 32."""
    jump_buckets: int = 16
    """Buckets of larger distances, for either sign; e.g. --jump-buckets 8."""
    longest_jump: int = 131_072
    """End of the last bucket [frames], 51 minutes; longer jumps count to it, e.g. --longest-jump 50000."""
    expected: Expected = "previous"
    """Where the window is: after the previous pointer, or at the output position over the ratio; e.g. --expected
    ratio."""
    ratio: float = DEFAULT_RATIO
    """Length of the edit over that of the recording; computed from the pairs unless another than 0.67 is given, e.g.
    --ratio 0.5."""
    op_head: bool = True
    """Predict the edit operation too. On by default; e.g. --no-op-head."""
    stride: int = 1
    """Frames that the encoder's layers pool into one; the heads predict every frame, e.g. --stride 8."""
    step_inputs: bool = False
    """Read the learned score's step inputs too: cues and nearest repeats. Off by default, e.g. --step-inputs."""
    score_inputs: bool = False
    """Read what the learned score says of each step too; needs step_inputs. Off by default, e.g. --score-inputs."""
    frame_dim: int = 64
    """Width of a frame outside the encoder's layers, divisible by n_heads; e.g. --frame-dim 32."""
    told: int = 16
    """Channels of the message that each moment sends to its repeats, e.g. --told 8."""
    dropout: float = 0.0
    """Dropout in training, e.g. --dropout 0.1."""

    def __post_init__(self) -> None:
        _check(self.mel_bands >= 1, f"mel_bands must be at least 1, but is {self.mel_bands}")
        _check(self.n_heads >= 1 and self.n_layers >= 1, "n_heads and n_layers must be at least 1")
        divisible = self.hidden_dim >= 1 and self.hidden_dim % self.n_heads == 0
        _check(divisible, f"hidden_dim {self.hidden_dim} must be divisible by n_heads {self.n_heads}")
        divisible = self.frame_dim >= 1 and self.frame_dim % self.n_heads == 0
        _check(divisible, f"frame_dim {self.frame_dim} must be divisible by n_heads {self.n_heads}")
        _check(self.step_inputs or not self.score_inputs, "score_inputs needs step_inputs")
        kernel = self.conv_kernel >= 1 and self.conv_kernel % 2 == 1
        _check(kernel, f"conv_kernel must be odd and at least 1, but is {self.conv_kernel}")
        window = self.window == 0 or (self.window >= 1 and self.window % 2 == 1)
        _check(window, f"window must be odd, or 0 for none, but is {self.window}")
        _check(bool(self.dilations) and min(self.dilations) >= 1, "dilations must hold numbers of at least 1")
        _check(self.global_tokens >= 0, f"global_tokens must not be negative, but is {self.global_tokens}")
        _check(self.max_delta >= 1 and self.jump_buckets >= 1, "max_delta and jump_buckets must be at least 1")
        longer = self.longest_jump > self.max_delta + self.jump_buckets
        _check(longer, f"longest_jump {self.longest_jump} must exceed max_delta and jump_buckets together")
        _check(self.expected in get_args(Expected), f"expected must be previous or ratio, but is {self.expected!r}")
        _check(0 < self.ratio <= 4, f"ratio must be in (0, 4], but is {self.ratio}")
        _check(1 <= self.stride <= 64, f"stride must be in 1 - 64, but is {self.stride}")
        _check(self.told >= 1, f"told must be at least 1, but is {self.told}")
        _check(0 <= self.dropout < 1, f"dropout must be in [0, 1), but is {self.dropout}")

    @property
    def inputs(self) -> int:
        """Numbers a frame."""
        return self.mel_bands * (5 if self.use_stems else 1)

    @property
    def step_values(self) -> int:
        """Numbers that it reads of each step."""
        return (STEP_VALUES if self.step_inputs else 0) + (len(CLASSES) if self.score_inputs else 0)

    @property
    def bucket_edges(self) -> Int[np.ndarray, " edges"]:
        """Where the buckets of one sign start, and the end of the last, shape=(jump_buckets + 1,) [frames]."""
        first, last = self.max_delta + 1, self.longest_jump
        edges = np.rint(np.geomspace(first, last, self.jump_buckets + 1)).astype(np.int64)
        # Where the first buckets would be narrower than a frame, each gets one.
        return np.maximum(edges, first + np.arange(len(edges)))

    def bucket_of(self, distance: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Find the bucket of distances beyond max_delta, shape=(n,): backward ones first, each sign by size."""
        size = np.searchsorted(self.bucket_edges, np.abs(distance), side="right") - 1
        size = np.clip(size, 0, self.jump_buckets - 1)
        return np.where(distance < 0, size, size + self.jump_buckets)

    def bucket_range(self, bucket: int) -> tuple[int, int]:
        """Compute the [first, end) of the distances in a bucket [frames], signed, first < end."""
        edges = self.bucket_edges
        size = bucket % self.jump_buckets
        low, high = int(edges[size]), int(edges[size + 1])
        return (low, high) if bucket >= self.jump_buckets else (-high + 1, -low + 1)


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise UsageError(message)


def with_chances(steps: StepInputs, chances: Float32[np.ndarray, "steps classes"]) -> StepInputs:
    """Append the learned score's chances of CLASSES to the values of steps, as logarithms."""
    logs = np.log(np.maximum(chances, 1e-3)).astype(np.float32)
    return StepInputs(np.concatenate([steps.values, logs], axis=1), steps.nearest_repeats, steps.similarity)


@dataclass(frozen=True)
class PointerInputs:
    """The inputs of one recording."""

    mel: Float32[np.ndarray, "inputs frames"]
    """Its mel, followed by those of the stems if they are used, in [0, 1]."""
    steps: StepInputs | None = None
    """Inputs of its steps, if they are used."""

    @property
    def frames(self) -> int:
        """Length [frames]."""
        return int(self.mel.shape[1])


@dataclass(frozen=True)
class RowScores:
    """The network's answers at every row: logarithms of chances, float32."""

    delta: Float[np.ndarray, "rows deltas"]
    """Small distances, given no jump, shape=(rows, 2 max_delta + 1)."""
    jump: Float[np.ndarray, "rows buckets"]
    """Buckets, given a jump, shape=(rows, 2 jump_buckets)."""
    use_jump: Float[np.ndarray, " rows"]
    """Log odds of a jump."""
    stop: Float[np.ndarray, " rows"]
    """Log odds of the end."""
    arrive: Float[np.ndarray, " frames"]
    """Log odds that a play starts at a raw frame, shape=(rows - 1,); refines a bucket to the frame."""
    leave: Float[np.ndarray, " frames"]
    """Log odds that a raw frame is the last of a play, shape=(rows - 1,)."""
    kinds: Float[np.ndarray, "moments classes"]
    """Chance of each of `scorer_config.CLASSES` at every moment of `stride` frames."""
