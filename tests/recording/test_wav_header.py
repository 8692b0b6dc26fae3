"""WAV headers that say less than usual, or more than is read here."""

import struct
from pathlib import Path

import numpy as np
import pytest

from editorbot.errors import NoDecoderError
from editorbot.recording import open_recording
from tests.audio_corpus import RATE, music, wav


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
