from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from editorbot.editlist.edit_list import MadeBy
from editorbot.editlist.json_format import from_json, to_json
from editorbot.editlist.operations import played_ranges
from editorbot.editors.base import EditRequest
from editorbot.editors.join_graph import JoinGraph
from editorbot.editors.length_table import START, Hops, fill_table
from editorbot.editors.path import shortest_path_edit
from editorbot.editors.timeline import timeline_of
from editorbot.errors import TargetError
from tests.editors.factories import one_beat_analysis, song_analysis

RATE = 44_100
BAR_S = 2.0


def clips_s(edit_list):
    return [(clip.start / RATE, clip.end / RATE) for clip in edit_list.clips]


def length_s(edit_list):
    return edit_list.output_samples / edit_list.source.sample_rate


# What comes out of music with known repeats


def test_a_verse_and_chorus_played_twice_are_played_once_without_a_trace():
    edit_list = shortest_path_edit(song_analysis("ABAB"), EditRequest(keep_ratio=0.5))
    assert len(edit_list.clips) == 2
    assert edit_list.joins[0].risk < 1e-6
    (_, leave_s), (arrive_s, end_s) = clips_s(edit_list)
    assert (edit_list.clips[0].start, end_s) == (0, 64.0)
    assert arrive_s - leave_s == 32.0


def test_longer_than_the_recording_repeats_it_without_a_trace():
    edit_list = shortest_path_edit(song_analysis("ABAB"), EditRequest(target_s=96.0))
    assert length_s(edit_list) == 96.0
    assert max(join.risk for join in edit_list.joins) < 1e-6
    assert edit_list.clips[0].start == 0
    assert edit_list.clips[-1].end == edit_list.source.samples


def test_its_own_length_is_the_recording():
    for first_beat_s, jitter_s in ((0.0, 0.0), (0.31, 0.03)):
        analysis = song_analysis("ABAC", first_beat_s=first_beat_s, jitter_s=jitter_s, tail_s=0.7)
        edit_list = shortest_path_edit(analysis, EditRequest(keep_ratio=1.0))
        assert [(clip.start, clip.end) for clip in edit_list.clips] == [(0, analysis.source.samples)]


def test_joins_keep_the_bar():
    analysis = song_analysis("ABCABDAB", take_noise=0.3, beats_per_bar=3)
    edit_list = shortest_path_edit(analysis, EditRequest(keep_ratio=0.4))
    assert len(edit_list.joins) > 0
    for (_, leave_s), (arrive_s, _) in itertools.pairwise(clips_s(edit_list)):
        assert round(leave_s / 0.5) % 3 == round(arrive_s / 0.5) % 3


def test_does_not_loop_at_once_where_it_can_go_farther_back():
    edit_list = shortest_path_edit(song_analysis("ABABAB", bars=16), EditRequest(target_s=1.5 * 192))
    assert len(edit_list.clips) > 1
    for (_, leave_s), (arrive_s, _) in itertools.pairwise(clips_s(edit_list)):
        assert leave_s - arrive_s >= 64


# Length


@pytest.mark.parametrize("jitter_s", [0.0, 0.05])
@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.5, 0.62, 0.9, 0.98, 1.0, 1.02, 1.37, 2.0, 3.0])
def test_the_target_is_met_within_a_bar(ratio, jitter_s):
    analysis = song_analysis("ABACABDA", bars=6, take_noise=0.2, jitter_s=jitter_s, first_beat_s=0.2, tail_s=0.4)
    edit_list = shortest_path_edit(analysis, EditRequest(target_s=ratio * analysis.duration_s))
    assert abs(length_s(edit_list) - ratio * analysis.duration_s) <= BAR_S + 1e-3
    assert edit_list.warnings == ()


@pytest.mark.parametrize("ratio", [0.3, 0.8, 2.5])
def test_works_without_a_beat(ratio):
    analysis = song_analysis("ABAC", has_beat=False)
    edit_list = shortest_path_edit(analysis, EditRequest(target_s=ratio * analysis.duration_s))
    assert abs(length_s(edit_list) - ratio * analysis.duration_s) <= BAR_S
    assert edit_list.warnings == ()


def test_a_coarse_table_still_meets_the_target(monkeypatch):
    monkeypatch.setattr("editorbot.editors.path.MAX_STATES", 30_000)
    monkeypatch.setattr("editorbot.editors.path.TAIL_S", 60.0)
    analysis = song_analysis("ABACABDAEA", take_noise=0.2, jitter_s=0.05)
    for ratio in (0.45, 0.8, 2.0):
        edit_list = shortest_path_edit(analysis, EditRequest(target_s=ratio * analysis.duration_s))
        assert abs(length_s(edit_list) - ratio * analysis.duration_s) <= BAR_S + 1e-3


def test_a_single_beat_is_played_whole():
    analysis = one_beat_analysis(3.0)
    edit_list = shortest_path_edit(analysis, EditRequest(target_s=3.0))
    assert [(clip.start, clip.end) for clip in edit_list.clips] == [(0, analysis.source.samples)]


def test_a_missed_target_is_a_warning():
    edit_list = shortest_path_edit(one_beat_analysis(3.0), EditRequest(target_s=60.0))
    assert (length_s(edit_list), edit_list.warnings) == (pytest.approx(60.0), ())  # the beat is played again and again
    (line,) = shortest_path_edit(song_analysis("ABAB"), EditRequest(target_s=BAR_S / 4)).warnings
    assert line.startswith("TARGET_MISSED: 0:00.50 was asked for, but the track lasts 0:02.00: ")
    assert "shorter than a bar" in line
    edit_list = shortest_path_edit(song_analysis("ABAB"), EditRequest(target_s=10.0, must_keep_s=((5.0, 40.0),)))
    assert [line.split(":")[0] for line in edit_list.warnings] == ["TARGET_MISSED"]
    assert "ranges to keep" in edit_list.warnings[0]


@settings(max_examples=25, deadline=None)
@given(
    form=st.text(alphabet="AB ", min_size=1, max_size=3),
    bars=st.integers(1, 2),
    beats_per_bar=st.integers(1, 5),
    has_beat=st.booleans(),
    target_s=st.floats(0.01, 20.0),
    first_beat_s=st.sampled_from([0.0, 0.4, 5.0]),
)
def test_tiny_recordings_always_give_an_edit(form, bars, beats_per_bar, has_beat, target_s, first_beat_s):
    analysis = song_analysis(
        form, bars=bars, beats_per_bar=beats_per_bar, has_beat=has_beat, first_beat_s=first_beat_s, bpm=90.0
    )
    edit_list = shortest_path_edit(analysis, EditRequest(target_s=target_s))
    bar_s = beats_per_bar * 60 / 90 if has_beat else 2.0
    assert edit_list.warnings or abs(length_s(edit_list) - target_s) <= bar_s + 1e-3


# Sections


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.8, 1.6])
def test_sections_are_four_bars_or_longer(ratio):
    analysis = song_analysis("ABACABDA", take_noise=0.3)
    edit_list = shortest_path_edit(
        analysis, EditRequest(keep_ratio=ratio) if ratio < 1 else EditRequest(target_s=200.0)
    )
    assert min(end - start for start, end in clips_s(edit_list)) >= 8.0 - 1e-6


def test_short_targets_relax_the_sections():
    edit_list = shortest_path_edit(song_analysis("ABAB"), EditRequest(target_s=6.0))
    assert abs(length_s(edit_list) - 6.0) <= BAR_S


# Ranges that the user gave


spans = st.tuples(st.floats(0, 60), st.floats(0.05, 12)).map(lambda pair: (pair[0], min(pair[0] + pair[1], 64.0)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    ranges=st.lists(st.tuples(spans, st.booleans()), max_size=4),
    ratio=st.sampled_from([0.2, 0.5, 0.9, 1.4]),
    has_beat=st.booleans(),
)
def test_what_must_be_kept_is_in_and_what_must_be_cut_is_out(ranges, ratio, has_beat):
    kept = tuple(span for span, keep in ranges if keep)
    cut = tuple(
        span for span, keep in ranges if not keep and all(span[1] <= one[0] or one[1] <= span[0] for one in kept)
    )
    analysis = song_analysis("ABAC", take_noise=0.2, has_beat=has_beat)
    edit_list = shortest_path_edit(analysis, EditRequest(target_s=ratio * 64, must_keep_s=kept, must_cut_s=cut))
    played = played_ranges(edit_list)
    for start_s, end_s in cut:
        start, end = round(start_s * RATE), round(end_s * RATE)
        assert all(last <= start or end <= first for first, last in played)
    for start_s, end_s in kept:
        start, end = round(start_s * RATE), round(end_s * RATE)
        assert any(clip.start <= start and end <= clip.end for clip in edit_list.clips)
    if abs(length_s(edit_list) - ratio * 64) > BAR_S + 1e-3:
        assert edit_list.warnings


def test_a_cut_range_holds_to_the_sample():
    cut = (20.123, 23.777)
    edit_list = shortest_path_edit(song_analysis("ABAC"), EditRequest(target_s=58.0, must_cut_s=(cut,)))
    start, end = round(cut[0] * RATE), round(cut[1] * RATE)
    assert all(clip.end <= start or end <= clip.start for clip in edit_list.clips)


def test_touching_ranges_do_not_disturb_each_other():
    request = EditRequest(target_s=30.0, must_keep_s=((10.3, 20.7),), must_cut_s=((20.7, 30.0), (0.0, 10.3)))
    edit_list = shortest_path_edit(song_analysis("ABAC"), request)
    assert edit_list.clips[0].start == round(10.3 * RATE)
    assert edit_list.clips[0].end == round(20.7 * RATE)


def test_impossible_ranges_are_refused():
    analysis = song_analysis("AB")
    with pytest.raises(TargetError, match="cover the whole recording"):
        shortest_path_edit(analysis, EditRequest(target_s=10.0, must_cut_s=((0.0, 20.0), (15.0, 99.0))))
    with pytest.raises(TargetError, match="to be kept, but the recording ends"):
        shortest_path_edit(analysis, EditRequest(target_s=10.0, must_keep_s=((40.0, 50.0),)))
    with pytest.raises(TargetError, match="needs a length or the worth"):
        shortest_path_edit(analysis, EditRequest())


# Worth


def worth_of(analysis, good_letters):
    starts = np.array([section.start_s for section in analysis.sections])
    number = np.searchsorted(starts, analysis.beats_s, side="right") - 1
    return np.array([float(analysis.sections[n].label in good_letters) for n in number])


def test_worth_decides_what_is_played():
    analysis = song_analysis("XABYAC")
    edit_list = shortest_path_edit(analysis, EditRequest(target_s=64.0), worth_of(analysis, "ABC"))
    assert clips_s(edit_list) == [(16.0, 48.0), (64.0, 96.0)]
    assert [beat.score for beat in edit_list.beats] == worth_of(analysis, "ABC").tolist()


def test_without_a_length_worth_decides_that_too():
    analysis = song_analysis("XABYACZ")
    edit_list = shortest_path_edit(analysis, EditRequest(), worth_of(analysis, "ABC"))
    assert clips_s(edit_list) == [(16.0, 48.0), (64.0, 96.0)]


def test_a_short_doubt_does_not_break_the_music():
    analysis = song_analysis("ABC")
    worth = np.ones(len(analysis.beats_s))
    worth[40:42] = 0.2
    assert len(shortest_path_edit(analysis, EditRequest(), worth).clips) == 1


# The record


def test_the_list_is_json_and_tells_who_made_it():
    edit_list = shortest_path_edit(
        song_analysis("ABAC"), EditRequest(keep_ratio=0.5, seed=7), np.full(128, 0.5), made_by=MadeBy("scored")
    )
    assert from_json(to_json(edit_list)) == edit_list
    assert (edit_list.made_by.editor, edit_list.made_by.seed) == ("scored", 7)
    assert all(clip.reason for clip in edit_list.clips)


def test_is_deterministic():
    analysis = song_analysis("ABACABD", take_noise=0.3)
    first, second = (shortest_path_edit(analysis, EditRequest(keep_ratio=0.4)) for _ in range(2))
    assert to_json(first) == to_json(second)


# The table


def small_problem(rng, pieces):
    grid = np.concatenate([[0], np.cumsum(rng.integers(0, 3, pieces))])
    hops = []
    for leave, arrive in itertools.product(range(START, pieces + 1), range(pieces)):
        land = arrive + int(rng.integers(1, 3))
        if leave != 0 and land <= pieces and rng.random() < 0.5:
            hops.append((land, leave, arrive, float(rng.integers(1, 100))))
    land, leave, arrive, cost = (np.array(column) for column in zip(*sorted(hops)))
    found = Hops(*(part.astype(np.int32) for part in (leave, arrive, land)), cost.astype(np.float32))
    play = rng.integers(0, 20, pieces).astype(np.float32)
    end = rng.integers(0, 50, pieces + 1).astype(np.float32)
    end[rng.random(pieces + 1) < 0.3] = np.inf
    return found, grid.astype(np.int64), play, end


def cheapest_by_trying_all(hops, grid, play, end, longest):
    """Walk every path, without tables; hops backwards last a quantum at least."""
    best = np.full(longest + 1, np.inf)

    def walk(bound, length, cost, steps):
        if length > longest or steps > 14:
            return
        best[length] = min(best[length], cost + end[bound])
        if bound < len(play):
            walk(bound + 1, length + grid[bound + 1] - grid[bound], cost + play[bound], steps + 1)
        for number in np.flatnonzero(hops.leave == bound):
            quanta = grid[hops.land[number]] - grid[hops.arrive[number]]
            if bound >= hops.land[number]:
                quanta = max(quanta, 1)
            walk(hops.land[number], length + quanta, cost + hops.cost[number], steps + 1)

    for number in np.flatnonzero(hops.leave == START):
        walk(hops.land[number], grid[hops.land[number]] - grid[hops.arrive[number]], hops.cost[number], 0)
    return best


@pytest.mark.parametrize("seed", range(12))
def test_the_table_holds_the_cheapest_path_of_every_length(seed):
    hops, grid, play, end = small_problem(np.random.default_rng(seed), pieces=4)
    table = fill_table(hops, grid=grid, play_cost=play, end_cost=end, longest=5)
    assert np.array_equal(table.end_cost, cheapest_by_trying_all(hops, grid, play, end, 5))


@pytest.mark.parametrize("seed", range(6))
def test_the_hops_that_are_read_back_cost_what_the_table_says(seed):
    hops, grid, play, end = small_problem(np.random.default_rng(100 + seed), pieces=12)
    table = fill_table(hops, grid=grid, play_cost=play, end_cost=end, longest=20)
    for length in np.flatnonzero(np.isfinite(table.end_cost)):
        taken = table.hops_to(int(length))
        stops = np.append(hops.leave[taken[1:]], table.end_bound[length])
        cost, quanta = float(hops.cost[taken].sum()), int(table.hop_quanta[taken].sum())
        for hop, stop in zip(taken, stops):
            assert stop >= hops.land[hop]
            cost += float(play[hops.land[hop] : stop].sum())
            quanta += int(grid[stop] - grid[hops.land[hop]])
        assert hops.leave[taken[0]] == START
        assert cost + end[table.end_bound[length]] == table.end_cost[length]
        assert quanta == length


def test_joins_of_the_graph_are_the_priced_ones():
    analysis = song_analysis("ABAC")
    timeline = timeline_of(analysis, EditRequest(must_keep_s=((20.0, 30.0),), must_cut_s=((40.1, 44.3),)))
    graph = JoinGraph(analysis, timeline, None)
    hops = graph.hops(8.0, repeats=True)
    joined = hops.leave != START
    leave, arrive = hops.leave[joined].astype(int), hops.arrive[joined].astype(int)
    assert np.all(timeline.joinable[leave] & timeline.joinable[arrive])
    for start, end in zip(hops.arrive, hops.land):
        assert timeline.playable[start:end].all()
    for start, end in zip(leave, arrive):
        assert end < start or not timeline.required[start:end].any()
