"""What each step does to cursor and output, and episodes as edit lists and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editorbot.editlist.edit_list import MadeBy
from editorbot.environment.actions import V3, VOCABULARIES, Action
from editorbot.environment.dynamics import STEPS_PER_BEAT, advance, first_state, play_out
from editorbot.environment.episodes import action_spans, edit_list_of_episode, transcript_of
from editorbot.environment.material import beat_bounds
from editorbot.environment.spans import lengths_of
from editorbot.errors import TargetError
from tests.editors.factories import song_analysis
from tests.environment.games import random_episode, song_material

LENGTHS = lengths_of(32, 4, np.arange(0, 32, 8)).tolist()
BAR = 1


def step(name: str, size: int = BAR, amount: int = 0) -> Action:
    return Action(V3.index(name), size, amount)


@pytest.mark.parametrize(
    ("action", "cursor", "new"),
    [
        (step("KEEP"), 12, [(8, 12, 1)]),
        (step("CUT"), 12, []),
        (step("LOOP", BAR, 3), 12, [(8, 12, 3)]),
        (step("REORDER"), 12, [(8, 12, 1)]),
        (step("JUMP_BACK", 0, 0), 0, []),
        (step("JUMP_BACK", BAR, 2), 4, []),
        (step("SKIP", 0, 1), 12, []),
        (step("SKIP", 0, 2), 9, []),
        (step("REPEAT_PREV"), 8, [(4, 8, 1)]),
        (step("SWAP_NEXT"), 16, [(12, 16, 1), (8, 12, 1)]),
        (step("REVERSE", 4), 24, [(8, 24, 1)]),
    ],
)
def test_a_step_moves_the_cursor_and_plays_as_the_table_says(action, cursor, new):
    before = play_out([step("KEEP"), step("KEEP")], LENGTHS, V3)
    after = advance(before, action, LENGTHS[8], V3)
    assert after.cursor == cursor
    assert [(play.first, play.end, play.times) for play in after.all_plays[2:]] == new
    assert after.frontier == max(8, cursor)


def test_what_is_held_back_is_heard_at_the_end():
    state = play_out([step("REORDER"), *[step("KEEP")] * 7], LENGTHS, V3)
    assert [play.first for play in state.all_plays] == [4, 8, 12, 16, 20, 24, 28, 0]
    assert state.kept_beats == 32


def test_length_counts_speed_and_repeats():
    assert play_out([step("LOOP", BAR, 4)], LENGTHS, V3).output_beats == 16
    assert play_out([step("SPEED_UP", BAR, 4)], LENGTHS, V3).output_beats == 2
    assert play_out([step("SPEED_DOWN", BAR, 4)], LENGTHS, V3).output_beats == 8


def test_too_many_steps_truncate():
    forth_and_back = [step("KEEP", 0), step("JUMP_BACK", 0, 2)] * 100
    state = play_out(forth_and_back, LENGTHS, V3)
    assert state.is_truncated
    assert state.steps == STEPS_PER_BEAT * 32


@settings(max_examples=30)
@given(seed=st.integers(0, 100_000), name=st.sampled_from(sorted(VOCABULARIES)))
def test_an_episode_and_its_edit_list_play_the_same(seed, name):
    vocabulary, analysis = VOCABULARIES[name], song_analysis("AB", bars=2)
    actions, state = random_episode(song_material("AB", bars=2), seed, vocabulary)
    edit = edit_list_of_episode(analysis, actions, made_by=MadeBy("test"), vocabulary=vocabulary)
    bounds = beat_bounds(analysis)
    expected = [
        beat
        for play in state.all_plays
        for _ in range(play.times)
        for beat in (range(play.first, play.end)[:: -1 if vocabulary.rows[play.type].name == "REVERSE" else 1])
    ]
    assert [beat for beat, *_ in beats_played(edit, bounds)] == expected
    transcript = transcript_of(edit, analysis, vocabulary)
    again = edit_list_of_episode(analysis, transcript.actions, made_by=MadeBy("test"), vocabulary=vocabulary)
    if not transcript.missed:
        assert beats_played(again, bounds) == beats_played(edit, bounds)


def beats_played(edit, bounds) -> list[tuple]:
    """Return every beat that is heard, and what is done to it; a beat of a reversed clip comes where it is heard."""
    played = []
    for clip in edit.clips:
        first, end = np.searchsorted(bounds, [clip.start, clip.end])
        done = (clip.reverse, clip.speed, clip.pitch_semitones, clip.gain_db, clip.effects)
        beats = range(first, end)
        played += [(beat, *done) for beat in (reversed(beats) if clip.reverse else beats)]
    return played


def test_every_action_has_the_beats_that_it_was_about():
    analysis = song_analysis("AB", bars=4)
    told = [step("KEEP"), step("REPEAT_PREV"), step("SKIP", 0, 1), step("JUMP_BACK", 0, 1), step("SWAP_NEXT"),
            step("REORDER"), step("LOOP", 0, 4), *[step("CUT")] * 9]  # fmt: skip
    bounds = beat_bounds(analysis)
    spans = action_spans(analysis, told, vocabulary=V3)
    beats = [(span.type, *np.searchsorted(bounds, [span.start, span.end]).tolist()) for span in spans]
    assert beats[:7] == [
        ("KEEP", 0, 4), ("REPEAT_PREV", 0, 4), ("SKIP", 4, 8), ("JUMP_BACK", 4, 8), ("SWAP_NEXT", 4, 12),
        ("REORDER", 12, 16), ("LOOP", 16, 17),
    ]  # fmt: skip
    assert beats[-1] == ("CUT", 29, 32)  # what would follow the end is left out
    assert len(beats) < len(told)


def test_an_episode_that_plays_nothing_is_no_edit():
    with pytest.raises(TargetError, match="plays nothing"):
        edit_list_of_episode(song_analysis("AB"), [step("CUT")], made_by=MadeBy("test"))


def test_the_first_state_knows_nothing():
    state = first_state(5, V3)
    assert (state.cursor, state.steps, state.kept_beats, state.is_over) == (0, 0, 0, False)
