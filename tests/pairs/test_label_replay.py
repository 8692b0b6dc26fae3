"""The human's steps give the human's plays when they are played as an episode."""

import numpy as np
import pytest

from editorbot.corpus.labels.plays import Play, deeds_of
from editorbot.corpus.labels.replay import replayed
from editorbot.corpus.labels.steps import steps_of
from editorbot.environment.actions import V3
from editorbot.environment.dynamics import play_out
from editorbot.environment.spans import lengths_of

LENGTHS = lengths_of(64, 4, np.arange(0, 64, 8))


def heard(plays):
    """Return the beats of some plays in order, each with what changes its sound."""
    return [(beat, name) for first, end, name in plays for beat in range(first, end)]


def heard_in(state):
    plain = ("KEEP", "LOOP", "REORDER", "SWAP_NEXT")
    spans = []
    for play in state.all_plays:
        name = V3.names[play.type]
        spans += [(play.first, play.end, "KEEP" if name in plain else name)] * play.times
    return heard(spans)


@pytest.mark.parametrize(
    "plays",
    [
        [(0, 64)],
        [(8, 20), (24, 31), (40, 64)],
        [(0, 8), (4, 8), (4, 8), (4, 20), (20, 24, "REVERSE"), (24, 64)],
        [(0, 8), (0, 8), (0, 8), (0, 8), (0, 8), (0, 8), (8, 64)],
        [(0, 4), (8, 12), (4, 8), (12, 64)],
        [(0, 20), (6, 12), (30, 34, "REVERB"), (30, 34, "REVERB"), (40, 64)],
        [(0, 30), (3, 64)],
        [(0, 8), (16, 24), (32, 64), (8, 16), (24, 32)],
        [(0, 5, "FADE_IN"), (5, 60), (60, 64, "FADE_OUT")],
        [(20, 24), (0, 64)],
    ],
)
def test_the_episode_plays_what_the_human_played(plays):
    given = [Play(*play) for play in plays]
    steps = steps_of(deeds_of(given, 64, lambda beat: LENGTHS[beat].tolist()), LENGTHS)
    moments = list(replayed(steps, LENGTHS))
    assert len(moments) == len(steps)
    assert [moment.state.cursor for moment in moments] == [step.beat for step in steps]
    assert all(moment.is_open for moment in moments)
    state = play_out([step.action for step in steps], LENGTHS.tolist(), V3)
    assert state.is_over
    assert heard_in(state) == heard([(play.first, play.end, play.type) for play in given])


def test_random_edits_are_played_again():
    rng = np.random.default_rng(3)
    for _ in range(200):
        plays, at = [], 0
        while at < 60:
            at = max(0, min(at + int(rng.choice([0, 0, 2, 5, -3, -9])), 63))
            end = min(at + int(rng.integers(1, 17)), 63)
            if end > at:
                plays.append(Play(at, end))
            at = end
        plays.append(Play(63, 64))
        merged = plays[:1]
        for play in plays[1:]:
            if play.first == merged[-1].end:
                merged[-1] = Play(merged[-1].first, play.end)
            else:
                merged.append(play)
        steps = steps_of(deeds_of(merged, 64, lambda beat: LENGTHS[beat].tolist()), LENGTHS)
        state = play_out([step.action for step in steps], LENGTHS.tolist(), V3)
        assert heard_in(state) == heard([(play.first, play.end, play.type) for play in merged])
