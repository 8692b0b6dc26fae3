"""Deeds become steps of the factored action space."""

import numpy as np
import pytest

from editorbot.corpus.labels.plays import Deed
from editorbot.corpus.labels.steps import steps_of, steps_of_edit
from editorbot.editlist.edit_list import Clip, EditList, Join, Source
from editorbot.environment.actions import V3, ActionType, Amount, Size
from editorbot.environment.spans import lengths_of

LENGTHS = lengths_of(40, 4, np.arange(0, 40, 8))


def told(*deeds, lengths=LENGTHS):
    return [
        (step.beat, ActionType(step.action.type).name, Size(step.action.size).name, Amount(step.action.amount).name)
        for step in steps_of(deeds, lengths)
    ]


def test_a_long_stretch_takes_the_longest_spans_that_fit():
    assert told(Deed("KEEP", 0, 21)) == [
        (0, "KEEP", "TWO_PHRASES", "NEG_LARGE"), (16, "KEEP", "BAR", "NEG_LARGE"), (20, "KEEP", "BEAT", "NEG_LARGE")
    ]  # fmt: skip


def test_spans_cover_every_stretch_exactly():
    for first in range(40):
        for end in range(first + 1, 41):
            steps = steps_of([Deed("CUT", first, end)], LENGTHS)
            ends = [step.beat + int(LENGTHS[step.beat, step.action.size]) for step in steps]
            assert [step.beat for step in steps] == [first, *ends[:-1]]
            assert ends[-1] == end
            assert not any(step.is_good for step in steps)


@pytest.mark.parametrize(
    ("type_", "value", "amount"),
    [
        ("GAIN", 2.8, "POS_LARGE"), ("GAIN", -6.0, "NEG_LARGE"), ("GAIN", 0.8, "POS_SMALL"),
        ("SPEED_UP", 1.93, "POS_LARGE"), ("SPEED_UP", 1.046, "NEG_SMALL"), ("SPEED_DOWN", 0.88, "POS_SMALL"),
        ("PITCH_UP", 1.0, "NEG_LARGE"), ("PITCH_DOWN", -2.0, "POS_SMALL"), ("EQ_HIGH", 1.4, "POS_SMALL"),
        ("REVERB", 0.33, "NEUTRAL"), ("DISTORTION", 1.0, "POS_LARGE"), ("REVERSE", 0.0, "NEG_LARGE"),
    ],
)  # fmt: skip
def test_the_nearest_amount_is_meant(type_, value, amount):
    assert told(Deed(type_, 8, 12, value)) == [(8, type_, "BAR", amount)]


def test_loops_and_repeats():
    assert told(Deed("LOOP", 8, 12, 3.0), Deed("REPEAT_PREV", 12, 12), Deed("LOOP", 16, 17, 2.0)) == [
        (8, "LOOP", "BAR", "POS_SMALL"), (12, "REPEAT_PREV", "BEAT", "NEG_LARGE"), (16, "LOOP", "BEAT", "NEG_LARGE")
    ]  # fmt: skip


@pytest.mark.parametrize("distance", range(1, 30))
def test_jumps_add_up_to_the_distance(distance):
    steps = steps_of([Deed("JUMP_BACK", 32, 32 - distance)], LENGTHS)
    total = 0
    for step in steps:
        values = V3.value(step.action)
        total += int(values or LENGTHS[step.beat, step.action.size])
    assert total == distance


def test_the_labels_are_the_first_open_ones():
    """What a mask never opens is no label."""
    deeds = [Deed(name, 8, 12, 1.5) for name in V3.names if name not in ("JUMP_BACK", "SKIP", "LOOP")]
    for step in steps_of(deeds, LENGTHS):
        assert V3.rows[step.action.type].open_amounts[step.action.amount]
        same = np.flatnonzero(LENGTHS[step.beat] == LENGTHS[step.beat, step.action.size])
        assert step.action.size == same[0] or step.action.type == ActionType.REPEAT_PREV


def test_a_whole_edit():
    source = Source("jam.wav", "sha256:" + "0" * 64, 100, 1, 4_000)
    clips = (Clip(0, 800), Clip(400, 1_200), Clip(1_600, 2_000, gain_db=4.5), Clip(2_000, 4_000, gain_db=1.5))
    edit_list = EditList(source, clips, tuple(Join() for _ in clips[1:]))
    found = steps_of_edit(edit_list, np.arange(40) * 100, LENGTHS, 1.5)
    names = [ActionType(step.action.type).name for step in found]
    # The first clips are 1.5 dB softer than the rest.
    assert names[:2] == ["GAIN", "JUMP_BACK"]
    assert names[-3:] == ["GAIN", "KEEP", "KEEP"]
