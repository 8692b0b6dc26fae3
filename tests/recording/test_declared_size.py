"""The declared size is compared with the file: cut files get a warning, sizes never filled in are healed."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from editorbot.errors import EmptyError
from tests import audio_corpus
from tests.recording.notes import RATE, encoded, notes, opened


def by_sndfile(kind: str, subtype: str, endian: str = "FILE") -> bytes:
    content = io.BytesIO()
    sf.write(content, notes(), RATE, format=kind, subtype=subtype, endian=endian)
    return content.getvalue()


SIZED: dict[str, Callable[[], bytes]] = {
    "aiff": lambda: by_sndfile("AIFF", "PCM_24"), "au": lambda: by_sndfile("AU", "PCM_16"),
    "caf": lambda: by_sndfile("CAF", "PCM_16"), "w64": lambda: by_sndfile("W64", "PCM_16"),
    "rifx": lambda: by_sndfile("WAV", "PCM_16", "BIG"), "adpcm": lambda: by_sndfile("WAV", "MS_ADPCM"),
    "mka": lambda: audio_corpus.by_av("matroska", "aac", audio_corpus.music(20.0, 44_100)),
    "mka of two": lambda: audio_corpus.by_av("matroska", "aac", audio_corpus.music(20.0, 44_100), streams=2),
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


def test_flac_behind_the_length_of_its_header_is_read(tmp_path: Path) -> None:
    content = encoded("flac")
    content[22:26] = (10 * RATE).to_bytes(4, "big")
    samples, warnings = opened(tmp_path / "half.flac", content)
    assert samples == 20 * RATE
    assert warnings == ("RECOVERED: the header declares only 0:10.00; 0:20.00 were read",)


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
