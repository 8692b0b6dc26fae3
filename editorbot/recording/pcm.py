"""Raw samples in a file: the one way in which samples are read.

Every recording ends here. A WAV is read in place; everything else has been
decoded into a temporary file first (:mod:`editorbot.recording.decoded_audio`).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import IO

import numpy as np
from jaxtyping import Float64, Shaped

from editorbot.errors import ChannelsError, RateError

MIN_RATE, MAX_RATE = 4_000, 768_000
"""Sample rates that are accepted [Hz]."""

MAX_CHANNELS = 1_024
"""Most channels that are accepted, libsndfile's own limit."""

BLOCK_VALUES = 1 << 18
"""Samples times channels that are handled at a time."""


@dataclass(frozen=True)
class PcmFormat:
    """How samples are stored in a file."""

    subtype: str
    """Sample format by libsndfile's name: PCM_U8, PCM_16, PCM_24, PCM_32, FLOAT, DOUBLE."""
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
        """Type of the arrays that are read; integers are left-justified in it."""
        names = {"PCM_24": "<i4", "PCM_32": "<i4", "FLOAT": "<f4", "DOUBLE": "<f8"}
        return np.dtype(names.get(self.subtype, "<i2"))


class PcmBody:
    """Consecutive raw samples of an open file; safe to read from several threads."""

    def __init__(self, file: IO[bytes], offset: int, samples: int, pcm: PcmFormat) -> None:
        self._file = file
        self._offset = offset
        self._lock = threading.Lock()
        self.samples = samples
        self.pcm = pcm

    def read(self, start: int, end: int) -> Shaped[np.ndarray, "samples channels"]:
        """Read samples [start, end), as far as there are any, in the format's own type."""
        start, end = max(0, min(start, self.samples)), max(0, min(end, self.samples))
        size = max(0, end - start) * self.pcm.row_bytes
        with self._lock:
            self._file.seek(self._offset + start * self.pcm.row_bytes)
            content = self._file.read(size)
        whole = len(content) // self.pcm.row_bytes * self.pcm.row_bytes
        return _unpacked(content[:whole], self.pcm)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _unpacked(content: bytes, pcm: PcmFormat) -> Shaped[np.ndarray, "samples channels"]:
    """Unpack little-endian bytes; 8 and 24 bits move to the top of the next larger integer."""
    if pcm.subtype == "PCM_24":
        packed = np.frombuffer(content, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(packed), 4), np.uint8)
        wide[:, 1:] = packed
        values = wide.view("<i4")[:, 0]
    elif pcm.subtype == "PCM_U8":
        values = (np.frombuffer(content, np.uint8).astype(np.int16) - 128) << 8
    elif pcm.subtype == "PCM_S8":
        values = np.frombuffer(content, np.int8).astype(np.int16) << 8
    else:
        values = np.frombuffer(content, pcm.dtype)
    return values.reshape(-1, pcm.channels)


def full_scale(dtype: np.dtype) -> float:
    """Full scale of samples of a type: 2**(bits - 1) for integers, 1.0 for floats."""
    return float(1 << (8 * dtype.itemsize - 1)) if dtype.kind == "i" else 1.0


def as_float(block: Shaped[np.ndarray, "samples channels"]) -> Float64[np.ndarray, "samples channels"]:
    """Convert samples of any type to a new float64 array with full scale 1.0."""
    return block / full_scale(block.dtype) if block.dtype.kind == "i" else block.astype(np.float64)


def check_rate_and_channels(sample_rate: int, channels: int, path: str) -> None:
    """Raise RateError or ChannelsError where a header declares what cannot be; call it before anything is allocated."""
    if not MIN_RATE <= sample_rate <= MAX_RATE:
        raise RateError(
            f"its header says {sample_rate} samples a second; {MIN_RATE} to {MAX_RATE} can be read", path=path
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise ChannelsError(f"its header says {channels} channels; 1 to {MAX_CHANNELS} can be read", path=path)


def block_samples(channels: int) -> int:
    """How many samples to handle at a time: fewer where there are many channels."""
    return max(1, BLOCK_VALUES // channels)
