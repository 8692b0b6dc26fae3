"""The network of the learned score: it classifies each step of a recording.

Two passes of dilated convolutions along the steps (Yu and Koltun, "Multi-Scale Context Aggregation by Dilated
Convolutions", 2016). The first sees each moment in its surroundings and guesses its class. The second also reads a
message of the first from the nearest repeats of each step, and how much was stopped or talked in between: only the two
plays together show whether a take is the sloppy one, or a turn one too many. And it attends to the whole recording
(:class:`LagAttention`), biased by the similarity of the recording to itself at every distance, so that it can count
the turns of a vamp.

:mod:`editorbot.editors.scoring.network` computes the same without torch; a test compares the two.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from editorbot.models.scorer_config import (
    ALIKE_FROM,
    ALIKE_TIMES,
    CLASSES,
    CLOSED_BY,
    INPUT_LIMIT,
    LAG_TOKENS,
    LOG_DISTANCE,
    LOG_STOPPED,
    NEAR_SHARE,
    PAIR_FEATURES,
    SAME_FROM,
    SAME_TIMES,
    SHORT_STOP_STEPS,
    STOPPED,
    TOKEN_STEPS,
    ScorerConfig,
)


class ChannelDropout(nn.Module):
    """Drops whole channels of a recording, the same at every step (Tompson et al., 2015)."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (recordings, steps, channels) to the same; nothing is dropped in evaluation."""
        if not self.training or self.share == 0:
            return hidden
        kept = torch.full((hidden.shape[0], 1, hidden.shape[2]), 1 - self.share).bernoulli()
        return hidden * (kept / (1 - self.share))


class ConvBlock(nn.Module):
    """One residual block: normalize, convolve with a dilation, mix."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.look = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Linear(width, width)
        self.drop = ChannelDropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Map (recordings, steps, width) to the same; steps outside `mask` count as zero."""
        seen = self.norm(hidden) * mask
        seen = torch.relu(self.look(seen.transpose(1, 2)).transpose(1, 2))
        return hidden + self.drop(self.mix(seen)) * mask


class LagAttention(nn.Module):
    """Attention between tokens of 3 s, biased by their similarity (Vaswani et al., 2017, with a bias).

    Beside the attended mean, each token gets the number of similar tokens before and after it.
    """

    def __init__(self, config: ScorerConfig) -> None:
        super().__init__()
        width, heads, wide = config.width, config.heads, config.width + len(CLASSES)
        self.heads = heads
        self.norm = nn.LayerNorm(wide)
        self.look = nn.Linear(wide, 3 * width)
        self.pair = nn.Linear(PAIR_FEATURES, config.pair_width)
        self.bias = nn.Linear(config.pair_width, 3 * heads)
        self.sink = nn.Parameter(torch.zeros(heads))
        self.out = nn.Linear(width + 4 * heads, width)

    def forward(self, hidden: Tensor, chances: Tensor, stopped: Tensor, mask: Tensor, lag_matrix: Tensor) -> Tensor:
        """Map (recordings, steps, width) to the same.

        `chances` are those of the first pass, `stopped` the steps stopped so far, shape=(recordings, steps), and
        `lag_matrix` the similarity of all tokens to all, shape=(recordings, 2, tokens, tokens).
        """
        steps, tokens = hidden.shape[1], lag_matrix.shape[-1]
        pooled = _pooled(torch.cat([hidden, chances], dim=-1) * mask, tokens)
        is_there = _pooled(mask, tokens)[..., 0] > 0
        at = _pooled(stopped[..., None], tokens, last=True)[..., 0]
        parts = self.look(self.norm(pooled)).reshape(len(hidden), tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        features, near = pair_features(lag_matrix, at)
        hidden_pair = torch.relu(torch.einsum("cf,bfij->bcij", self.pair.weight, features) + _row(self.pair.bias))
        biases = torch.einsum("hc,bcij->bhij", self.bias.weight, hidden_pair) + _row(self.bias.bias)
        is_open = near & is_there[:, None, None, :]
        mixed = _attention(parts, biases[:, : self.heads], is_open, self.sink)
        similar = torch.sigmoid(biases[:, self.heads :]) * is_open
        counts = [torch.log1p(part.sum(-1)) for part in (torch.triu(similar, 1), torch.tril(similar, -1))]
        found = self.out(torch.cat([mixed, torch.cat(counts, dim=1).transpose(1, 2)], dim=-1))
        return hidden + found.repeat_interleave(TOKEN_STEPS, dim=1)[:, :steps] * mask


def _row(bias: Tensor) -> Tensor:
    return bias[:, None, None]


def _pooled(rows: Tensor, tokens: int, *, last: bool = False) -> Tensor:
    """Average rows over the steps of each token; the last token is filled up with zeros, or with the last row."""
    missing = tokens * TOKEN_STEPS - rows.shape[1]
    end = rows[:, -1:].expand(-1, missing, -1) if last else rows.new_zeros(rows.shape[0], missing, rows.shape[2])
    return torch.cat([rows, end], dim=1).reshape(len(rows), tokens, TOKEN_STEPS, -1).mean(2)


def pair_features(lag_matrix: Tensor, stopped: Tensor) -> tuple[Tensor, Tensor]:
    """Compute PAIR_FEATURES of all pairs, shape=(recordings, features, tokens, tokens), and which are near enough."""
    place = torch.arange(lag_matrix.shape[-1], dtype=lag_matrix.dtype)
    lag = place[None, :] - place[:, None]
    distance = lag.abs().expand(len(lag_matrix), -1, -1)
    between = torch.log1p((stopped[:, None, :] - stopped[:, :, None]).abs() / SHORT_STOP_STEPS) / LOG_STOPPED
    short, long = lag_matrix[:, 0], lag_matrix[:, 1]
    features = [
        short, long, torch.relu(long - ALIKE_FROM) * ALIKE_TIMES, torch.relu(long - SAME_FROM) * SAME_TIMES,
        torch.sign(lag).expand_as(distance), torch.log1p(distance) / LOG_DISTANCE, between,
        torch.clamp(distance * NEAR_SHARE, max=1),
    ]  # fmt: skip
    return torch.stack(features, dim=1), lag.abs() < LAG_TOKENS


def _attention(parts: Tensor, bias: Tensor, is_open: Tensor, sink: Tensor) -> Tensor:
    """Compute biased attention with a sink that takes what matches nothing, shape=(recordings, tokens, width)."""
    query, key, value = parts
    odds = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5 + bias + (is_open.to(bias.dtype) - 1) * CLOSED_BY
    nowhere = sink[None, :, None, None].expand(*odds.shape[:-1], 1)
    share = torch.softmax(torch.cat([odds, nowhere], dim=-1), dim=-1)[..., :-1]
    return (share @ value).transpose(1, 2).flatten(2)


class ScorerNetwork(nn.Module):
    """Steps in, log odds of CLASSES out, from both passes."""

    mean: Tensor
    """Usual value of each input, shape=(inputs,)."""
    scale: Tensor
    """Spread of each input, shape=(inputs,)."""

    def __init__(self, config: ScorerConfig) -> None:
        super().__init__()
        self.config = config
        width, classes = config.width, len(CLASSES)
        self.register_buffer("mean", torch.zeros(config.inputs))
        self.register_buffer("scale", torch.ones(config.inputs))
        self.enter = nn.Linear(config.inputs, width)
        self.hear = nn.ModuleList(ConvBlock(width, d, config.dropout) for d in config.first_dilations)
        self.guess = nn.Linear(width, classes)
        self.tell = nn.Linear(width, config.told)
        self.read = nn.Linear(width + classes + config.twins * (config.told + classes + 3), width)
        self.compare = nn.ModuleList(ConvBlock(width, d, config.dropout) for d in config.second_dilations)
        self.over = nn.ModuleList(LagAttention(config) for _ in config.lag_layers)
        self.decide = nn.Linear(width, classes)
        self.drop = ChannelDropout(config.dropout)

    def forward(
        self, values: Tensor, nearest_repeats: Tensor, similarity: Tensor, mask: Tensor, lag_matrix: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute the log odds of the first and of the second pass.

        Parameters
        ----------
        values : Tensor, shape=(recordings, steps, inputs), float32
            `StepInputs.values`.
        nearest_repeats : Tensor, shape=(recordings, steps, repeats), int64
            `StepInputs.nearest_repeats`, -1 if there is none.
        similarity : Tensor, shape=(recordings, steps, repeats), float32
            `StepInputs.similarity`.
        mask : Tensor, shape=(recordings, steps, 1), float32
            1 inside the recordings, 0 in their padding.
        lag_matrix : Tensor, shape=(recordings, 2, tokens, tokens), float32
            Likeness of all tokens to all; tokens = ceil(steps / TOKEN_STEPS).
        """
        scaled = torch.clamp((values - self.mean) / self.scale, -INPUT_LIMIT, INPUT_LIMIT)
        hidden = self.enter(self.drop(scaled)) * mask
        for block in self.hear:
            hidden = block(hidden, mask)
        first = self.guess(hidden)
        chances = torch.softmax(first, dim=-1) * mask
        parts = [hidden, chances]
        messages = torch.cat([torch.tanh(self.tell(hidden)) * mask, chances], dim=-1)
        stopped = torch.cumsum(chances.detach()[..., STOPPED].sum(-1), dim=1)
        for number in range(self.config.twins):
            parts += self._read_repeat(messages, stopped, nearest_repeats[..., number], similarity[..., number])
        hidden = self.read(torch.cat(parts, dim=-1)) * mask
        return first, self.decide(self._compared(hidden, chances, stopped, mask, lag_matrix))

    def _compared(self, hidden: Tensor, chances: Tensor, stopped: Tensor, mask: Tensor, lag_matrix: Tensor) -> Tensor:
        """Apply the blocks of the second pass and the attention layers between them."""
        attention = dict(zip(self.config.lag_layers, self.over))
        for number in range(len(self.compare) + 1):
            if number in attention:
                hidden = attention[number](hidden, chances, stopped, mask, lag_matrix)
            if number < len(self.compare):
                hidden = self.compare[number](hidden, mask)
        return hidden

    def _read_repeat(self, messages: Tensor, stopped: Tensor, repeat: Tensor, similarity: Tensor) -> list[Tensor]:
        """Read the message of one nearest repeat of each step, its similarity, and how much was stopped between."""
        is_there = (repeat >= 0).to(messages.dtype)
        at = torch.clamp(repeat, min=0)
        there = torch.gather(messages, 1, at[..., None].expand(-1, -1, messages.shape[-1])) * is_there[..., None]
        between = torch.abs(torch.gather(stopped, 1, at) - stopped)
        stopped_between = torch.log1p(between) / LOG_STOPPED
        return [there, torch.stack([similarity * is_there, is_there, stopped_between * is_there], dim=-1)]
