"""Damage inside a body is never passed over in silence."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from editorbot.errors import EmptyError, NotAudioError
from editorbot.recording import open_recording
from editorbot.recording.ogg import OggPages, page_checksum, scan_pages
from tests import corpus

RATE = 8_000


def notes(seconds: float = 20.0) -> np.ndarray:
    """Return notes in noise, long enough for several pages and frames."""
    time_s = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).standard_normal(len(time_s))
    return 0.3 * np.sin(2_000 * time_s) + 0.05 * noise


def encoded(kind: str, seconds: float = 20.0) -> bytearray:
    """Return notes as the bytes of a file."""
    content = io.BytesIO()
    sf.write(content, notes(seconds), RATE, format=kind)
    return bytearray(content.getvalue())


def opened(path: Path, content: bytes) -> tuple[int, tuple[str, ...]]:
    path.write_bytes(content)
    with open_recording(path) as recording:
        return recording.samples, recording.warnings


@pytest.mark.parametrize("kind", ["flac", "ogg"])
@pytest.mark.parametrize("damaged_bytes", [1, 200])
def test_a_damaged_place_is_told_with_its_time(tmp_path: Path, kind: str, damaged_bytes: int) -> None:
    content = encoded(kind)
    whole, warnings = opened(tmp_path / "whole", content)
    assert warnings == ()
    middle = len(content) // 2
    for at in range(middle, middle + damaged_bytes):
        content[at] ^= 0x5A
    samples, warnings = opened(tmp_path / "damaged", content)
    assert abs(samples - whole) < RATE
    (warning,) = warnings
    assert warning.startswith("DAMAGED: 1 packet is lost, at 0:")
    seconds = float(warning.split("at 0:")[1].split(" ")[0])
    assert 5 < seconds < 12


def test_damaged_flac_is_left_out_and_not_played(tmp_path: Path) -> None:
    content = encoded("flac")
    (tmp_path / "whole").write_bytes(content)
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "damaged").write_bytes(content)
    with open_recording(tmp_path / "whole") as whole, open_recording(tmp_path / "damaged") as damaged:
        before, after = whole.read_native(0, whole.samples), damaged.read_native(0, damaged.samples)
    lost = len(before) - len(after)
    assert 0 < lost <= 4_608
    first = int(np.flatnonzero((before[: len(after)] != after).any(axis=1))[0])
    assert np.array_equal(after[first:], before[first + lost :])


def naive_checksum(page: bytes) -> int:
    register = 0
    for byte in page[:22] + b"\0\0\0\0" + page[26:]:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ 0x04C11DB7 if register & 0x80000000 else register << 1) & 0xFFFFFFFF
    return register


@given(st.binary(min_size=27, max_size=60))
def test_the_checksum_matches_the_naive_one(page: bytes) -> None:
    assert page_checksum(page) == naive_checksum(page)


OGG = bytes(encoded("ogg", 12.0))


def test_whole_pages_are_whole_wherever_blocks_end() -> None:
    many = OGG * 30  # longer than what is read together
    assert scan_pages(io.BytesIO(many)) == OggPages(0, 0, True)
    assert scan_pages(io.BytesIO(OGG + b"TAG" + bytes(125))) == OggPages(0, 0, True)
    assert not scan_pages(io.BytesIO(OGG[:-1])).is_finished


@given(st.integers(0, len(OGG) - 1), st.integers(1, 255))
def test_no_flipped_byte_is_overlooked(at: int, flip: int) -> None:
    content = bytearray(OGG)
    content[at] ^= flip
    pages = scan_pages(io.BytesIO(bytes(content)))
    assert pages.damaged or not pages.is_finished


@given(st.binary(max_size=200))
def test_any_bytes_come_to_an_end(content: bytes) -> None:
    scan_pages(io.BytesIO(content + b"OggS" + content))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"#EXTM3U\nsong.mp3\n", "this is a playlist, and playlists are never opened"),
        (b"\x00\x01\x02nothing", "this is no kind of audio that is known here"),
        (b"%PDF-1.4", "this is a PDF document, not audio"),
    ],
)
def test_what_is_no_audio_is_named_in_plain_words(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "song.wav").write_bytes(content)
    with pytest.raises(NotAudioError) as caught:
        open_recording(tmp_path / "song.wav")
    assert caught.value.message == words


def test_a_second_file_behind_the_first_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    one = encoded("wav", 3.0)
    samples, warnings = opened(tmp_path / "two.wav", bytes(one + one))
    assert samples == 3 * RATE
    (warning,) = warnings
    assert warning.startswith("STREAMS: another WAV file")


@pytest.mark.parametrize(("rate", "hole_bytes"), [(RATE, 700), (44_100, 1_500)])
def test_an_mp3_goes_on_behind_a_hole(tmp_path: Path, rate: int, hole_bytes: int) -> None:
    content = bytearray(corpus.encoded(corpus.music(20.0, rate), "MP3", None, rate))
    whole, warnings = opened(tmp_path / "whole", content)
    assert warnings == ()
    at = len(content) // 3
    content[at : at + hole_bytes] = bytes(hole_bytes)
    samples, (warning,) = opened(tmp_path / "hole", content)
    assert whole - rate < samples < whole
    assert warning.startswith("DAMAGED: ")
    assert 5 < float(warning.split("at 0:")[1].split(" ")[0]) < 8


def test_an_mp3_that_ends_early_is_still_told_as_cut(tmp_path: Path) -> None:
    content = encoded("mp3")
    _, (warning,) = opened(tmp_path / "half", content[: len(content) // 2])
    assert warning.startswith("TRUNCATED: 9.") or warning.startswith("TRUNCATED: 10.")


def by_sndfile(kind: str, subtype: str, endian: str = "FILE") -> bytes:
    content = io.BytesIO()
    sf.write(content, notes(), RATE, format=kind, subtype=subtype, endian=endian)
    return content.getvalue()


SIZED: dict[str, Callable[[], bytes]] = {
    "aiff": lambda: by_sndfile("AIFF", "PCM_24"), "au": lambda: by_sndfile("AU", "PCM_16"),
    "caf": lambda: by_sndfile("CAF", "PCM_16"), "w64": lambda: by_sndfile("W64", "PCM_16"),
    "rifx": lambda: by_sndfile("WAV", "PCM_16", "BIG"), "adpcm": lambda: by_sndfile("WAV", "MS_ADPCM"),
    "mka": lambda: corpus.by_av("matroska", "aac", corpus.music(20.0, 44_100)),
    "mka of two": lambda: corpus.by_av("matroska", "aac", corpus.music(20.0, 44_100), streams=2),
}  # fmt: skip
"""Files whose header tells the size or the length of the sound."""


@pytest.mark.parametrize("kind", SIZED)
def test_a_file_cut_in_half_is_told_as_cut(tmp_path: Path, kind: str) -> None:
    content = SIZED[kind]()
    _, warnings = opened(tmp_path / "whole", content)
    assert all(line.startswith("STREAMS: ") for line in warnings)
    _, warnings = opened(tmp_path / "half", content[: len(content) // 2])
    (line,) = (line for line in warnings if not line.startswith("STREAMS: "))
    assert line.startswith("TRUNCATED: ")
    assert 9 < float(line.split()[1]) < 11


def test_a_size_that_was_never_filled_in_is_no_cut(tmp_path: Path) -> None:
    content = SIZED["adpcm"]()
    at = content.index(b"data") + 4
    whole, _ = opened(tmp_path / "whole", content)
    samples, (line,) = opened(tmp_path / "piped", content[:at] + b"\xff\xff\xff\xff" + content[at + 4 :])
    assert samples == whole
    assert line.startswith("RECOVERED: ")


@pytest.mark.parametrize("codec", ["pcm_s16le", "aac"])
def test_a_hole_in_matroska_is_told_with_its_time(tmp_path: Path, codec: str) -> None:
    content = bytearray(corpus.by_av("matroska", codec, corpus.music(20.0, 44_100)))
    at = len(content) // 2
    content[at : at + 2_000] = bytes(2_000)
    _, (line,) = opened(tmp_path / "hole.mka", content)
    assert line.startswith("DAMAGED: ")
    assert 8 < float(line.split("at 0:")[1].split(" ")[0]) < 12


@pytest.mark.parametrize(("rate", "channels"), [(2 * RATE, 1), (RATE, 2)])
def test_a_second_part_of_another_kind_is_not_passed_over_in_silence(tmp_path: Path, rate: int, channels: int) -> None:
    other = corpus.encoded(corpus.music(4.0, rate, channels), "OGG", None, rate)
    samples, (warning,) = opened(tmp_path / "two.ogg", bytes(encoded("ogg", 12.0)) + other)
    assert samples == 12 * RATE
    assert warning == (
        "STREAMS: from 0:12.00 on it has another rate or other channels, and was not read; cut the file in two"
    )


def test_flac_behind_the_length_of_its_header_is_read(tmp_path: Path) -> None:
    content = encoded("flac")
    content[22:26] = (10 * RATE).to_bytes(4, "big")
    samples, warnings = opened(tmp_path / "half.flac", content)
    assert samples == 20 * RATE
    assert warnings == ("RECOVERED: the header promises only 0:10.00; 0:20.00 were read",)


SIZE_AT = {
    "rifx": (b"data", 4),
    "ulaw": (b"data", 4),
    "adpcm": (b"data", 4),
    "aiff": (b"SSND", 4),
    "w64": (b"data", 16),
}
"""Name of the chunk with the sound, and how far behind it its size stands."""


@pytest.mark.parametrize("kind", SIZE_AT)
def test_a_size_of_zero_hides_nothing(tmp_path: Path, kind: str) -> None:
    content = bytearray(by_sndfile("WAV", "ULAW") if kind == "ulaw" else SIZED[kind]())
    whole, _ = opened(tmp_path / "whole", content)
    name, behind = SIZE_AT[kind]
    at = content.index(name) + behind
    content[at : at + (8 if kind == "w64" else 4)] = bytes(8 if kind == "w64" else 4)
    samples, (warning,) = opened(tmp_path / "crashed", content)
    assert whole <= samples <= whole + 2_048
    assert warning == "RECOVERED: the header's data size is 0, as a crashed recorder leaves it; 0:20.00 were read"


@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
def test_what_is_truly_empty_stays_empty(tmp_path: Path, endian: str) -> None:
    content = io.BytesIO()
    sf.write(content, np.zeros(0), RATE, format="WAV", subtype="PCM_16" if endian == "BIG" else "ULAW", endian=endian)
    size = (4).to_bytes(4, "big" if endian == "BIG" else "little")
    for tail in (b"", b"LIST" + size + b"INFO"):
        with pytest.raises(EmptyError):
            opened(tmp_path / "empty.wav", content.getvalue() + tail)
