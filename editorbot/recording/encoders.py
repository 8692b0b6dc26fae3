"""Encoders of tracks: our own WAV writer, and libsndfile for everything else.

WAV is written here because libsndfile stamps the time into float files, and equal
edits are to give equal bytes. A JUNK chunk keeps room for the 64-bit sizes of RF64.

References
----------
EBU Tech 3306, section 3.5: "JUNK" becomes "ds64" when the file is too large.
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator
from typing import IO

import numpy as np
import soundfile as sf
from jaxtyping import Shaped

from editorbot.errors import OutputError
from editorbot.recording.callbacks import CallbackFile
from editorbot.recording.pcm import PcmFormat

LARGEST_WAV_BYTES = 0xFFFFFFFF - 1_024
"""Largest file whose sizes fit 32 bits."""

_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
"""The part of a WAVE_FORMAT_EXTENSIBLE subformat that is the same for all."""


def open_encoder(
    file: IO[bytes] | io.BytesIO, container: str, pcm: PcmFormat, sample_rate: int, path: str
) -> WavEncoder | SndfileEncoder:
    """Start an encoder that writes into an empty, seekable file.

    Parameters
    ----------
    file : binary file
        Empty, open for writing, seekable.
    container : str
        By libsndfile's name, as is the sample format in `pcm`.
    pcm : PcmFormat
        The track's sample format and channels.
    sample_rate : int [Hz]
        The track's rate.
    path : str
        The track, for messages.

    Raises
    ------
    OutputError
        If the container cannot hold such a track.
    """
    if container == "WAV":
        return WavEncoder(file, sample_rate, pcm)
    return SndfileEncoder(file, container, pcm, sample_rate, path)


class WavEncoder:
    """Writes WAV, and RF64 where the file grows beyond what WAV can say."""

    def __init__(
        self, file: IO[bytes] | io.BytesIO, sample_rate: int, pcm: PcmFormat, *, largest: int = LARGEST_WAV_BYTES
    ) -> None:
        self._file = file
        self._pcm = pcm
        self._largest = largest
        self._bytes = 0
        file.write(b"RIFF\0\0\0\0WAVE" + b"JUNK" + struct.pack("<I", 28) + bytes(28))
        format_chunk = _format_chunk(sample_rate, pcm)
        file.write(b"fmt " + struct.pack("<I", len(format_chunk)) + format_chunk)
        if _is_float(pcm):
            self._fact_at = file.tell() + 8
            file.write(b"fact" + struct.pack("<II", 4, 0))
        file.write(b"data\0\0\0\0")
        self._data_at = file.tell()

    def write(self, block: Shaped[np.ndarray, "samples channels"]) -> None:
        """Append samples of the file's own type."""
        if self._pcm.subtype == "PCM_24":
            content = np.ascontiguousarray(block, "<i4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
        else:
            content = np.ascontiguousarray(block, self._pcm.dtype).tobytes()
        self._file.write(content)
        self._bytes += len(content)

    def finish(self) -> None:
        """Fill in the sizes."""
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

    def abandon(self) -> None:
        """Leave the sizes as they are."""

    def _patch(self, at: int, content: bytes) -> None:
        self._file.seek(at)
        self._file.write(content)


def _is_float(pcm: PcmFormat) -> bool:
    return pcm.subtype in ("FLOAT", "DOUBLE")


def _format_chunk(sample_rate: int, pcm: PcmFormat) -> bytes:
    """Content of the format chunk; more than two channels need the extensible form."""
    tag, bits = (3 if _is_float(pcm) else 1), 8 * pcm.sample_bytes
    numbers = (pcm.channels, sample_rate, min(sample_rate * pcm.row_bytes, 0xFFFFFFFF), pcm.row_bytes, bits)
    if pcm.channels <= 2:
        return struct.pack("<HHIIHH", tag, *numbers)
    return struct.pack("<HHIIHHHHIH", 0xFFFE, *numbers, 22, bits, 0, tag) + _SUBFORMAT_TAIL


class SndfileEncoder:
    """Encodes with libsndfile, which forgets a full disk; the file that it calls back does not."""

    def __init__(
        self, file: IO[bytes] | io.BytesIO, container: str, pcm: PcmFormat, sample_rate: int, path: str
    ) -> None:
        self._target = CallbackFile(file)
        try:
            self._sound = sf.SoundFile(self._target, "w", sample_rate, pcm.channels, pcm.subtype, format=container)
        except (sf.LibsndfileError, RuntimeError, ValueError) as error:
            self._target.check()
            what = f"{pcm.channels} channels at {sample_rate} Hz as {pcm.subtype}"
            raise OutputError(f"{container} cannot hold {what}; write a .wav", path=path) from error

    def write(self, block: Shaped[np.ndarray, "samples channels"]) -> None:
        """Append samples of the file's own type."""
        with self._checked():
            self._sound.write(block)

    def finish(self) -> None:
        """Encode what is left."""
        with self._checked():
            self._sound.close()

    def abandon(self) -> None:
        """Close the encoder whatever it says."""
        with contextlib.suppress(sf.LibsndfileError, RuntimeError):
            self._sound.close()

    @contextlib.contextmanager
    def _checked(self) -> Iterator[None]:
        """Raise what the disk said, in place of what libsndfile makes of it."""
        try:
            yield
        except (sf.LibsndfileError, RuntimeError, AssertionError) as error:
            self._target.check()
            raise OSError(f"the encoder gave up: {error}") from error
        self._target.check()
