"""Clips become deeds along the raw beats."""

import numpy as np
import pytest

from editorbot.corpus.labels.plays import Deed, Play, deeds_of, plays_of
from editorbot.editlist.edit_list import Clip, EditList, Effect, Join, Source

SOURCE = Source("jam.wav", "sha256:" + "0" * 64, 1_000, 1, 32_000)
BEATS = np.arange(32) * 1_000


def deeds(*plays, beats=32):
    return deeds_of([Play(*play) for play in plays], beats, lambda beat: (1, 4, 8, 16))


def kinds(found):
    return [(deed.type, deed.first, deed.end) for deed in found]


def edit_list(*clips):
    return EditList(SOURCE, clips, tuple(Join() for _ in clips[1:]))


def test_what_is_left_out_is_cut():
    assert kinds(deeds((0, 8), (12, 32))) == [("KEEP", 0, 8), ("CUT", 8, 12), ("KEEP", 12, 32)]
    assert kinds(deeds((4, 8))) == [("CUT", 0, 4), ("KEEP", 4, 8), ("CUT", 8, 32)]


@pytest.mark.parametrize(("times", "expected"), [(2, [2]), (4, [4]), (6, [4, "REPEAT_PREV", "REPEAT_PREV"])])
def test_what_is_heard_again_at_once_is_a_loop(times, expected):
    found = deeds((0, 8), *[(4, 8)] * (times - 1), (8, 32))
    assert found[0] == Deed("KEEP", 0, 4)
    assert found[1] == Deed("LOOP", 4, 8, float(expected[0]))
    assert [deed.type for deed in found[2:-1]] == expected[1:]
    assert found[-1] == Deed("KEEP", 8, 32)


def test_a_loop_of_a_length_that_no_action_has_is_a_jump_back():
    assert kinds(deeds((0, 8), (2, 32))) == [("KEEP", 0, 8), ("JUMP_BACK", 8, 2), ("KEEP", 2, 32)]


def test_a_changed_span_heard_again_is_repeated():
    found = deeds((0, 4, "REVERSE"), (0, 4, "REVERSE"), (4, 32))
    assert [deed.type for deed in found] == ["REVERSE", "REPEAT_PREV", "KEEP"]


def test_two_spans_in_the_other_order_are_swapped():
    found = deeds((0, 4), (8, 12), (4, 8), (12, 32))
    assert kinds(found) == [("KEEP", 0, 4), ("SWAP_NEXT", 4, 8), ("KEEP", 12, 32)]


def test_what_is_held_back_to_the_end_is_reordered():
    found = deeds((0, 4), (8, 12), (16, 32), (4, 8), (12, 16))
    assert [deed.type for deed in found] == ["KEEP", "REORDER", "KEEP", "REORDER", "KEEP"]


def test_a_jump_back_of_any_distance_goes_on_from_there():
    found = deeds((0, 20), (4, 6), (28, 32))
    assert kinds(found) == [
        ("KEEP", 0, 20), ("JUMP_BACK", 20, 4), ("KEEP", 4, 6), ("CUT", 6, 28), ("KEEP", 28, 32)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("clip", "type_", "value"),
    [
        (Clip(0, 4_000), "KEEP", 0.0),
        (Clip(0, 4_000, gain_db=3.0), "GAIN", 2.0),
        (Clip(0, 4_000, gain_db=1.0, effects=(Effect("EQ_LOW", -3.0),)), "EQ_LOW", -3.0),
        (Clip(0, 4_000, gain_db=1.0, fade_in=4_000), "FADE_IN", 0.0),
        (Clip(0, 4_000, gain_db=1.0, fade_out=500), "KEEP", 0.0),
        (Clip(0, 4_000, speed=0.5), "SPEED_DOWN", 0.5),
        (Clip(0, 4_000, pitch_semitones=-2.0), "PITCH_DOWN", -2.0),
        (Clip(0, 4_000, reverse=True), "REVERSE", 0.0),
    ],
)
def test_of_a_clip_the_change_that_is_heard_most_counts(clip, type_, value):
    level_db = 1.0 if clip.gain_db else 0.0
    assert plays_of(edit_list(clip), BEATS, level_db) == [Play(0, 4, type_, value)]


def test_half_a_beat_is_none():
    found = plays_of(edit_list(Clip(400, 4_300), Clip(9_000, 9_400), Clip(10_600, 12_000)), BEATS)
    assert found == [Play(0, 4), Play(11, 12)]
