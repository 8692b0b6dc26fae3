"""Returns and advantages, each with a naive twin in the tests.

Rewards come at the end of an episode. How much better its actions were than expected is measured against the other
episodes of the recording (leave-one-out), against the value network (GAE), or step by step against the reward had the
step been decided the other way (:mod:`editorbot.environment.difference_rewards`).
"""

from __future__ import annotations

import torch
from torch import Tensor


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

    The baseline of a recording with a single episode is the mean of all other episodes. The returns of an episode must
    be the same at every step, as end-of-episode rewards are.
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
