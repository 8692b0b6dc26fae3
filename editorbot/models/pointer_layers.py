"""The layers of the pointer network that see many frames: linear attention, convolutions, and a window of frames.

The tests compare each with a naive implementation.

References
----------
.. [1] Katharopoulos et al., "Transformers are RNNs", 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from editorbot.models.pointer_config import PointerConfig
from editorbot.models.scorer import ChannelDropout

BLOCK_ROWS = 64
"""Rows that share one block of keys in the windowed attention over all rows."""

GONE = -1e9
"""Score of a key that may not be attended to."""


@dataclass(frozen=True)
class Memory:
    """The encoder's output for a recording; every decoding step reads it."""

    frames: Float[Tensor, "frames hidden"]
    """One vector per raw frame."""
    window_keys: Float[Tensor, "frames hidden"]
    """Keys of the windowed attention."""
    window_values: Float[Tensor, "frames hidden"]
    """Values of the windowed attention."""
    token_keys: Float[Tensor, "tokens hidden"]
    """Keys of the summary tokens."""
    token_values: Float[Tensor, "tokens hidden"]
    """Values of the summary tokens."""
    arrive: Float[Tensor, " frames"]
    """Log odds that a play starts at each frame."""
    leave: Float[Tensor, " frames"]
    """Log odds that each frame is the last of a play."""
    kinds: tuple[Float[Tensor, "coarse classes"], ...]
    """Log odds of the class of each moment, after half of the layers and after all; they supervise the encoder."""


def linear_attention(
    queries: Float[Tensor, "heads frames size"],
    keys: Float[Tensor, "heads frames size"],
    values: Float[Tensor, "heads frames size"],
) -> Float[Tensor, "heads frames size"]:
    """Compute attention with the kernel phi(q) phi(k), phi = ELU + 1: O(frames)."""
    q, k = functional.elu(queries) + 1, functional.elu(keys) + 1
    # Means in place of sums keep numbers small over 100,000 frames; the quotient is the same.
    state = k.transpose(1, 2) @ values / k.shape[1]
    total = q @ k.mean(1)[:, :, None]
    return (q @ state) / (total + 1e-6)


class EncoderLayer(nn.Module):
    """Linear attention, a dilated convolution and a feed-forward step, each added to its normalized input."""

    def __init__(self, config: PointerConfig, dilation: int) -> None:
        super().__init__()
        width, reach = config.hidden_dim, (config.conv_kernel - 1) // 2 * dilation
        self.heads = config.n_heads
        self.attention_norm, self.conv_norm, self.feed_norm = (nn.LayerNorm(width) for _ in range(3))
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.depthwise = nn.Conv1d(width, width, config.conv_kernel, dilation=dilation, padding=reach, groups=width)
        self.pointwise = nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.drop = ChannelDropout(config.dropout)

    def forward(self, x: Float[Tensor, "frames hidden"]) -> Float[Tensor, "frames hidden"]:
        """Map the frames to the same shape."""
        frames, width = x.shape
        parts = self.qkv(self.attention_norm(x)).view(frames, 3, self.heads, -1).permute(1, 2, 0, 3)
        attended = linear_attention(parts[0], parts[1], parts[2])
        x = x + self.out(attended.transpose(0, 1).reshape(frames, width))
        near = self.depthwise(self.conv_norm(x).T[None])[0].T
        x = x + self.drop(self.pointwise(functional.gelu(near))[None])[0]
        return x + self.drop(self.feed(self.feed_norm(x))[None])[0]


def attended(
    queries: Float[Tensor, "rows hidden"],
    keys: Float[Tensor, "tokens hidden"],
    values: Float[Tensor, "tokens hidden"],
    heads: int,
) -> Float[Tensor, "rows hidden"]:
    """Compute softmax attention to a few tokens; zeros if there are none."""
    if not len(keys):
        return queries * 0
    q, k, v = (x.view(len(x), heads, -1).transpose(0, 1) for x in (queries, keys, values))
    chances = torch.softmax(q @ k.transpose(1, 2) * q.shape[-1] ** -0.5, dim=-1)
    return (chances @ v).transpose(0, 1).reshape(len(queries), -1)


def gathered(
    queries: Float[Tensor, "rows hidden"],
    expected: Int[Tensor, " rows"],
    memory: Memory,
    bias: Float[Tensor, "heads window"],
) -> Float[Tensor, "rows hidden"]:
    """Compute attention of each row to the window around its expected position, with keys gathered row by row."""
    heads, window = bias.shape
    count = len(memory.frames)
    at = expected.clamp(0, count - 1)[:, None] + torch.arange(window, device=expected.device) - window // 2
    inside = (at >= 0) & (at < count)
    picked = at.clamp(0, count - 1)
    rows = len(queries)
    q = queries.view(rows, heads, -1)
    k = memory.window_keys[picked].view(rows, window, heads, -1)
    v = memory.window_values[picked].view(rows, window, heads, -1)
    scores = torch.einsum("rhd,rwhd->rhw", q, k) * q.shape[-1] ** -0.5 + bias
    chances = torch.softmax(scores.masked_fill(~inside[:, None], GONE), dim=-1)
    return torch.einsum("rhw,rwhd->rhd", chances, v).reshape(rows, -1)


def banded(
    queries: Float[Tensor, "rows hidden"], memory: Memory, bias: Float[Tensor, "heads window"]
) -> Float[Tensor, "rows hidden"]:
    """Compute the same as `gathered` for expected = row: blocks of rows share their keys, so nothing is gathered.

    The last row expects the frame past the end, which counts as the last frame; it is computed separately.
    """
    heads, window = bias.shape
    count, half = len(memory.frames), window // 2
    blocks = -(-count // BLOCK_ROWS)
    span = BLOCK_ROWS + 2 * half

    def split(x: Tensor) -> Tensor:
        padded = functional.pad(x, (0, 0, half, blocks * BLOCK_ROWS - count + half))
        parts = padded.unfold(0, span, BLOCK_ROWS)  # (blocks, hidden, span)
        return parts.reshape(blocks, heads, -1, span)

    q = functional.pad(queries[:count], (0, 0, 0, blocks * BLOCK_ROWS - count))
    q = q.view(blocks, BLOCK_ROWS, heads, -1).transpose(1, 2)
    scores = q @ split(memory.window_keys) * q.shape[-1] ** -0.5
    allowed, offset = _band(blocks, count, half, span, queries.device)
    shift = torch.where((offset >= 0) & (offset < window), offset, 0)
    scores = (scores + bias[:, shift]).masked_fill(~allowed[:, None], GONE)
    near = torch.softmax(scores, dim=-1) @ split(memory.window_values).transpose(2, 3)
    near = near.transpose(1, 2).reshape(blocks * BLOCK_ROWS, -1)[:count]
    last = torch.full((1,), count - 1, device=queries.device)
    return torch.cat([near, gathered(queries[count:], last, memory, bias)])


def _band(
    blocks: int, count: int, half: int, span: int, device: torch.device
) -> tuple[Bool[Tensor, "blocks rows span"], Int[Tensor, "rows span"]]:
    """Compute which keys each row of each block may see, and each key's position in the row's window."""
    place = torch.arange(span, device=device)
    offset = place[None] - torch.arange(BLOCK_ROWS, device=device)[:, None]
    frame = torch.arange(blocks, device=device)[:, None] * BLOCK_ROWS + place[None] - half
    inside = (frame >= 0) & (frame < count)
    in_window = (offset >= 0) & (offset <= 2 * half)
    # Rows past the end see the padding, so that no row sees nothing.
    return in_window[None] & (inside[:, None] | (~inside.any(1))[:, None, None]), offset
