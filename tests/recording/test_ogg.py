"""Pages of Ogg files: whole ones, damaged ones, and the last."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from editorbot.recording.ogg import OggPages, page_checksum, scan_pages
from tests.recording.notes import encoded


def naive_checksum(page: bytes) -> int:
    register = 0
    for byte in page[:22] + b"\0\0\0\0" + page[26:]:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ 0x04C11DB7 if register & 0x80000000 else register << 1) & 0xFFFFFFFF
    return register


@given(st.binary(min_size=27, max_size=60))
def test_the_checksum_matches_the_naive_one(page: bytes) -> None:
    assert page_checksum(page) == naive_checksum(page)


OGG = bytes(encoded("ogg", 12.0))


def test_whole_pages_are_whole_wherever_blocks_end() -> None:
    many = OGG * 30  # longer than what is read together
    assert scan_pages(io.BytesIO(many)) == OggPages(0, 0, True)
    assert scan_pages(io.BytesIO(OGG + b"TAG" + bytes(125))) == OggPages(0, 0, True)
    assert not scan_pages(io.BytesIO(OGG[:-1])).is_finished


@given(st.integers(0, len(OGG) - 1), st.integers(1, 255))
def test_no_flipped_byte_is_overlooked(at: int, flip: int) -> None:
    content = bytearray(OGG)
    content[at] ^= flip
    pages = scan_pages(io.BytesIO(bytes(content)))
    assert pages.damaged or not pages.is_finished


@given(st.binary(max_size=200))
def test_any_bytes_come_to_an_end(content: bytes) -> None:
    scan_pages(io.BytesIO(content + b"OggS" + content))
