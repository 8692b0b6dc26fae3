"""Frames of bare MP3 and AAC streams, found where a file does not begin with one.

A radio stream is recorded from the middle of a frame on. A sync word is found in
any noise, so a stream is believed only where headers of one kind follow one
another, each where the frame before it ends. Text holds no sync word at all.

References
----------
ISO/IEC 11172-3, section 2.4.2.3, and 13818-3, section 2.4.2.3 (MPEG audio); 14496-3, annex 1.A (ADTS).
"""

from __future__ import annotations

from dataclasses import dataclass

SEARCH_BYTES = 1 << 16
"""How far into a file a stream may begin; FFmpeg looks as far."""

CHAIN_FRAMES = 6
"""Frames that must follow one another; a sync word and the same kind of header fit by chance once in some 10,000."""

LENGTH_HEADER_BYTES = 200
"""How far into the first frame the length header starts at most, with the zeros that some encoders put before it."""

_KBITS = {
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates by whether it is MPEG-1 and by layer [1,000 bits a second]."""

_RATES = (44_100, 48_000, 32_000)
"""Sample rates of MPEG-1 [Hz]; MPEG-2 has half of them, MPEG-2.5 a quarter."""


@dataclass(frozen=True)
class StreamStart:
    """Where a bare stream begins."""

    kind: str
    """'mp3' or 'aac'."""
    offset: int
    """First byte of its first whole frame."""


def find_stream(content: bytes) -> StreamStart | None:
    """Find where a bare stream begins in the first bytes of a file, None where there is none.

    Parameters
    ----------
    content : bytes
        Twice SEARCH_BYTES from the file's beginning, so that a chain fits behind the last place that is searched.
    """
    at = content.find(b"\xff", 0, SEARCH_BYTES)
    while at >= 0:
        if _is_chain(content, at):
            return StreamStart("aac" if _is_adts(content, at) else "mp3", at)
        at = content.find(b"\xff", at + 1, SEARCH_BYTES)
    return None


def has_length_header(content: bytes) -> bool:
    """Whether the first frame of an MP3 holds its length; elsewhere decoders guess it from the bit rate.

    The frame is a silent one with a header named Xing, Info (LAME) or VBRI (Fraunhofer).
    """
    return any(name in content[:LENGTH_HEADER_BYTES] for name in (b"Xing", b"Info", b"VBRI"))


def _is_chain(content: bytes, at: int) -> bool:
    """Whether frames of one kind follow one another from a byte on."""
    first = content[at : at + 3]
    for _ in range(CHAIN_FRAMES):
        size = frame_bytes(content, at)
        if size == 0 or content[at + 1] != first[1] or (content[at + 2] ^ first[2]) & 0x0C:
            return False
        at += size
    return True


def frame_bytes(content: bytes, at: int) -> int:
    """Read the size of a frame from its header, 0 where there is no header at that byte."""
    if len(content) < at + 6 or content[at] != 0xFF or content[at + 1] & 0xE0 != 0xE0:
        return 0
    if _is_adts(content, at):
        size = (content[at + 3] & 3) << 11 | content[at + 4] << 3 | content[at + 5] >> 5
        return size if size > 7 and (content[at + 2] >> 2) & 15 < 13 else 0
    return _mpeg_bytes(content[at + 1], content[at + 2])


def _is_adts(content: bytes, at: int) -> bool:
    return content[at + 1] & 0xF6 == 0xF0


def _mpeg_bytes(second: int, third: int) -> int:
    """Compute the size of a frame of MPEG audio from the second and third byte of its header."""
    version, layer, kbits_index, rate_index = (second >> 3) & 3, 4 - ((second >> 1) & 3), third >> 4, (third >> 2) & 3
    if version == 1 or layer == 4 or kbits_index in (0, 15) or rate_index == 3:
        return 0
    bits = 1_000 * _KBITS[version == 3, layer][kbits_index]
    rate = _RATES[rate_index] >> {3: 0, 2: 1, 0: 2}[version]
    padding = (third >> 1) & 1
    if layer == 1:
        return (12 * bits // rate + padding) * 4
    return (72 if layer == 3 and version != 3 else 144) * bits // rate + padding
