"""The policy and its value: which step to take, and what the episode will be worth.

An action is sampled in three: its type; its size, given the type; its amount, given the type. So its log probability
is the sum of three, and a masked action has probability 0. :mod:`editorbot.editors.policy_inference.network` computes
the same without torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, kl_divergence

from editorbot.environment.actions import AMOUNTS, SIZES
from editorbot.models.encoder import Encoded, HybridNATTENEncoder
from editorbot.models.policy_config import CEPSTRA, CLOSED, ENERGY_CLASSES, PolicyConfig


class ActionLogits(NamedTuple):
    """Logits of the policy at some steps; those of sizes and amounts for every type."""

    type: Tensor
    """Logits of the types, shape=(steps, types)."""
    size: Tensor
    """Logits of the sizes given each type, shape=(steps, types, 5)."""
    amount: Tensor
    """Logits of the amounts given each type, shape=(steps, types, 5)."""


class ActionMasks(NamedTuple):
    """Allowed actions at some steps; see :class:`editorbot.environment.masks.Masks`."""

    type: Tensor
    """Shape=(steps, types), bool."""
    size: Tensor
    """Shape=(steps, types, 5), bool."""
    amount: Tensor
    """Shape=(steps, types, 5), bool."""


class PolicyNetwork(nn.Module):
    """Beat, recording and state in, logits of types, sizes and amounts out."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        hidden, types = 2 * config.policy_hidden_dim, config.action_vocabulary.types
        self.types = types
        self.enter = nn.Linear(config.inputs, hidden)
        self.drop = nn.Dropout(config.dropout)
        self.mix = nn.Linear(hidden, hidden)
        self.type_head = nn.Linear(hidden, types)
        self.size_head = nn.Linear(hidden, types * SIZES)
        self.amount_head = nn.Linear(hidden, types * AMOUNTS)
        for head in (self.type_head, self.size_head, self.amount_head):
            # Small at first: a fresh policy is nearly uniform over the allowed actions.
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)

    def forward(self, inputs: Tensor, masks: ActionMasks | None = None) -> ActionLogits:
        """Compute logits; masked ones are CLOSED.

        Parameters
        ----------
        inputs : Tensor, shape=(steps, PolicyConfig.inputs)
            See `policy_inputs`.
        masks : ActionMasks, optional
            Everything is allowed where left out.
        """
        x = torch.relu(self.enter(inputs))
        x = x + torch.relu(self.mix(self.drop(x)))
        sizes = self.size_head(x).unflatten(-1, (self.types, SIZES))
        amounts = self.amount_head(x).unflatten(-1, (self.types, AMOUNTS))
        logits = ActionLogits(self.type_head(x), sizes, amounts)
        return logits if masks is None else masked(logits, masks)


def masked(logits: ActionLogits, masks: ActionMasks) -> ActionLogits:
    """Set the logits of masked actions to CLOSED, which gives them probability 0."""
    return ActionLogits(*(torch.where(mask, part, CLOSED) for part, mask in zip(logits, masks)))


class ValueNetwork(nn.Module):
    """Beat, recording and state in, the return to expect out; shares nothing with the policy's own layers."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        hidden = 2 * config.policy_hidden_dim
        self.enter = nn.Linear(config.inputs, hidden)
        self.mix = nn.Linear(hidden, hidden)
        self.head = nn.Linear(hidden, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (steps, PolicyConfig.inputs) to (steps,)."""
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
    """Outputs of an agent at some steps."""

    encoded: Encoded
    """The recordings."""
    logits: ActionLogits
    """Of the policy."""
    values: Tensor
    """Expected returns, shape=(steps,)."""


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
        masks: ActionMasks | None = None,
    ) -> AgentOutput:
        """Compute logits and values at some steps of some recordings.

        Parameters
        ----------
        inputs, lengths
            Of the recordings, see `HybridNATTENEncoder.forward`.
        rows, recordings, states
            Of the steps, see `policy_inputs`.
        masks : ActionMasks, optional
            Everything is allowed where left out.
        """
        encoded = self.encoder(inputs, lengths)
        seen = policy_inputs(encoded, rows, recordings, states)
        return AgentOutput(encoded, self.policy(seen, masks), self.value(seen))


def policy_inputs(encoded: Encoded, rows: Tensor, recordings: Tensor, states: Tensor) -> Tensor:
    """Join what policy and value network read at some steps.

    Parameters
    ----------
    encoded : Encoded
        All recordings.
    rows : Tensor, shape=(steps,), int64
        Row of the beat at the cursor in ``encoded.beats``.
    recordings : Tensor, shape=(steps,), int64
        Row of the recording in ``encoded.summary``.
    states : Tensor, shape=(steps, state)
        Normalized states.
    """
    return torch.cat([encoded.beats[rows], encoded.ahead[rows], encoded.summary[recordings], states], dim=-1)


class ActionDistribution:
    """The policy's distribution over whole actions, exact over all combinations.

    Parameters
    ----------
    logits : ActionLogits
        Masked ones at CLOSED.
    """

    def __init__(self, logits: ActionLogits) -> None:
        self.type, self.size, self.amount = (Categorical(logits=part.float(), validate_args=False) for part in logits)

    @property
    def logits(self) -> ActionLogits:
        """Log probabilities."""
        return ActionLogits(self.type.logits, self.size.logits, self.amount.logits)

    def sample(self, generator: torch.Generator) -> Tensor:
        """Sample an action at each step, shape=(steps, 3), int64."""
        types = torch.multinomial(self.type.probs, 1, generator=generator)
        row = torch.arange(len(types), device=types.device)
        given = (part.probs[row, types[:, 0]] for part in (self.size, self.amount))
        return torch.cat([types, *(torch.multinomial(part, 1, generator=generator) for part in given)], dim=-1)

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log P(type) + log P(size | type) + log P(amount | type) of actions, shape=(steps,)."""
        types, sizes, amounts = actions.unbind(-1)
        row = torch.arange(len(actions), device=actions.device)
        log_probs: Tensor = self.type.logits[row, types] + self.size.logits[row, types, sizes]
        return log_probs + self.amount.logits[row, types, amounts]

    def entropy(self) -> Tensor:
        """Entropy of the whole action, shape=(steps,) [nats]; losses and logs count a third of it."""
        of_type, of_size, of_amount = (
            part.entropy()  # type: ignore[no-untyped-call]
            for part in (self.type, self.size, self.amount)
        )
        entropy: Tensor = of_type + (self.type.probs * (of_size + of_amount)).sum(-1)
        return entropy

    def kl_from(self, other: ActionDistribution) -> Tensor:
        """KL(other || self) of the whole action, shape=(steps,) [nats]."""
        given_type = kl_divergence(other.size, self.size) + kl_divergence(other.amount, self.amount)
        kl: Tensor = kl_divergence(other.type, self.type) + (other.type.probs * given_type).sum(-1)
        return kl

    def mode(self) -> Tensor:
        """Likeliest type, and its likeliest size and amount, shape=(steps, 3), int64."""
        types = self.type.mode
        row = torch.arange(len(types), device=types.device)
        return torch.stack([types, self.size.mode[row, types], self.amount.mode[row, types]], dim=-1)
