import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from editorbot.errors import EditorbotError, NoDecoderError
from editorbot.recording import open_recording
from editorbot.recording.pcm import PcmFormat
from editorbot.recording.wav_file import WavFile
from tests.audio_corpus import RATE, encoded, music, wav


@pytest.mark.parametrize("largest", [10**9, 1_000])
@pytest.mark.parametrize(("subtype", "dtype"), [("PCM_16", "<i2"), ("FLOAT", "<f4"), ("DOUBLE", "<f8")])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_file_too_large_becomes_rf64_that_all_can_read(
    tmp_path: Path, largest: int, subtype: str, dtype: str, channels: int
) -> None:
    values = (np.arange(999 * channels) - 400).astype(dtype).reshape(-1, channels)
    path = tmp_path / "out.wav"
    with open(path, "w+b") as file:
        wav_file = WavFile(file, RATE, PcmFormat(subtype, channels), largest=largest)
        wav_file.append(values.tobytes())
        wav_file.finish()
    assert path.read_bytes()[:4] == (b"RF64" if largest == 1_000 else b"RIFF")
    with open_recording(path) as recording:
        assert recording.warnings == ()
        assert (recording.read_native(0, 2_000) == values).all()
    if subtype == "PCM_16":
        assert (sf.read(path, dtype="int16", always_2d=True)[0] == values).all()
    else:
        assert (sf.read(path, dtype="float64", always_2d=True)[0] == values).all()


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
    assert code_of(Path("/dev/null")) in ("EMPTY", "UNREADABLE")
    assert code_of(Path("/dev/zero")) in ("EMPTY", "UNREADABLE")


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


def with_format(content: bytes, head: bytes) -> bytes:
    """Return a WAV whose format chunk is another one."""
    inside = b"WAVEfmt " + struct.pack("<I", len(head)) + head + content[36:]
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def test_a_format_without_bits_is_read_by_the_size_of_a_row(tmp_path: Path) -> None:
    whole = wav(music(3, RATE, 2))
    (tmp_path / "whole.wav").write_bytes(whole)
    (tmp_path / "short.wav").write_bytes(with_format(whole, whole[20:34]))
    with open_recording(tmp_path / "whole.wav") as one, open_recording(tmp_path / "short.wav") as other:
        assert other.subtype == "PCM_16"
        assert np.array_equal(one.read_native(0, one.samples), other.read_native(0, other.samples + 1))


def test_integers_of_64_bits_have_no_decoder(tmp_path: Path) -> None:
    content = with_format(wav(music(3)), struct.pack("<HHIIHH", 1, 1, RATE, 8 * RATE, 8, 64))
    (tmp_path / "wide.wav").write_bytes(content)
    with pytest.raises(NoDecoderError) as caught:
        open_recording(tmp_path / "wide.wav")
    assert str(caught.value).endswith("wide.wav: samples of the kind s64 are not read here")
