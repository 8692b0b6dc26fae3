"""Exports by name: which files they write, and when they refuse."""

from __future__ import annotations

import pytest

from editorbot.errors import ExistsError, OutputError, UsageError
from editorbot.export import EXPORT_ENDINGS, EXPORT_NAMES, export_edit, export_paths
from tests.export.example import edit_list


def test_nothing_is_replaced_without_force(tmp_path):
    for name in EXPORT_NAMES:
        path = tmp_path / f"jam{EXPORT_ENDINGS[name]}"
        export_edit(edit_list(), name, path)
        before = path.read_bytes()
        with pytest.raises(ExistsError):
            export_edit(edit_list("other.wav"), name, path)
        assert path.read_bytes() == before
        export_edit(edit_list("other.wav"), name, path, force=True)
    assert not list(tmp_path.glob("*.part"))


def test_places_that_cannot_be_written_are_named(tmp_path):
    with pytest.raises(OutputError):
        export_edit(edit_list(), "reaper", tmp_path / "missing" / "jam.rpp")
    with pytest.raises(OutputError):
        export_edit(edit_list(), "reaper", tmp_path)


def test_an_unknown_export_is_refused():
    with pytest.raises(UsageError, match="audacity, reaper"):
        export_paths("cubase", "x.cpr")
