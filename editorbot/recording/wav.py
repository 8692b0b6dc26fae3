"""Where the samples of a WAV file lie, also where its header is wrong.

Recorders that crash leave a data size of 0 or 0xFFFFFFFF; files beyond 4 GiB
wrap their 32-bit size around. The rule here: no sample that is in the file is
lost. A declared size is believed only where what follows the data makes sense.

References
----------
EBU Tech 3306, "MBWF / RF64: An extended File Format for Audio".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from editorbot.recording.pcm import PcmFormat
from editorbot.timebase import clock, samples_to_s

UNKNOWN_SIZE = 0xFFFFFFFF
"""Size that means 'see elsewhere' or 'never filled in'."""

PLACEHOLDER_SIZES = (UNKNOWN_SIZE, 0xFFFFFFFF - 36, 0x80000000, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0x7FFFF000)
"""Sizes that programs write into a pipe, where they cannot come back to fill the right one in (the last is SoX's)."""

MOST_CHUNKS = 10_000
"""Chunks that are looked at before a header is called damaged."""

FORMAT_BYTES = 14
"""Shortest format chunk: the first form of WAV had no field for the bits, and the size of a row tells them."""

_INTEGERS = {1: "PCM_U8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
_FLOATS = {4: "FLOAT", 8: "DOUBLE"}


@dataclass(frozen=True)
class WavLayout:
    """What a WAV file holds, and where."""

    sample_rate: int
    """Samples a second, as declared."""
    pcm: PcmFormat
    """How the samples lie."""
    offset: int
    """Where they start [bytes]."""
    samples: int
    """How many are there."""
    warnings: tuple[str, ...] = ()
    """Lines ``CODE: text`` about what was healed."""


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    offset: int
    size: int


def find_layout(file: IO[bytes], file_bytes: int, start: int = 0) -> WavLayout | None:
    """Return where a WAV file's samples lie.

    Parameters
    ----------
    file : binary file
        The file, open and seekable.
    file_bytes : int
        Its size.
    start : int [bytes]
        Where ``RIFF`` stands; some taggers put an ID3 tag before it.

    Returns
    -------
    layout : WavLayout or None
        None where the samples are not plain PCM, or the header cannot be followed to them.
    """
    fmt: bytes | None = None
    wide_size: int | None = None
    for chunk in _chunks(file, start + 12):
        if chunk.name == b"fmt ":
            fmt = _content(file, chunk, 40)
        elif chunk.name == b"ds64":
            content = _content(file, chunk, 16)
            wide_size = struct.unpack_from("<Q", content, 8)[0] if len(content) == 16 else None
        elif chunk.name == b"data":
            return None if fmt is None else _layout(file, file_bytes, fmt, chunk, wide_size)
    return None


def _chunks(file: IO[bytes], at: int) -> Iterator[_Chunk]:
    """Yield the chunks of a RIFF file from the byte `at` on."""
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        size = int.from_bytes(head[4:], "little")
        yield _Chunk(head[:4], at + 8, size)
        at = _next_chunk(file, at + 8, size)


def _next_chunk(file: IO[bytes], offset: int, size: int) -> int:
    """Return where the chunk behind `size` bytes begins: padded to an even size, though some programs forget it."""
    end = offset + size
    if size % 2 == 0:
        return end
    file.seek(end)
    name = file.read(4)
    return end if len(name) == 4 and name[0] != 0 and _is_name(name) else end + 1


def _is_name(name: bytes) -> bool:
    return all(32 <= byte < 127 for byte in name)


def _content(file: IO[bytes], chunk: _Chunk, most: int) -> bytes:
    file.seek(chunk.offset)
    return file.read(min(chunk.size, most))


def _layout(file: IO[bytes], file_bytes: int, fmt: bytes, data: _Chunk, wide_size: int | None) -> WavLayout | None:
    """Return the layout that a format and a data chunk make."""
    if len(fmt) < FORMAT_BYTES:
        return None
    tag, channels, rate, _, row_bytes = struct.unpack_from("<HHIIH", fmt)
    if tag == 0xFFFE and len(fmt) >= 26:
        tag = int.from_bytes(fmt[24:26], "little")
    sample_bytes = row_bytes // channels if channels and row_bytes % channels == 0 else 0
    subtype = {1: _INTEGERS, 3: _FLOATS}.get(tag, {}).get(sample_bytes)
    if subtype is None:
        return None
    pcm = PcmFormat(subtype, channels)
    there = file_bytes - data.offset
    declared = wide_size if wide_size is not None and data.size == UNKNOWN_SIZE else data.size
    size, why = _true_size(file, file_bytes, data.offset, declared, pcm.row_bytes * rate)
    samples = min(size, there) // pcm.row_bytes
    warnings: tuple[str, ...] = (
        () if why is None else (f"{why}; {clock(samples_to_s(samples, max(rate, 1)))} were read",)
    )
    if _wav_follows(file, data.offset, size):
        warnings += ("STREAMS: another WAV file stands behind the first one, and was not read; cut the file in two",)
    return WavLayout(rate, pcm, data.offset, samples, warnings)


def _true_size(
    file: IO[bytes], file_bytes: int, offset: int, declared: int, second_bytes: int
) -> tuple[int, str | None]:
    """Return how many bytes of samples there are, and what was healed to know it."""
    there = file_bytes - offset
    if (declared == UNKNOWN_SIZE and there != declared) or (declared in PLACEHOLDER_SIZES and declared > there):
        return there, "RECOVERED: the header's data size was never filled in"
    if declared > there:
        lost_s = (declared - there) / max(second_bytes, 1)
        return there, f"TRUNCATED: the file ends {lost_s:.2f} s before what its header promises"
    if declared + 2**32 <= there:
        return there - (there - declared) % 2**32, "RECOVERED: the header's 32-bit data size had wrapped around"
    left = there - declared
    if left < 8 or _is_chunk_chain(file, file_bytes, _next_chunk(file, offset, declared)):
        return declared, None
    if declared == 0:
        return there, "RECOVERED: the header's data size is 0, as a crashed recorder leaves it"
    if left > second_bytes // 10:
        return there, f"RECOVERED: {left / max(second_bytes, 1):.2f} s lie behind the data size of the header"
    return declared, None


def _wav_follows(file: IO[bytes], offset: int, size: int) -> bool:
    """Tell whether another file was put behind this one's samples, with `cat` for example."""
    file.seek(_next_chunk(file, offset, size))
    head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WAVE"


def _is_chunk_chain(file: IO[bytes], file_bytes: int, at: int) -> bool:
    """Tell whether proper chunks, and nothing else, fill the file from `at` to its end."""
    end = at
    for chunk in _chunks(file, at):
        if not _is_name(chunk.name):
            return False
        end = chunk.offset + chunk.size
        if end > file_bytes:
            return False
    return end > at and file_bytes - end < 8
