"""Pages of an Ogg file: whether they are whole, and whether the last one is marked as the last.

libsndfile skips a damaged page without a word, and what was in it is missing or
replaced. Every page has a checksum, so the damage can be found here.

References
----------
RFC 3533, "The Ogg Encapsulation Format Version 0", section 6.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from dataclasses import dataclass
from typing import IO

HEADER_BYTES = 27
"""Fixed part of a page's header."""

READ_BYTES = 1 << 20
"""How much of the file is read at once; longer than any page, which has at most 65,307 bytes."""

OPUS_CLOCK_HZ = 48_000
"""Unit of Opus's granule positions."""

LAST_PAGE = 4
"""Flag of the page that ends a stream."""

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Every byte with its bits in reverse order."""


@dataclass(frozen=True)
class OggPages:
    """The state of all pages of an Ogg file."""

    damaged: int
    """Places where a page is damaged or something else is between pages; tags behind the last one do not count."""
    sound_before: int
    """Granule position of the last whole page before the first of them: samples, in Opus always at 48 kHz."""
    is_finished: bool
    """Whether the last page is marked as the last."""

    def samples_before(self, sample_rate: int, subtype: str) -> int:
        """How many samples come before the first damage."""
        clock_hz = OPUS_CLOCK_HZ if subtype == "OPUS" else sample_rate
        return self.sound_before * sample_rate // clock_hz


NO_PAGES = OggPages(0, 0, True)
"""Of a file of another kind."""


def scan_pages(file: IO[bytes] | io.BytesIO) -> OggPages:
    """Check all pages of an open Ogg file."""
    size = file.seek(0, os.SEEK_END)
    at = damaged = position = sound_before = 0
    finished = inside_damage = False
    content, begin = b"", 0
    while at < size:
        if at + READ_BYTES // 8 > begin + len(content) and begin + len(content) < size:
            file.seek(at)
            content, begin = file.read(READ_BYTES), at
        page = _page_at(content, at - begin)
        if page is None:
            inside_damage = True
            found = content.find(b"OggS", at - begin + 1)
            at = begin + found if found >= 0 else max(at + 1, begin + len(content) - 3)
            if found < 0 and begin + len(content) >= size:
                break
            continue
        if inside_damage:
            damaged += 1
            sound_before = position if damaged == 1 else sound_before
            inside_damage = False
        length, flags, granule = page
        position = granule if granule >= 0 else position
        finished = bool(flags & LAST_PAGE)
        at += length
    return OggPages(damaged, sound_before, finished)


def _page_at(content: bytes, at: int) -> tuple[int, int, int] | None:
    """Read length, flags and granule position of a whole page, None where there is none."""
    if content[at : at + 5] != b"OggS\0" or len(content) < at + HEADER_BYTES:
        return None
    flags, granule, _, _, checksum, segments = struct.unpack_from("<BqIIIB", content, at + 5)
    table = content[at + HEADER_BYTES : at + HEADER_BYTES + segments]
    length = HEADER_BYTES + segments + sum(table)
    page = content[at : at + length]
    if len(table) < segments or len(page) < length:
        return None
    return (length, flags, granule) if page_checksum(page) == checksum else None


def page_checksum(page: bytes) -> int:
    """Compute a page's checksum: CRC-32 of polynomial 0x04c11db7, highest bit first, from 0.

    zlib computes the same with the bits the other way round, a thousand times faster than a loop.
    """
    without = page[:22] + b"\0\0\0\0" + page[26:]
    mirrored = zlib.crc32(without.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
