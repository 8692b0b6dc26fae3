"""The network behind the learned score: what each step of a recording is.

Two passes of dilated convolutions along the steps (Yu and Koltun, "Multi-Scale
Context Aggregation by Dilated Convolutions", 2016). The first hears each
moment in its surroundings and guesses what it is. The second also reads, at
the places where the same is played again, what the first thought there, and
how much was stopped or talked in between: whether a take is the sloppy one, or
a turn one too many, can only be told from both plays together.

:mod:`editorbot.editors.scoring.network` computes the same without torch; a test
holds the two together.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from editorbot.models.scorer_shape import CLASSES, ScorerConfig


class ChannelDropout(nn.Module):
    """Leaves out whole channels of a recording, the same at every step (Tompson et al., 2015)."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (recordings, steps, channels) to the same; nothing is left out in use."""
        if not self.training or self.share == 0:
            return hidden
        kept = torch.full((hidden.shape[0], 1, hidden.shape[2]), 1 - self.share).bernoulli()
        return hidden * (kept / (1 - self.share))


class ConvBlock(nn.Module):
    """One residual step: scale, look both ways at a distance, mix."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.look = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Linear(width, width)
        self.drop = ChannelDropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Map (recordings, steps, width) to the same; what `mask` leaves out counts as zero."""
        seen = self.norm(hidden) * mask
        seen = torch.relu(self.look(seen.transpose(1, 2)).transpose(1, 2))
        return hidden + self.drop(self.mix(seen)) * mask


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
        self.decide = nn.Linear(width, classes)
        self.drop = ChannelDropout(config.dropout)

    def forward(self, values: Tensor, twins: Tensor, likeness: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log odds of the first and of the second pass.

        Parameters
        ----------
        values : Tensor, shape=(recordings, steps, inputs), float32
            `StepInputs.values`.
        twins : Tensor, shape=(recordings, steps, twins), int64
            `StepInputs.twins`, -1 where there is none.
        likeness : Tensor, shape=(recordings, steps, twins), float32
            `StepInputs.likeness`.
        mask : Tensor, shape=(recordings, steps, 1), float32
            1 inside the recordings, 0 where they are padded.
        """
        scaled = torch.clamp((values - self.mean) / self.scale, -5, 5)
        hidden = self.enter(self.drop(scaled)) * mask
        for block in self.hear:
            hidden = block(hidden, mask)
        first = self.guess(hidden)
        chances = torch.softmax(first, dim=-1) * mask
        parts = [hidden, chances]
        told = torch.cat([torch.tanh(self.tell(hidden)) * mask, chances], dim=-1)
        stopped = torch.cumsum(chances.detach()[..., 1:4].sum(-1), dim=1)
        for number in range(self.config.twins):
            parts += self._read_twin(told, stopped, twins[..., number], likeness[..., number])
        hidden = self.read(torch.cat(parts, dim=-1)) * mask
        for block in self.compare:
            hidden = block(hidden, mask)
        return first, self.decide(hidden)

    def _read_twin(self, told: Tensor, stopped: Tensor, twin: Tensor, likeness: Tensor) -> list[Tensor]:
        """Return what was told at each step's twin, its likeness, and what lies between the two."""
        is_there = (twin >= 0).to(told.dtype)
        at = torch.clamp(twin, min=0)
        there = torch.gather(told, 1, at[..., None].expand(-1, -1, told.shape[-1])) * is_there[..., None]
        between = torch.abs(torch.gather(stopped, 1, at) - stopped)
        return [there, torch.stack([likeness * is_there, is_there, torch.log1p(between) / 3 * is_there], dim=-1)]
