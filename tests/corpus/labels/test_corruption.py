"""Finished music is ruined so that a known action repairs it."""

import numpy as np
import pytest

from editorbot.corpus.labels.corruption import corrupt, inverse_changes, repair_steps
from editorbot.editlist.edit_list import Effect, Source
from editorbot.environment.actions import V3, ActionType, Operation
from editorbot.environment.dynamics import play_out
from editorbot.environment.spans import lengths_of

BEAT = 500
SOURCE = Source("song.wav", "sha256:" + "0" * 64, 1_000, 1, 200 * BEAT)
BOUNDS = np.arange(201) * BEAT


@pytest.mark.parametrize(
    ("name", "value", "changes"),
    [
        ("GAIN", 3.0, {"gain_db": -3.0}),
        ("EQ_LOW", -1.5, {"effects": (Effect("EQ_LOW", 1.5),)}),
        ("SPEED_UP", 1.25, {"speed": 0.8}),
        ("PITCH_DOWN", -2.0, {"pitch_semitones": 2.0}),
        ("REVERSE", 0.0, {"reverse": True}),
        ("REVERB", 0.5, {}),
    ],
)
def test_what_undoes_an_action(name, value, changes):
    assert inverse_changes(name, value) == changes


@pytest.mark.parametrize("type_", list(ActionType), ids=lambda kind: kind.name)
def test_the_action_gives_the_finished_music_back(type_):
    """Spots, played as actions on the ruined recording, lead back to the beats of the finished one in order."""
    rng = np.random.default_rng(int(type_))
    made = corrupt(SOURCE, BOUNDS, [int(type_)] * 12, rng)
    assert len(made.spans) >= 6
    assert {spot.type for spot in made.spans} == {int(type_)}
    total = made.edit_list.output_samples
    assert all(0 <= spot.start <= spot.end <= total for spot in made.spans)
    starts = [spot.start for spot in made.spans]
    assert starts == sorted(starts)
    if V3.rows[type_].operation not in (Operation.CUT, Operation.SKIP, Operation.DEFER, Operation.SWAP):
        return
    # Where nothing is stretched, beats of the ruined recording are those of the clips.
    played = [beat for clip in made.edit_list.clips for beat in range(clip.start // BEAT, clip.end // BEAT)]
    lengths = lengths_of(len(played), 4, np.arange(0))
    found = repair_steps(made.spans, np.arange(len(played) + 1) * BEAT, lengths)
    assert len(found.right) >= 4
    state = play_out(found.actions, lengths.tolist(), V3)
    back = [played[beat] for play in state.all_plays for beat in range(play.first, play.end)]
    if len(found.right) == len(made.spans):
        assert back == sorted(set(back))
