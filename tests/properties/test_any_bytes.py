"""Whatever bytes come, opening ends well: a recording, or an error that a user can act on."""

import functools
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from editorbot.errors import EditorbotError
from editorbot.recording import open_recording
from tests.audio_corpus import by_av, encoded, music, wav

quickly = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HEADS = (
    b"RIFF\x10\0\0\0WAVE", b"RF64\xff\xff\xff\xffWAVE", b"fLaC", b"OggS", b"ID3\x03\0\0\0\0\0\x02", b"\xff\xfb\x90",
    b"FORM\0\0\0\x10AIFF", b"\0\0\0\x18ftypM4A ", b"\x1aE\xdf\xa3", b"caff", b".snd", b"wvpk", b"",
)  # fmt: skip


def opened_and_read(path: Path) -> int | None:
    """Open a file and read it whole; return its length, None where it is refused."""
    try:
        with open_recording(path) as recording:
            assert sum(len(recording.read(at, at + 65_536)) for at in range(0, recording.samples, 65_536)) > 0
            return recording.samples
    except EditorbotError as error:
        line = str(error)
    assert "\n" not in line
    return None


@given(head=st.sampled_from(HEADS), body=st.binary(max_size=3_000))
@quickly
def test_any_bytes_open_or_are_refused(tmp_path: Path, head: bytes, body: bytes) -> None:
    path = tmp_path / "any.wav"
    path.write_bytes(head + body)
    opened_and_read(path)


@given(fields=st.tuples(*[st.integers(0, 65_535)] * 2, *[st.integers(0, 2**32 - 1)] * 2, *[st.integers(0, 65_535)] * 2),
       size=st.integers(0, 2**32 - 1))  # fmt: skip
@quickly
def test_any_wav_header_opens_or_is_refused(tmp_path: Path, fields: tuple[int, ...], size: int) -> None:
    head = struct.pack("<HHIIHH", *fields)
    path = tmp_path / "any.wav"
    path.write_bytes(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + head + b"data" + struct.pack("<I", size) + bytes(5_000))
    opened_and_read(path)


@functools.cache
def whole(kind: str) -> bytes:
    if kind == "M4A":
        return by_av("ipod", "aac", music(2.0, 44_100))
    return wav(music(2.0)) if kind == "WAV" else encoded(music(2.0), kind)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "M4A"])
@given(data=st.data())
@quickly
def test_cut_or_flipped_files_never_grow_and_never_crash(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content = bytearray(whole(kind))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    for at in data.draw(st.lists(st.integers(0, max(0, len(content) - 1)), max_size=20)):
        if content:
            content[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    opened_and_read(path)


@given(cut=st.integers(0, 32_000))
@quickly
def test_every_whole_sample_of_a_cut_wav_is_read(tmp_path: Path, cut: int) -> None:
    content = whole("WAV")
    path = tmp_path / "cut.wav"
    path.write_bytes(content[: len(content) - cut])
    there = (len(content) - cut - 44) // 2
    assert opened_and_read(path) == (there or None)


@pytest.mark.parametrize("wrapped", [True, False])
def test_beyond_4_gib_every_sample_is_there(tmp_path: Path, wrapped: bool) -> None:
    samples = 2**31 + 500_000_000
    path = tmp_path / "large.wav"
    path.write_bytes(wav(np.zeros((0, 1)), size=(2 * samples) % 2**32 if wrapped else 2**32 - 1))
    with open(path, "r+b") as file:
        file.truncate(44 + 2 * samples)  # sparse: nothing is written
    with open_recording(path) as recording:
        assert recording.samples == samples
        assert recording.warnings[0].startswith("RECOVERED: ")
        assert len(recording.read(samples - 10, samples + 10)) == 10
