"""Returns, advantages and losses of PPO, each with a naive twin in the tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

VALUE_LIMIT = 1000.0
"""Returns beyond +- this are clipped for the value network."""


def discounted_returns(reward: Tensor, is_last: Tensor, gamma: float = 1.0) -> Tensor:
    """Return what each step's episode pays from there on, shape=(steps,).

    Parameters
    ----------
    reward, is_last : Tensor, shape=(steps,)
        Rewards, and whether each step ends its episode; episodes lie end to end.
    gamma : float
        Factor of what comes a step later.
    """
    returns, following = [], 0.0
    for paid, ends in zip(reversed(reward.tolist()), reversed(is_last.tolist())):  # far faster than tensors one by one
        following = paid + (0.0 if ends else gamma) * following
        returns.append(following)
    return torch.tensor(returns[::-1], dtype=reward.dtype)


def leave_one_out(returns: Tensor, episode: Tensor, recording: Tensor) -> Tensor:
    """Return the returns less the mean return of the other episodes of the same recording, shape=(steps,).

    Where a recording has but one episode, the mean of all other episodes stands in.

    Notes
    -----
    For returns that are the same at every step of an episode, as end-of-episode rewards are.
    """
    count = int(episode.max()) + 1
    first = torch.searchsorted(episode, torch.arange(count))
    paid, where = returns[first], recording[first]
    same = where[:, None] == where[None]
    others = same.sum(1) - 1
    within = (same * paid[None]).sum(1) - paid
    beyond = (paid.sum() - paid) / max(count - 1, 1)
    baseline = torch.where(others > 0, within / torch.clamp(others, min=1), beyond)
    return returns - baseline[episode]


def gae(reward: Tensor, value: Tensor, is_last: Tensor, gamma: float, lam: float) -> Tensor:
    """Return generalized advantages (Schulman et al., 2016), shape=(steps,); episodes end where `is_last` says."""
    values = value.tolist()
    steps = zip(reward.tolist(), values, [*values[1:], 0.0], is_last.tolist())
    advantages, following = [], 0.0
    for paid, expected, later, ends in reversed(list(steps)):
        goes_on = 0.0 if ends else gamma
        following = paid + goes_on * later - expected + goes_on * lam * following
        advantages.append(following)
    return torch.tensor(advantages[::-1], dtype=reward.dtype)


def normalized(advantages: Tensor) -> Tensor:
    """Return advantages with mean 0 and deviation 1; all 0 where they do not differ."""
    centered = advantages - advantages.mean()
    return centered / (centered.pow(2).mean().sqrt() + 1e-8)


@dataclass(frozen=True)
class PolicyLoss:
    """What an update of the policy costs, and how far it went."""

    loss: Tensor
    """The clipped surrogate, a scalar mean."""
    approx_kl: Tensor
    """Estimate of KL(old || new) of the joint, a scalar: the mean of ratio - 1 - log ratio."""
    clip_share: Tensor
    """Share of the steps that were clipped, a scalar."""


def policy_loss(log_prob: Tensor, old_log_prob: Tensor, advantages: Tensor, clip_ratio: float) -> PolicyLoss:
    """Return PPO's clipped surrogate (Schulman et al., 2017), all inputs of shape=(steps,)."""
    log_ratio = log_prob - old_log_prob
    ratio = log_ratio.exp()
    clipped = torch.clamp(ratio, 1 - clip_ratio, 1 + clip_ratio)
    loss = -torch.minimum(ratio * advantages, clipped * advantages).mean()
    beyond = ((ratio - 1).abs() > clip_ratio).to(ratio.dtype).mean()
    return PolicyLoss(loss, (ratio - 1 - log_ratio).mean(), beyond)


def value_loss(value: Tensor, returns: Tensor) -> Tensor:
    """Return the mean squared error to the returns, which are not normalized but clipped to +-VALUE_LIMIT."""
    return (value - torch.clamp(returns, -VALUE_LIMIT, VALUE_LIMIT)).pow(2).mean()


def decayed(start: float, end: float, step: int, total: int) -> float:
    """Return what lies on the line from `start` to `end` at a step."""
    return start + (end - start) * min(step / max(total - 1, 1), 1.0)


def type_shares(actions: Tensor, names: tuple[str, ...]) -> Mapping[str, float]:
    """Return the share of the steps of each type, by ``counters/n_NAME``, that of KEEP as ``n_keep_ratio`` too."""
    counts = torch.bincount(actions[:, 0], minlength=len(names)).to(torch.float64) / max(len(actions), 1)
    shares = {f"counters/n_{name.lower()}": float(count) for name, count in zip(names, counts)}
    return shares | {"counters/n_keep_ratio": float(counts[names.index("KEEP")])}
