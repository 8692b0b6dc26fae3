"""Damage inside a body is never passed over in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from editorbot.recording import open_recording
from tests import audio_corpus
from tests.recording.notes import RATE, encoded, opened


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


def test_a_second_file_behind_the_first_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    one = encoded("wav", 3.0)
    samples, warnings = opened(tmp_path / "two.wav", bytes(one + one))
    assert samples == 3 * RATE
    (warning,) = warnings
    assert warning.startswith("STREAMS: another WAV file")


@pytest.mark.parametrize(("rate", "hole_bytes"), [(RATE, 700), (44_100, 1_500)])
def test_an_mp3_goes_on_behind_a_hole(tmp_path: Path, rate: int, hole_bytes: int) -> None:
    content = bytearray(audio_corpus.encoded(audio_corpus.music(20.0, rate), "MP3", None, rate))
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


@pytest.mark.parametrize("codec", ["pcm_s16le", "aac"])
def test_a_hole_in_matroska_is_told_with_its_time(tmp_path: Path, codec: str) -> None:
    content = bytearray(audio_corpus.by_av("matroska", codec, audio_corpus.music(20.0, 44_100)))
    at = len(content) // 2
    content[at : at + 2_000] = bytes(2_000)
    _, (line,) = opened(tmp_path / "hole.mka", content)
    assert line.startswith("DAMAGED: ")
    assert 8 < float(line.split("at 0:")[1].split(" ")[0]) < 12


@pytest.mark.parametrize(("rate", "channels"), [(2 * RATE, 1), (RATE, 2)])
def test_a_second_part_of_another_kind_is_not_passed_over_in_silence(tmp_path: Path, rate: int, channels: int) -> None:
    other = audio_corpus.encoded(audio_corpus.music(4.0, rate, channels), "OGG", None, rate)
    samples, (warning,) = opened(tmp_path / "two.ogg", bytes(encoded("ogg", 12.0)) + other)
    assert samples == 12 * RATE
    assert warning == (
        "STREAMS: from 0:12.00 on it has another rate or other channels, and was not read; cut the file in two"
    )
