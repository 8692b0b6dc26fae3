"""How much sound a file's header promises, so that a missing part is noticed.

libsndfile and FFmpeg shorten a promise to what the file holds, without a word: a
file that was cut in half looks whole to them. So the size of the sound is read
here, from the headers of the kinds that write it down before the sound.

References
----------
EBU Tech 3306 (RIFF, RF64); Apple, "Audio Interchange File Format" 1.3 and "Core Audio Format Specification" 1.0;
Sony, "Wave64"; NeXT/Sun ``.au``; RFC 9559, section 5.1.2.10 (Matroska's Duration).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, Any, Literal

from editorbot.recording.wav import MOST_CHUNKS, PLACEHOLDER_SIZES, UNKNOWN_SIZE
from editorbot.timebase import clock, samples_to_s


@dataclass(frozen=True)
class DeclaredSize:
    """The size of the sound, as the header has it and as it is."""

    declared_bytes: int
    """What the header says [bytes]."""
    there_bytes: int
    """What lies between the first byte of the sound and the end of the file [bytes]."""

    @property
    def is_never_filled(self) -> bool:
        """Whether the header was written before the sound, and never corrected: sound is there, and its size is 0."""
        return self.declared_bytes == 0 < self.there_bytes

    def warning(self, samples: int, sample_rate: int) -> str | None:
        """Return the line on what is missing or was healed, None where the promise is kept.

        Parameters
        ----------
        samples : int [samples]
            How many were decoded from what is there.
        sample_rate : int [Hz]
            The file's rate.
        """
        at = clock(samples_to_s(samples, sample_rate))
        if self.is_never_filled and samples:
            return f"RECOVERED: the header's data size is 0, as a crashed recorder leaves it; {at} were read"
        if not 0 < self.there_bytes < self.declared_bytes:
            return None
        if self.declared_bytes in PLACEHOLDER_SIZES:
            return f"RECOVERED: the header's data size was never filled in; {at} were read"
        lost_s = samples_to_s(samples, sample_rate) * (self.declared_bytes / self.there_bytes - 1)
        return f"TRUNCATED: {lost_s:.2f} s are missing of what the header promises; {at} were decoded"


@dataclass(frozen=True)
class _Chunks:
    """How the chunks of a kind of file lie."""

    start: int
    """Where the first one begins [bytes]."""
    name_bytes: int
    """Length of a name."""
    size_bytes: int
    """Length of the number that tells a chunk's size."""
    order: Literal["little", "big"]
    """Byte order of that number."""
    counted: int
    """How many bytes of its own header a size includes."""
    step: int
    """Chunks begin at multiples of this many bytes."""
    sound: bytes
    """What the name of the chunk with the sound begins with."""


_CHUNKS = {
    "wav": _Chunks(12, 4, 4, "little", 0, 2, b"data"),
    "rifx": _Chunks(12, 4, 4, "big", 0, 2, b"data"),
    "aiff": _Chunks(12, 4, 4, "big", 0, 2, b"SSND"),
    "caf": _Chunks(8, 4, 8, "big", 0, 1, b"data"),
    "w64": _Chunks(40, 16, 8, "little", 24, 8, b"data\xf3\xac\xd3\x11"),
}  # fmt: skip
"""Kinds that are made of chunks."""

_CAF_UNKNOWN = 2**64 - 1
"""Size of a CAF's last chunk that reaches to the end of the file."""

GUESSED_LENGTHS = ("aac", "mp3", "amr")
"""FFmpeg's names of bare streams: they have no header that tells a length."""


def find_declared_size(file: IO[bytes], kind: str) -> DeclaredSize | None:
    """Return what the header of an open file promises.

    Parameters
    ----------
    file : binary file
        The file, open and seekable.
    kind : str
        What `editorbot.recording.sniff.audio_kind` said of it.

    Returns
    -------
    promise : DeclaredSize or None
        None where the header does not tell, or cannot be followed to the sound.
    """
    size = file.seek(0, os.SEEK_END)
    if kind == "au":
        file.seek(4)
        offset, declared = int.from_bytes(file.read(4), "big"), int.from_bytes(file.read(4), "big")
        return None if declared == UNKNOWN_SIZE or offset > size else DeclaredSize(declared, size - offset)
    return _declared_size_of_chunks(file, size, _CHUNKS[kind]) if kind in _CHUNKS else None


def _declared_size_of_chunks(file: IO[bytes], file_bytes: int, lie: _Chunks) -> DeclaredSize | None:
    """Return what the chunk with the sound promises."""
    for name, offset, declared in _walk(file, lie):
        if name == b"ds64" or offset > file_bytes:  # the sizes of an RF64 stand elsewhere
            return None
        if name.startswith(lie.sound):
            there = 0 if declared == 0 and _only_chunks_follow(file, lie, offset, file_bytes) else file_bytes - offset
            return None if declared == _CAF_UNKNOWN else DeclaredSize(declared, there)
    return None


def _only_chunks_follow(file: IO[bytes], lie: _Chunks, at: int, file_bytes: int) -> bool:
    """Tell whether other chunks fill the file behind an empty one: then it is truly empty."""
    end = at
    for name, offset, size in _walk(file, replace(lie, start=at)):
        if not all(32 <= byte < 127 for byte in name[:4]):
            return False
        end = offset + size
    return abs(file_bytes - end) < lie.step + 1


def _walk(file: IO[bytes], lie: _Chunks) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, place and size of the chunks of a file."""
    at, head_bytes = lie.start, lie.name_bytes + lie.size_bytes
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        head = file.read(head_bytes)
        if len(head) < head_bytes:
            return
        size = max(0, int.from_bytes(head[lie.name_bytes :], lie.order) - lie.counted)
        yield head[: lie.name_bytes], at + head_bytes, size
        at += head_bytes + size
        at += -at % lie.step


def declared_samples(container: Any, stream: Any) -> int | None:
    """Return how long FFmpeg's container says that a stream is, None where FFmpeg only guesses from the bit rate.

    Parameters
    ----------
    container : av.container.InputContainer
        The open container.
    stream : av.audio.stream.AudioStream
        One of its streams.
    """
    if container.format.name in GUESSED_LENGTHS:
        return None
    if container.format.name.startswith("matroska"):
        return _matroska_samples(container, stream)
    return None if stream.duration is None else int(stream.duration * stream.time_base * stream.rate)


def _matroska_samples(container: Any, stream: Any) -> int | None:
    """Return a stream's length by the tag that writers give each stream, or by the header's one length for all."""
    if stream.duration is not None:  # Matroska has no such field: it is FFmpeg's guess from the bit rate
        return None
    told = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if told is not None:
        end_s = int(told[1]) * 3_600 + int(told[2]) * 60 + float(told[3])
    elif container.duration is not None and len(container.streams) == 1:
        end_s = container.duration / 1_000_000
    else:
        return None
    return int((end_s - float((stream.start_time or 0) * stream.time_base)) * stream.rate)
