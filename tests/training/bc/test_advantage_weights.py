"""What a human's edit is worth by the reward, from its samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from editorbot.environment.actions import V3
from editorbot.environment.dynamics import advance, first_state, play_out
from editorbot.environment.reward import reward_of
from editorbot.training.bc.advantage_weights import return_of
from editorbot.training.bc.demonstrations import Demonstration
from tests.environment.games import random_episode, song_material
from tests.training.demonstrations import demonstrations

MATERIAL = song_material("ABAB", target=0.5)


def edit_of(actions) -> Demonstration:
    """Return a recording whose samples are a whole episode's steps."""
    lengths = MATERIAL.lengths.tolist()
    state, beats = first_state(MATERIAL.beats, V3), []
    for action in actions:
        beats.append(state.cursor)
        state = advance(state, action, lengths[state.cursor], V3)
    rows = np.array([(one.type, one.size, one.amount) for one in actions], np.int64)
    return replace(demonstrations(1, samples=len(rows))[0], actions=rows, beat=np.array(beats, np.int64))


def without(edit: Demonstration, row: int) -> Demonstration:
    """Return an edit of whose steps one is no sample."""
    parts = {name: np.delete(getattr(edit, name), row, axis=0) for name in ("states", "actions", "beat")}
    return replace(edit, **parts)


@pytest.mark.parametrize("seed", range(4))
def test_a_whole_episode_is_worth_what_it_earns_played_out(seed):
    actions, _ = random_episode(MATERIAL, seed)
    played = play_out(actions, MATERIAL.lengths.tolist(), V3)
    assert return_of(edit_of(actions), MATERIAL, V3) == reward_of(played, MATERIAL, V3).total


def test_an_episode_with_a_step_that_is_no_sample_is_not_judged():
    actions, _ = random_episode(MATERIAL, 0)
    whole = edit_of(actions)
    moving = next(row for row in range(1, len(actions)) if whole.beat[row] != whole.beat[row - 1]) - 1
    assert return_of(without(whole, moving), MATERIAL, V3) is None
    assert return_of(without(whole, len(actions) - 1), MATERIAL, V3) is None
