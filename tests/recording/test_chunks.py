"""Chunks are walked to the end of any file, and no further."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editorbot.recording.chunks import LAYOUTS, only_chunks_follow, walk_chunks
from tests.audio_corpus import encoded, music

WAV = LAYOUTS["wav"]


def riff(*chunks: tuple[bytes, bytes], padded: bool = True) -> io.BytesIO:
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + (b"\0" if padded and len(content) % 2 else b"")
        for name, content in chunks
    )
    return io.BytesIO(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body)


@pytest.mark.parametrize("padded", [True, False])
def test_odd_chunks_are_followed_with_and_without_their_pad_byte(padded: bool) -> None:
    file = riff((b"bext", b"abc"), (b"fmt ", bytes(16)), (b"data", b"12"), padded=padded)
    assert [(chunk.name, chunk.size) for chunk in walk_chunks(file, WAV)] == [(b"bext", 3), (b"fmt ", 16), (b"data", 2)]


@pytest.mark.parametrize(("container", "kind"), [("AIFF", "aiff"), ("CAF", "caf"), ("W64", "w64")])
def test_the_sound_is_as_long_as_it_was_written(container: str, kind: str) -> None:
    layout, content = LAYOUTS[kind], encoded(music(1.0), container, "PCM_16")
    (sound,) = (chunk for chunk in walk_chunks(io.BytesIO(content), layout) if chunk.name.startswith(layout.sound))
    assert 0 <= sound.size - 2 * 8_000 <= 8  # AIFF and CAF count a few bytes before the samples
    assert sound.end <= len(content)


@given(st.sampled_from(sorted(LAYOUTS)), st.binary(max_size=200))
def test_any_bytes_come_to_an_end_inside_the_file(kind: str, content: bytes) -> None:
    file = io.BytesIO(bytes(LAYOUTS[kind].first) + content)
    for chunk in walk_chunks(file, LAYOUTS[kind]):
        assert chunk.start <= LAYOUTS[kind].first + len(content)


def test_what_follows_is_chunks_or_something_else() -> None:
    file = riff((b"LIST", b"INFO"), (b"id3 ", b"abcd"))
    size = len(file.getvalue())
    assert only_chunks_follow(file, WAV, 12, size)
    assert only_chunks_follow(file, WAV, size - 3, size)  # a few bytes are no chunk and no sound
    assert not only_chunks_follow(file, WAV, 13, size)
    assert not only_chunks_follow(io.BytesIO(bytes(100)), WAV, 12, 100)
