"""The policy editor: lengths and ranges, sampling by seed, weights read or refused, its remarks."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from editorbot.editlist.edit_list import Clip
from editorbot.editors.base import EditRequest
from editorbot.editors.policy import PolicyEditor, keep_music, with_ranges
from editorbot.editors.policy_inference.action_shares import collapse_warning, share_lines
from editorbot.editors.policy_inference.learned import SHIPPED, read_policy
from editorbot.environment.actions import V3, Action
from editorbot.errors import FormatError, MismatchError, NotFoundError
from editorbot.timebase import STEP_S
from tests.editors.factories import song_analysis
from tests.editors.step_grids import jam_analysis, song_steps, talk_steps

SONG = song_analysis("ABABABAB", bpm=120.0)
RATE = SONG.source.sample_rate


@pytest.fixture(scope="module")
def editor():
    return PolicyEditor()


def test_an_edit_says_by_whom_it_is_and_how_sure(editor):
    edit = editor.edit(SONG, EditRequest(seed=3))
    assert edit.made_by.editor == "policy"
    assert edit.made_by.checkpoint == read_policy().digest
    assert len(edit.beats) == len(SONG.beats_s)
    assert all(0 <= clip.confidence <= 1 for clip in edit.clips)
    assert edit == editor.edit(SONG, EditRequest(seed=3)) == PolicyEditor().edit(SONG, EditRequest(seed=3))


@pytest.mark.parametrize("wanted", [{"target_s": 40.0}, {"keep_ratio": 0.3}, {"target_s": 100.0, "temperature": 1.0}])
def test_a_length_is_met(editor, wanted):
    request = EditRequest(**wanted)
    edit = editor.edit(SONG, request)
    assert edit.output_samples / RATE == pytest.approx(request.target_length_s(SONG.duration_s), abs=2.0)  # a bar


@pytest.mark.parametrize("more", [{}, {"target_s": 60.0}])
def test_ranges_are_kept_and_cut(editor, more):
    edit = editor.edit(SONG, EditRequest(must_keep_s=((10.0, 20.0),), must_cut_s=((30.0, 40.0),), **more))
    played = np.zeros(SONG.source.samples, bool)
    for clip in edit.clips:
        played[clip.start : clip.end] = True
    assert played[10 * RATE : 20 * RATE].all()
    assert not played[30 * RATE : 40 * RATE].any()


def test_draws_are_repeated_by_their_seed_and_differ_by_it(editor):
    drawn = [editor.edit(SONG, EditRequest(temperature=3.0, seed=seed)).clips for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("change", [{"has_beat": False}, {"has_bars": False}, {"beats_per_bar": 3}])
def test_recordings_without_beats_or_bars_are_edited(editor, change):
    analysis = song_analysis("AB", **change)
    edit = editor.edit(analysis, EditRequest())
    bounds = set(np.rint(analysis.beat_bounds_s * RATE).astype(int).tolist())
    assert {edge for clip in edit.clips for edge in (clip.start, clip.end)} <= bounds
    assert 0.2 < edit.output_samples / edit.source.samples < 1


@pytest.mark.parametrize("beats", [1, 2, 5])
def test_short_recordings_are_edited(editor, beats):
    short = song_analysis("A", bars=1, beats_per_bar=beats, has_beat=False)
    (clip,) = editor.edit(short, EditRequest()).clips
    assert (clip.start, clip.end) == (0, RATE // 2 * (1 if beats == 5 else beats))
    assert [line.split(":")[0] for line in editor.remarks(short, EditRequest())] == (
        [] if beats == 1 else [f"{beats} steps", "types", "sizes"]
    )


def test_remarks_compare_shares_with_the_usual_ones(editor):
    lines = editor.remarks(SONG, EditRequest())
    assert "keep and cut" in lines[0]
    assert "usually 60%-70%" in lines[0]
    assert lines[1].startswith("types: ")
    assert lines[2].startswith("sizes: ")


def test_actions_tell_the_edit_where_it_is_made_of_them_alone(editor):
    actions = editor.actions(SONG, EditRequest())
    edit = editor.edit(SONG, EditRequest())
    left = {one.type for one in actions if not any(a.start < one.end and one.start < a.end for a in edit.clips)}
    assert left <= {"CUT", "SKIP", "JUMP_BACK"}
    assert all(0 <= one.start < one.end <= SONG.source.samples for one in actions)
    assert editor.actions(SONG, EditRequest(must_cut_s=((30.0, 40.0),))) == ()
    assert editor.actions(song_analysis("A", bars=1, beats_per_bar=1, has_beat=False), EditRequest()) == ()


def test_shares_are_counted_by_band_and_a_collapse_is_a_warning():
    keep, cut, loop, skip = (V3.index(name) for name in ("KEEP", "CUT", "LOOP", "SKIP"))
    actions = [Action(keep, 0, 0)] * 4 + [Action(cut, 1, 0)] * 2 + [Action(loop, 0, 3)] * 3 + [Action(skip, 0, 2)]
    first, types, sizes, amounts = share_lines(actions, V3)
    assert "keep and cut 60%" in first
    assert "loops and effects 30%" in first
    assert "navigation 10%" in first
    assert types == "types: KEEP 40%, LOOP 30%, CUT 20%, SKIP 10%"
    assert sizes == "sizes: BEAT 80%, BAR 20%"
    assert amounts.startswith("amounts: POS_SMALL")
    assert collapse_warning(actions, V3) is None
    assert "100% of the policy's steps are KEEP" in (collapse_warning([Action(keep, 0, 0)] * 20, V3) or "")


def test_ranges_are_laid_on_clips():
    clips = [Clip(0, 100), Clip(200, 300, reverse=True)]
    changed = with_ranges(clips, [(50, 120), (210, 220)], [(0, 10)])
    assert [(clip.start, clip.end) for clip in changed if clip.reverse] == [(200, 210), (220, 300)]
    assert [(clip.start, clip.end) for clip in changed if not clip.reverse] == [(10, 100), (100, 120), (210, 220)]


def test_weights_of_something_else_are_refused(tmp_path):
    with pytest.raises(NotFoundError):
        PolicyEditor(tmp_path / "policy.safetensors")
    weights, card = tmp_path / "p.safetensors", tmp_path / "p.json"
    shutil.copy(SHIPPED, weights)
    with pytest.raises(NotFoundError, match="card"):
        PolicyEditor(weights)
    whole = json.loads(SHIPPED.with_suffix(".json").read_text())
    for change, error in (
        ({"format": "editorbot.scored"}, FormatError),
        ({"inputs": "sha256:0"}, MismatchError),
        ({"config": {**whole["config"], "natten_kernel_size": 32}}, FormatError),
        ({"config": {**whole["config"], "policy_hidden_dim": 32}}, FormatError),
    ):
        card.write_text(json.dumps({**whole, **change}))
        read_policy.cache_clear()
        with pytest.raises(error):
            PolicyEditor(weights)
    card.write_text(json.dumps(whole))
    weights.write_bytes(weights.read_bytes()[:1000])
    read_policy.cache_clear()
    with pytest.raises(FormatError, match="cannot be read"):
        PolicyEditor(weights)


def test_a_policy_of_another_vocabulary_is_refused():
    analysis = song_analysis("ABAB")
    with pytest.raises(MismatchError, match="trained with vocabulary v3, not v1"):
        PolicyEditor().edit(analysis, EditRequest(vocabulary="v1"))
    edits = [PolicyEditor().edit(analysis, EditRequest(vocabulary=name)).clips for name in ("v3", None)]
    assert edits[0] == edits[1]


def test_gentle_gives_back_the_music_that_a_policy_cut():
    jam = jam_analysis([("talk", talk_steps(80)), ("music", song_steps(0, 500)), ("talk", talk_steps(60))])
    rate = jam.source.sample_rate
    start, end = round(80 * STEP_S * rate), round(580 * STEP_S * rate)
    policys = [Clip(start, start + 20 * rate, reason="the policy's")]
    clips = keep_music(policys, jam)
    assert clips[0].reason == "the policy's"
    assert (clips[0].start, clips[-1].end) == (pytest.approx(start, abs=rate), pytest.approx(end, abs=rate))
    assert len(clips) == 1  # what runs on is one clip
    apart = keep_music([replace(policys[0], reverse=True)], jam)
    assert sum(clip.end - clip.start for clip in apart if not clip.reverse) > 0.97 * (end - start)
