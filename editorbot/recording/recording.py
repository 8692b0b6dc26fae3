"""A recording: samples by block, whatever the file holds."""

from __future__ import annotations

import hashlib
import os
from types import TracebackType

import numpy as np
import soundfile as sf
from jaxtyping import Float64, Shaped

from editorbot.editlist.edit_list import Source


class Recording:
    """An open recording; positions are samples per channel."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = sf.SoundFile(path)
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.samples: int = self._file.frames
        self.subtype: str = self._file.subtype
        """Sample format of the source in libsndfile's words: PCM_16, PCM_24, FLOAT ..."""
        self.warnings: tuple[str, ...] = ()
        self._dtype = {"PCM_16": "int16", "PCM_U8": "int16", "PCM_S8": "int16", "PCM_24": "int32", "PCM_32": "int32",
                       "DOUBLE": "float64"}.get(self.subtype, "float32")
        with open(path, "rb") as raw:
            self.digest = "sha256:" + hashlib.file_digest(raw, "sha256").hexdigest()

    @property
    def source(self) -> Source:
        """Return what an edit list says of it."""
        return Source(self.path, self.digest, self.sample_rate, self.channels, self.samples)

    def read_native(self, start: int, end: int) -> Shaped[np.ndarray, "samples channels"]:
        """Return samples [start, end) in the source's own type (int16, int32, float32 or float64), untouched."""
        self._file.seek(start)
        return self._file.read(end - start, dtype=self._dtype, always_2d=True)

    def read(self, start: int, end: int) -> Float64[np.ndarray, "samples channels"]:
        """Return samples [start, end) as float64 with full scale 1.0; integers are divided by 2**(bits - 1)."""
        block = self.read_native(start, end)
        if block.dtype.kind == "i":
            return block / float(1 << (8 * block.dtype.itemsize - 1))
        return block.astype(np.float64)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_recording(path: str | os.PathLike[str], *, repair: bool = False) -> Recording:
    """Open a recording by its content."""
    return Recording(os.fspath(path))
