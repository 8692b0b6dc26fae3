"""Detects what a file is by its first bytes, never by its name."""

from __future__ import annotations

import re

HEAD_BYTES = 4_096
"""How much of a file is examined."""

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"RF64", "wav"), (0, b"BW64", "wav"), (0, b"riff\x2e\x91\xcf\x11", "w64"), (0, b"RIFX", "rifx"),
    (0, b"fLaC", "flac"), (0, b"OggS", "ogg"), (0, b"FORM", "aiff"), (0, b".snd", "au"), (0, b"caff", "caf"),
    (4, b"ftyp", "mp4"), (4, b"moov", "mp4"), (4, b"mdat", "mp4"), (4, b"wide", "mp4"),
    (0, b"\x1aE\xdf\xa3", "matroska"), (0, b"0&\xb2u\x8ef\xcf\x11", "asf"),
    (0, b"wvpk", "wv"), (0, b"MAC ", "ape"), (0, b"TTA1", "tta"), (0, b"#!AMR", "amr"),
)  # fmt: skip
"""Offset, bytes and name of the kinds of audio that can be read."""

_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG", "a PNG picture"), (0, b"\xff\xd8\xff", "a JPEG picture"), (0, b"GIF8", "a GIF picture"),
    (0, b"BM", "a BMP picture"), (0, b"%PDF", "a PDF document"), (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"), (0, b"7z\xbc\xaf", "a 7z archive"), (0, b"Rar!", "a RAR archive"),
    (0, b"MThd", "a MIDI file; render it to audio first"), (0, b"\x7fELF", "a program"), (0, b"MZ", "a program"),
    (0, b"SQLite format 3", "a database"), (8, b"WEBP", "a WebP picture"), (8, b"AVI ", "an AVI film"),
)  # fmt: skip
"""Offset, bytes and words for what is often given by mistake."""

UNKNOWN = "no known kind of audio"
"""Words for a file that looks like nothing known."""

_PLAYLIST = re.compile(
    rb"^\s*(#EXTM3U|#EXTINF|\[playlist\]|ffconcat|file\s|v=0|<\?xml[^>]*>\s*<(smil|playlist|MPD))", re.I
)


def audio_kind(head: bytes) -> str | None:
    """Detect the kind of audio from a file's first bytes, None where it is none.

    Parameters
    ----------
    head : bytes
        The first HEAD_BYTES of the file.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    for offset, magic, kind in _SIGNATURES:
        if head[offset : offset + len(magic)] == magic:
            return kind
    if tag_bytes(head):
        return "mp3"
    return _frame_kind(head)


def tag_bytes(head: bytes) -> int:
    """Read the size of the ID3 tag that a file begins with, 0 where there is none.

    References
    ----------
    ID3 tag version 2.4.0, section 3.1: four bytes of seven bits each, without the header and the footer.
    """
    if len(head) < 10 or head[:3] != b"ID3" or any(byte > 127 for byte in head[6:10]):
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte
    return size + (20 if head[5] & 0x10 else 10)


def _frame_kind(head: bytes) -> str | None:
    """Detect streams without a header by the sync word of their first frame."""
    at = next((index for index, byte in enumerate(head[:2_048]) if byte), 0)  # some encoders pad with zeros
    if len(head) < at + 4 or head[at] != 0xFF:
        return None
    second, third = head[at + 1], head[at + 2]
    if second & 0xF6 == 0xF0:
        return "aac"
    plausible = (third >> 4) not in (0, 15) and (third >> 2) & 3 != 3
    if second & 0xE0 == 0xE0 and (second >> 3) & 3 != 1 and (second >> 1) & 3 and plausible:
        return "mp3"
    return None


def other_kind(head: bytes) -> str:
    """Say in words what a file is that holds no audio."""
    for offset, magic, words in _OTHERS:
        if head[offset : offset + len(magic)] == magic:
            return f"{words}, not audio"
    if _PLAYLIST.match(head):
        return "a playlist, and playlists are never opened"
    if re.match(rb"\s*<(!doctype|html|\?xml|svg)", head, re.IGNORECASE):
        return "an HTML or XML page, not audio"
    if head and b"\x00" not in head and sum(byte < 9 for byte in head) == 0:
        return "text, not audio"
    return UNKNOWN
