"""The example jam and its truth belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from editorbot.analysis.analyze import analyze
from editorbot.corpus.truth import read_truth
from editorbot.editlist.edit_list import Clip, EditList
from editorbot.editors.base import EditRequest
from editorbot.editors.registry import editor_named
from editorbot.evaluation.loudness_cutter import cut_by_loudness
from editorbot.evaluation.metrics import score_edit
from editorbot.recording import open_recording

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_truth_covers_the_jam():
    truth = read_truth(EXAMPLES / "jam.truth.json")
    with open_recording(EXAMPLES / "jam.ogg") as recording:
        assert recording.samples / recording.sample_rate == pytest.approx(truth.duration_s, abs=1e-4)
    assert truth.segments[0].start_s == 0
    assert truth.segments[-1].end_s == pytest.approx(truth.duration_s)
    kinds = [segment.kind for segment in truth.segments]
    assert {"talk", "silence", "tuning", "count_in", "breakdown", "repeat", "music"} <= set(kinds)


def test_there_is_something_to_cut_and_something_to_keep():
    truth = read_truth(EXAMPLES / "jam.truth.json")
    with open_recording(EXAMPLES / "jam.ogg") as recording:
        everything = EditList(recording.source, (Clip(0, recording.samples),), ())
        kept, cut = score_edit(everything, truth), score_edit(cut_by_loudness(recording), truth)
    assert kept.recall > 0.99
    assert 0.5 <= kept.f1 <= 0.7
    assert cut.f1 <= 0.75


@pytest.mark.parametrize("name", ["scored", "pointer"])
def test_the_take_that_broke_off_is_left_where_the_band_goes_back_to(name: str):
    truth = read_truth(EXAMPLES / "jam.truth.json")
    again = truth.segments[-2]
    with open_recording(EXAMPLES / "jam.ogg") as recording:
        edit = editor_named(name).edit(analyze(recording), EditRequest())
    rate = edit.source.sample_rate
    left_s, arrived_s = edit.clips[-2].end / rate, edit.clips[-1].start / rate
    repeats = [one for one in truth.segments if one.kind == "repeat"]
    restart_s = next(one.start_s for one in repeats if one.source_s == pytest.approx(again.source_s, abs=0.01))
    assert arrived_s == pytest.approx(again.start_s, abs=0.1)
    assert left_s == pytest.approx(restart_s, abs=0.1)
