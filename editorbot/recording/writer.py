"""Writing a track, which appears under its name only when it is whole.

Integers are copied bit for bit into a file of their depth or more. Floats are
rounded to the file's depth here, never by libsndfile, whose scale is not the
one that reading uses; samples beyond full scale, or far beyond it in a lossy
file, are clipped and counted.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import shutil
from types import TracebackType

import numpy as np
from jaxtyping import Shaped

from editorbot.atomic import atomic_file
from editorbot.errors import NonFiniteError, NoSpaceError, OutputError, write_error
from editorbot.recording.encoders import open_encoder
from editorbot.recording.pcm import PcmFormat, full_scale
from editorbot.recording.recording import Recording

FORMATS = {
    ".wav": "WAV", ".wave": "WAV", ".rf64": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".oga": "OGG", ".opus": "OGG",
    ".mp3": "MP3", ".aiff": "AIFF", ".aif": "AIFF",
}  # fmt: skip
"""The container of each ending."""

_BITS = {"PCM_16": 16, "PCM_24": 24, "PCM_32": 32}

LOSSY_HEADROOM_DB = 24.0
"""How far beyond full scale a lossy file may go [dB]: more than any mix needs; LAME ends the process at some 100 dB."""

_FLOAT_LIMITS = {"DOUBLE": float(np.finfo(np.float64).max), "FLOAT": float(np.finfo(np.float32).max)}
"""Largest values of the files that hold floats as they are."""


def container_of(path: str | os.PathLike[str]) -> str:
    """Find the container that a path's ending names.

    Raises
    ------
    OutputError
        If the ending names no container that can be written.
    """
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if not ending:
        raise OutputError(f"a track's name must end in its format: {', '.join(FORMATS)}", path=path)
    if ending not in FORMATS:
        raise OutputError(f"a track cannot end in {ending!r}; write {', '.join(FORMATS)}", path=path)
    return FORMATS[ending]


def check_track(path: str | os.PathLike[str], recording: Recording) -> None:
    """Refuse a track that its container cannot hold, before any work is done for it.

    Raises
    ------
    OutputError
        If the ending names no container, or one that cannot hold the recording's rate or channels.
    """
    pcm = PcmFormat(_track_subtype(recording.subtype, path), recording.channels)
    open_encoder(io.BytesIO(), container_of(path), pcm, recording.sample_rate, os.fspath(path)).abandon()


def _track_subtype(source_subtype: str, path: str | os.PathLike[str]) -> str:
    """Choose the sample format of a track: at least the source's depth, as far as the container goes."""
    container = container_of(path)
    if container in ("OGG", "MP3"):
        is_opus = os.fspath(path).lower().endswith(".opus")
        return "MPEG_LAYER_III" if container == "MP3" else "OPUS" if is_opus else "VORBIS"
    wanted = source_subtype if source_subtype in (*_BITS, *_FLOAT_LIMITS) else "PCM_16"
    if container == "FLAC" and wanted not in ("PCM_16", "PCM_24"):
        return "PCM_24"
    return wanted


class TrackWriter:
    """Writes blocks to a file that appears under its name only when it is whole.

    Parameters
    ----------
    path : path
        The track; its ending names the container.
    sample_rate : int [Hz]
        Its rate.
    channels : int
        Its channels.
    subtype : str
        `Recording.subtype` of its source: the track has at least this depth, as far as the container goes.
    total_samples : int, optional
        Its length where known, so that a full disk is noticed before the work.
    may_replace : bool
        Whether it may replace a file that exists when it is finished.

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
        subtype: str = "PCM_16",
        *,
        total_samples: int | None = None,
        may_replace: bool = True,
    ) -> None:
        self.path = os.fspath(path)
        self.subtype = _track_subtype(subtype, path)
        """Its sample format, by libsndfile's name."""
        self.clipped_samples = 0
        """Values that were beyond what the file holds, full scale where it holds integers, and were clipped."""
        pcm = PcmFormat(self.subtype, channels)
        if total_samples is not None:
            self._check_space(total_samples, channels)
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(atomic_file(self.path, may_replace=may_replace))
            self._encoder = open_encoder(file, container_of(path), pcm, sample_rate, self.path)
            stack.push(lambda kind, *_: self._encoder.finish() if kind is None else self._encoder.abandon())
            self._stack = stack.pop_all()

    def _check_space(self, total_samples: int, channels: int) -> None:
        """Refuse now what would not fit later; compressed files count half."""
        pcm = PcmFormat(self.subtype if self.subtype in (*_BITS, *_FLOAT_LIMITS) else "PCM_16", channels)
        share = 1.0 if container_of(self.path) == "WAV" else 0.5
        needed = int(total_samples * pcm.row_bytes * share)
        try:
            free = shutil.disk_usage(os.path.dirname(os.path.abspath(self.path))).free
        except OSError as error:
            raise write_error(error, self.path) from error
        if free < needed:
            raise NoSpaceError(f"the track needs {needed:,} bytes, {free:,} are free", path=self.path)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines ``CODE: text`` about what was written."""
        if not self.clipped_samples:
            return ()
        bound = "full scale" if self.subtype in _BITS else f"{20 * math.log10(self._limit):+.0f} dBFS"
        return (f"CLIPPED: {self.clipped_samples} samples beyond {bound} were clipped; --polish loudness avoids it",)

    @property
    def _limit(self) -> float:
        """Largest value of a file of floats, or a lossy one."""
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
            raise NonFiniteError("a rendered sample is NaN or infinite", path=self.path)
        try:
            self._encoder.write(self._converted(block))
        except OSError as error:
            raise write_error(error, self.path) from error

    def _converted(self, block: Shaped[np.ndarray, "samples channels"]) -> Shaped[np.ndarray, "samples channels"]:
        """Convert samples to the file's own type."""
        is_float = block.dtype.kind == "f"
        if self.subtype not in _BITS:
            wide = "float64" if self.subtype == "DOUBLE" else "float32"
            scaled = self._clipped(block, -self._limit, self._limit) if is_float else block / full_scale(block.dtype)
            return np.ascontiguousarray(scaled, dtype=wide)
        bits = _BITS[self.subtype]
        if is_float:
            block = self._rounded(block, bits)
        if bits == 16:
            return block if block.dtype == np.int16 else (block >> 16).astype(np.int16)
        return block.astype(np.int32) << 16 if block.dtype == np.int16 else block

    def _rounded(
        self, block: Shaped[np.ndarray, "samples channels"], bits: int
    ) -> Shaped[np.ndarray, "samples channels"]:
        """Round floats to integers of `bits` bits in the upper bits of an int32."""
        full = float(1 << (bits - 1))
        scaled = np.rint(np.clip(block, -2.0, 2.0) * full)  # so that no product of a clipped sample overflows
        # A peak of exactly full scale is one step too high by convention, not by loudness.
        self.clipped_samples += int(np.count_nonzero((scaled < -full) | (scaled > full)))
        return np.clip(scaled, -full, full - 1).astype(np.int64).astype(np.int32) << (32 - bits)

    def _clipped(
        self, block: Shaped[np.ndarray, "samples channels"], low: float, high: float
    ) -> Shaped[np.ndarray, "samples channels"]:
        """Clip floats to what the file can hold."""
        beyond = int(np.count_nonzero((block < low) | (block > high)))
        self.clipped_samples += beyond
        return np.clip(block, low, high) if beyond else block

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises
        ------
        ExistsError
            If a file exists by now that it must not replace.
        NoSpaceError, OutputError
            If it cannot be finished; then nothing is left of it.
        """
        self._stack.close()

    def __enter__(self) -> TrackWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)
