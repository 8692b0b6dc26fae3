"""The package's public names, used as a library user would."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import editorbot
from tests.sounds import jam, write


def test_every_public_name_is_there_and_says_what_it_is_for() -> None:
    for name in set(editorbot.__all__) - {"__version__"}:
        assert getattr(editorbot, name).__doc__.strip()
    assert set(editorbot.__all__) <= set(dir(editorbot))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = editorbot.nonsense


def test_a_recording_becomes_a_track_a_list_and_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "jam.wav", jam())
    with editorbot.open_recording("jam.wav") as recording:
        analysis = editorbot.analyze(recording)
        request = editorbot.EditRequest(must_keep_s=((5.0, 6.0),), must_cut_s=((20.0, 22.0),))
        edit_list = editorbot.edit(recording, analysis, request)
        assert editorbot.write_track(edit_list, recording, "track.wav") == ()
        with pytest.raises(editorbot.errors.ExistsError):
            editorbot.write_track(edit_list, recording, "track.wav")
    editorbot.write_edit_list("track.json", edit_list)
    assert editorbot.read_edit_list("track.json") == edit_list
    assert editorbot.export_edit(edit_list, "reaper", "track.rpp") == ("track.rpp",)
    assert edit_list.made_by.version == editorbot.__version__
    assert sf.info("track.wav").frames == edit_list.output_samples
    played = np.zeros(edit_list.source.samples, bool)
    for clip in edit_list.clips:
        played[clip.start : clip.end] = True
    rate = edit_list.source.sample_rate
    assert played[5 * rate : 6 * rate].all()
    assert not played[20 * rate : 22 * rate].any()


def test_an_editor_of_ones_own_is_taken_for_its_name(tmp_path: Path) -> None:
    from editorbot.editors.keep_all import KeepAllEditor

    path = write(tmp_path / "jam.wav", jam())
    with editorbot.open_recording(path) as recording:
        analysis = editorbot.analyze(recording)
        edits = [editorbot.edit(recording, analysis, editor=editor) for editor in (KeepAllEditor(), "keep-all")]
    assert edits[0] == edits[1]
    assert edits[0].output_samples == edits[0].source.samples
