"""Pointer network V2: for each frame of an edit, which frame of the raw recording is copied.

A linear-attention encoder [1]_ with dilated convolutions reads the whole recording in O(frames). A decoder asks, for
a frame that was just played, what comes next: it attends to a window around the expected position, with a learned
bias for each distance, and to summary tokens of the whole. Heads tell a small delta, or a jump's bucket, or the end.

With ``expected: previous`` the answer depends on the previous pointer alone, so all raw frames are asked at once,
in training as in use. `PointerNetwork.step` asks one, for greedy decoding.

References
----------
.. [1] Katharopoulos et al., "Transformers are RNNs", 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from editorbot.models.pointer_shape import OPS, PointerConfig, RowScores

BLOCK_ROWS = 64
"""Rows that share one block of keys in the windowed attention over all rows."""

CHUNK_ROWS = 2_048
"""Rows whose windows are gathered at a time, which bounds the memory."""

GONE = -1e9
"""Score of a key that may not be attended to."""


@dataclass(frozen=True)
class Memory:
    """What the encoder makes of a recording; every decoding step reads it."""

    frames: Float[Tensor, "frames hidden"]
    """One vector a raw frame."""
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


@dataclass(frozen=True)
class Heads:
    """Raw scores of the heads at some rows."""

    delta: Float[Tensor, "rows deltas"]
    """Small distances."""
    jump: Float[Tensor, "rows buckets"]
    """Buckets of large distances."""
    use_jump: Float[Tensor, " rows"]
    """Log odds of a large distance."""
    stop: Float[Tensor, " rows"]
    """Log odds of the end."""
    op: Float[Tensor, "rows ops"] | None
    """Edit operations, None without that head."""


def linear_attention(
    queries: Float[Tensor, "heads frames size"],
    keys: Float[Tensor, "heads frames size"],
    values: Float[Tensor, "heads frames size"],
) -> Float[Tensor, "heads frames size"]:
    """Return attention with the kernel phi(q) phi(k), phi = ELU + 1: O(frames)."""
    q, k = functional.elu(queries) + 1, functional.elu(keys) + 1
    # Means in place of sums keep numbers small over 100,000 frames; the quotient is the same.
    told = k.transpose(1, 2) @ values / k.shape[1]
    total = q @ k.mean(1)[:, :, None]
    return (q @ told) / (total + 1e-6)


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

    def forward(self, x: Float[Tensor, "frames hidden"]) -> Float[Tensor, "frames hidden"]:
        """Return the frames, each told about the others."""
        frames, width = x.shape
        parts = self.qkv(self.attention_norm(x)).view(frames, 3, self.heads, -1).permute(1, 2, 0, 3)
        attended = linear_attention(parts[0], parts[1], parts[2])
        x = x + self.out(attended.transpose(0, 1).reshape(frames, width))
        near = self.depthwise(self.conv_norm(x).T[None])[0].T
        x = x + self.pointwise(functional.gelu(near))
        return x + self.feed(self.feed_norm(x))


class PointerNetwork(nn.Module):
    """The whole network.

    Parameters
    ----------
    config : PointerConfig
        Its shape.
    """

    def __init__(self, config: PointerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.hidden_dim
        self.stem = nn.Conv1d(config.inputs, width, 5, padding=2)
        self.place = nn.Linear(4, width)
        dilations = [config.dilations[n % len(config.dilations)] for n in range(config.n_layers)]
        self.layers = nn.ModuleList(EncoderLayer(config, dilation) for dilation in dilations)
        self.norm = nn.LayerNorm(width)
        self.arrive = nn.Linear(width, 1)
        self.before = nn.Parameter(torch.zeros(width))
        self.query = nn.Linear(2 * width, width)
        self.window_kv = nn.Linear(width, 2 * width)
        self.window_bias = nn.Parameter(torch.zeros(config.n_heads, max(config.window, 1)))
        self.tokens = nn.Parameter(torch.randn(config.global_tokens, width) * width**-0.5)
        self.token_kv = nn.Linear(width, 2 * width)
        self.mix = nn.Sequential(nn.LayerNorm(3 * width), nn.Linear(3 * width, width), nn.GELU())
        self.delta = nn.Linear(width, 2 * config.max_delta + 1)
        self.jump = nn.Linear(width, 2 * config.jump_buckets)
        self.use_jump, self.stop = nn.Linear(width, 1), nn.Linear(width, 1)
        self.op = nn.Linear(width, len(OPS)) if config.op_head else None

    def encode(self, mel: Float[Tensor, "inputs frames"]) -> Memory:
        """Return what every decoding step reads, for mels (and stems' mels below them) in [0, 1]."""
        # A mel is flat where nothing sounds: its distance from the middle is what tells.
        x = functional.gelu(self.stem(mel[None] - 0.5))[0].T
        x = x + self.place(_places(mel.shape[1]).to(x))
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        keys, values = self.window_kv(x).chunk(2, dim=-1)
        token_keys, token_values = self.token_kv(self._summary(x)).chunk(2, dim=-1)
        return Memory(x, keys, values, token_keys, token_values, self.arrive(x)[:, 0])

    def _summary(self, x: Float[Tensor, "frames hidden"]) -> Float[Tensor, "tokens hidden"]:
        """Return the summary tokens: learned questions to all frames, O(tokens x frames)."""
        chances = torch.softmax(self.tokens @ x.T * x.shape[1:].numel() ** -0.5, dim=-1)
        return chances @ x

    def all_rows(self, memory: Memory) -> Heads:
        """Return the heads where every raw frame is taken as the previous one: rows 0 to frames."""
        count = len(memory.frames)
        expected = torch.arange(count + 1, device=memory.frames.device)
        queries = self._queries(memory, expected - 1)
        near = _banded(queries, memory, self.window_bias, self.config) if self.config.window else queries * 0
        return self._heads(memory, queries, near)

    def decode(self, memory: Memory, previous: Int[Tensor, " rows"], expected: Int[Tensor, " rows"]) -> Heads:
        """Return the heads for any previous pointers (-1: nothing yet) and expected positions.

        Expected positions outside the recording count as its nearest end.
        """
        queries = self._queries(memory, previous)
        if not self.config.window:
            return self._heads(memory, queries, queries * 0)
        near = [
            _gathered(queries[at : at + CHUNK_ROWS], expected[at : at + CHUNK_ROWS], memory, self.window_bias)
            for at in range(0, len(queries), CHUNK_ROWS)
        ]
        return self._heads(memory, queries, torch.cat(near))

    def _queries(self, memory: Memory, previous: Int[Tensor, " rows"]) -> Float[Tensor, "rows hidden"]:
        """Return a question for each row, from the frame that was played last and the one after it."""
        padded = torch.cat([self.before[None], memory.frames, memory.frames[-1:]])
        return self.query(torch.cat([padded[previous + 1], padded[previous + 2]], dim=-1))

    def _heads(
        self, memory: Memory, queries: Float[Tensor, "rows hidden"], near: Float[Tensor, "rows hidden"]
    ) -> Heads:
        far = _attended(queries, memory.token_keys, memory.token_values, self.config.n_heads)
        x = self.mix(torch.cat([queries, near, far], dim=-1))
        op = None if self.op is None else self.op(x)
        return Heads(self.delta(x), self.jump(x), self.use_jump(x)[:, 0], self.stop(x)[:, 0], op)

    @torch.no_grad()
    def scores(self, mel: Float[Tensor, "inputs frames"]) -> RowScores:
        """Return what the network says at every row, as arrays."""
        memory = self.encode(mel)
        heads = self.all_rows(memory)
        return RowScores(
            delta=torch.log_softmax(heads.delta.float(), -1).cpu().numpy(),
            jump=torch.log_softmax(heads.jump.float(), -1).cpu().numpy(),
            use_jump=heads.use_jump.float().cpu().numpy(),
            stop=heads.stop.float().cpu().numpy(),
            arrive=memory.arrive.float().cpu().numpy(),
        )


def _places(frames: int) -> Float[Tensor, "frames 4"]:
    """Return where each frame lies: near the start, near the end, share of the whole, and its square."""
    at = torch.arange(frames, dtype=torch.float32)
    share = at / max(frames - 1, 1)
    near_s = 430.0  # ten seconds of frames
    return torch.stack([torch.exp(-at / near_s), torch.exp(-(frames - 1 - at) / near_s), share, share**2], dim=-1)


def _attended(
    queries: Float[Tensor, "rows hidden"],
    keys: Float[Tensor, "tokens hidden"],
    values: Float[Tensor, "tokens hidden"],
    heads: int,
) -> Float[Tensor, "rows hidden"]:
    """Return softmax attention to a few tokens; zeros where there are none."""
    if not len(keys):
        return queries * 0
    q, k, v = (x.view(len(x), heads, -1).transpose(0, 1) for x in (queries, keys, values))
    chances = torch.softmax(q @ k.transpose(1, 2) * q.shape[-1] ** -0.5, dim=-1)
    return (chances @ v).transpose(0, 1).reshape(len(queries), -1)


def _gathered(
    queries: Float[Tensor, "rows hidden"],
    expected: Int[Tensor, " rows"],
    memory: Memory,
    bias: Float[Tensor, "heads window"],
) -> Float[Tensor, "rows hidden"]:
    """Return attention of each row to the window around its expected position, keys gathered row by row."""
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


def _banded(
    queries: Float[Tensor, "rows hidden"], memory: Memory, bias: Float[Tensor, "heads window"], config: PointerConfig
) -> Float[Tensor, "rows hidden"]:
    """Return what `_gathered` would for expected = row: blocks of rows share their keys, so nothing is gathered.

    The last row expects the frame past the end, which counts as the last frame; it is asked on its own.
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
    return torch.cat([near, _gathered(queries[count:], last, memory, bias)])


def _band(
    blocks: int, count: int, half: int, span: int, device: torch.device
) -> tuple[Bool[Tensor, "blocks rows span"], Int[Tensor, "rows span"]]:
    """Return which keys each row of each block may see, and each key's place in the row's window."""
    place = torch.arange(span, device=device)
    offset = place[None] - torch.arange(BLOCK_ROWS, device=device)[:, None]
    frame = torch.arange(blocks, device=device)[:, None] * BLOCK_ROWS + place[None] - half
    inside = (frame >= 0) & (frame < count)
    in_window = (offset >= 0) & (offset <= 2 * half)
    # Rows past the end see the padding, so that no row sees nothing.
    return in_window[None] & (inside[:, None] | (~inside.any(1))[:, None, None]), offset


def input_of(mel: np.ndarray, stems: np.ndarray | None = None) -> Tensor:
    """Return mels, and those of the stems below them, as the network's input."""
    parts = [mel] if stems is None else [mel, *stems]
    return torch.from_numpy(np.ascontiguousarray(np.concatenate(parts), dtype=np.float32))
