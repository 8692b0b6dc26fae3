import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from editorbot.editlist.edit_list import Clip, EditList, Join, MadeBy, Source
from editorbot.editlist.operations import (
    cut_ranges,
    edit_list_of,
    output_starts,
    played_ranges,
    range_from_s,
    subtract,
    total_samples,
    union,
)

SOURCE = Source("jam.wav", "sha256:" + "0" * 64, 1_000, 1, 100)
BY = MadeBy("test")
ranges = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=8)


def as_mask(some: list[tuple[int, int]] | tuple[tuple[int, int], ...]) -> np.ndarray:
    mask = np.zeros(100, bool)
    for start, end in some:
        mask[start:end] = True
    return mask


@given(ranges)
def test_union_covers_the_same_samples_once(some: list[tuple[int, int]]) -> None:
    joined = union(some)
    assert (as_mask(joined) == as_mask([r for r in some if r[0] < r[1]])).all()
    assert total_samples(joined) == as_mask(joined).sum()
    assert all(a[1] < b[0] for a, b in zip(joined, joined[1:]))


@given(ranges, ranges)
def test_subtract_is_set_difference(some: list[tuple[int, int]], removed: list[tuple[int, int]]) -> None:
    left = subtract(some, removed)
    assert (as_mask(left) == (as_mask(union(some)) & ~as_mask(union(removed)))).all()


@given(ranges.filter(lambda some: bool(union(some))))
def test_played_and_cut_ranges_share_the_source_out(some: list[tuple[int, int]]) -> None:
    edit = edit_list_of(SOURCE, [Clip(a, b) for a, b in some if a < b], made_by=BY)
    assert (as_mask(played_ranges(edit)) ^ as_mask(cut_ranges(edit))).all()


def test_contiguous_clips_are_merged_and_weighted() -> None:
    clips = [Clip(0, 10, confidence=1.0), Clip(10, 40, confidence=0.2, reason="b"), Clip(50, 60)]
    edit = edit_list_of(SOURCE, clips, made_by=BY, risks=[0.9, 0.3])
    assert [(c.start, c.end) for c in edit.clips] == [(0, 40), (50, 60)]
    assert edit.clips[0].confidence == 0.4
    assert edit.clips[0].reason == "b"
    assert edit.joins == (Join(risk=0.3),)


def test_changed_clips_are_not_merged() -> None:
    edit = edit_list_of(SOURCE, [Clip(0, 10), Clip(10, 20, gain_db=3.0)], made_by=BY)
    assert len(edit.clips) == 2


def test_output_starts_count_played_samples() -> None:
    edit = EditList(SOURCE, (Clip(0, 10, speed=2.0), Clip(0, 10), Clip(5, 9)), (Join(), Join()))
    assert output_starts(edit) == (0, 5, 15)
    assert edit.output_samples == 19


def test_seconds_are_kept_inside_the_recording() -> None:
    assert range_from_s(-1.0, 0.05, SOURCE) == (0, 50)
    assert range_from_s(0.05, 9.0, SOURCE) == (50, 100)
