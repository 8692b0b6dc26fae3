"""Files that are there whole or not at all, whatever breaks in when."""

import builtins
import os

import numpy as np
import pytest

from editorbot.atomic import write_whole
from editorbot.corpus.cache_files import writing
from editorbot.errors import ExistsError, OutputError
from editorbot.recording import TrackWriter


class Stop(BaseException):
    """What a signal raises, at whatever line it finds."""


@pytest.fixture
def stopped(monkeypatch):
    """Break in right after a file was made, before anybody holds it."""
    usual = builtins.open

    def open_and_stop(path, mode="r", *args, **kwargs):
        file = usual(path, mode, *args, **kwargs)
        if "x" in mode:
            file.close()
            raise Stop
        return file

    monkeypatch.setattr(builtins, "open", open_and_stop)


def test_what_breaks_in_as_a_small_file_is_made_leaves_nothing(tmp_path, stopped):
    with pytest.raises(Stop):
        write_whole(tmp_path / "card.json", b"{}")
    assert not list(tmp_path.iterdir())


def test_what_breaks_in_as_a_track_is_made_leaves_nothing(tmp_path, stopped):
    with pytest.raises(Stop):
        TrackWriter(tmp_path / "track.wav", 44_100, 2, "PCM_16")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "card.json"
    write_whole(path, b"old")
    with pytest.raises(TypeError):
        write_whole(path, "no bytes")
    assert [one.name for one in tmp_path.iterdir()] == ["card.json"]
    assert path.read_bytes() == b"old"
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"


def write_half(path):
    with writing(path) as file:
        file.write(b"half")
        raise Stop


def test_a_cache_entry_is_whole_or_not_there(tmp_path):
    path = tmp_path / "deep" / "one.npy"
    with pytest.raises(Stop):
        write_half(path)
    assert not list(path.parent.iterdir())
    with writing(path) as file:
        np.save(file, np.arange(3))
    assert np.load(path).tolist() == [0, 1, 2]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(OutputError):
        write_whole(tmp_path / "no" / "card.json", b"{}")
    with pytest.raises(OutputError):
        TrackWriter(tmp_path / "no" / "track.wav", 44_100, 2, "PCM_16")


@pytest.mark.parametrize("has_links", [True, False])
def test_what_may_not_be_replaced_is_not(tmp_path, monkeypatch, has_links):
    if not has_links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no links")))
    path = tmp_path / "card.json"
    write_whole(path, b"first", may_replace=False)
    mode = path.stat().st_mode
    with pytest.raises(ExistsError, match="another program wrote it"):
        write_whole(path, b"second", may_replace=False)
    assert path.read_bytes() == b"first"
    assert [one.name for one in tmp_path.iterdir()] == ["card.json"]
    write_whole(path, b"third")
    assert (path.read_bytes(), path.stat().st_mode) == (b"third", mode)


def test_a_name_that_was_taken_in_vain_is_given_free(tmp_path, monkeypatch):
    for name in ("link", "replace"):
        monkeypatch.setattr(os, name, lambda *_: (_ for _ in ()).throw(PermissionError(1, "not here")))
    with pytest.raises(OutputError):
        write_whole(tmp_path / "card.json", b"{}", may_replace=False)
    assert not list(tmp_path.iterdir())
