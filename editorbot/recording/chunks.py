"""Chunks of WAV, AIFF, CAF and Wave64 files: a name, a size, and so many bytes.

References
----------
EBU Tech 3306 (RIFF, RF64); Apple, "Audio Interchange File Format" 1.3 and "Core Audio Format Specification" 1.0;
Sony, "Wave64".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Literal

MOST_CHUNKS = 10_000
"""Chunks that are read before a header is called damaged."""

SHORTEST_CHUNK_BYTES = 8
"""Fewer bytes than this at the end of a file are no chunk."""


@dataclass(frozen=True)
class ChunkLayout:
    """How the chunks of a kind of file are written."""

    first: int
    """Where the first one begins [bytes]."""
    name_bytes: int = 4
    """Length of a name."""
    size_bytes: int = 4
    """Length of the number that holds a chunk's size."""
    order: Literal["little", "big"] = "little"
    """Byte order of that number."""
    counted: int = 0
    """How many bytes of its own header a size includes."""
    step: int = 2
    """Chunks begin at multiples of this many bytes."""
    sound: bytes = b"data"
    """What the name of the chunk with the sound begins with."""


LAYOUTS = {
    "wav": ChunkLayout(12),
    "rifx": ChunkLayout(12, order="big"),
    "aiff": ChunkLayout(12, order="big", sound=b"SSND"),
    "caf": ChunkLayout(8, 4, 8, "big", 0, 1),
    "w64": ChunkLayout(40, 16, 8, "little", 24, 8, b"data\xf3\xac\xd3\x11"),
}
"""Kinds of files that are made of chunks."""


@dataclass(frozen=True)
class Chunk:
    """One chunk, by its header."""

    name: bytes
    """Its name."""
    start: int
    """Where its content begins [bytes]."""
    size: int
    """Declared length of its content [bytes]."""

    @property
    def end(self) -> int:
        """Where its content ends [bytes]."""
        return self.start + self.size


def walk_chunks(file: IO[bytes], layout: ChunkLayout, at: int | None = None) -> Iterator[Chunk]:
    """Yield the chunks of a file from the byte `at` on, from the first one by default."""
    at = layout.first if at is None else at
    head_bytes, file_bytes = layout.name_bytes + layout.size_bytes, file.seek(0, os.SEEK_END)
    for _ in range(MOST_CHUNKS):
        if at + head_bytes > file_bytes:
            return
        file.seek(at)
        head = file.read(head_bytes)
        size = int.from_bytes(head[layout.name_bytes :], layout.order)
        yield (chunk := Chunk(head[: layout.name_bytes], at + head_bytes, max(0, size - layout.counted)))
        at = next_chunk(file, layout, chunk)


def next_chunk(file: IO[bytes], layout: ChunkLayout, chunk: Chunk) -> int:
    """Where the chunk behind another begins: padded to a multiple of the step, though some programs forget it."""
    end = chunk.end
    padded = end + -chunk.size % layout.step
    if padded == end or layout.step != 2:
        return padded
    file.seek(end)
    name = file.read(4)
    return end if len(name) == 4 and name[0] != 0 and _is_name(name) else padded


def only_chunks_follow(file: IO[bytes], layout: ChunkLayout, at: int, file_bytes: int) -> bool:
    """Whether proper chunks, or hardly anything, fill the file from `at` to its end."""
    if file_bytes - at < SHORTEST_CHUNK_BYTES:
        return True
    end = at
    for chunk in walk_chunks(file, layout, at):
        end = chunk.end
        if not _is_name(chunk.name[:4]) or end > file_bytes:
            return False
    return end > at and file_bytes - end < SHORTEST_CHUNK_BYTES


def _is_name(name: bytes) -> bool:
    return all(32 <= byte < 127 for byte in name)
