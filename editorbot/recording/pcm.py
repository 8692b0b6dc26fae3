"""Raw samples in a file: the one way in which samples are read.

Every recording ends here. A WAV is read where it lies; everything else has been
decoded into a temporary file first (:mod:`editorbot.recording.decoded_audio`).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import IO

import numpy as np
from jaxtyping import Shaped


@dataclass(frozen=True)
class PcmFormat:
    """How samples lie in a file."""

    subtype: str
    """Sample format in libsndfile's words: PCM_U8, PCM_16, PCM_24, PCM_32, FLOAT, DOUBLE."""
    channels: int
    """Channels, interleaved."""

    @property
    def sample_bytes(self) -> int:
        """Size of one sample of one channel [bytes]."""
        return {"PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}[self.subtype]

    @property
    def row_bytes(self) -> int:
        """Size of one sample of all channels [bytes]."""
        return self.sample_bytes * self.channels

    @property
    def dtype(self) -> np.dtype:
        """Type that samples are handed out in; integers are left-justified in it."""
        names = {"PCM_24": "<i4", "PCM_32": "<i4", "FLOAT": "<f4", "DOUBLE": "<f8"}
        return np.dtype(names.get(self.subtype, "<i2"))


class PcmBody:
    """Samples that lie one after another in an open file."""

    def __init__(self, file: IO[bytes], offset: int, samples: int, pcm: PcmFormat) -> None:
        self._file = file
        self._offset = offset
        self._lock = threading.Lock()
        self.samples = samples
        self.pcm = pcm

    def read(self, start: int, end: int) -> Shaped[np.ndarray, "samples channels"]:
        """Return samples [start, end), as far as there are any, in the format's own type."""
        start, end = max(0, min(start, self.samples)), max(0, min(end, self.samples))
        size = max(0, end - start) * self.pcm.row_bytes
        with self._lock:
            self._file.seek(self._offset + start * self.pcm.row_bytes)
            content = self._file.read(size)
        whole = len(content) // self.pcm.row_bytes * self.pcm.row_bytes
        return decoded(content[:whole], self.pcm)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def decoded(content: bytes, pcm: PcmFormat) -> Shaped[np.ndarray, "samples channels"]:
    """Return little-endian bytes as samples; 8 and 24 bits are moved to the top of the next larger integer."""
    if pcm.subtype == "PCM_24":
        return _decoded_24(content).reshape(-1, pcm.channels)
    if pcm.subtype == "PCM_U8":
        unsigned = np.frombuffer(content, np.uint8).astype(np.int16)
        return ((unsigned - 128) << 8).reshape(-1, pcm.channels)
    if pcm.subtype == "PCM_S8":
        return (np.frombuffer(content, np.int8).astype(np.int16) << 8).reshape(-1, pcm.channels)
    return np.frombuffer(content, pcm.dtype).reshape(-1, pcm.channels)


def _decoded_24(content: bytes) -> Shaped[np.ndarray, " values"]:
    """Return packed 24-bit integers in the upper bytes of 32-bit ones."""
    packed = np.frombuffer(content, np.uint8).reshape(-1, 3)
    wide = np.zeros((len(packed), 4), np.uint8)
    wide[:, 1:] = packed
    return wide.view("<i4")[:, 0]
