"""Required ranges: nothing of a range to cut is heard, nothing of a range to keep is faded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from editorbot.editlist.edit_list import Clip, EditList, Join
from editorbot.editlist.operations import NO_CROSSFADE, Range, crossfade_spans, subtract
from editorbot.render.fades import FADE_IN_S, FADE_OUT_S, SHORTEST_FADE_S, fade_ends
from editorbot.render.joins import refine_joins
from editorbot.render.render import render_blocks
from editorbot.render.required_ranges import RequiredRanges

RATE = 8_000
SAMPLES = 12 * RATE


def wave() -> np.ndarray:
    """Notes with attacks over a held tone: joins want to move, and crossfades to be long."""
    time_s = np.arange(SAMPLES) / RATE
    notes = np.exp(-12 * (time_s % 0.37)) * np.sin(2 * np.pi * 330 * time_s)
    return 0.3 * (notes + 0.5 * np.sin(2 * np.pi * 97 * time_s))[:, None]


def heard_and_whole(edit_list: EditList) -> tuple[list[Range], list[Range]]:
    """Return what is heard of the source, crossfades included, and what of it is played without any fade."""
    spans = (NO_CROSSFADE, *crossfade_spans(edit_list), NO_CROSSFADE)
    heard, whole = [], []
    for clip, left, right in zip(edit_list.clips, spans, spans[1:]):
        heard.append((clip.start - left.before, clip.end + right.after))
        whole.append((clip.start + max(left.after, clip.fade_in), clip.end - max(right.before, clip.fade_out)))
    return heard, whole


def edited(recording, clips: list[Clip], ranges: RequiredRanges) -> EditList:
    joins = tuple(Join() for _ in clips[1:])
    return fade_ends(refine_joins(EditList(recording.source, tuple(clips), joins), recording, ranges), ranges)


def assert_required(edit_list: EditList, ranges: RequiredRanges) -> None:
    heard, whole = heard_and_whole(edit_list)
    for cut_start, cut_end in ranges.cut:
        assert all(end <= cut_start or start >= cut_end for start, end in heard)
    slack = round(SHORTEST_FADE_S * RATE)
    near = 2 * slack  # in between, what was left out may leave too little room for the shortest fade
    for start, end in ranges.keep:
        beside_a_cut = any(cut[0] - near <= end and start <= cut[1] + near for cut in ranges.cut)
        spare = slack if beside_a_cut else 0
        assert any(a - spare <= start and end <= b + spare for a, b in whole)


def test_joins_alone_reach_over_required_ranges(make_recording):
    """The test's own yardstick: without required ranges both rules are broken."""
    recording = make_recording(wave(), RATE)
    ranges = RequiredRanges(keep=((3 * RATE, 5 * RATE),), cut=((7 * RATE, 8 * RATE),))
    clips = [Clip(0, 1 * RATE), Clip(3 * RATE, 5 * RATE), Clip(6 * RATE, 7 * RATE), Clip(8 * RATE, SAMPLES)]
    free = refine_joins(EditList(recording.source, tuple(clips), (Join(), Join(), Join())), recording)
    with pytest.raises(AssertionError):
        assert_required(free, RequiredRanges(keep=ranges.keep))
    with pytest.raises(AssertionError):
        assert_required(free, RequiredRanges(cut=ranges.cut))
    assert_required(edited(recording, clips, ranges), ranges)


def test_a_join_beside_a_required_range_still_has_a_crossfade(make_recording):
    recording = make_recording(wave(), RATE)
    clips = [Clip(0, 3 * RATE), Clip(5 * RATE, SAMPLES)]
    for ranges in (
        RequiredRanges(cut=((3 * RATE, 5 * RATE),)),
        RequiredRanges(keep=((RATE, 3 * RATE), (5 * RATE, 6 * RATE))),
    ):
        (join,) = edited(recording, clips, ranges).joins
        assert join.crossfade >= 0.005 * RATE


def test_between_a_range_to_keep_and_one_to_cut_both_clips_fade(make_recording):
    recording = make_recording(wave(), RATE)
    ranges = RequiredRanges(keep=((RATE, 3 * RATE),), cut=((3 * RATE, 5 * RATE),))
    edit_list = edited(recording, [Clip(0, 3 * RATE), Clip(5 * RATE, SAMPLES)], ranges)
    assert edit_list.joins[0].crossfade == 0
    assert edit_list.clips[0].end == 3 * RATE
    sound = np.concatenate([block if block.dtype.kind == "f" else block / 2**31 for block in render_blocks(
        edit_list, recording
    )])  # fmt: skip
    assert np.abs(np.diff(sound[:, 0])).max() <= np.abs(np.diff(wave()[:, 0])).max() * 1.5
    assert abs(sound[edit_list.clips[0].output_samples - 1, 0]) < 0.01


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example(places=[0, 1, 2, 19, 20], first_kind=0)
@given(places=st.lists(st.integers(0, SAMPLES), min_size=4, max_size=12, unique=True), first_kind=st.integers(0, 2))
def test_any_required_ranges_hold(make_recording, places: list[int], first_kind: int):
    """Kept, cut and free stretches in turn, from any place to any place."""
    bounds = sorted(places)
    kinds = [("keep", "cut", "free")[(first_kind + number) % 3] for number in range(len(bounds) - 1)]
    spans = list(zip(bounds, bounds[1:]))
    keep = tuple(one for one, kind in zip(spans, kinds) if kind == "keep")
    cut = tuple(one for one, kind in zip(spans, kinds) if kind == "cut")
    dropped = [(start, (start + end) // 2) for (start, end), kind in zip(spans, kinds) if kind == "free"]
    played = subtract([(0, SAMPLES)], [*cut, *dropped])
    if not played:
        return
    ranges = RequiredRanges(keep, cut)
    assert_required(edited(make_recording(wave(), RATE), [Clip(*one) for one in played], ranges), ranges)


def test_a_track_inside_its_recording_starts_and_ends_in_silence(make_recording):
    recording = make_recording(wave(), RATE)
    edit_list = edited(recording, [Clip(2 * RATE, 9 * RATE)], RequiredRanges())
    (clip,) = edit_list.clips
    assert (clip.fade_in, clip.fade_out) == (round(FADE_IN_S * RATE), round(FADE_OUT_S * RATE))
    assert clip.start == 2 * RATE - clip.fade_in
    blocks = list(render_blocks(edit_list, recording, block_samples=4_000))
    assert abs(float(blocks[0][0, 0])) < 0.01
    assert abs(float(blocks[-1][-1, 0])) < 0.01
    assert all(block.dtype == np.int32 for block in blocks[1:-2])
    middle = np.concatenate(blocks[1:-2])
    assert np.array_equal(middle, recording.read_native(clip.start + 4_000, clip.start + 4_000 + len(middle)))


def test_a_track_as_long_as_its_recording_fades_nowhere(make_recording):
    recording = make_recording(wave(), RATE)
    assert edited(recording, [Clip(0, SAMPLES)], RequiredRanges()).clips == (Clip(0, SAMPLES),)


def test_faded_clips_come_back_to_the_sample(make_recording):
    """What fades is float64 on the way, and still the source's own sample where the fade is over."""
    recording = make_recording(wave(), RATE)
    plain, faded = Clip(RATE, 5 * RATE), Clip(RATE, 5 * RATE, fade_in=100, fade_out=300)
    sounds = [
        np.concatenate([
            block if block.dtype.kind == "f" else block / 2**31
            for block in render_blocks(EditList(recording.source, (clip,), ()), recording, block_samples=1_000)
        ])
        for clip in (plain, faded)
    ]  # fmt: skip
    assert np.array_equal(sounds[0][100:-300], sounds[1][100:-300])
    assert np.abs(sounds[1][:100]).sum() < np.abs(sounds[0][:100]).sum()
