"""Difference rewards, against episodes that are played again with one step decided the other way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from editorbot.environment.actions import V3, Action
from editorbot.environment.difference_rewards import DifferenceRewards, SharedReward
from editorbot.environment.dynamics import advance, first_state
from editorbot.environment.reward import reward_of
from editorbot.environment.settings import RewardWeights
from tests.environment.games import random_episode, song_material

KEEP, CUT = V3.names.index("KEEP"), V3.names.index("CUT")
ONLY = RewardWeights(**{name: 0.0 for name in vars(RewardWeights()) if name != "trajectory_reward_scale"})
WEIGHTS = replace(ONLY, content=2.0, similarity=3.0)


def played(material, actions):
    """Return where an episode ends and where each step began."""
    state, beats = first_state(material.beats, V3), []
    for action in actions:
        beats.append(state.cursor)
        state = advance(state, action, material.lengths[state.cursor].tolist(), V3)
    return state, beats


def shared_reward(material, episodes, weights=WEIGHTS) -> SharedReward:
    """Share out the rewards of episodes, one after the other."""
    rewards, is_last, beats = [], [], []
    for actions in episodes:
        state, begun = played(material, actions)
        rewards += [0.0] * (len(actions) - 1) + [reward_of(state, material, V3, weights).total]
        is_last += [False] * (len(actions) - 1) + [True]
        beats += begun
    steps = np.array([(one.type, one.size, one.amount) for actions in episodes for one in actions])
    recording = np.zeros(len(beats), np.int64)
    shares = DifferenceRewards([material], weights, V3)
    return shares.of(np.array(rewards), np.array(is_last), recording, np.array(beats), steps)


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
    shared = shared_reward(material, [actions])
    assert len({action.type for action in actions}) == 2
    for row, action in enumerate(actions):
        other = [*actions[:row], replace(action, type=KEEP + CUT - action.type), *actions[row + 1 :]]
        otherwise = reward_of(played(material, other)[0], material, V3, WEIGHTS).total
        assert float(shared.differences[row]) == pytest.approx(whole - otherwise, abs=1e-5), row


def test_what_is_shared_out_is_taken_from_the_end_of_each_episode():
    material = song_material("AB", target=0.5)
    shared = shared_reward(material, [keeps_and_cuts(material, seed) for seed in range(3)])
    assert np.abs(shared.rest).max() < 1e-5  # nothing else was paid
    more = replace(WEIGHTS, cut_ratio=1.0)
    left = shared_reward(material, [keeps_and_cuts(material, 0)], more).rest
    only = replace(ONLY, cut_ratio=1.0)
    expected = reward_of(played(material, keeps_and_cuts(material, 0))[0], material, V3, only).total
    assert float(left.sum()) == pytest.approx(expected, abs=1e-5)
    assert (left[:-1] == 0).all()


def test_other_actions_have_no_difference():
    material = song_material("ABAB", target=0.5)
    actions, _ = random_episode(material, 3)
    shared = shared_reward(material, [actions])
    kinds = np.array([action.type for action in actions])
    others = ~np.isin(kinds, (KEEP, CUT))
    assert others.any()
    assert (shared.differences[others] == 0).all()
    assert np.isfinite(shared.differences + shared.rest).all()


def test_a_recording_without_a_human_edit_is_judged_by_its_content():
    material = replace(song_material("AB", target=0.5), human_kept=None, target_keep_ratio=None)
    shared = shared_reward(material, [keeps_and_cuts(material, 1)])
    assert np.abs(shared.differences).max() > 0
    assert np.abs(shared.rest).max() < 1e-5
