"""The encoder of recordings: neighborhood attention along the beats, and a summary of the whole.

It runs once a recording. The policy reads the beat at its cursor, how likely the next beats are kept, and the summary.
:mod:`editorbot.editors.policy_inference.network` computes the same without torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from editorbot.environment.state import FEATURES
from editorbot.models.attention import neighborhood_attention_1d
from editorbot.models.policy_config import BEAT_INPUTS, OUTLOOK, PolicyConfig


class Encoded(NamedTuple):
    """Output of the encoder for some recordings."""

    beats: Tensor
    """Embedding of each beat, shape=(beats of all recordings, hidden)."""
    summary: Tensor
    """Mean and maximum over the beats of each recording, shape=(recordings, 2 * hidden)."""
    kept: Tensor
    """Log odds that each beat is kept, shape=(beats,)."""
    ahead: Tensor
    """Probability that each of the next OUTLOOK beats is kept, and the beat's score features, shape=(beats, AHEAD)."""


class NATTENLayer(nn.Module):
    """Neighborhood attention, then a feed-forward network, each with a norm before it and a residual."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        hidden = config.policy_hidden_dim
        self.heads, self.kernel = config.natten_n_heads, config.natten_kernel_size
        self.attention_norm = nn.LayerNorm(hidden)
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.feed_norm = nn.LayerNorm(hidden)
        self.feed_in = nn.Linear(hidden, 2 * hidden)
        self.feed_out = nn.Linear(2 * hidden, hidden)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, lengths: Sequence[int]) -> Tensor:
        """Map (beats, hidden) to the same."""
        beats, hidden = x.shape
        parts = self.qkv(self.attention_norm(x)).view(beats, 3, self.heads, -1).permute(1, 2, 0, 3)
        near = neighborhood_attention_1d(parts[0], parts[1], parts[2], self.kernel, lengths=lengths)
        x = x + self.drop(self.out(near.transpose(0, 1).reshape(beats, hidden)))
        return x + self.drop(self.feed_out(torch.relu(self.feed_in(self.feed_norm(x)))))


class HybridNATTENEncoder(nn.Module):
    """Encodes beats in their context, and summarizes each recording."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        hidden = config.policy_hidden_dim
        self.enter = nn.Linear(BEAT_INPUTS, hidden)
        self.layers = nn.ModuleList(NATTENLayer(config) for _ in range(config.natten_n_layers))
        self.norm = nn.LayerNorm(hidden)
        self.kept = nn.Linear(hidden, 1)

    def forward(self, inputs: Tensor, lengths: Sequence[int]) -> Encoded:
        """Encode concatenated recordings.

        Parameters
        ----------
        inputs : Tensor, shape=(beats, BEAT_INPUTS)
            Normalized features and score features of all beats.
        lengths : sequence of int
            Beats of each recording, at least 1.
        """
        x = self.enter(inputs)
        for layer in self.layers:
            x = layer(x, lengths)
        beats = self.norm(x)
        parts = torch.split(beats, list(lengths))
        summary = torch.stack([torch.cat([part.mean(0), part.amax(0)]) for part in parts])
        kept = self.kept(beats)[:, 0]
        outlook = torch.sigmoid(kept)[rows_ahead(lengths).to(kept.device)]
        return Encoded(beats, summary, kept, torch.cat([outlook, inputs[:, FEATURES:]], dim=-1))


def rows_ahead(lengths: Sequence[int]) -> Tensor:
    """Index the next OUTLOOK beats of each beat, shape=(beats, OUTLOOK); beyond the end, the last one again."""
    counts = torch.tensor(list(lengths))
    last = torch.repeat_interleave(torch.cumsum(counts, 0) - 1, counts)
    return torch.minimum(torch.arange(len(last))[:, None] + torch.arange(OUTLOOK), last[:, None])
