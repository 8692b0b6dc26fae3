"""Writing WAV, and RF64 where the file grows beyond what WAV can say.

Our own, because libsndfile stamps the time into float files, and equal edits
are to give equal bytes. A JUNK chunk keeps room for the 64-bit sizes.

References
----------
EBU Tech 3306, section 3.5: "JUNK" becomes "ds64" when the file is too large.
"""

from __future__ import annotations

import io
import struct
from typing import IO

from editorbot.recording.pcm import PcmFormat

LARGEST_WAV_BYTES = 0xFFFFFFFF - 1_024
"""Largest file whose sizes fit 32 bits."""

_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
"""The part of a WAVE_FORMAT_EXTENSIBLE subformat that is the same for all."""


class WavFile:
    """Appends little-endian samples to a new WAV file."""

    def __init__(
        self, file: IO[bytes] | io.BytesIO, sample_rate: int, pcm: PcmFormat, *, largest: int = LARGEST_WAV_BYTES
    ) -> None:
        self._file = file
        self._pcm = pcm
        self._largest = largest
        self._bytes = 0
        file.write(b"RIFF\0\0\0\0WAVE" + b"JUNK" + struct.pack("<I", 28) + bytes(28))
        format_chunk = _format(sample_rate, pcm)
        file.write(b"fmt " + struct.pack("<I", len(format_chunk)) + format_chunk)
        if _is_float(pcm):
            self._fact_at = file.tell() + 8
            file.write(b"fact" + struct.pack("<II", 4, 0))
        file.write(b"data\0\0\0\0")
        self._data_at = file.tell()

    def append(self, content: bytes | memoryview) -> None:
        """Append interleaved samples as they are to stand in the file."""
        self._file.write(content)
        self._bytes += len(content)

    def finish(self) -> None:
        """Fill the sizes in."""
        self._file.write(bytes(self._bytes % 2))
        total = self._data_at + self._bytes + self._bytes % 2 - 8
        samples = self._bytes // self._pcm.row_bytes
        if total > self._largest:
            self._patch(0, b"RF64\xff\xff\xff\xff")
            self._patch(12, b"ds64" + struct.pack("<IQQQI", 28, total, self._bytes, samples, 0))
            self._patch(self._data_at - 4, b"\xff\xff\xff\xff")
        else:
            self._patch(4, struct.pack("<I", total))
            self._patch(self._data_at - 4, struct.pack("<I", self._bytes))
        if _is_float(self._pcm):
            self._patch(self._fact_at, struct.pack("<I", min(samples, 0xFFFFFFFF)))

    def _patch(self, at: int, content: bytes) -> None:
        self._file.seek(at)
        self._file.write(content)


def _is_float(pcm: PcmFormat) -> bool:
    return pcm.subtype in ("FLOAT", "DOUBLE")


def _format(sample_rate: int, pcm: PcmFormat) -> bytes:
    """Return the content of the format chunk; more than two channels need the extensible form."""
    tag, bits = (3 if _is_float(pcm) else 1), 8 * pcm.sample_bytes
    numbers = (pcm.channels, sample_rate, min(sample_rate * pcm.row_bytes, 0xFFFFFFFF), pcm.row_bytes, bits)
    if pcm.channels <= 2:
        return struct.pack("<HHIIHH", tag, *numbers)
    return struct.pack("<HHIIHHHHIH", 0xFFFE, *numbers, 22, bits, 0, tag) + _SUBFORMAT_TAIL
