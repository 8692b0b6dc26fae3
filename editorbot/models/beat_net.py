"""The network that hears beats and downbeats, for training.

:mod:`editorbot.analysis.beat_net` says what it is and computes the same without
torch; a test holds the two together.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from editorbot.analysis.beat_net import OUTPUTS, BeatNetConfig

FIRST_MIX = 0.2
"""Residual branches begin at this share of their usual size, so that a deep stack trains without normalization."""

RARE = -2.0
"""Log odds of a beat that the network begins with."""


class BeatNetwork(nn.Module):
    """Frames in, log odds of beats and downbeats out."""

    def __init__(self, config: BeatNetConfig) -> None:
        super().__init__()
        self.config = config
        width, context = config.width, config.context
        self.enter = nn.Conv1d(config.inputs, width, 5, padding=2)
        self.front = nn.Conv1d(width, width, 5, padding=2)
        self.down = nn.Linear(config.stride * width, context)
        self.look = nn.ModuleList(nn.Conv1d(context, context, 3, padding=d, dilation=d) for d in config.dilations)
        self.mix = nn.ModuleList(nn.Linear(context, context) for _ in config.dilations)
        self.up = nn.Linear(context, config.stride * width)
        self.back = nn.Conv1d(width, width, 5, padding=2)
        self.decide = nn.Linear(width, len(OUTPUTS))
        with torch.no_grad():
            for name, parameter in self.mix.named_parameters():
                if name.endswith("weight"):
                    parameter.mul_(FIRST_MIX)
            self.decide.bias.fill_(RARE)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the log odds, shape=(recordings, frames, 2).

        Parameters
        ----------
        inputs : Tensor, shape=(recordings, frames, inputs), float32
            `analysis.beat_net.inputs_of`; the frames are a multiple of the stride.
        """
        batch, frames, _ = inputs.shape
        heard = torch.relu(self.enter(inputs.transpose(1, 2)))
        heard = torch.relu(self.front(heard)).transpose(1, 2)
        slow = torch.relu(self.down(heard.reshape(batch, frames // self.config.stride, -1)))
        for look, mix in zip(self.look, self.mix):
            slow = slow + mix(torch.relu(look(slow.transpose(1, 2))).transpose(1, 2))
        heard = torch.relu(heard + self.up(slow).reshape(batch, frames, -1))
        heard = torch.relu(self.back(heard.transpose(1, 2))).transpose(1, 2)
        out: Tensor = self.decide(heard)
        return out
