"""Where the samples of a WAV file are, even where its header is wrong.

Recorders that crash leave a data size of 0 or 0xFFFFFFFF; files beyond 4 GiB
wrap their 32-bit size around. The rule here: no sample that is in the file is
lost. A declared size is believed only where what follows the data makes sense.

References
----------
EBU Tech 3306, "MBWF / RF64: An extended File Format for Audio".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import IO

from editorbot.recording.chunks import LAYOUTS, Chunk, next_chunk, only_chunks_follow, walk_chunks
from editorbot.recording.pcm import PcmFormat
from editorbot.timebase import clock, samples_to_s

UNKNOWN_SIZE = 0xFFFFFFFF
"""Size that means 'see elsewhere' or 'never filled in'."""

PLACEHOLDER_SIZES = (UNKNOWN_SIZE, 0xFFFFFFFF - 36, 0x80000000, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0x7FFFF000)
"""Sizes that programs write into a pipe, where they cannot come back to fill the right one in (the last is SoX's)."""

FORMAT_BYTES = 14
"""Shortest format chunk: the first form of WAV had no field for the bits, and the size of a row implies them."""

_WAV = LAYOUTS["wav"]
_INTEGERS = {1: "PCM_U8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
_FLOATS = {4: "FLOAT", 8: "DOUBLE"}


@dataclass(frozen=True)
class WavLayout:
    """What a WAV file holds, and where."""

    sample_rate: int
    """Samples a second, as declared."""
    pcm: PcmFormat
    """How the samples are stored."""
    offset: int
    """Where they start [bytes]."""
    samples: int
    """How many there are."""
    warnings: tuple[str, ...] = ()
    """Lines ``CODE: text`` about what was healed."""


def find_layout(file: IO[bytes], file_bytes: int, start: int = 0) -> WavLayout | None:
    """Find the samples of a WAV file.

    Parameters
    ----------
    file : binary file
        The file, open and seekable.
    file_bytes : int
        Its size.
    start : int [bytes]
        Where ``RIFF`` is; some taggers put an ID3 tag before it.

    Returns
    -------
    layout : WavLayout or None
        None where the samples are not plain PCM, or the header cannot be followed to them.
    """
    format_chunk: bytes | None = None
    wide_size: int | None = None
    for chunk in walk_chunks(file, _WAV, start + _WAV.first):
        if chunk.name == b"fmt ":
            format_chunk = _content(file, chunk, 40)
        elif chunk.name == b"ds64":
            content = _content(file, chunk, 16)
            wide_size = struct.unpack_from("<Q", content, 8)[0] if len(content) == 16 else None
        elif chunk.name == b"data":
            if wide_size is not None and chunk.size == UNKNOWN_SIZE:
                chunk = replace(chunk, size=wide_size)
            return None if format_chunk is None else _layout(file, file_bytes, format_chunk, chunk)
    return None


def _content(file: IO[bytes], chunk: Chunk, most: int) -> bytes:
    file.seek(chunk.start)
    return file.read(min(chunk.size, most))


def _layout(file: IO[bytes], file_bytes: int, format_chunk: bytes, data: Chunk) -> WavLayout | None:
    """Combine a format chunk and a data chunk."""
    if len(format_chunk) < FORMAT_BYTES:
        return None
    tag, channels, rate, _, row_bytes = struct.unpack_from("<HHIIH", format_chunk)
    if tag == 0xFFFE and len(format_chunk) >= 26:
        tag = int.from_bytes(format_chunk[24:26], "little")
    sample_bytes = row_bytes // channels if channels and row_bytes % channels == 0 else 0
    subtype = {1: _INTEGERS, 3: _FLOATS}.get(tag, {}).get(sample_bytes)
    if subtype is None:
        return None
    pcm = PcmFormat(subtype, channels)
    size, why = _true_size(file, file_bytes, data, pcm.row_bytes * rate)
    samples = min(size, file_bytes - data.start) // pcm.row_bytes
    warnings: tuple[str, ...] = (
        () if why is None else (f"{why}; {clock(samples_to_s(samples, max(rate, 1)))} were read",)
    )
    if _wav_follows(file, replace(data, size=size)):
        warnings += ("STREAMS: another WAV file follows the first one, and was not read; cut the file in two",)
    return WavLayout(rate, pcm, data.start, samples, warnings)


def _true_size(file: IO[bytes], file_bytes: int, data: Chunk, second_bytes: int) -> tuple[int, str | None]:
    """How many bytes of samples there are, and what is wrong with the declared size."""
    there, declared = file_bytes - data.start, data.size
    if (declared == UNKNOWN_SIZE and there != declared) or (declared in PLACEHOLDER_SIZES and declared > there):
        return there, "RECOVERED: the header's data size was never filled in"
    if declared > there:
        lost_s = (declared - there) / max(second_bytes, 1)
        return there, f"TRUNCATED: the file ends {lost_s:.2f} s before the length in its header"
    if declared + 2**32 <= there:
        return there - (there - declared) % 2**32, "RECOVERED: the header's 32-bit data size had wrapped around"
    if only_chunks_follow(file, _WAV, next_chunk(file, _WAV, data), file_bytes):
        return declared, None
    if declared == 0:
        return there, "RECOVERED: the header's data size is 0, as a crashed recorder leaves it"
    left = there - declared
    if left > second_bytes // 10:
        return there, f"RECOVERED: {left / max(second_bytes, 1):.2f} s follow behind the data size in the header"
    return declared, None


def _wav_follows(file: IO[bytes], data: Chunk) -> bool:
    """Whether another file was put behind this one's samples, with `cat` for example."""
    file.seek(next_chunk(file, _WAV, data))
    head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WAVE"
