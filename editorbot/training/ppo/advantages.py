"""Returns and advantages, each with a naive twin in the tests.

Rewards come at the end of an episode. How much better its actions were than expected is measured against the other
episodes of the recording (leave-one-out), against the value network (GAE), or step by step against the reward had the
step been decided the other way (difference rewards).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from editorbot.environment.actions import Vocabulary
from editorbot.environment.material import Material
from editorbot.environment.settings import RewardWeights
from editorbot.training.ppo.rollout import RolloutBatch


def generalized_advantages(rewards: Tensor, values: Tensor, is_last: Tensor, gamma: float, lam: float) -> Tensor:
    """Generalized advantage estimation (GAE; Schulman et al., 2016), shape=(steps,).

    Parameters
    ----------
    rewards, values, is_last : Tensor, shape=(steps,)
        Rewards, expected returns, and whether each step ends its episode; episodes follow one another.
    gamma, lam : float
        Discount of later rewards and of later temporal-difference errors.
    """
    advantages, following, next_value = [], 0.0, 0.0
    steps = zip(rewards.tolist(), values.tolist(), is_last.tolist())  # far faster than tensors one by one
    for reward, value, ends in reversed(list(steps)):
        discount = 0.0 if ends else gamma
        following = reward + discount * next_value - value + discount * lam * following
        next_value = value
        advantages.append(following)
    return torch.tensor(advantages[::-1], dtype=rewards.dtype)


def discounted_returns(rewards: Tensor, is_last: Tensor, gamma: float = 1.0) -> Tensor:
    """Discounted sum of the rewards from each step to the end of its episode, shape=(steps,)."""
    return generalized_advantages(rewards, torch.zeros_like(rewards), is_last, gamma, 1.0)


def leave_one_out(returns: Tensor, episode: Tensor, recording: Tensor) -> Tensor:
    """Returns less the mean return of the other episodes of the same recording, shape=(steps,).

    The baseline of a recording with a single episode is the mean of all other episodes.

    Notes
    -----
    For returns that are the same at every step of an episode, as end-of-episode rewards are.
    """
    count = int(episode.max()) + 1
    first = torch.searchsorted(episode, torch.arange(count))
    episode_return, where = returns[first], recording[first]
    is_same = where[:, None] == where
    others = is_same.sum(1) - 1
    same_mean = ((is_same * episode_return).sum(1) - episode_return) / others.clamp(min=1)
    all_mean = (episode_return.sum() - episode_return) / max(count - 1, 1)
    return returns - torch.where(others > 0, same_mean, all_mean)[episode]


def normalized(advantages: Tensor) -> Tensor:
    """Advantages with mean 0 and standard deviation 1; all 0 where they do not differ."""
    centered = advantages - advantages.mean()
    return centered / (centered.pow(2).mean().sqrt() + 1e-8)


@dataclass(frozen=True)
class SharedReward:
    """The reward of some steps, part of it shared out among them."""

    differences: Tensor
    """Reward less the reward had the step been decided the other way, shape=(steps,)."""
    rest: Tensor
    """The part of each step's reward that is not shared out, shape=(steps,)."""


class DifferenceRewards:
    """Shares out the reward of whole episodes among their KEEP and CUT steps.

    The components with the largest weights, ``content`` and ``similarity``, are F1 of the beats that are heard, so
    what they would be without a span that was kept, or with one that was cut, is known exactly. Such difference
    rewards ([1]_, [2]_) point the same way as the whole reward and vary far less.

    Parameters
    ----------
    materials : sequence of Material
        Recordings, by number.
    weights : RewardWeights
        Of the reward.
    vocabulary : Vocabulary
        Of the actions.

    References
    ----------
    .. [1] Wolpert and Tumer, "Optimal payoff functions for members of collectives", 2001.
    .. [2] Foerster et al., "Counterfactual multi-agent policy gradients", 2018.
    """

    def __init__(self, materials: Sequence[Material], weights: RewardWeights, vocabulary: Vocabulary) -> None:
        self._materials, self._weights = list(materials), weights
        self._keep, self._cut = vocabulary.index("KEEP"), vocabulary.index("CUT")

    def of(self, batch: RolloutBatch) -> SharedReward:
        """Share out the rewards of finished episodes."""
        beat, recording, actions = (part.cpu().numpy() for part in (batch.beat, batch.recording, batch.actions))
        differences, rest = np.zeros(len(beat)), batch.rewards.cpu().double().numpy().copy()
        ends = np.flatnonzero(batch.is_last.cpu().numpy()) + 1
        for first, end in zip([0, *ends], ends):
            rows = slice(first, end)
            differences[rows], shared = self._of_episode(self._materials[recording[first]], beat[rows], actions[rows])
            rest[end - 1] -= shared
        return SharedReward(torch.from_numpy(differences).float(), torch.from_numpy(rest).float())

    def _of_episode(
        self, material: Material, beat: Int64[np.ndarray, " steps"], actions: Int64[np.ndarray, "steps 3"]
    ) -> tuple[Float64[np.ndarray, " steps"], float]:
        """Return the difference of each step, and the reward that they share out.

        Where a window of a longer recording ends inside the last span, the whole span counts: a few beats of 512.
        """
        length_s, scale = material.tables.duration_s, self._weights.trajectory_reward_scale
        ends = np.maximum(np.append(beat[1:], beat[-1] + material.lengths[beat[-1], actions[-1, 1]]), beat)
        is_kept, is_cut = (actions[:, 0] == kind for kind in (self._keep, self._cut))
        first_row = np.full(len(length_s), -1)  # step that keeps each beat first
        for row in np.flatnonzero(is_kept)[::-1]:
            first_row[beat[row] : ends[row]] = row
        is_heard = first_row >= 0
        sign = np.where(is_kept, 1.0, -1.0)
        played_s = sign * (_running_sum(length_s)[ends] - _running_sum(length_s)[beat])
        differences, shared = np.zeros(len(beat)), 0.0
        for weight, share in (
            (self._weights.content, material.tables.worth),
            (self._weights.similarity, material.human_kept),
        ):
            if not weight or share is None:
                continue
            right_s = share * length_s
            new_s = np.bincount(first_row[is_heard], right_s[is_heard], minlength=len(beat))
            missed_s = _running_sum(right_s * ~is_heard)
            gained_s = np.where(is_kept, new_s, missed_s[beat] - missed_s[ends])
            all_s = float(right_s[beat[0] : ends[-1]].sum())
            # The first F1 is that of the episode, the others those without each step.
            f1 = _f1(new_s.sum() - np.append(0.0, gained_s), played_s[is_kept].sum() - np.append(0.0, played_s), all_s)
            differences += scale * weight * np.where(is_kept | is_cut, f1[0] - f1[1:], 0.0)
            shared += scale * weight * float(f1[0])
        return differences, shared


def _running_sum(values: Float64[np.ndarray, " beats"]) -> Float64[np.ndarray, " boundaries"]:
    return np.concatenate([[0.0], np.cumsum(values)])


def _f1(
    right_s: Float64[np.ndarray, " edits"], played_s: Float64[np.ndarray, " edits"], all_s: float
) -> Float64[np.ndarray, " edits"]:
    """F1 of what edits play, 0 where nothing is played and nothing was right."""
    total_s = played_s + all_s
    return np.where(total_s > 1e-9, 2 * right_s / np.maximum(total_s, 1e-9), 0.0)
