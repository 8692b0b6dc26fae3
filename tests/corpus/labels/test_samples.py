"""A human's edit list becomes an episode, and trifles are no actions."""

import numpy as np
import pytest

from editorbot.corpus.labels.samples import replay_actions, without_inaudible_changes
from editorbot.editlist.edit_list import Clip, EditList, Effect, Join, Source
from editorbot.environment.actions import V3, Action, ActionType
from editorbot.environment.spans import lengths_of

SOURCE = Source("jam.wav", "sha256:" + "0" * 64, 1_000, 1, 32_000)
LENGTHS = lengths_of(32, 4, np.arange(0, 32, 8))


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        (Clip(0, 4_000, gain_db=1.4), Clip(0, 4_000)),
        (Clip(0, 4_000, gain_db=4.0), Clip(0, 4_000, gain_db=3.0)),
        (Clip(0, 4_000, gain_db=3.0, reverse=True), Clip(0, 4_000, reverse=True)),
        (Clip(0, 4_000, gain_db=1.0, fade_in=4_000), Clip(0, 4_000, fade_in=4_000)),
        (Clip(0, 4_000, gain_db=1.0, fade_out=500), Clip(0, 4_000)),
        (Clip(0, 4_000, gain_db=1.0, speed=1.004, pitch_semitones=0.1), Clip(0, 4_000)),
        (
            Clip(0, 4_000, gain_db=3.0, effects=(Effect("REVERB", 0.3),)),
            Clip(0, 4_000, effects=(Effect("REVERB", 0.3),)),
        ),
    ],
)
def test_the_level_of_the_whole_edit_and_trifles_are_taken_off(clip, expected):
    edit_list = EditList(SOURCE, (clip, Clip(8_000, 9_000, gain_db=1.0)), (Join(),))
    assert without_inaudible_changes(edit_list, 1.0).clips == (expected, Clip(8_000, 9_000))


def test_moments_tell_the_state_before_each_step():
    keep, cut, jump = (Action(kind, 1, 0) for kind in (ActionType.KEEP, ActionType.CUT, ActionType.JUMP_BACK))
    jump = Action(ActionType.JUMP_BACK, 0, 1)
    moments = list(replay_actions([keep, cut, jump, keep, keep], LENGTHS))
    assert [moment.state.cursor for moment in moments] == [0, 4, 8, 4, 8]
    assert [moment.is_good for moment in moments] == [True, False, True, True, True]
    assert all(moment.is_legal for moment in moments)


def test_what_a_policy_may_not_do_teaches_nothing():
    moments = list(replay_actions([Action(V3.index("JUMP_BACK"), 0, 0), Action(0, 0, 0)], LENGTHS))
    assert [moment.is_legal for moment in moments] == [False, True]


def test_an_episode_ends_at_the_last_beat():
    moments = list(replay_actions([Action(0, 4, 0)] * 5, LENGTHS))
    assert [moment.state.cursor for moment in moments] == [0, 16]
