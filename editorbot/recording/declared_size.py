"""How much sound a file's header declares, so that a missing part is noticed.

libsndfile and FFmpeg shorten a declared size to what the file holds, without a
word: a file that was cut in half looks whole to them. So the size is read here,
from the headers of the kinds that write it down before the sound.

References
----------
NeXT/Sun ``.au``; RFC 9559, section 5.1.2.10 (Matroska's Duration); for the others see
:mod:`editorbot.recording.chunks`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import IO, Any

from editorbot.recording.chunks import LAYOUTS, ChunkLayout, only_chunks_follow, walk_chunks
from editorbot.recording.wav_header import PLACEHOLDER_SIZES, UNKNOWN_SIZE
from editorbot.timebase import clock, samples_to_s


@dataclass(frozen=True)
class DeclaredSize:
    """The size of the sound, by the header and in fact."""

    declared_bytes: int
    """What the header says [bytes]."""
    actual_bytes: int
    """From the first byte of the sound to the end of the file [bytes]."""

    @property
    def is_never_filled(self) -> bool:
        """Whether the header was written before the sound, and never corrected: its size is 0 though sound follows."""
        return self.declared_bytes == 0 < self.actual_bytes

    def warning(self, samples: int, sample_rate: int) -> str | None:
        """The line on what is missing or was healed, None where the header is right.

        Parameters
        ----------
        samples : int [samples]
            How many were decoded from what there is.
        sample_rate : int [Hz]
            The file's rate.
        """
        at = clock(samples_to_s(samples, sample_rate))
        if self.is_never_filled and samples:
            return f"RECOVERED: the header's data size is 0, as a crashed recorder leaves it; {at} were read"
        if not 0 < self.actual_bytes < self.declared_bytes:
            return None
        if self.declared_bytes in PLACEHOLDER_SIZES:
            return f"RECOVERED: the header's data size was never filled in; {at} were read"
        lost_s = samples_to_s(samples, sample_rate) * (self.declared_bytes / self.actual_bytes - 1)
        return f"TRUNCATED: {lost_s:.2f} s are missing of the length in the header; {at} were decoded"


_CAF_UNKNOWN = 2**64 - 1
"""Size of a CAF's last chunk that reaches to the end of the file."""

GUESSED_LENGTHS = ("aac", "mp3", "amr")
"""FFmpeg's names of bare streams, which have no header with a length."""


def find_declared_size(file: IO[bytes], kind: str) -> DeclaredSize | None:
    """Read how much sound the header of an open file declares.

    Parameters
    ----------
    file : binary file
        The file, open and seekable.
    kind : str
        As `editorbot.recording.sniff.audio_kind` returns it.

    Returns
    -------
    declared_size : DeclaredSize or None
        None where the header has no size, or cannot be followed to the sound.
    """
    size = file.seek(0, os.SEEK_END)
    if kind == "au":
        file.seek(4)
        offset, declared = int.from_bytes(file.read(4), "big"), int.from_bytes(file.read(4), "big")
        return None if declared == UNKNOWN_SIZE or offset > size else DeclaredSize(declared, size - offset)
    return _declared_size_of_chunks(file, size, LAYOUTS[kind]) if kind in LAYOUTS else None


def _declared_size_of_chunks(file: IO[bytes], file_bytes: int, layout: ChunkLayout) -> DeclaredSize | None:
    """Read the size of the chunk with the sound."""
    for chunk in walk_chunks(file, layout):
        if chunk.name == b"ds64" or chunk.start > file_bytes:  # an RF64 has its sizes elsewhere
            return None
        if chunk.name.startswith(layout.sound):
            is_empty = chunk.size == 0 and only_chunks_follow(file, layout, chunk.start, file_bytes)
            actual_bytes = 0 if is_empty else file_bytes - chunk.start
            return None if chunk.size == _CAF_UNKNOWN else DeclaredSize(chunk.size, actual_bytes)
    return None


def declared_samples(container: Any, stream: Any) -> int | None:
    """Read how long FFmpeg's container says that a stream is, None where FFmpeg only guesses from the bit rate.

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
    """Read a stream's length from the tag that writers give each stream, or from the header's one length for all."""
    if stream.duration is not None:  # Matroska has no such field: it is FFmpeg's guess from the bit rate
        return None
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if tag is not None:
        end_s = int(tag[1]) * 3_600 + int(tag[2]) * 60 + float(tag[3])
    elif container.duration is not None and len(container.streams) == 1:
        end_s = container.duration / 1_000_000
    else:
        return None
    return int((end_s - float((stream.start_time or 0) * stream.time_base)) * stream.rate)
