"""What a file is, by its first bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from editorbot.errors import NotAudioError
from editorbot.recording import open_recording
from editorbot.recording.sniff import UNKNOWN, audio_kind, other_kind, tag_bytes
from tests.audio_corpus import encoded, id3, music, wav


@pytest.mark.parametrize("kind", ["WAV", "W64", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF"])
def test_what_is_written_is_recognized(kind: str) -> None:
    assert audio_kind(encoded(music(0.5), kind)) == kind.lower()


def test_streams_without_a_header_go_by_their_sync_word() -> None:
    assert audio_kind(b"\xff\xf1\x50\x80" + bytes(20)) == "aac"
    assert audio_kind(bytes(100) + b"\xff\xfb\x90\x00" + bytes(20)) == "mp3"
    assert audio_kind(b"\xff\xfb\xf0\x00" + bytes(20)) is None  # a bit rate that is forbidden
    assert audio_kind(b"\xff") is None


@pytest.mark.parametrize("footer", [False, True])
@pytest.mark.parametrize("size", [0, 1, 127, 128, 20_000])
def test_the_tag_is_as_long_as_it_is(size: int, footer: bool) -> None:
    assert tag_bytes(id3(size, footer=footer) + wav(music(0.1))) == len(id3(size, footer=footer))


def test_what_only_begins_like_a_tag_is_none() -> None:
    assert tag_bytes(b"ID3\x04\0\0\x80\0\0\0") == 0
    assert tag_bytes(b"ID3") == 0


def test_what_looks_like_nothing_known_is_unknown() -> None:
    assert other_kind(b"\x00\x01\x02") == UNKNOWN
    assert other_kind(b"plain words") == "text, not audio"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"#EXTM3U\nsong.mp3\n", "this is a playlist, and playlists are never opened"),
        (b"\x00\x01\x02nothing", "this is no known kind of audio"),
        (b"%PDF-1.4", "this is a PDF document, not audio"),
    ],
)
def test_what_is_no_audio_is_named_in_plain_words(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "song.wav").write_bytes(content)
    with pytest.raises(NotAudioError) as caught:
        open_recording(tmp_path / "song.wav")
    assert caught.value.message == words
