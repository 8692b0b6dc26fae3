"""Episodes for PPO: played in waves, each on a few recordings several times, every one to its end.

Several episodes of one recording tell how good each was beside the others, and
the encoder runs once for all of them. Masks are kept with the steps, so that the
update sees the very distribution that the step was drawn from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64
from torch import Tensor

from editorbot.environment.state import STATE_SIZE
from editorbot.models.encoder import Encoded
from editorbot.models.policy import EditingAgent, MaskTensors, policy_inputs
from editorbot.training.ppo.draws import Drawn, OpenArrays, draw_steps
from editorbot.training.ppo.vec_env import Observations, VecEnv


@dataclass(frozen=True)
class Recordings:
    """What the encoder reads of all recordings."""

    inputs: tuple[Tensor, ...]
    """Of each recording, shape=(beats, BEAT_INPUTS)."""

    def of(self, numbers: Sequence[int], device: torch.device) -> tuple[Tensor, list[int], Tensor]:
        """Return the inputs of some recordings end to end, their lengths, and the first row of each."""
        chosen = [self.inputs[number] for number in numbers]
        lengths = [len(one) for one in chosen]
        firsts = torch.cumsum(torch.tensor([0, *lengths]), 0)[:-1]
        return torch.cat(chosen).to(device), lengths, firsts.to(device)


@dataclass(frozen=True)
class Steps:
    """Steps of finished episodes, episode by episode."""

    states: Tensor
    """Normalized states, shape=(steps, 861)."""
    recording: Tensor
    """Number of the recording, shape=(steps,)."""
    beat: Tensor
    """Beat at the cursor, shape=(steps,)."""
    masks: MaskTensors
    """What was open."""
    actions: Tensor
    """What was done, shape=(steps, 3)."""
    log_prob: Tensor
    """Its joint log probability, shape=(steps,)."""
    episode: Tensor
    """Number of the episode, shape=(steps,), rising."""
    reward: Tensor
    """Reward of the step, shape=(steps,)."""
    components: Mapping[str, float]
    """Mean of each component of the reward over the episodes."""

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def is_last(self) -> Tensor:
        """Whether each step ends its episode, shape=(steps,)."""
        following = torch.cat([self.episode[1:], self.episode[-1:] + 1])
        return following != self.episode

    def to(self, device: torch.device) -> Steps:
        """Return the steps on a device."""
        moved: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, MaskTensors):
                value = MaskTensors(*(part.to(device) for part in value))
            moved[field.name] = value.to(device) if isinstance(value, Tensor) else value
        return Steps(**moved)


@dataclass(frozen=True)
class Played:
    """A step of all episodes side by side."""

    observations: Observations
    """Where they stood."""
    drawn: Drawn
    """What was done."""
    rewards: Float64[np.ndarray, " episodes"]
    """What it paid."""
    is_alive: Bool[np.ndarray, " episodes"]
    """Whether the episode was still under way; nothing else counts."""


@dataclass(frozen=True)
class RolloutBatch:
    """One episode on each of some recordings."""

    chosen: Int64[np.ndarray, " episodes"]
    """Number of each episode's recording."""
    played: list[Played]
    """Moment by moment."""
    finals: Mapping[str, list[float]]
    """Components of the reward of each episode."""


@torch.inference_mode()
def play_wave(
    agent: EditingAgent,
    vec_env: VecEnv,
    recordings: Recordings,
    chosen: Int64[np.ndarray, " episodes"],
    rng: np.random.Generator,
    generator: torch.Generator,
) -> RolloutBatch:
    """Play one episode on each of some recordings.

    Parameters
    ----------
    agent : EditingAgent
        Who plays; drawn as it says.
    vec_env : VecEnv
        Where.
    recordings : Recordings
        What the encoder reads.
    chosen : np.ndarray, shape=(games.count,)
        Number of each episode's recording.
    rng, generator
        Of the windows and of the draws.
    """
    agent.eval()
    device = next(agent.parameters()).device
    unique = sorted(set(chosen.tolist()))
    inputs, lengths, firsts = recordings.of(unique, device)
    encoded = agent.encoder(inputs, lengths)
    place = {number: at for at, number in enumerate(unique)}
    at = torch.tensor([place[number] for number in chosen.tolist()], device=device)
    firsts = firsts[at]
    observations = vec_env.begin(chosen, rng)
    is_alive = np.ones(vec_env.count, dtype=bool)
    played: list[Played] = []
    finals: dict[str, list[float]] = {}
    while is_alive.any():
        drawn = _act(agent, encoded, at, firsts, observations, generator)
        following, step_results = vec_env.step(drawn.actions)
        played.append(Played(observations, drawn, step_results.rewards, is_alive))
        ended = is_alive & step_results.is_done
        for name, values in step_results.components.items() if ended.any() else ():
            finals.setdefault(name, []).extend(values[ended].tolist())
        is_alive = is_alive & ~step_results.is_done
        observations = following
    return RolloutBatch(chosen, played, finals)


def _act(
    agent: EditingAgent,
    encoded: Encoded,
    at: Tensor,
    firsts: Tensor,
    observations: Observations,
    generator: torch.Generator,
) -> Drawn:
    """Return what is drawn at some moments."""
    states, beat = (torch.from_numpy(part).to(at.device) for part in (observations.states, observations.beat))
    # An episode that is over stands behind the last beat; what it is told does not count.
    rows = torch.clamp(firsts + beat, max=len(encoded.beats) - 1)
    logits = agent.policy(policy_inputs(encoded, rows, at, states))
    return draw_steps(
        logits, OpenArrays(observations.type_mask, observations.size_mask, observations.amount_mask), generator
    )


def by_episode(waves: Sequence[RolloutBatch]) -> Steps:
    """Return what was played moment by moment as steps, episode by episode; each column is laid out but once."""
    rows, episodes, recordings = [], [], []
    moments = begun = 0
    for wave in waves:
        episode, moment = np.nonzero(np.stack([one.is_alive for one in wave.played], axis=1))
        rows.append(moments + moment * len(wave.chosen) + episode)
        episodes.append(begun + episode)
        recordings.append(wave.chosen[episode])
        moments += len(wave.played) * len(wave.chosen)
        begun += len(wave.chosen)
    order = np.concatenate(rows)

    def column(of: Callable[[Played], np.ndarray]) -> Tensor:
        return torch.from_numpy(np.concatenate([of(one) for wave in waves for one in wave.played]).take(order, axis=0))

    return Steps(
        states=torch.from_numpy(_states_of(waves, order)),
        recording=torch.from_numpy(np.concatenate(recordings)),
        beat=column(lambda one: one.observations.beat),
        masks=MaskTensors(
            column(lambda one: one.observations.type_mask),
            column(lambda one: one.observations.size_mask),
            column(lambda one: one.observations.amount_mask),
        ),
        actions=column(lambda one: one.drawn.actions),
        log_prob=column(lambda one: one.drawn.log_prob),
        episode=torch.from_numpy(np.concatenate(episodes)),
        reward=column(lambda one: one.rewards).float(),
        components={name: float(np.mean([x for wave in waves for x in wave.finals[name]])) for name in waves[0].finals},
    )


def _states_of(waves: Sequence[RolloutBatch], order: Int64[np.ndarray, " steps"]) -> Float32[np.ndarray, "steps 861"]:
    """Return the states in an order of the moments of all waves; they are wide, so each is copied but once."""
    place = np.empty(sum(one.is_alive.size for wave in waves for one in wave.played), np.int64)
    place[order] = np.arange(len(order))
    states = np.empty((len(order), STATE_SIZE), np.float32)
    begun = 0
    for one in (one for wave in waves for one in wave.played):
        states[place[begun : begun + one.is_alive.size][one.is_alive]] = one.observations.states[one.is_alive]
        begun += one.is_alive.size
    return states


def collect(
    agent: EditingAgent,
    vec_env: VecEnv,
    recordings: Recordings,
    least_steps: int,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> Steps:
    """Return at least so many steps, of finished episodes; recordings are drawn a group at a time."""
    waves: list[RolloutBatch] = []
    steps = 0
    while steps < least_steps:
        drawn = rng.integers(len(recordings.inputs), size=vec_env.count // vec_env.group)
        waves.append(play_wave(agent, vec_env, recordings, np.repeat(drawn, vec_env.group), rng, generator))
        steps += sum(int(one.is_alive.sum()) for one in waves[-1].played)
    return by_episode(waves)
