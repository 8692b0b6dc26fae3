"""Writing a track: under a temporary name, then renamed.

Integers are copied bit for bit into a file of their depth or more. Floats are
rounded to the file's depth here, never by libsndfile, whose scale is not the
one that reading uses; what lies beyond full scale is held there and counted.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from types import TracebackType
from typing import Protocol, runtime_checkable

import numpy as np
import soundfile as sf
from jaxtyping import Shaped

from editorbot.errors import NonFiniteError, NoSpaceError, OutputError
from editorbot.recording.pcm import PcmFormat
from editorbot.recording.wav_file import WavFile

FORMATS = {
    ".wav": "WAV", ".wave": "WAV", ".rf64": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".oga": "OGG", ".opus": "OGG",
    ".mp3": "MP3", ".aiff": "AIFF", ".aif": "AIFF",
}  # fmt: skip
"""The container that each ending asks for."""

_FULL = tuple(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))
_BITS = {"PCM_16": 16, "PCM_24": 24, "PCM_32": 32}


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
    if ending not in FORMATS:
        raise OutputError(f"a track cannot end in {ending!r}; write {', '.join(FORMATS)}", path=path)
    return FORMATS[ending]


@runtime_checkable
@runtime_checkable
class _Sink(Protocol):
    """Takes samples of one container."""

    def write(self, block: Shaped[np.ndarray, "samples channels"]) -> None:
        """Append samples of the sink's own type."""

    def close(self) -> None:
        """Finish the file."""


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
    ) -> None:
        self.path = os.fspath(path)
        self.subtype = subtype or track_subtype("PCM_16", path)
        self.clipped_samples = 0
        """Values that lay beyond full scale and were held there."""
        self._channels = channels
        self._check_space(total_samples)
        ending = os.path.splitext(self.path)[1]
        folder = os.path.dirname(os.path.abspath(self.path))
        self._sink: _Sink | None = None
        try:
            descriptor, self._temporary = tempfile.mkstemp(prefix=".editorbot-", suffix=ending, dir=folder)
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror}", path=self.path) from error
        os.close(descriptor)
        try:
            self._sink = self._open_sink(container_of(path), sample_rate)
        except BaseException:
            self._discard()
            raise

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines ``CODE: text`` about what was written."""
        if not self.clipped_samples:
            return ()
        return (
            f"CLIPPED: {self.clipped_samples} samples beyond full scale were held at it; --polish loudness avoids it",
        )

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
        except (OSError, RuntimeError, AssertionError) as error:
            raise self._failed(error) from error

    def _fitted(self, block: Shaped[np.ndarray, "samples channels"]) -> Shaped[np.ndarray, "samples channels"]:
        """Return samples in the file's own type."""
        if self.subtype not in _BITS:
            wide = "float64" if self.subtype == "DOUBLE" else "float32"
            scale = 1.0 if block.dtype.kind == "f" else float(1 << (8 * block.dtype.itemsize - 1))
            return np.ascontiguousarray(block / scale if scale != 1.0 else block, dtype=wide)
        bits = _BITS[self.subtype]
        if block.dtype.kind == "f":
            block = self._rounded(block, bits)
        if bits == 16:
            return block if block.dtype == np.int16 else (block >> 16).astype(np.int16)
        return block.astype(np.int32) << 16 if block.dtype == np.int16 else block

    def _rounded(
        self, block: Shaped[np.ndarray, "samples channels"], bits: int
    ) -> Shaped[np.ndarray, "samples channels"]:
        """Return floats as integers of `bits` bits in the upper bits of an int32."""
        full = float(1 << (bits - 1))
        scaled = np.rint(block * full)
        held = np.clip(scaled, -full, full - 1)
        # A peak of exactly full scale is one step too high by convention, not by loudness.
        self.clipped_samples += int(np.count_nonzero((scaled < -full) | (scaled > full)))
        return held.astype(np.int64).astype(np.int32) << (32 - bits)

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises
        ------
        NoSpaceError, OutputError
            If it cannot be finished; then nothing is left of it.
        """
        try:
            if self._sink is not None:
                self._sink.close()
                self._sink = None
            with open(self._temporary, "r+b") as file:
                os.fsync(file.fileno())
            os.chmod(self._temporary, 0o666 & ~current_umask())
            os.replace(self._temporary, self.path)
        except (OSError, RuntimeError) as error:
            self._discard()
            raise self._failed(error) from error

    def _discard(self) -> None:
        """Remove what was written."""
        with contextlib.suppress(OSError, RuntimeError):  # a full disk fails once more at closing
            if self._sink is not None:
                self._sink.close()
        self._sink = None
        if os.path.exists(self._temporary):
            os.unlink(self._temporary)

    def _open_sink(self, container: str, sample_rate: int) -> _Sink:
        if container == "WAV":
            return _WavSink(self._temporary, sample_rate, PcmFormat(self.subtype, self._channels))
        # libsndfile takes text on Windows and bytes elsewhere: names need not be text there.
        name = self._temporary if os.name == "nt" else os.fsencode(self._temporary)
        try:
            return sf.SoundFile(name, "w", sample_rate, self._channels, self.subtype, format=container)
        except (sf.LibsndfileError, RuntimeError, ValueError) as error:
            what = f"{self._channels} channels at {sample_rate} Hz"
            raise OutputError(f"{container} cannot hold {what}; write a .wav", path=self.path) from error

    def _check_space(self, total_samples: int | None) -> None:
        """Refuse now what would not fit later; compressed files are taken at half."""
        if total_samples is None:
            return
        pcm = PcmFormat(self.subtype if self.subtype in (*_BITS, "FLOAT", "DOUBLE") else "PCM_16", self._channels)
        share = 1.0 if container_of(self.path) == "WAV" else 0.5
        needed = int(total_samples * pcm.row_bytes * share)
        folder = os.path.dirname(os.path.abspath(self.path))
        free = shutil.disk_usage(folder).free if os.path.isdir(folder) else needed
        if free < needed:
            raise NoSpaceError(f"the track needs {needed:,} bytes, {free:,} are free", path=self.path)

    def _failed(self, error: Exception) -> OutputError | NoSpaceError:
        """Return the error that a failed write means."""
        full = isinstance(error, OSError) and error.errno in _FULL
        folder = os.path.dirname(os.path.abspath(self.path))
        if full or shutil.disk_usage(folder).free < 1 << 20:
            return NoSpaceError("the disk is full; nothing was written under this name", path=self.path)
        return OutputError(f"cannot be written: {getattr(error, 'strerror', None) or error}", path=self.path)

    def __enter__(self) -> TrackWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._discard()


class _WavSink:
    """Writes WAV by our own writer."""

    def __init__(self, path: str, sample_rate: int, pcm: PcmFormat) -> None:
        self._file = open(path, "w+b")  # noqa: SIM115 - closed by close
        self._wav = WavFile(self._file, sample_rate, pcm)
        self._pcm = pcm

    def write(self, block: Shaped[np.ndarray, "samples channels"]) -> None:
        """Append samples."""
        if self._pcm.subtype == "PCM_24":
            packed = np.ascontiguousarray(block, "<i4").view(np.uint8).reshape(-1, 4)[:, 1:]
            self._wav.append(packed.tobytes())
        else:
            self._wav.append(np.ascontiguousarray(block, self._pcm.dtype).tobytes())

    def close(self) -> None:
        """Fill the sizes in."""
        try:
            self._wav.finish()
        finally:
            self._file.close()


def current_umask() -> int:
    """Return the process's file mode mask; reading it means setting it for a moment."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
