"""Pointer network V2: for each frame of an edit, which frame of the raw recording is copied.

A linear-attention encoder [1]_ with dilated convolutions reads the whole recording in O(frames). For a frame that was
just played, a decoder predicts what comes next: it attends to a window around the expected position, with a learned
bias for each distance, and to summary tokens of the whole. Heads predict a small delta, or a jump's bucket, or the end.

With ``expected: previous`` the answer depends on the previous pointer alone, so all raw frames are computed at once,
in training as in use. `PointerNetwork.decode` computes any of them, for greedy decoding and for ``expected: ratio``.

Beyond the original: the encoder's layers may see `stride` frames as one, and read inputs of each step (`StepInputs`);
then each moment also reads a message of its nearest repeats, as the learned score's network does.

References
----------
.. [1] Katharopoulos et al., "Transformers are RNNs", 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from editorbot.models.pointer_config import OPS, STEP_REPEATS, PointerConfig, PointerInputs, RowScores
from editorbot.models.pointer_layers import EncoderLayer, Memory, attended, banded, gathered
from editorbot.models.scorer import ChannelDropout
from editorbot.models.scorer_config import CLASSES, INPUT_LIMIT, LOG_STOPPED, STOPPED
from editorbot.timebase import STEP_FRAMES

CHUNK_ROWS = 2_048
"""Rows whose windows are gathered at a time, which bounds the memory."""

RARE_EDGE = -6.0
"""Initial log odds of an edge: most frames are none."""


@dataclass(frozen=True)
class StepTensors:
    """`scorer_config.StepInputs` as tensors."""

    values: Float[Tensor, "steps values"]
    nearest_repeats: Int[Tensor, "steps repeats"]
    similarity: Float[Tensor, "steps repeats"]


@dataclass(frozen=True)
class InputTensors:
    """`pointer_config.PointerInputs` as tensors."""

    mel: Float[Tensor, "inputs frames"]
    steps: StepTensors | None = None


def to_tensors(inputs: PointerInputs, device: str | torch.device = "cpu") -> InputTensors:
    """Copy a recording's inputs to tensors on a device."""

    def tensor(array: np.ndarray, dtype: type[np.generic] = np.float32) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype)).to(device)

    steps = inputs.steps
    if steps is None:
        return InputTensors(tensor(inputs.mel))
    repeats = tensor(steps.nearest_repeats, np.int64)
    return InputTensors(tensor(inputs.mel), StepTensors(tensor(steps.values), repeats, tensor(steps.similarity)))


@dataclass(frozen=True)
class Heads:
    """Outputs of the heads at some rows."""

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


class RepeatReader(nn.Module):
    """Lets each moment read a message of its nearest repeats, and how much was stopped in between."""

    def __init__(self, config: PointerConfig) -> None:
        super().__init__()
        width, classes = config.hidden_dim, len(CLASSES)
        self.tell = nn.Linear(width, config.told)
        self.read = nn.Linear(classes + STEP_REPEATS * (config.told + classes + 3), width)

    def forward(
        self, x: Float[Tensor, "coarse hidden"], guess: Float[Tensor, "coarse classes"], steps: StepTensors
    ) -> Float[Tensor, "coarse hidden"]:
        """Compute what is added to each moment; `steps` are sampled at the moments."""
        chances = torch.softmax(guess, dim=-1)
        messages = torch.cat([torch.tanh(self.tell(x)), chances], dim=-1)
        stopped = torch.cumsum(chances.detach()[:, STOPPED].sum(-1), dim=0)
        parts = [chances]
        for number in range(STEP_REPEATS):
            repeat = steps.nearest_repeats[:, number]
            is_there, at = (repeat >= 0).to(x.dtype), repeat.clamp(min=0)
            between = torch.log1p(torch.abs(stopped[at] - stopped)) / LOG_STOPPED
            parts += [messages[at] * is_there[:, None]]
            parts += [torch.stack([steps.similarity[:, number] * is_there, is_there, between * is_there], dim=-1)]
        read: Tensor = self.read(torch.cat(parts, dim=-1))
        return read


class PointerNetwork(nn.Module):
    """The whole network.

    Parameters
    ----------
    config : PointerConfig
        Its shape.
    """

    mean: Tensor
    """Usual value of each number of a step, shape=(values,)."""
    scale: Tensor
    """Its spread, shape=(values,)."""

    def __init__(self, config: PointerConfig) -> None:
        super().__init__()
        self.config = config
        width, frame = config.hidden_dim, config.frame_dim
        self.stem = nn.Conv1d(config.inputs, frame, 3, padding=1)
        self.gather = nn.Linear(config.stride * frame, width)
        self.place = nn.Linear(4, width)
        dilations = [config.dilations[n % len(config.dilations)] for n in range(config.n_layers)]
        self.layers = nn.ModuleList(EncoderLayer(config, dilation) for dilation in dilations)
        if config.step_inputs:
            self.register_buffer("mean", torch.zeros(config.step_values))
            self.register_buffer("scale", torch.ones(config.step_values))
            self.enter, self.twins = nn.Linear(config.step_values, width), RepeatReader(config)
            self.drop = ChannelDropout(config.dropout)
        self.guess, self.decide = nn.Linear(width, len(CLASSES)), nn.Linear(width, len(CLASSES))
        self.moment_norm = nn.LayerNorm(width)
        self.tokens = nn.Parameter(torch.randn(config.global_tokens, width) * width**-0.5)
        self.token_kv = nn.Linear(width, 2 * frame)
        self.spread = nn.Linear(width, config.stride * frame)
        self.refine = nn.Conv1d(frame, frame, config.conv_kernel, padding=config.conv_kernel // 2, groups=frame)
        self.refined = nn.Linear(frame, frame)
        self.norm = nn.LayerNorm(frame)
        self.arrive, self.leave = nn.Linear(frame, 1), nn.Linear(frame, 1)
        for edge in (self.arrive, self.leave):
            nn.init.constant_(edge.bias, RARE_EDGE)
        self.before = nn.Parameter(torch.zeros(frame))
        self.query = nn.Linear(2 * frame, frame)
        self.window_kv = nn.Linear(frame, 2 * frame)
        self.window_bias = nn.Parameter(torch.zeros(config.n_heads, max(config.window, 1)))
        self.mix = nn.Sequential(nn.LayerNorm(3 * frame), nn.Linear(3 * frame, frame), nn.GELU())
        self.delta = nn.Linear(frame, 2 * config.max_delta + 1)
        self.jump = nn.Linear(frame, 2 * config.jump_buckets)
        self.use_jump, self.stop = nn.Linear(frame, 1), nn.Linear(frame, 1)
        self.op = nn.Linear(frame, len(OPS)) if config.op_head else None

    def encode(self, inputs: InputTensors) -> Memory:
        """Compute what every decoding step reads."""
        # A mel is flat in silence: centered on the middle of its range, the network sees that.
        fine = functional.gelu(self.stem(inputs.mel[None] - 0.5))[0].T
        count, width = fine.shape
        stride = self.config.stride
        coarse = functional.pad(fine, (0, 0, 0, -count % stride)).reshape(-1, stride * width)
        x = self.gather(coarse) + self.place(_positions(len(coarse), count, stride).to(fine))
        steps = None
        if self.config.step_inputs:
            if inputs.steps is None:
                raise ValueError("this network reads inputs of each step, but was given none")
            steps = steps_at(inputs.steps, len(coarse), stride)
            scaled = ((steps.values - self.mean) / self.scale).clamp(-INPUT_LIMIT, INPUT_LIMIT)
            x = x + self.enter(self.drop(scaled[None])[0])
        half = -(-len(self.layers) // 2)
        for layer in self.layers[:half]:
            x = layer(x)
        kinds = [self.guess(x)]
        if steps is not None:
            x = x + self.twins(x, kinds[0], steps)
        for layer in self.layers[half:]:
            x = layer(x)
        kinds.append(self.decide(x))
        fine = fine + self.spread(x).reshape(-1, width)[:count]
        near = self.refine(fine.T[None])[0].T
        frames = self.norm(fine + self.refined(functional.gelu(near)))
        keys, values = self.window_kv(frames).chunk(2, dim=-1)
        token_keys, token_values = self.token_kv(self._summary(self.moment_norm(x))).chunk(2, dim=-1)
        arrive, leave = self.arrive(frames)[:, 0], self.leave(frames)[:, 0]
        return Memory(frames, keys, values, token_keys, token_values, arrive, leave, tuple(kinds))

    def _summary(self, x: Float[Tensor, "moments hidden"]) -> Float[Tensor, "tokens hidden"]:
        """Compute the summary tokens: learned queries to all moments, O(tokens x moments)."""
        chances = torch.softmax(self.tokens @ x.T * x.shape[1:].numel() ** -0.5, dim=-1)
        return chances @ x

    def all_rows(self, memory: Memory) -> Heads:
        """Compute the heads for every raw frame as the previous one: rows 0 to frames."""
        count = len(memory.frames)
        expected = torch.arange(count + 1, device=memory.frames.device)
        queries = self._queries(memory, expected - 1)
        near = banded(queries, memory, self.window_bias) if self.config.window else queries * 0
        return self._heads(memory, queries, near)

    def decode(self, memory: Memory, previous: Int[Tensor, " rows"], expected: Int[Tensor, " rows"]) -> Heads:
        """Compute the heads for any previous pointers (-1: nothing yet) and expected positions.

        Expected positions outside the recording count as its nearest end.
        """
        queries = self._queries(memory, previous)
        if not self.config.window:
            return self._heads(memory, queries, queries * 0)
        near = [
            gathered(queries[at : at + CHUNK_ROWS], expected[at : at + CHUNK_ROWS], memory, self.window_bias)
            for at in range(0, len(queries), CHUNK_ROWS)
        ]
        return self._heads(memory, queries, torch.cat(near))

    def _queries(self, memory: Memory, previous: Int[Tensor, " rows"]) -> Float[Tensor, "rows hidden"]:
        """Compute a query for each row, from the frame that was played last and the one after it."""
        padded = torch.cat([self.before[None], memory.frames, memory.frames[-1:]])
        queries: Tensor = self.query(torch.cat([padded[previous + 1], padded[previous + 2]], dim=-1))
        return queries

    def _heads(
        self, memory: Memory, queries: Float[Tensor, "rows hidden"], near: Float[Tensor, "rows hidden"]
    ) -> Heads:
        far = attended(queries, memory.token_keys, memory.token_values, self.config.n_heads)
        x = self.mix(torch.cat([queries, near, far], dim=-1))
        op = None if self.op is None else self.op(x)
        return Heads(self.delta(x), self.jump(x), self.use_jump(x)[:, 0], self.stop(x)[:, 0], op)

    @torch.no_grad()
    def scores(self, inputs: InputTensors) -> RowScores:
        """Compute the network's answers at every row, as arrays."""
        memory = self.encode(inputs)
        return row_scores(self.all_rows(memory), memory)


def row_scores(heads: Heads, memory: Memory) -> RowScores:
    """Convert the heads of all rows to arrays."""
    return RowScores(
        delta=torch.log_softmax(heads.delta.float(), -1).cpu().numpy(),
        jump=torch.log_softmax(heads.jump.float(), -1).cpu().numpy(),
        use_jump=heads.use_jump.float().cpu().numpy(),
        stop=heads.stop.float().cpu().numpy(),
        arrive=memory.arrive.float().cpu().numpy(),
        leave=memory.leave.float().cpu().numpy(),
        kinds=torch.softmax(memory.kinds[-1].float(), -1).cpu().numpy(),
    )


def steps_at(steps: StepTensors, count: int, stride: int) -> StepTensors:
    """Sample the inputs of steps at `count` moments of `stride` frames, with nearest repeats counted in moments."""
    moment = torch.arange(count, device=steps.values.device)
    step = (moment * stride // STEP_FRAMES).clamp(max=len(steps.values) - 1)
    offset = moment - step * STEP_FRAMES // stride
    nearest_repeats = steps.nearest_repeats[step]
    there = (nearest_repeats * STEP_FRAMES // stride + offset[:, None]).clamp(0, count - 1)
    return StepTensors(steps.values[step], torch.where(nearest_repeats >= 0, there, -1), steps.similarity[step])


def _positions(count: int, frames: int, stride: int) -> Float[Tensor, "moments 4"]:
    """Compute position features of each moment: near the start, near the end, share of the whole, and its square."""
    at = torch.arange(count, dtype=torch.float32) * stride
    share = at / max(frames - 1, 1)
    near_s = 430.0  # ten seconds of frames
    return torch.stack([torch.exp(-at / near_s), torch.exp(-(frames - 1 - at) / near_s), share, share**2], dim=-1)
