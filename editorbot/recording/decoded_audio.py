"""Decoded sound on its way: an unnamed temporary file, and what its making met.

Headers of lossy files lie about lengths, and seeking in them is not exact. After
one pass of decoding the length is what was there, and every position is exact.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from jaxtyping import Shaped

from editorbot.errors import FULL_ERRORS, NoSpaceError, UnreadableError
from editorbot.recording.pcm import PcmFormat
from editorbot.timebase import clock, samples_to_s

MOST_FRAME_SAMPLES = 4_608
"""Longest frame of a common codec [samples]; a shorter loss is a matter of padding."""

BELIEVED_BYTES = 2**44
"""A header that promises more than this is a broken header, not a full disk."""

SUBTYPES = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}
"""How decoded samples of each type are kept."""


@dataclass(frozen=True)
class DecodedAudio:
    """A decoded recording."""

    file: IO[bytes]
    """Unnamed temporary file of interleaved samples; gone when it is closed."""
    sample_rate: int
    """Samples a second."""
    pcm: PcmFormat
    """How the samples lie in the file."""
    samples: int
    """How many there are."""
    source_subtype: str
    """Sample format that a track of the same depth needs."""
    warnings: tuple[str, ...]
    """Lines ``CODE: text``."""


@dataclass
class Progress:
    """How far a decoder came, and what it could not decode."""

    samples: int = 0
    """Samples decoded so far."""
    stopped: str | None = None
    """Why decoding ended before the file did."""
    changes: bool = False
    """Whether decoding ended where another sound follows, of another rate or with other channels."""
    skipped: int = 0
    """Packets that were lost."""
    skipped_at: int = 0
    """Where the first of them was missing [samples]."""
    skipped_why: str = ""
    """What the decoder said of it."""

    def skip(self, why: str, packets: int = 1, at: int | None = None) -> None:
        """Note packets that cannot be decoded, the first of them here or at sample `at`."""
        if not self.skipped:
            self.skipped_at, self.skipped_why = self.samples if at is None else at, why
        self.skipped += packets

    def warning(self, declared: int | None, sample_rate: int, *, unfinished: bool = False) -> str | None:
        """Return the line on what is missing, None where nothing is.

        Parameters
        ----------
        declared : int or None [samples]
            What the header promises.
        sample_rate : int [Hz]
            The file's rate.
        unfinished : bool
            Whether the stream lacks its mark of the end.
        """
        at = clock(samples_to_s(self.samples, sample_rate))
        if self.changes:
            return f"STREAMS: from {at} on it has another rate or other channels, and was not read; cut the file in two"
        missing = ""
        if declared is not None and declared - self.samples > MOST_FRAME_SAMPLES:
            lost_s = samples_to_s(declared - self.samples, sample_rate)
            missing = f"{lost_s:.2f} s are missing of what the header promises"
        goes_on = self.skipped > 0 and self.skipped_at < self.samples
        if missing and not goes_on:
            return f"TRUNCATED: {missing}; {at} were decoded"
        if self.stopped is not None:
            return f"DAMAGED: decoding stopped at {at} ({self.stopped})"
        if self.skipped:
            return f"DAMAGED: {self._skipped_words(sample_rate)}" + (f"; {missing}" if missing else "")
        if unfinished:
            return f"TRUNCATED: the stream breaks off at {at} without an end mark"
        return None

    def _skipped_words(self, sample_rate: int) -> str:
        """Return how many packets are lost, where and why."""
        first = clock(samples_to_s(self.skipped_at, sample_rate))
        lost = "1 packet is lost, at" if self.skipped == 1 else f"{self.skipped} packets are lost, the first at"
        return f"{lost} {first} ({self.skipped_why})"


def write_decoded(
    blocks: Iterator[Shaped[np.ndarray, "samples channels"]], pcm: PcmFormat, declared: int | None, path: str
) -> IO[bytes]:
    """Write decoded blocks to an unnamed temporary file.

    Parameters
    ----------
    blocks : iterator of np.ndarray, shape=(samples, channels)
        The decoded sound.
    pcm : PcmFormat
        How it is to lie in the file.
    declared : int or None [samples]
        Its length where a header tells it, so that a lack of room is noticed first.
    path : str
        The recording's name, for messages.

    Raises
    ------
    NoSpaceError
        If there is no room for it.
    UnreadableError
        If the temporary folder cannot be used.
    """
    try:
        if declared is not None:
            _check_room(declared * pcm.row_bytes, path)
        file = tempfile.TemporaryFile(prefix="editorbot-")  # noqa: SIM115 - the recording closes it
    except OSError as error:
        raise _failed(error, path) from error
    try:
        for block in blocks:
            _write(file, np.ascontiguousarray(block, pcm.dtype), path)
        _write(file, None, path)
    except BaseException:
        _close(file)
        raise
    return file


def _write(file: IO[bytes], block: np.ndarray | None, path: str) -> None:
    """Write a block, or flush the file; an error of the source is no error of the temporary file."""
    try:
        if block is None:
            file.flush()
        else:
            file.write(block.data)
    except OSError as error:
        raise _failed(error, path) from error


def _close(file: IO[bytes]) -> None:
    """Close a file that could not be written; closing writes what is left, and fails again."""
    try:
        file.close()
    except OSError:
        return


def _check_room(needed: int, path: str) -> None:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed < BELIEVED_BYTES:
        raise NoSpaceError(f"decoding needs {needed:,} bytes of temporary space, {free:,} are free", path=path)


def _failed(error: OSError, path: str) -> NoSpaceError | UnreadableError:
    """Return the error that a failure of the temporary file means."""
    if error.errno in FULL_ERRORS:
        return NoSpaceError("the temporary folder is full, and decoding needs room there; set TMPDIR", path=path)
    return UnreadableError(f"cannot be decoded into the temporary folder: {error.strerror}; set TMPDIR", path=path)
