"""Writing a track: under a temporary name, then renamed.

Integers are copied bit for bit into a file of their depth or more. Floats are
rounded to the file's depth here, never by libsndfile, whose scale is not the
one that reading uses; what lies beyond full scale, or far beyond it in a lossy
file, is held there and counted.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from types import TracebackType
from typing import IO

import numpy as np
from jaxtyping import Shaped

from editorbot.atomic import part_beside, place, remove_part
from editorbot.errors import NonFiniteError, NoSpaceError, OutputError, write_error
from editorbot.recording.pcm import PcmFormat
from editorbot.recording.sinks import Sink, check_container, open_sink

FORMATS = {
    ".wav": "WAV", ".wave": "WAV", ".rf64": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".oga": "OGG", ".opus": "OGG",
    ".mp3": "MP3", ".aiff": "AIFF", ".aif": "AIFF",
}  # fmt: skip
"""The container that each ending asks for."""

_BITS = {"PCM_16": 16, "PCM_24": 24, "PCM_32": 32}

LOSSY_HEADROOM_DB = 24.0
"""What a lossy file may hold beyond full scale [dB]: more than any mix needs; LAME ends the process at some 100 dB."""
_FLOAT_LIMITS = {"DOUBLE": float(np.finfo(np.float64).max), "FLOAT": float(np.finfo(np.float32).max)}
"""Largest values of the files that hold floats as they are."""


def track_subtype(source_subtype: str, path: str | os.PathLike[str]) -> str:
    """Return the sample format of a track: at least the source's depth, as far as the container goes.

    Parameters
    ----------
    source_subtype : str
        `Recording.subtype` of the source.
    path : path
        The track; its ending tells the container.

    Raises
    ------
    OutputError
        If the ending names no container that can be written.
    """
    container = container_of(path)
    if container in ("OGG", "MP3"):
        ending = os.path.splitext(os.fspath(path))[1].lower()
        return {"OGG": "OPUS" if ending == ".opus" else "VORBIS", "MP3": "MPEG_LAYER_III"}[container]
    wanted = source_subtype if source_subtype in (*_BITS, "FLOAT", "DOUBLE") else "PCM_16"
    if container == "FLAC" and wanted not in ("PCM_16", "PCM_24"):
        return "PCM_24"
    return wanted


def container_of(path: str | os.PathLike[str]) -> str:
    """Return the container that a path's ending asks for.

    Raises
    ------
    OutputError
        If the ending is none that can be written.
    """
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if not ending:
        raise OutputError(f"a track's name must end in its format: {', '.join(FORMATS)}", path=path)
    if ending not in FORMATS:
        raise OutputError(f"a track cannot end in {ending!r}; write {', '.join(FORMATS)}", path=path)
    return FORMATS[ending]


def check_track(path: str | os.PathLike[str], source_subtype: str, sample_rate: int, channels: int) -> None:
    """Refuse a track that its container could not hold, before any work is done for it.

    Parameters
    ----------
    path : path
        The track; its ending tells the container.
    source_subtype : str
        `Recording.subtype` of the source.
    sample_rate : int [Hz]
        Its rate.
    channels : int
        Its channels.

    Raises
    ------
    OutputError
        If the ending names no container, or one that cannot hold this.
    """
    check_container(container_of(path), track_subtype(source_subtype, path), sample_rate, channels, os.fspath(path))


class TrackWriter:
    """Writes blocks to a file that appears under its name only when whole.

    Parameters
    ----------
    path : path
        The track; its ending tells the container.
    sample_rate : int [Hz]
        Its rate.
    channels : int
        Its channels.
    subtype : str, optional
        Its sample format, see `track_subtype`; 16 bits or the container's own by default.
    total_samples : int, optional
        Its length where known, so that a full disk is noticed before the work.
    may_replace : bool
        Whether it may take the place of a file that is there when it is finished.

    Raises
    ------
    OutputError
        If the container cannot hold such a track, or the folder cannot be written to.
    NoSpaceError
        If the disk is full, or would be.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sample_rate: int,
        channels: int,
        subtype: str | None = None,
        *,
        total_samples: int | None = None,
        may_replace: bool = True,
    ) -> None:
        self.path = os.fspath(path)
        self.subtype = subtype or track_subtype("PCM_16", path)
        self.clipped_samples = 0
        """Values that lay beyond what the file holds, full scale where it holds integers, and were held there."""
        self._channels = channels
        self._may_replace = may_replace
        self._check_space(total_samples)
        self._open(container_of(path), sample_rate)

    def _open(self, container: str, sample_rate: int) -> None:
        """Open a temporary file beside the track, and the sink that writes into it."""
        self._temporary = part_beside(self.path)
        try:
            self._file: IO[bytes] = open(self._temporary, "x+b")  # noqa: SIM115 -- `close` closes it
        except BaseException as error:
            remove_part(self._temporary)
            if isinstance(error, OSError):
                raise write_error(error, self.path) from error
            raise
        self._sink: Sink | None = None
        try:
            self._sink = open_sink(self._file, container, self.subtype, sample_rate, self._channels, self.path)
        except OSError as error:
            self._discard()
            raise write_error(error, self.path) from error
        except BaseException:
            self._discard()
            raise

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines ``CODE: text`` about what was written."""
        if not self.clipped_samples:
            return ()
        bound = "full scale" if self.subtype in _BITS else f"{20 * math.log10(self._limit):+.0f} dBFS"
        return (f"CLIPPED: {self.clipped_samples} samples beyond {bound} were held at it; --polish loudness avoids it",)

    @property
    def _limit(self) -> float:
        """Largest value that a file of floats, or a lossy one, is given."""
        return _FLOAT_LIMITS.get(self.subtype, 10 ** (LOSSY_HEADROOM_DB / 20))

    def write(self, block: Shaped[np.ndarray, "samples channels"]) -> None:
        """Append samples: left-justified int16 or int32 as they are, floats rounded to the file's depth.

        Raises
        ------
        NonFiniteError
            If a float is NaN or infinite.
        NoSpaceError, OutputError
            If the file cannot be written.
        """
        if block.dtype.kind == "f" and not np.isfinite(block).all():
            raise NonFiniteError("a rendered sample is no number", path=self.path)
        if self._sink is None:
            raise ValueError("the track is closed")
        try:
            self._sink.write(self._fitted(block))
        except OSError as error:
            raise write_error(error, self.path) from error

    def _fitted(self, block: Shaped[np.ndarray, "samples channels"]) -> Shaped[np.ndarray, "samples channels"]:
        """Return samples in the file's own type."""
        if self.subtype not in _BITS:
            wide = "float64" if self.subtype == "DOUBLE" else "float32"
            scale = 1.0 if block.dtype.kind == "f" else float(1 << (8 * block.dtype.itemsize - 1))
            return np.ascontiguousarray(block / scale if scale != 1.0 else self._held(block), dtype=wide)
        bits = _BITS[self.subtype]
        if block.dtype.kind == "f":
            block = self._rounded(block, bits)
        if bits == 16:
            return block if block.dtype == np.int16 else (block >> 16).astype(np.int16)
        return block.astype(np.int32) << 16 if block.dtype == np.int16 else block

    def _held(self, block: Shaped[np.ndarray, "samples channels"]) -> Shaped[np.ndarray, "samples channels"]:
        """Return floats that the file can hold."""
        beyond = int(np.count_nonzero(np.abs(block) > self._limit))
        self.clipped_samples += beyond
        return np.clip(block, -self._limit, self._limit) if beyond else block

    def _rounded(
        self, block: Shaped[np.ndarray, "samples channels"], bits: int
    ) -> Shaped[np.ndarray, "samples channels"]:
        """Return floats as integers of `bits` bits in the upper bits of an int32."""
        full = float(1 << (bits - 1))
        scaled = np.rint(np.clip(block, -2.0, 2.0) * full)  # no product of a sample that is held overflows
        held = np.clip(scaled, -full, full - 1)
        # A peak of exactly full scale is one step too high by convention, not by loudness.
        self.clipped_samples += int(np.count_nonzero((scaled < -full) | (scaled > full)))
        return held.astype(np.int64).astype(np.int32) << (32 - bits)

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises
        ------
        ExistsError
            If there is a file by now that it must not replace.
        NoSpaceError, OutputError
            If it cannot be finished; then nothing is left of it.
        """
        try:
            if self._sink is not None:
                self._sink.finish()
                self._sink = None
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            place(self._temporary, self.path, may_replace=self._may_replace)
        except OSError as error:
            self._discard()
            raise write_error(error, self.path) from error
        except BaseException:
            self._discard()
            raise

    def _discard(self) -> None:
        """Remove what was written."""
        if self._sink is not None:
            self._sink.abandon()
            self._sink = None
        with contextlib.suppress(OSError):  # closing writes what is left, and a full disk fails once more
            self._file.close()
        remove_part(self._temporary)

    def _check_space(self, total_samples: int | None) -> None:
        """Refuse now what would not fit later; compressed files are taken at half."""
        if total_samples is None:
            return
        pcm = PcmFormat(self.subtype if self.subtype in (*_BITS, "FLOAT", "DOUBLE") else "PCM_16", self._channels)
        share = 1.0 if container_of(self.path) == "WAV" else 0.5
        needed = int(total_samples * pcm.row_bytes * share)
        folder = os.path.dirname(os.path.abspath(self.path))
        try:
            free = shutil.disk_usage(folder).free
        except OSError as error:
            raise write_error(error, self.path) from error
        if free < needed:
            raise NoSpaceError(f"the track needs {needed:,} bytes, {free:,} are free", path=self.path)

    def __enter__(self) -> TrackWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._discard()
