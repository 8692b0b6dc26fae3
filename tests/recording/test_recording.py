"""Opening and reading: what is refused, and lengths that are exact."""

import os
import sys
from pathlib import Path

import pytest

from editorbot.errors import EditorbotError
from editorbot.recording import open_recording
from tests.audio_corpus import encoded, music, wav


def code_of(path: Path) -> str:
    with pytest.raises(EditorbotError) as caught:
        open_recording(path)
    return caught.value.code


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has none of these")
def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.wav")
    assert code_of(tmp_path / "folder.wav") == "NOT_FOUND"
    assert code_of(tmp_path / "loop.wav") == "UNREADABLE"
    assert code_of(tmp_path / "gone.wav") == "NOT_FOUND"
    assert code_of(tmp_path / "pipe.wav") == "UNREADABLE"
    assert code_of(Path("/dev/null")) == "UNREADABLE"
    assert code_of(Path("/dev/zero")) == "UNREADABLE"


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(music()))
    with open_recording(path) as recording:
        os.truncate(path, 30_000)
        with pytest.raises(EditorbotError, match="became shorter"):
            recording.read(0, recording.samples)


@pytest.mark.parametrize(("kind", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", "PCM_16"), ("MP3", None)])
def test_files_put_together_are_read_to_the_last(tmp_path: Path, kind: str, subtype: str | None) -> None:
    one = encoded(music(2, 48_000), kind, subtype, 48_000)
    path = tmp_path / "two.wav"
    path.write_bytes(one + one)
    with open_recording(path) as recording:
        assert abs(recording.samples - 2 * 96_000) < 4_608


@pytest.mark.parametrize(("kind", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None), ("FLAC", "PCM_16")])
def test_lengths_are_exact_to_the_sample(tmp_path: Path, kind: str, subtype: str | None) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(encoded(music(4, 48_000)[:100_001], kind, subtype, 48_000))
    with open_recording(path) as recording:
        assert abs(recording.samples - 100_001) <= 1
