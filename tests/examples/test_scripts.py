"""The example scripts run as their first lines say, on the example jam."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from editorbot.editlist.json_format import read_edit_list
from editorbot.recording import open_recording

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(monkeypatch: pytest.MonkeyPatch, script: str, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / script), run_name="__main__")


def test_an_edit_from_python_can_be_scored(monkeypatch, tmp_path, capsys):
    run(monkeypatch, "edit_from_python.py", EXAMPLES / "jam.ogg", tmp_path / "new" / "jam.wav")
    assert "1:52.20 became" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"jam.wav", "jam.json", "jam.rpp"}
    run(monkeypatch, "score_an_edit.py", tmp_path / "new" / "jam.json", EXAMPLES / "jam.truth.json")
    assert "F1" in capsys.readouterr().out


def test_a_list_made_by_hand_renders(monkeypatch, tmp_path, capsys):
    run(monkeypatch, "cut_by_hand.py", EXAMPLES / "jam.ogg", tmp_path / "hand.wav", "0:33-0:57", "1:13-1:20")
    assert "2 clips, 31.0 s" in capsys.readouterr().out
    edit_list = read_edit_list(tmp_path / "hand.json")
    with open_recording(tmp_path / "hand.wav") as track:
        assert track.samples == edit_list.output_samples
