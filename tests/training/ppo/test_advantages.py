"""Returns and advantages of PPO against loops that say what they mean."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from editorbot.training.ppo.advantages import discounted_returns, generalized_advantages, leave_one_out, normalized

EPISODE = torch.tensor([0, 0, 0, 1, 2, 2, 3])
LAST = torch.tensor([False, False, True, True, False, True, True])
RECORDING = torch.tensor([7, 7, 7, 7, 7, 7, 9])
REWARD = torch.tensor([0.5, 0.0, 2.0, -1.0, 0.0, 4.0, 1.0])


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_returns_add_up_what_comes(gamma):
    wanted = []
    for at in range(len(REWARD)):
        inside = [k for k in range(at, len(REWARD)) if EPISODE[k] == EPISODE[at]]
        wanted.append(sum(gamma ** (k - at) * float(REWARD[k]) for k in inside))
    assert discounted_returns(REWARD, LAST, gamma).tolist() == pytest.approx(wanted)


def test_the_baseline_is_the_mean_of_the_other_episodes_of_the_recording():
    returns = torch.tensor([2.0, 2.0, 2.0, -1.0, 4.0, 4.0, 1.0])
    found = leave_one_out(returns, EPISODE, RECORDING).tolist()
    paid = {0: 2.0, 1: -1.0, 2: 4.0, 3: 1.0}
    for at, episode in enumerate(EPISODE.tolist()):
        same = [k for k in paid if k != episode and (k == 3) == (episode == 3)]
        others = same or [k for k in paid if k != episode]
        assert found[at] == pytest.approx(paid[episode] - np.mean([paid[k] for k in others]))


def test_generalized_advantages_are_discounted_sums_of_surprises():
    value = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    gamma, lam = 0.9, 0.8
    surprise = [float(REWARD[k]) + (0 if LAST[k] else gamma * float(value[k + 1])) - float(value[k]) for k in range(7)]
    wanted = []
    for at in range(7):
        inside = [k for k in range(at, 7) if EPISODE[k] == EPISODE[at]]
        wanted.append(sum((gamma * lam) ** (k - at) * surprise[k] for k in inside))
    assert generalized_advantages(REWARD, value, LAST, gamma, lam).tolist() == pytest.approx(wanted, abs=1e-6)


def test_normalized_advantages_have_mean_zero_and_deviation_one():
    found = normalized(torch.tensor([1.0, 2.0, 6.0]))
    assert float(found.mean()) == pytest.approx(0, abs=1e-6)
    assert float(found.pow(2).mean()) == pytest.approx(1, abs=1e-5)
    assert normalized(torch.ones(4)).tolist() == [0, 0, 0, 0]
