"""The shape of the pointer network, and how distances are counted, for those who only use it. No torch here.

Conventions
-----------
Row ``r`` asks what comes after raw frame ``r - 1``; row 0 asks for the first frame of the edit. A distance is
``target - expected``; with ``expected: previous`` 0 means 'go on'.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Int

from editorbot.errors import UsageError

Expected = Literal["previous", "ratio"]
"""Where the window of attention lies: at the last pointer + 1, or at output position / compression ratio."""

DEFAULT_RATIO = 0.67
"""Length of an edit over that of its raw recording, where nothing was learned about it."""

OPS = ("COPY", "LOOP", "SKIP", "FADE")
"""Classes of the op head, in index order."""


@dataclass(frozen=True)
class PointerConfig:
    """The shape of the network."""

    mel_bands: int = 128
    """Bands of a mel."""
    use_stems: bool = False
    """Whether it also hears the mels of four stems."""
    hidden_dim: int = 64
    """Channels inside; divisible by n_heads."""
    n_heads: int = 4
    """Heads of attention."""
    n_layers: int = 3
    """Layers of the encoder."""
    conv_kernel: int = 15
    """Frames that a layer sees on its own grid; odd."""
    dilations: tuple[int, ...] = (1, 4, 16)
    """Step of that grid [frames]; the layers take turns."""
    global_tokens: int = 64
    """Summary tokens; 0 for none."""
    window: int = 65
    """Frames of the window around the expected position; odd, 0 for none."""
    max_delta: int = 64
    """Distances up to this are counted by the frame [frames]."""
    jump_buckets: int = 16
    """Buckets of larger distances, for either sign."""
    longest_jump: int = 131_072
    """Where the last bucket ends [frames], 51 minutes; farther jumps count to it."""
    expected: Expected = "previous"
    """Where the window lies."""
    ratio: float = DEFAULT_RATIO
    """Length of the edit over that of the recording; learned from the pairs."""
    op_head: bool = True
    """Whether it also tells the edit operation."""

    def __post_init__(self) -> None:
        _check(self.mel_bands >= 1, f"mel_bands must be at least 1, but is {self.mel_bands}")
        _check(self.n_heads >= 1 and self.n_layers >= 1, "n_heads and n_layers must be at least 1")
        divisible = self.hidden_dim >= 1 and self.hidden_dim % self.n_heads == 0
        _check(divisible, f"hidden_dim {self.hidden_dim} must be divisible by n_heads {self.n_heads}")
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
        _check(0 < self.ratio <= 4, f"ratio must lie in (0, 4], but is {self.ratio}")

    @property
    def inputs(self) -> int:
        """Numbers a frame."""
        return self.mel_bands * (5 if self.use_stems else 1)

    @property
    def bucket_edges(self) -> Int[np.ndarray, " edges"]:
        """Where the buckets of one sign start, and the end of the last, shape=(jump_buckets + 1,) [frames]."""
        first, last = self.max_delta + 1, self.longest_jump
        edges = np.rint(np.geomspace(first, last, self.jump_buckets + 1)).astype(np.int64)
        # Where the first buckets would be narrower than a frame, each gets one.
        return np.maximum(edges, first + np.arange(len(edges)))

    def bucket_of(self, distance: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Return the bucket of distances beyond max_delta, shape=(n,): backward ones first, each sign by size."""
        size = np.searchsorted(self.bucket_edges, np.abs(distance), side="right") - 1
        size = np.clip(size, 0, self.jump_buckets - 1)
        return np.where(distance < 0, size, size + self.jump_buckets)

    def bucket_range(self, bucket: int) -> tuple[int, int]:
        """Return the [first, end) of the distances in a bucket [frames], signed, first < end."""
        edges = self.bucket_edges
        size = bucket % self.jump_buckets
        low, high = int(edges[size]), int(edges[size + 1])
        return (low, high) if bucket >= self.jump_buckets else (-high + 1, -low + 1)

    @classmethod
    def of_data(cls, data: dict[str, Any]) -> PointerConfig:
        """Return the configuration that a checkpoint or a JSON file tells.

        Raises
        ------
        UsageError
            If a key is unknown, or a value impossible.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(data) - known)
        _check(not unknown, f"model: unknown keys {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        try:
            return cls(**values)
        except TypeError as error:
            raise UsageError(f"model: a value has the wrong type ({error})") from error


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise UsageError(message)


@dataclass(frozen=True)
class RowScores:
    """What the network says at every row, as numpy arrays; logarithms of chances, float32."""

    delta: Float[np.ndarray, "rows deltas"]
    """Small distances, given that there is no jump, shape=(rows, 2 max_delta + 1)."""
    jump: Float[np.ndarray, "rows buckets"]
    """Buckets, given a jump, shape=(rows, 2 jump_buckets)."""
    use_jump: Float[np.ndarray, " rows"]
    """Log odds of a jump."""
    stop: Float[np.ndarray, " rows"]
    """Log odds of the end."""
    arrive: Float[np.ndarray, " frames"]
    """Log odds that a play starts at a raw frame, shape=(rows - 1,); refines a bucket to the frame."""
