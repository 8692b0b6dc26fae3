"""Rollouts: the policy plays episodes to their end, and every step is stored for the update.

Episodes run side by side, a few recordings at a time and each recording several times: the returns of one recording's
episodes are each other's baseline, and the encoder runs once for all of them. Masks are stored with the steps, so that
the update computes the very distribution that an action was sampled from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from editorbot.environment.batch_env import BatchEditingEnv
from editorbot.environment.gym_env import subprocess_envs
from editorbot.environment.material import Material
from editorbot.environment.settings import EnvironmentSettings
from editorbot.environment.state import Normalizer
from editorbot.models.policy import ActionDistribution, ActionMasks, EditingAgent, policy_inputs


@dataclass(frozen=True)
class Observations:
    """What the policy sees of several episodes."""

    states: Tensor
    """Normalized states, shape=(episodes, STATE_SIZE)."""
    recording: Tensor
    """Number of the recording, shape=(episodes,)."""
    beat: Tensor
    """Beat of the recording at the cursor, shape=(episodes,)."""
    masks: ActionMasks
    """Allowed actions."""

    @classmethod
    def of(cls, states: np.ndarray, info: Mapping[str, Any]) -> Observations:
        """Read the outputs of a vector environment."""
        recording, beat = (torch.from_numpy(np.asarray(info[name], np.int64)) for name in ("recording", "beat"))
        masks = (torch.from_numpy(np.asarray(info[f"{name}_mask"], bool)) for name in ActionMasks._fields)
        return cls(torch.from_numpy(np.asarray(states, np.float32)), recording, beat, ActionMasks(*masks))


@dataclass(frozen=True)
class StepResults:
    """Results of a step of several episodes."""

    rewards: Tensor
    """Shape=(episodes,)."""
    is_done: Tensor
    """Whether the episode ended with this step, shape=(episodes,), bool."""
    components: Mapping[str, np.ndarray]
    """Components of the reward, each of shape=(episodes,), valid only where an episode ended."""


class VecEnv:
    """Editing episodes side by side, in arrays or in worker processes.

    Parameters
    ----------
    materials : sequence of Material
        Recordings.
    count : int
        Episodes side by side.
    settings : EnvironmentSettings
        Actions, windows and reward.
    normalizer : Normalizer
        Of the states.
    group : int
        Episodes side by side that share a recording; divides `count`.
    subprocess : bool
        One process an episode; then all of them share a recording.
    """

    def __init__(
        self,
        materials: Sequence[Material],
        count: int,
        settings: EnvironmentSettings,
        normalizer: Normalizer,
        *,
        group: int = 4,
        subprocess: bool = False,
    ) -> None:
        self.count, self.group = count, count if subprocess else group
        self._subprocess = subprocess
        self._last_first = np.maximum([material.beats - settings.window_beats for material in materials], 0)
        self._env: Any = (
            subprocess_envs(materials, count, settings, normalizer)
            if subprocess
            else BatchEditingEnv(materials, count, settings, normalizer, autoreset=False)
        )

    def reset(self, recordings: Int64[np.ndarray, " episodes"], rng: np.random.Generator) -> Observations:
        """Begin an episode on each of these recordings; episodes of a group begin at the same beat."""
        first = np.repeat(rng.integers(self._last_first[recordings[:: self.group]] + 1), self.group)
        options: dict[str, Any] = {"recording": recordings, "first": first}
        if self._subprocess:
            options = {name: int(values[0]) for name, values in options.items()}
        return Observations.of(*self._env.reset(options=options))

    def step(self, actions: Tensor) -> tuple[Observations, StepResults]:
        """Carry out an action, shape=(episodes, 3), of each episode; episodes that are over take any."""
        states, rewards, terminated, truncated, info = self._env.step(actions.numpy())
        final: Mapping[str, Any] = info.get("final_info", {}).get("components", {})
        components = {name: np.asarray(value, np.float64) for name, value in final.items() if not name.startswith("_")}
        is_done = torch.from_numpy(np.asarray(terminated | truncated))
        return Observations.of(states, info), StepResults(torch.as_tensor(rewards).float(), is_done, components)

    def close(self) -> None:
        """End the worker processes."""
        self._env.close()


@dataclass(frozen=True)
class EncoderBatch:
    """The recordings that some steps are about, joined end to end for the encoder."""

    inputs: Tensor
    """Shape=(beats, BEAT_INPUTS)."""
    lengths: list[int]
    """Beats of each recording."""
    recordings: Tensor
    """Position of each step's recording among these, shape=(steps,)."""
    starts: Tensor
    """Row where it begins, shape=(steps,)."""
    ends: Tensor
    """Row where it ends, shape=(steps,)."""

    @classmethod
    def of(cls, inputs: Sequence[Tensor], recording: Tensor) -> EncoderBatch:
        """Join the recordings that occur in `recording`, shape=(steps,); `inputs` holds all of them by number."""
        numbers, at = torch.unique(recording, return_inverse=True)
        chosen = [inputs[number] for number in numbers.tolist()]
        lengths = torch.tensor([len(one) for one in chosen])
        starts, ends = ((lengths.cumsum(0) - less).to(at.device)[at] for less in (lengths, 0))
        return cls(torch.cat(chosen).to(at.device), lengths.tolist(), at, starts, ends)

    def rows(self, beat: Tensor) -> Tensor:
        """Row of each step's beat, shape=(steps,); of the last beat where an episode is over."""
        return torch.minimum(self.starts + beat, self.ends - 1)


@dataclass(frozen=True)
class RolloutBatch:
    """Steps of finished episodes, episode by episode; every tensor has a row a step."""

    states: Tensor
    """Normalized states, shape=(steps, STATE_SIZE)."""
    recording: Tensor
    """Number of the recording."""
    beat: Tensor
    """Beat at the cursor."""
    type_mask: Tensor
    """Allowed types, shape=(steps, types)."""
    size_mask: Tensor
    """Allowed sizes given each type, shape=(steps, types, 5)."""
    amount_mask: Tensor
    """Allowed amounts given each type, shape=(steps, types, 5)."""
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
    def masks(self) -> ActionMasks:
        """Allowed actions."""
        return ActionMasks(self.type_mask, self.size_mask, self.amount_mask)

    @property
    def is_last(self) -> Tensor:
        """Whether each step ends its episode, shape=(steps,)."""
        return torch.diff(self.episode, append=self.episode[-1:] + 1) != 0

    def to(self, device: torch.device) -> RolloutBatch:
        """Move it to a device."""
        return self._map(lambda part: part.to(device))

    def at(self, rows: Tensor) -> RolloutBatch:
        """Select some of the steps."""
        return self._map(lambda part: part.index_select(0, rows))

    def _map(self, change: Callable[[Tensor], Tensor]) -> RolloutBatch:
        return replace(self, **{name: change(part) for name, part in vars(self).items()})


@torch.no_grad()
def collect_rollout(
    agent: EditingAgent,
    vec_env: VecEnv,
    inputs: Sequence[Tensor],
    least_steps: int,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> tuple[RolloutBatch, dict[str, float]]:
    """Play episodes until there are enough steps, each episode to its end.

    Parameters
    ----------
    agent : EditingAgent
        The policy.
    vec_env : VecEnv
        The episodes.
    inputs : sequence of Tensor
        What the encoder reads of each recording, shape=(beats, BEAT_INPUTS).
    least_steps : int
        Play until there are so many.
    rng, generator
        For recordings and windows; for actions.

    Returns
    -------
    batch : RolloutBatch
        All steps, on the CPU.
    components : dict
        Mean of each component of the reward over the episodes.
    """
    agent.eval()
    device = next(agent.parameters()).device
    parts: list[RolloutBatch] = []
    components: defaultdict[str, list[float]] = defaultdict(list)
    episodes = torch.arange(vec_env.count)
    while sum(map(len, parts)) < least_steps:
        chosen = np.repeat(rng.integers(len(inputs), size=vec_env.count // vec_env.group), vec_env.group)
        observations = vec_env.reset(chosen, rng)
        batch = EncoderBatch.of(inputs, torch.from_numpy(chosen).to(device))
        encoded = agent.encoder(batch.inputs, batch.lengths)
        is_alive = torch.ones(vec_env.count, dtype=torch.bool)
        while is_alive.any():
            rows, states = batch.rows(observations.beat.to(device)), observations.states.to(device)
            masks = ActionMasks(*(mask.to(device) for mask in observations.masks))
            logits = agent.policy(policy_inputs(encoded, rows, batch.recordings, states), masks)
            distribution = ActionDistribution(logits)
            actions = distribution.sample(generator)
            following, results = vec_env.step(actions.cpu())
            step = RolloutBatch(
                observations.states, observations.recording, observations.beat, *observations.masks, actions.cpu(),
                distribution.log_prob(actions).cpu(), results.rewards, episodes,
            )  # fmt: skip
            parts.append(step.at(is_alive.nonzero()[:, 0]))
            if (ended := is_alive & results.is_done).any():
                for name, values in results.components.items():
                    components[name] += values[ended.numpy()].tolist()
            is_alive = is_alive & ~results.is_done
            observations = following
        episodes = episodes + vec_env.count
    steps = RolloutBatch(**{name: torch.cat([vars(part)[name] for part in parts]) for name in vars(parts[0])})
    return steps.at(torch.argsort(steps.episode, stable=True)), {k: float(np.mean(v)) for k, v in components.items()}
