from __future__ import annotations

from editorbot.editlist.json_format import from_json, to_json
from editorbot.editlist.operations import cut_ranges
from editorbot.editors.base import EditRequest
from editorbot.editors.keep_all import KeepAllEditor
from tests.editors.factories import one_beat_analysis, song_analysis


def test_plays_every_sample_once():
    analysis = song_analysis("ABAB", first_beat_s=0.3, tail_s=0.4)
    edit_list = KeepAllEditor().edit(analysis, EditRequest())
    assert [(clip.start, clip.end) for clip in edit_list.clips] == [(0, analysis.source.samples)]
    assert edit_list.clips[0].is_copy
    assert cut_ranges(edit_list) == ()
    assert edit_list.warnings == ()


def test_takes_silent_and_short_recordings():
    for analysis in (song_analysis("  ", has_beat=False), one_beat_analysis(0.01)):
        edit_list = KeepAllEditor().edit(analysis, EditRequest(must_keep_s=((0.0, 0.005),)))
        assert edit_list.output_samples == analysis.source.samples
        assert edit_list.warnings == ()


def test_warns_of_requests_that_it_ignores():
    edit_list = KeepAllEditor().edit(song_analysis("AB"), EditRequest(target_s=5.0, must_cut_s=((1.0, 2.0),)))
    assert edit_list.output_samples == edit_list.source.samples
    (line,) = edit_list.warnings
    assert line.startswith("IGNORED: ")
    assert "so a target length and ranges to cut had no effect" in line


def test_keeping_everything_meets_a_ratio_of_one():
    assert KeepAllEditor().edit(song_analysis("AB"), EditRequest(keep_ratio=1.0)).warnings == ()


def test_the_list_survives_json_and_names_the_editor():
    edit_list = KeepAllEditor().edit(song_analysis("AB"), EditRequest(seed=3))
    assert from_json(to_json(edit_list)) == edit_list
    assert (edit_list.made_by.editor, edit_list.made_by.seed) == ("keep-all", 3)
