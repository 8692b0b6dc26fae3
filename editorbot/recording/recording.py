"""A recording: samples by block, whatever the file holds."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from types import TracebackType
from typing import IO

import numpy as np
from jaxtyping import Float64, Shaped

from editorbot.editlist.edit_list import Source
from editorbot.errors import EmptyError, NonFiniteError, NotAudioError, NotFoundError, UnreadableError, read_error
from editorbot.recording.callbacks import OffsetFile
from editorbot.recording.decode import decode
from editorbot.recording.mpeg_frames import SEARCH_BYTES, find_stream
from editorbot.recording.pcm import PcmBody, as_float, check_rate_and_channels
from editorbot.recording.sample_checks import BadRun, find_bad_runs, healed
from editorbot.recording.sniff import HEAD_BYTES, UNKNOWN, audio_kind, other_kind, tag_bytes
from editorbot.recording.wav_header import find_layout
from editorbot.timebase import clock, samples_to_s

DIGEST_BLOCK_BYTES = 1 << 20

BLOCK_SAMPLES = 65_536
"""Length of a block of `Recording.blocks` [samples]: 1.5 s at 44.1 kHz."""


class Recording:
    """An open recording.

    Samples are read by block, in their own type (`read_native`) or as float64
    (`read`). Positions are samples per channel. Safe to read from several threads.
    """

    def __init__(
        self,
        path: str,
        body: PcmBody,
        sample_rate: int,
        subtype: str,
        *,
        warnings: tuple[str, ...] = (),
        bad_runs: tuple[BadRun, ...] = (),
    ) -> None:
        self.path = path
        """Where it was opened."""
        self.sample_rate = sample_rate
        """Samples a second [Hz]."""
        self.channels = body.pcm.channels
        """Channels."""
        self.samples = body.samples
        """Length [samples]."""
        self.subtype = subtype
        """Sample format of the source by libsndfile's name: PCM_16, PCM_24, FLOAT ..."""
        self.warnings = warnings
        """Lines ``CODE: text`` about what was healed when it was opened."""
        self._body = body
        self._bad_runs = bad_runs

    @functools.cached_property
    def digest(self) -> str:
        """``sha256:`` and the SHA-256 of the file's bytes, computed on first use."""
        total = hashlib.sha256()
        try:
            with open(self.path, "rb") as file:
                while block := file.read(DIGEST_BLOCK_BYTES):
                    total.update(block)
        except OSError as error:
            raise read_error(error, self.path) from error
        return "sha256:" + total.hexdigest()

    @property
    def duration_s(self) -> float:
        """Length [seconds]."""
        return samples_to_s(self.samples, self.sample_rate)

    @property
    def source(self) -> Source:
        """What an edit list stores of it."""
        return Source(self.path, self.digest, self.sample_rate, self.channels, self.samples)

    def read_native(self, start: int, end: int) -> Shaped[np.ndarray, "samples channels"]:
        """Read samples [start, end) in the source's own type, untouched.

        Parameters
        ----------
        start, end : int [samples]
            Range; the part outside the recording is left out.

        Returns
        -------
        block : np.ndarray, shape=(samples, channels), int16, int32, float32 or float64
            8 and 24 bits are in the upper bits of int16 and int32. Not to be written to.

        Raises
        ------
        NonFiniteError
            If a sample is NaN or infinite and the recording was not opened with ``repair``.
        UnreadableError
            If the file fails, or has become shorter since it was opened.
        """
        block = self._body_block(start, end)
        if block.dtype.kind != "f":
            return block
        if self._bad_runs:
            block = healed(block, max(start, 0), self._bad_runs, self.sample_rate)
        finite = np.isfinite(block)
        if not finite.all():
            row, channel = np.argwhere(~finite)[0].tolist()
            at = max(start, 0) + row
            where = f"sample {at} ({clock(samples_to_s(at, self.sample_rate))}) of channel {channel}"
            # Not every command has the flag, and a reference is never opened with it: the healed copy helps everywhere.
            heal = "edit --repair heals runs of up to 10 ms (with --editor keep-all it makes a healed copy)"
            raise NonFiniteError(f"{where} is {block[row, channel]}; {heal}", path=self.path)
        return block

    def _body_block(self, start: int, end: int) -> Shaped[np.ndarray, "samples channels"]:
        """Read samples as they are in the file, every one of the range."""
        try:
            block = self._body.read(start, end)
        except OSError as error:
            raise read_error(error, self.path) from error
        if len(block) < min(end, self.samples) - max(start, 0):
            raise UnreadableError("it became shorter while it was read; is something still writing it?", path=self.path)
        return block

    def read(self, start: int, end: int) -> Float64[np.ndarray, "samples channels"]:
        """Read samples [start, end) as float64 with full scale 1.0; integers are divided by 2**(bits - 1).

        Parameters, errors: as `read_native`.
        """
        return as_float(self.read_native(start, end))

    def blocks(self, start: int = 0, end: int | None = None) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
        """Yield samples [start, end) by block, as `read_native` returns them; to the recording's end by default."""
        last = self.samples if end is None else end
        for at in range(start, last, BLOCK_SAMPLES):
            yield self.read_native(at, min(at + BLOCK_SAMPLES, last))

    def close(self) -> None:
        """Close the file, and remove what was decoded for it."""
        self._body.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_recording(path: str | os.PathLike[str], *, repair: bool = False) -> Recording:
    """Open a recording by its content.

    Parameters
    ----------
    path : path
        The file; only its content counts, not its name.
    repair : bool
        Heal runs of up to 10 ms of NaN or infinite samples.

    Returns
    -------
    recording : Recording
        At least one sample, of a rate and channel count that `editorbot.recording.pcm` accepts.

    Raises
    ------
    NotFoundError, UnreadableError
        If there is no such file, or it may not be read.
    EmptyError, NotAudioError, NoDecoderError, DamagedError
        If it holds nothing, no audio, or nothing that can be decoded.
    RateError, ChannelsError
        If its header declares what cannot be.
    NoSpaceError
        If there is no room to decode it.
    """
    name = os.fspath(path)
    file = _opened(name)
    try:
        recording = _recording_of(file, name)
    except BaseException:
        file.close()
        raise
    if recording.samples == 0:
        recording.close()
        raise EmptyError("it holds no samples", path=name)
    return _repaired(recording) if repair else recording


def check_is_there(path: str | os.PathLike[str]) -> None:
    """Refuse a recording that cannot be opened, before anything is checked about its results.

    Raises
    ------
    NotFoundError, UnreadableError
        If there is no such file, or it may not be read.
    """
    _opened(os.fspath(path)).close()


def _opened(path: str) -> IO[bytes]:
    """Open a file for reading."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise NotFoundError("this is a folder; give a file", path=path)
        if not stat.S_ISREG(mode):  # opening a pipe would wait for somebody to write into it
            raise UnreadableError("this is a pipe or a device; save it to a file first", path=path)
        file = open(path, "rb")  # noqa: SIM115 - the recording closes it
    except FileNotFoundError as error:
        raise NotFoundError("there is no such file", path=path) from error
    except (OSError, ValueError) as error:
        raise UnreadableError(f"cannot be read: {getattr(error, 'strerror', None) or error}", path=path) from error
    return file


def _recording_of(file: IO[bytes], path: str) -> Recording:
    """Make the recording of an open file; takes the file over or closes it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if size == 0:
        raise EmptyError("the file has 0 bytes", path=path)
    kind, start = _kind_behind_tag(file, head)
    if kind is None:
        return _stream_recording(file, head, path)
    layout = find_layout(file, size, start) if kind == "wav" else None
    if layout is not None:
        check_rate_and_channels(layout.sample_rate, layout.pcm.channels, path)
        body = PcmBody(file, layout.offset, layout.samples, layout.pcm)
        return Recording(path, body, layout.sample_rate, layout.pcm.subtype, warnings=layout.warnings)
    return _decoded_recording(file, kind, path)


def _stream_recording(file: IO[bytes], head: bytes, path: str) -> Recording:
    """Make the recording of a bare stream that begins in the middle of a frame."""
    what = other_kind(head)
    file.seek(0)
    start = find_stream(file.read(2 * SEARCH_BYTES)) if what == UNKNOWN else None
    if start is None:
        raise NotAudioError(f"this is {what}", path=path)
    warning = f"DAMAGED: the first {start.offset:,} bytes belong to no whole frame, and were skipped"
    return _decoded_recording(file, start.kind, path, start.offset, (warning,))


def _decoded_recording(
    file: IO[bytes], kind: str, path: str, start: int = 0, warnings: tuple[str, ...] = ()
) -> Recording:
    """Decode an open file from byte `start` on."""
    decoded = decode(io.BufferedReader(OffsetFile(file, start)) if start else file, kind, path)
    file.close()
    body = PcmBody(decoded.file, 0, decoded.samples, decoded.pcm)
    return Recording(path, body, decoded.sample_rate, decoded.source_subtype, warnings=warnings + decoded.warnings)


def _kind_behind_tag(file: IO[bytes], head: bytes) -> tuple[str | None, int]:
    """Detect the kind of audio, and where it begins: taggers put ID3 before anything."""
    start = tag_bytes(head)
    if start:
        file.seek(start)
        behind = audio_kind(file.read(HEAD_BYTES))
        if behind in ("wav", "aac", "flac"):
            return behind, start
    return audio_kind(head), 0


def _repaired(recording: Recording) -> Recording:
    """Mark the short bad runs of a recording, so that reading heals them."""
    body = recording._body
    if body.pcm.dtype.kind != "f":
        return recording
    try:
        runs = find_bad_runs(body, recording.sample_rate)
    except OSError as error:
        raise read_error(error, recording.path) from error
    if not runs:
        return recording
    first = clock(samples_to_s(runs[0].start, recording.sample_rate))
    lines = (f"REPAIRED: {len(runs)} runs of NaN or infinite samples were silenced, the first at {first}",)
    rate, subtype = recording.sample_rate, recording.subtype
    return Recording(recording.path, body, rate, subtype, warnings=recording.warnings + lines, bad_runs=runs)
