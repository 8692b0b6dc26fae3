"""The policy and its value: which step to take, and what the episode will be worth.

A step is drawn in three: its type; its size, given the type; its amount, given
the type. So its log probability is the sum of three, and what is closed has
probability 0. :mod:`editorbot.editors.policy_inference.network` computes the same without torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from editorbot.environment.actions import AMOUNTS, SIZES
from editorbot.models.dense import Dense
from editorbot.models.encoder import Encoded, HybridNATTENEncoder
from editorbot.models.policy_config import CEPSTRA, CLOSED, ENERGY_CLASSES, PolicyConfig


class TypeLogits(NamedTuple):
    """What the policy says of some moments; sizes and amounts for every type."""

    type: Tensor
    """Log odds of the types, shape=(moments, types)."""
    size: Tensor
    """Log odds of the sizes given each type, shape=(moments, types, 5)."""
    amount: Tensor
    """Log odds of the amounts given each type, shape=(moments, types, 5)."""


class MaskTensors(NamedTuple):
    """What is open; see :class:`editorbot.environment.masks.Masks`."""

    type: Tensor
    """Shape=(moments, types), bool."""
    size: Tensor
    """Shape=(moments, types, 5), bool."""
    amount: Tensor
    """Shape=(moments, types, 5), bool."""


class PolicyNetwork(nn.Module):
    """Beat, recording and state in, log odds of types, sizes and amounts out."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        hidden, types = 2 * config.policy_hidden_dim, config.action_vocabulary.types
        self.types = types
        self.enter = Dense(config.inputs, hidden)
        self.drop = nn.Dropout(config.dropout)
        self.mix = Dense(hidden, hidden)
        self.type_head = Dense(hidden, types)
        self.size_head = Dense(hidden, types * SIZES)
        self.amount_head = Dense(hidden, types * AMOUNTS)
        for head in (self.type_head, self.size_head, self.amount_head):
            # Small at first: a fresh policy is nearly uniform over what is open.
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)

    def forward(self, inputs: Tensor, masks: MaskTensors | None = None) -> TypeLogits:
        """Return log odds; those of what is closed are CLOSED.

        Parameters
        ----------
        inputs : Tensor, shape=(moments, PolicyConfig.inputs)
            See `policy_inputs`.
        masks : MaskTensors, optional
            All is open where left out.
        """
        x = torch.relu(self.enter(inputs))
        x = x + torch.relu(self.mix(self.drop(x)))
        types = self.type_head(x)
        sizes = self.size_head(x).unflatten(-1, (self.types, SIZES))
        amounts = self.amount_head(x).unflatten(-1, (self.types, AMOUNTS))
        logits = TypeLogits(types, sizes, amounts)
        return logits if masks is None else closed_off(logits, masks)


def closed_off(logits: TypeLogits, masks: MaskTensors) -> TypeLogits:
    """Return log odds, those of what is closed at CLOSED."""
    # Added, not filled in, which takes several times as long; nothing open is of that size.
    return TypeLogits(*(odds + CLOSED * ~mask for odds, mask in zip(logits, masks)))


class ValueNetwork(nn.Module):
    """Beat, recording and state in, the return to expect out; shares nothing with the policy's own layers."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        hidden = 2 * config.policy_hidden_dim
        self.enter = Dense(config.inputs, hidden)
        self.mix = Dense(hidden, hidden)
        self.head = Dense(hidden, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (moments, PolicyConfig.inputs) to (moments,)."""
        x = torch.relu(self.enter(inputs))
        value: Tensor = self.head(torch.relu(self.mix(x)))[..., 0]
        return value


class AuxiliaryHeads(nn.Module):
    """What the encoder has to tell beside, so that it learns to hear.

    Tempo, energy, phrases, the mel spectrum, and how much of the whole the human keeps; which beats, the encoder says.
    """

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        hidden = config.policy_hidden_dim
        self.tempo = nn.Linear(hidden, 1)
        self.energy = nn.Linear(hidden, ENERGY_CLASSES)
        self.phrase = nn.Linear(hidden, 1)
        self.mel = nn.Linear(hidden, CEPSTRA.stop - CEPSTRA.start)
        self.keep_ratio = nn.Linear(2 * hidden, 1)


class AgentOutput(NamedTuple):
    """What an agent says of some moments."""

    encoded: Encoded
    """The recordings."""
    logits: TypeLogits
    """The policy."""
    values: Tensor
    """The returns to expect, shape=(moments,)."""


class EditingAgent(nn.Module):
    """Encoder, policy, value and auxiliary heads: all that a checkpoint holds."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = HybridNATTENEncoder(config)
        self.policy = PolicyNetwork(config)
        self.value = ValueNetwork(config)
        self.tasks = AuxiliaryHeads(config)

    def forward(
        self,
        inputs: Tensor,
        lengths: Sequence[int],
        rows: Tensor,
        recordings: Tensor,
        states: Tensor,
        masks: MaskTensors | None = None,
    ) -> AgentOutput:
        """Return what is said of some moments of some recordings.

        Parameters
        ----------
        inputs, lengths
            Of the recordings, see `HybridNATTENEncoder.forward`.
        rows, recordings, states
            Of the moments, see `policy_inputs`.
        masks : MaskTensors, optional
            All is open where left out.
        """
        encoded = self.encoder(inputs, lengths)
        seen = policy_inputs(encoded, rows, recordings, states)
        return AgentOutput(encoded, self.policy(seen, masks), self.value(seen))


def policy_inputs(encoded: Encoded, rows: Tensor, recordings: Tensor, states: Tensor) -> Tensor:
    """Return what policy and value network read at some moments.

    Parameters
    ----------
    encoded : Encoded
        Of all recordings.
    rows : Tensor, shape=(moments,), int64
        Row of the beat at the cursor in ``encoded.beats``.
    recordings : Tensor, shape=(moments,), int64
        Row of the recording in ``encoded.summary``.
    states : Tensor, shape=(moments, 861)
        Normalized states.
    """
    heard = (table[at] for table, at in ((encoded.beats, rows), (encoded.ahead, rows), (encoded.summary, recordings)))
    parts = [*(part for part in heard if part.shape[-1]), states]
    return torch.cat(parts, dim=-1) if len(parts) > 1 else states


@dataclass(frozen=True)
class StepChances:
    """The distribution over steps at some moments, from log odds; exact over all combinations."""

    type: Tensor
    """Log probabilities of the types, shape=(moments, types)."""
    size: Tensor
    """Log probabilities of the sizes given each type, shape=(moments, types, 5)."""
    amount: Tensor
    """Log probabilities of the amounts given each type, shape=(moments, types, 5)."""

    @classmethod
    def of(cls, logits: TypeLogits) -> StepChances:
        """Return the distribution that log odds tell; what is closed has probability 0."""
        return cls(functional.log_softmax(logits.type, dim=-1), _log_chances(logits.size), _log_chances(logits.amount))

    def log_prob(self, actions: Tensor) -> Tensor:
        """Return log P(type) + log P(size | type) + log P(amount | type) of actions, shape=(moments,)."""
        parts = self.parts(actions)
        return parts[0] + parts[1] + parts[2]

    def parts(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the three log probabilities of actions (moments, 3), each of shape=(moments,)."""
        types, sizes, amounts = actions.unbind(-1)
        row = torch.arange(len(actions), device=actions.device)
        return self.type[row, types], self.size[row, types, sizes], self.amount[row, types, amounts]

    def entropy(self) -> Tensor:
        """Return the entropy of the whole step, shape=(moments,) [nats]; what is logged is a third of it."""
        within = _entropy(self.size) + _entropy(self.amount)
        return _entropy(self.type) + (self.type.exp() * within).sum(-1)

    def kl_from(self, other: StepChances) -> Tensor:
        """Return KL(other || self) of the whole step, shape=(moments,) [nats]."""
        chance = other.type.exp()
        within = _kl(other.size, self.size) + _kl(other.amount, self.amount)
        return _kl(other.type, self.type) + (chance * within).sum(-1)

    def at(self, rows: Tensor) -> StepChances:
        """Return the distribution at some of the moments."""
        return StepChances(*(part.index_select(0, rows) for part in (self.type, self.size, self.amount)))

    def best(self) -> Tensor:
        """Return the likeliest type, and its likeliest size and amount, shape=(moments, 3)."""
        types = self.type.argmax(-1)
        row = torch.arange(len(types), device=types.device)
        return torch.stack([types, self.size[row, types].argmax(-1), self.amount[row, types].argmax(-1)], dim=-1)


def _log_chances(odds: Tensor) -> Tensor:
    """Return log softmax over the last of three axes; as the middle one, torch is some times as fast on so few."""
    return functional.log_softmax(odds.transpose(-1, -2), dim=-2).transpose(-1, -2)


def _entropy(log_chances: Tensor) -> Tensor:
    return -(log_chances.exp() * log_chances).sum(-1)


def _kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    return (log_p.exp() * (log_p - log_q)).sum(-1)
