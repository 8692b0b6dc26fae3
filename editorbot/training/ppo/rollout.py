"""Rollouts: the policy plays episodes to their end, and every step is stored for the update.

Episodes run side by side, a few recordings at a time and each recording several times: the returns of one recording's
episodes are each other's baseline, and the encoder runs once for all of them. Masks are stored with the steps, so that
the update computes the very distribution that an action was sampled from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from editorbot.environment.vec_env import VecEnv
from editorbot.models.policy import ActionDistribution, ActionMasks, EditingAgent, policy_inputs


@dataclass(frozen=True)
class RolloutBatch:
    """Steps of finished episodes, episode by episode; every tensor has a row a step."""

    states: Tensor
    """Normalized states, shape=(steps, STATE_SIZE)."""
    recording: Tensor
    """Number of the recording."""
    beat: Tensor
    """Beat at the cursor."""
    masks: ActionMasks
    """Allowed actions."""
    actions: Tensor
    """Types, sizes and amounts, shape=(steps, 3)."""
    log_probs: Tensor
    """Log probability of each action when it was sampled."""
    rewards: Tensor
    """Reward of each step."""
    episode: Tensor
    """Number of the episode, increasing."""

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def is_last(self) -> Tensor:
        """Whether each step ends its episode, shape=(steps,)."""
        return torch.diff(self.episode, append=self.episode[-1:] + 1) != 0

    def to(self, device: torch.device) -> RolloutBatch:
        """Copy to a device."""
        return self._map(lambda part: part.to(device))

    def at(self, rows: Tensor) -> RolloutBatch:
        """Select steps by their numbers."""
        return self._map(lambda part: part.index_select(0, rows))

    def _map(self, change: Callable[[Tensor], Tensor]) -> RolloutBatch:
        parts = {name: change(part) for name, part in vars(self).items() if name != "masks"}
        return RolloutBatch(masks=ActionMasks(*map(change, self.masks)), **parts)


def encoder_inputs(inputs: Sequence[Tensor], recording: Tensor) -> tuple[Tensor, list[int], Tensor, Tensor]:
    """Join the inputs of the recordings that some steps are about.

    Returns the joined inputs, the recordings' beats, and for each step the row where its recording begins and that
    recording's position among the joined ones.
    """
    numbers, position = torch.unique(recording, return_inverse=True)
    chosen = [inputs[number] for number in numbers.tolist()]
    lengths = [len(one) for one in chosen]
    firsts = torch.tensor([0, *lengths[:-1]]).cumsum(0).to(recording.device)
    return torch.cat(chosen).to(recording.device), lengths, firsts[position], position


@torch.no_grad()
def collect_rollout(
    agent: EditingAgent,
    vec_env: VecEnv,
    inputs: Sequence[Tensor],
    least_steps: int,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> tuple[RolloutBatch, dict[str, float]]:
    """Play episodes, each to its end, until there are enough steps.

    Parameters
    ----------
    agent, vec_env
        The policy and the episodes.
    inputs : sequence of Tensor
        What the encoder reads of each recording, shape=(beats, BEAT_INPUTS).
    least_steps : int
        Steps that are enough.
    rng, generator
        For recordings and windows; for actions, on the agent's device.

    Returns
    -------
    batch : RolloutBatch
        All steps, on the CPU.
    components : dict
        Mean of each component of the reward over the episodes.
    """
    agent.eval()
    device = generator.device
    steps: list[list[np.ndarray]] = []
    components: defaultdict[str, list[float]] = defaultdict(list)
    count, episodes = 0, np.arange(vec_env.count)
    while count < least_steps:
        chosen = np.repeat(rng.integers(len(inputs), size=vec_env.count // vec_env.group), vec_env.group)
        seen = vec_env.reset(chosen, rng)
        joined, lengths, first_row, position = encoder_inputs(inputs, torch.from_numpy(chosen).to(device))
        encoded = agent.encoder(joined, lengths)
        is_alive = np.ones(vec_env.count, dtype=bool)
        while is_alive.any():
            states, beat = (torch.from_numpy(part).to(device) for part in (seen.states, seen.beat))
            # The cursor of an episode that is over may be behind the last row; its action is ignored.
            rows = torch.clamp(first_row + beat, max=len(joined) - 1)
            masks = ActionMasks(*(torch.from_numpy(mask).to(device) for mask in seen.masks))
            distribution = ActionDistribution(agent.policy(policy_inputs(encoded, rows, position, states), masks))
            actions = distribution.sample(generator)
            log_probs = distribution.log_prob(actions)
            following, results = vec_env.step(actions.cpu().numpy())
            taken = (actions.cpu().numpy(), log_probs.cpu().numpy(), results.rewards, episodes)
            step = (seen.states, seen.recording, seen.beat, *seen.masks, *taken)
            steps.append([part[is_alive] for part in step])
            count += int(is_alive.sum())
            ended = is_alive & results.is_done
            for name, values in results.components.items() if ended.any() else ():
                components[name] += values[ended].tolist()
            is_alive, seen = is_alive & ~results.is_done, following
        episodes = episodes + vec_env.count
    columns = [np.concatenate(parts) for parts in zip(*steps)]
    order = np.argsort(columns[-1], kind="stable")
    tensors = [torch.from_numpy(column[order]) for column in columns]
    states, recording, beat, masks = *tensors[:3], ActionMasks(*tensors[3:6])
    actions, log_probs, rewards, episode = tensors[6:]
    batch = RolloutBatch(states, recording, beat, masks, actions, log_probs, rewards.float(), episode)
    return batch, {name: float(np.mean(values)) for name, values in components.items()}
