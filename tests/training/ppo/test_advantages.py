"""Returns and advantages of PPO against loops and replayed episodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from editorbot.environment.actions import V3, Action
from editorbot.environment.dynamics import advance, first_state
from editorbot.environment.reward import reward_of
from editorbot.environment.settings import RewardWeights
from editorbot.training.ppo.advantages import (
    DifferenceRewards,
    discounted_returns,
    generalized_advantages,
    leave_one_out,
    normalized,
)
from editorbot.training.ppo.rollout import RolloutBatch
from tests.environment.games import random_episode, song_material

EPISODE = torch.tensor([0, 0, 0, 1, 2, 2, 3])
LAST = torch.tensor([False, False, True, True, False, True, True])
RECORDING = torch.tensor([7, 7, 7, 7, 7, 7, 9])
REWARD = torch.tensor([0.5, 0.0, 2.0, -1.0, 0.0, 4.0, 1.0])

KEEP, CUT = V3.names.index("KEEP"), V3.names.index("CUT")
ONLY = RewardWeights(**{name: 0.0 for name in vars(RewardWeights()) if name != "trajectory_reward_scale"})
WEIGHTS = replace(ONLY, content=2.0, similarity=3.0)


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


def played(material, actions):
    """Return where an episode ends and where each step began."""
    state, beats = first_state(material.beats, V3), []
    for action in actions:
        beats.append(state.cursor)
        state = advance(state, action, material.lengths[state.cursor].tolist(), V3)
    return state, beats


def batch_of(material, episodes, weights=WEIGHTS) -> RolloutBatch:
    """Return episodes as PPO collects them."""
    rows = []
    for number, actions in enumerate(episodes):
        state, beats = played(material, actions)
        rewards = [0.0] * (len(actions) - 1) + [reward_of(state, material, V3, weights).total]
        rows += [(number, *row) for row in zip(beats, actions, rewards)]
    episode, beat, actions, reward = (list(column) for column in zip(*rows))
    none = torch.zeros(len(rows))
    return RolloutBatch(
        states=none, recording=torch.zeros(len(rows), dtype=torch.long), beat=torch.tensor(beat),
        type_mask=none, size_mask=none, amount_mask=none, log_probs=none,
        actions=torch.tensor([(one.type, one.size, one.amount) for one in actions]),
        episode=torch.tensor(episode), rewards=torch.tensor(reward),
    )  # fmt: skip


def keeps_and_cuts(material, seed):
    """Return an episode of KEEP and CUT alone."""
    rng, state, actions = np.random.default_rng(seed), first_state(material.beats, V3), []
    while not state.is_over:
        actions.append(Action(int(rng.choice([KEEP, CUT])), int(rng.choice([0, 1])), 2))
        state = advance(state, actions[-1], material.lengths[state.cursor].tolist(), V3)
    return actions


def test_the_difference_of_a_step_is_what_the_reward_loses_when_it_is_decided_the_other_way():
    material = song_material("AB", target=0.5)
    actions = keeps_and_cuts(material, 0)
    whole = reward_of(played(material, actions)[0], material, V3, WEIGHTS).total
    shared = DifferenceRewards([material], WEIGHTS, V3).of(batch_of(material, [actions]))
    assert len({action.type for action in actions}) == 2
    for row, action in enumerate(actions):
        other = [*actions[:row], replace(action, type=KEEP + CUT - action.type), *actions[row + 1 :]]
        otherwise = reward_of(played(material, other)[0], material, V3, WEIGHTS).total
        assert float(shared.differences[row]) == pytest.approx(whole - otherwise, abs=1e-5), row


def test_what_is_shared_out_is_taken_from_the_end_of_each_episode():
    material = song_material("AB", target=0.5)
    steps = batch_of(material, [keeps_and_cuts(material, seed) for seed in range(3)])
    shared = DifferenceRewards([material], WEIGHTS, V3).of(steps)
    assert shared.rest.abs().max() < 1e-5  # nothing else was paid
    more = replace(WEIGHTS, cut_ratio=1.0)
    left = DifferenceRewards([material], more, V3).of(batch_of(material, [keeps_and_cuts(material, 0)], more)).rest
    only = replace(ONLY, cut_ratio=1.0)
    expected = reward_of(played(material, keeps_and_cuts(material, 0))[0], material, V3, only).total
    assert float(left.sum()) == pytest.approx(expected, abs=1e-5)
    assert (left[:-1] == 0).all()


def test_other_actions_have_no_difference():
    material = song_material("ABAB", target=0.5)
    actions, _ = random_episode(material, 3)
    shared = DifferenceRewards([material], WEIGHTS, V3).of(batch_of(material, [actions]))
    kinds = np.array([action.type for action in actions])
    others = ~np.isin(kinds, (KEEP, CUT))
    assert others.any()
    assert (shared.differences.numpy()[others] == 0).all()
    assert torch.isfinite(shared.differences + shared.rest).all()


def test_a_recording_without_a_human_edit_is_judged_by_its_content():
    material = replace(song_material("AB", target=0.5), human_kept=None, target_keep_ratio=None)
    shared = DifferenceRewards([material], WEIGHTS, V3).of(batch_of(material, [keeps_and_cuts(material, 1)]))
    assert shared.differences.abs().max() > 0
    assert shared.rest.abs().max() < 1e-5
