"""Streams that begin in the middle of a frame are found, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editorbot.errors import NotAudioError
from editorbot.recording import open_recording
from editorbot.recording.mpeg_frames import find_stream, frame_bytes
from tests.audio_corpus import by_av, encoded, music

RATE = 44_100
MP3 = encoded(music(4.0, RATE), "MP3", None, RATE)
AAC = by_av("adts", "aac", music(4.0, RATE))


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 24_000, 32_000, 44_100, 48_000])
def test_headers_lead_from_frame_to_frame_to_the_end(rate: int) -> None:
    content = encoded(music(4.0, rate), "MP3", None, rate)
    at, frames = 0, 0
    while at < len(content):
        size = frame_bytes(content, at)
        assert size > 0, at
        at, frames = at + size, frames + 1
    assert at == len(content)
    assert frames > 4 * rate / 1_152


@pytest.mark.parametrize(("kind", "content"), [("mp3", MP3), ("aac", AAC)])
@pytest.mark.parametrize("cut", [1, 2, 100, 1_337])
def test_a_stream_is_read_from_its_first_whole_frame(tmp_path: Path, kind: str, content: bytes, cut: int) -> None:
    at = 0
    while at < cut:
        at += frame_bytes(content, at)
    start = find_stream(content[cut:])
    assert start is not None
    assert (start.kind, start.offset + cut) == (kind, at)
    (tmp_path / "rip").write_bytes(content[cut:])
    with open_recording(tmp_path / "rip") as recording:
        assert 3.8 < recording.duration_s < 4.1
        assert recording.warnings == (
            f"DAMAGED: the first {at - cut:,} bytes belong to no whole frame, and were skipped",
        )


def test_a_stream_that_tells_no_length_is_not_called_cut(tmp_path: Path) -> None:
    sound = music(20.0, RATE)
    sound[: 5 * RATE] = 0  # a low bit rate at first, from which decoders guess too long a length
    content = encoded(sound, "MP3", None, RATE)
    (tmp_path / "bare.mp3").write_bytes(content[frame_bytes(content, 0) :])
    with open_recording(tmp_path / "bare.mp3") as recording:
        assert recording.warnings == ()
        assert 20.0 <= recording.duration_s < 20.1


def test_zeros_before_a_stream_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "padded.mp3").write_bytes(bytes(5_000) + MP3)
    with open_recording(tmp_path / "padded.mp3") as recording:
        assert recording.duration_s > 3.9
        assert recording.warnings[0].startswith("DAMAGED: the first 5,000 bytes ")


@pytest.mark.parametrize("head", [b"#EXTM3U\nsong.mp3\n", b"ffconcat version 1.0\n", b"%PDF-1.4\n", b"PK\x03\x04"])
def test_what_says_that_it_is_something_else_is_not_searched(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "song.mp3").write_bytes(head + MP3)
    with pytest.raises(NotAudioError):
        open_recording(tmp_path / "song.mp3")


@given(st.text(max_size=2_000))
def test_text_is_no_stream(text: str) -> None:
    assert find_stream(text.encode() * 50) is None


@given(st.binary(max_size=3_000))
def test_noise_is_no_stream(content: bytes) -> None:
    assert find_stream(content) is None
    assert find_stream(b"\xff" * 300 + content) is None
