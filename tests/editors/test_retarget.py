from __future__ import annotations

import pytest

from editorbot.editors.base import EditRequest
from editorbot.editors.retarget import FALLBACK_KEEP_RATIO, RetargetEditor
from tests.editors.factories import one_beat_analysis, song_analysis


def test_obeys_the_target():
    analysis = song_analysis("ABAC", take_noise=0.2)
    edit_list = RetargetEditor().edit(analysis, EditRequest(target_s=40.0, seed=5))
    assert abs(edit_list.output_samples / 44_100 - 40.0) <= 2.0
    assert (edit_list.made_by.editor, edit_list.made_by.seed) == ("retarget", 5)
    assert "no length was given" not in edit_list.clips[0].reason


@pytest.mark.parametrize("has_beat", [True, False])
def test_without_a_target_keeps_the_usual_share_and_says_so(has_beat):
    analysis = song_analysis("ABACA", has_beat=has_beat)
    edit_list = RetargetEditor().edit(analysis, EditRequest())
    assert abs(edit_list.output_samples / analysis.source.samples - FALLBACK_KEEP_RATIO) <= 2.0 / 80
    assert "no length was given, so about 45% is kept" in edit_list.clips[0].reason
    assert edit_list.warnings == ()


def test_takes_a_recording_of_one_beat():
    edit_list = RetargetEditor().edit(one_beat_analysis(2.5), EditRequest())
    assert [(clip.start, clip.end) for clip in edit_list.clips] == [(0, edit_list.source.samples)]
    assert [line.partition(":")[0] for line in edit_list.warnings] == ["TARGET_MISSED"]
