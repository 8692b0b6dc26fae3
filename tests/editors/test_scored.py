from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from editorbot.editlist.operations import played_ranges
from editorbot.editors.base import EditRequest
from editorbot.editors.clips import beat_scores
from editorbot.editors.scored import RulesEditor, ScoredEditor
from editorbot.errors import TargetError, UsageError
from editorbot.timebase import STEP_S
from tests.editors.step_grids import RATE, jam_analysis, quiet_steps, song_steps, talk_steps


def kept_s(edit_list, start_s: float, end_s: float) -> float:
    """Return how many seconds of [start_s, end_s) are played."""
    ranges = [(a / RATE, b / RATE) for a, b in played_ranges(edit_list)]
    return sum(max(0.0, min(b, end_s) - max(a, start_s)) for a, b in ranges)


@pytest.fixture(scope="module")
def rehearsal():
    """Talk, a take that breaks off at step 300 of the song, silence, the song from step 220, talk."""
    return jam_analysis(
        [
            ("talk", talk_steps(80)),
            ("music", song_steps(0, 300)),
            ("silence", quiet_steps(40)),
            ("music", song_steps(220, 800)),
            ("talk", talk_steps(60)),
        ]
    )


@pytest.fixture(params=[ScoredEditor, RulesEditor])
def editor(request):
    """Return each editor that scores."""
    return request.param()


def test_talk_and_silence_go_and_the_song_stays(rehearsal):
    edit_list = RulesEditor().edit(rehearsal, EditRequest())
    assert kept_s(edit_list, 0, 80 * STEP_S) < 1.5
    assert kept_s(edit_list, 380 * STEP_S, 420 * STEP_S) < 1.5
    assert kept_s(edit_list, 1000 * STEP_S, 1060 * STEP_S) < 1.5
    assert kept_s(edit_list, 420 * STEP_S, 1000 * STEP_S) > 0.95 * 580 * STEP_S


def test_of_a_take_that_broke_off_the_later_play_stays(rehearsal):
    edit_list = RulesEditor().edit(rehearsal, EditRequest())
    assert kept_s(edit_list, 302 * STEP_S, 380 * STEP_S) < 1.0
    assert kept_s(edit_list, 84 * STEP_S, 296 * STEP_S) > 0.95 * 212 * STEP_S
    assert any("played again at" in clip.reason for clip in edit_list.clips)


def test_reasons_name_what_was_cut(rehearsal):
    clips = RulesEditor().edit(rehearsal, EditRequest()).clips
    assert "s of talk" in clips[0].reason
    assert "last cut" in clips[-1].reason


def test_a_finished_track_is_left_nearly_whole():
    edit_list = RulesEditor().edit(jam_analysis([("music", song_steps(0, 900))]), EditRequest())
    assert edit_list.output_samples >= 0.9 * edit_list.source.samples


def test_every_beat_has_a_score(rehearsal):
    edit_list = RulesEditor().edit(rehearsal, EditRequest())
    assert [beat.at for beat in edit_list.beats] == np.rint(rehearsal.beats_s * RATE).astype(int).tolist()
    assert all(0 <= beat.score <= 1 for beat in edit_list.beats)
    talk = [beat.score for beat in edit_list.beats if beat.at < 70 * STEP_S * RATE]
    song = [beat.score for beat in edit_list.beats if 450 * STEP_S * RATE < beat.at < 950 * STEP_S * RATE]
    assert np.mean(talk) < 0.2 < 0.8 < np.mean(song)


def test_scores_of_beats_are_means_over_steps(rehearsal):
    score = np.random.default_rng(0).uniform(0, 1, len(rehearsal.steps))
    fine = np.repeat(score, 1000)
    bounds = np.rint(rehearsal.beat_bounds_s / STEP_S * 1000).astype(int)
    naive = [fine[a:b].mean() for a, b in zip(bounds, bounds[1:])]
    np.testing.assert_allclose(beat_scores(rehearsal, score), naive, atol=2e-3)


def test_ranges_are_exact_to_the_sample(editor, rehearsal):
    request = EditRequest(must_keep_s=((2.0, 5.0),), must_cut_s=((100.0, 101.5), (7.0, 7.25)))
    edit_list = editor.edit(rehearsal, request)
    assert kept_s(edit_list, 2.0, 5.0) == pytest.approx(3.0)
    assert kept_s(edit_list, 100.0, 101.5) == 0
    assert kept_s(edit_list, 7.0, 7.25) == 0


def test_cutting_everything_is_refused(editor, rehearsal):
    with pytest.raises(TargetError, match="whole recording"):
        editor.edit(rehearsal, EditRequest(must_cut_s=((0.0, 1e6),)))


@pytest.mark.parametrize("request_", [EditRequest(target_s=60.0), EditRequest(keep_ratio=0.4)])
def test_a_target_is_met_by_the_path(editor, rehearsal, request_):
    edit_list = editor.edit(rehearsal, request_)
    assert abs(edit_list.output_samples / RATE - request_.target_length_s(rehearsal.duration_s)) <= 2.0
    assert edit_list.made_by.editor == {ScoredEditor: "scored", RulesEditor: "scored-rules"}[type(editor)]
    assert len(edit_list.beats) == len(rehearsal.beats_s)


@pytest.mark.parametrize(
    "parts",
    [
        [("talk", talk_steps(200))],
        [("silence", quiet_steps(100))],
        [("noise", quiet_steps(100, -40.0))],
        [("music", np.repeat(song_steps(0, 1), 300, axis=0))],  # a drone
        [("music", song_steps(0, 1))],
        [("music", song_steps(0, 11))],
        [("music", song_steps(0, 30)), ("silence", quiet_steps(5))],
    ],
    ids=["talk", "silence", "noise", "drone", "one step", "two seconds", "short"],
)
@pytest.mark.parametrize("has_beat", [True, False])
def test_something_is_always_kept(editor, parts, has_beat):
    edit_list = editor.edit(jam_analysis(parts, has_beat=has_beat), EditRequest())
    (clip,) = edit_list.clips
    assert clip.start == 0
    assert clip.end >= 0.8 * edit_list.source.samples  # of the last one, the silence at its end may go


def test_where_there_is_only_talk_all_of_it_stays(editor):
    edit_list = editor.edit(
        jam_analysis([("silence", quiet_steps(60)), ("talk", talk_steps(200))], has_beat=False), EditRequest()
    )
    assert kept_s(edit_list, 62 * STEP_S, 260 * STEP_S) > 0.95 * 198 * STEP_S
    assert kept_s(edit_list, 0, 58 * STEP_S) == 0


def test_the_same_analysis_gives_the_same_edit(editor, rehearsal):
    assert editor.edit(rehearsal, EditRequest()) == editor.edit(rehearsal, EditRequest())


def test_across_a_dropped_take_the_music_goes_on_in_time(rehearsal):
    clips = RulesEditor().edit(replace(rehearsal, beat_confidence=0.0), EditRequest()).clips
    left, entered = next((a, b) for a, b in zip(clips, clips[1:]) if "played again at" in b.reason)
    # Step 80 + k and step 420 - 220 + k hold the same music.
    assert (entered.start - left.end) / RATE == pytest.approx((420 - 220 - 80) * STEP_S, abs=0.03)


def test_a_range_to_keep_beyond_the_end_is_refused(editor, rehearsal):
    with pytest.raises(TargetError, match="the recording ends at"):
        editor.edit(rehearsal, EditRequest(must_keep_s=((1e5, 1e5 + 1),)))


@pytest.fixture(scope="module")
def two_takes():
    """Talk, a take that is played again as a whole after a stop, talk."""
    parts = [("talk", talk_steps(80)), ("music", song_steps(0, 500)), ("silence", quiet_steps(40))]
    return jam_analysis([*parts, ("music", song_steps(0, 500)), ("talk", talk_steps(60))])


def test_gentle_keeps_every_take_and_cuts_what_is_no_music(editor, two_takes):
    gentle = editor.edit(two_takes, EditRequest(tightness="gentle"))
    assert kept_s(gentle, 80 * STEP_S, 580 * STEP_S) > 0.98 * 500 * STEP_S
    assert kept_s(gentle, 620 * STEP_S, 1120 * STEP_S) > 0.98 * 500 * STEP_S
    assert kept_s(gentle, 0, 80 * STEP_S) + kept_s(gentle, 1120 * STEP_S, 1180 * STEP_S) < 3.0
    if isinstance(editor, RulesEditor):  # what the network makes of random steps does not matter
        assert kept_s(editor.edit(two_takes, EditRequest()), 80 * STEP_S, 1120 * STEP_S) < 600 * STEP_S


def test_a_tightness_that_is_none_is_refused():
    request = EditRequest()
    object.__setattr__(request, "tightness", "loose")  # as from a caller without type checks
    with pytest.raises(UsageError, match="gentle or normal, but is 'loose'"):
        request.__post_init__()
