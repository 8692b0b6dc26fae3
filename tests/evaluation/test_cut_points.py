"""Cut points against the truth, on jams small enough to see the answer."""

import pytest

from editorbot.corpus.truth import EqualGroup, Segment, Truth
from editorbot.editlist.edit_list import Clip, EditList, Join, Source
from editorbot.evaluation.cut_points import cut_points

RATE = 1_000
SEGMENTS = (
    Segment(0.0, 10.0, "talk"),
    Segment(10.0, 20.0, "sloppy", 0.0),
    Segment(20.0, 30.0, "music", 0.0),
    Segment(30.0, 34.0, "silence"),
    Segment(34.0, 44.0, "music", 10.0),
    Segment(44.0, 50.0, "noise"),
)
TRUTH = Truth(50.0, 20.0, SEGMENTS)


def _edit(*spans_s):
    clips = tuple(Clip(round(a * RATE), round(b * RATE)) for a, b in spans_s)
    source = Source("jam.wav", "sha256:" + "0" * 64, RATE, 1, 50 * RATE)
    return EditList(source, clips, tuple(Join(0, 0.0) for _ in clips[1:]))


@pytest.mark.parametrize(
    ("spans_s", "right", "found"),
    [
        (((20.0, 30.0), (34.0, 44.0)), 4, 4),
        (((20.06, 29.95), (34.0, 44.06)), 4, 4),
        (((20.1, 30.0), (34.0, 44.0)), 3, 4),
        (((20.0, 32.0), (33.0, 44.0)), 4, 4),  # anywhere in the silence
        (((20.0, 44.0),), 2, 2),
        (((10.0, 20.0), (34.0, 44.0)), 4, 4),  # the sloppy take has the same cut points in the finished track
        (((0.0, 5.0),), 0, 2),
        (((20.0, 25.0), (25.0, 30.0), (34.0, 44.0)), 4, 6),
    ],
)
def test_points_are_right_within_70_ms_of_the_same_sound(spans_s, right, found):
    counted = cut_points(_edit(*spans_s), TRUTH)
    assert (counted.right, counted.found, counted.wanted) == (right, found, 4)
    assert counted.f1 == pytest.approx(2 * right / (found + 4))


def test_equal_passages_and_silent_runs_of_the_finished_track_are_one():
    segments = (Segment(0.0, 8.0, "music", 0.0), Segment(8.0, 10.0, "talk"), Segment(10.0, 30.0, "music", 8.0))
    plain = Truth(50.0, 28.0, segments)
    equal = Truth(50.0, 28.0, segments, equal=(EqualGroup((4.0, 20.0), 6.0),))
    silent = Truth(50.0, 28.0, segments, silent_s=((7.5, 8.5),))
    elsewhere = _edit((0.0, 8.0), (26.0, 30.0))  # arrives at 24 s of the finished track, which sounds like 8 s
    assert [cut_points(elsewhere, truth).right for truth in (plain, equal)] == [3, 4]
    early = _edit((0.0, 7.6), (10.3, 30.0))
    assert [cut_points(early, truth).right for truth in (plain, silent)] == [2, 4]


RESTART = (
    Segment(0.0, 10.0, "music", 0.0),
    Segment(10.0, 14.0, "repeat", 10.0),  # the clean part of what breaks off
    Segment(14.0, 16.0, "breakdown", 14.0),
    Segment(16.0, 20.0, "talk"),
    Segment(20.0, 40.0, "music", 10.0),
)


@pytest.mark.parametrize(
    ("leave_s", "arrive_s", "right", "exact"),
    [
        (10.0, 20.0, 4, 4),
        (12.0, 22.0, 4, 2),  # later, and the music goes on
        (14.0, 24.0, 4, 2),
        (14.5, 24.5, 2, 2),  # out of the good part
        (12.0, 20.0, 3, 3),  # two seconds are played twice
        (12.0, 22.2, 2, 2),  # a moment is lost
        (8.0, 18.0, 2, 2),  # arrives in the talk
    ],
)
def test_a_join_may_lie_anywhere_in_what_both_takes_hold(leave_s, arrive_s, right, exact):
    counted = cut_points(_edit((0.0, leave_s), (arrive_s, 40.0)), Truth(40.0, 30.0, RESTART))
    assert (counted.right, counted.exact) == (right, exact)
    assert counted.exact_f1 == pytest.approx(exact / 4)
