"""Writing a track: under a temporary name, then renamed."""

from __future__ import annotations

import os
from types import TracebackType

import numpy as np
import soundfile as sf


class TrackWriter:
    """Writes blocks to a file that appears under its name only when whole."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        sample_rate: int,
        channels: int,
        subtype: str = "PCM_16",
        *,
        total_samples: int | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self.warnings: tuple[str, ...] = ()
        self._temporary = self.path + ".part.wav"
        self._file = sf.SoundFile(self._temporary, "w", sample_rate, channels, subtype, format="WAV")

    def write_native(self, block: np.ndarray) -> None:
        """Append samples in the source's own type, bit for bit."""
        self._file.write(block)

    def write(self, block: np.ndarray) -> None:
        """Append float samples, rounded to the file's depth."""
        self._file.write(block)

    def __enter__(self) -> TrackWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
        if kind is None:
            os.replace(self._temporary, self.path)
        else:
            os.unlink(self._temporary)


def track_subtype(source_subtype: str, path: str) -> str:
    """Return the sample format of a track made from a source."""
    return source_subtype if source_subtype in ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE") else "PCM_16"
