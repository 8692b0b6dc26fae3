"""Decoded audio in an unnamed temporary file, and a log of what was lost on the way.

Headers of lossy files lie about lengths, and seeking in them is not exact. After
one pass of decoding the length is what there was, and every position is exact.
"""

from __future__ import annotations

import contextlib
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
"""A header that declares more than this is a broken header, not a full disk."""

SUBTYPES = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}
"""How decoded samples of each type are stored."""


@dataclass(frozen=True)
class DecodedAudio:
    """A decoded recording."""

    file: IO[bytes]
    """Unnamed temporary file of interleaved samples; gone when it is closed."""
    sample_rate: int
    """Samples a second."""
    pcm: PcmFormat
    """How the samples are stored in the file."""
    samples: int
    """How many there are."""
    source_subtype: str
    """Sample format that a track of the same depth needs."""
    warnings: tuple[str, ...]
    """Lines ``CODE: text``."""


@dataclass
class DecodingLog:
    """How far a decoder came, and what it could not decode."""

    samples: int = 0
    """Samples decoded so far."""
    stopped: str | None = None
    """Why decoding ended before the file did."""
    changes: bool = False
    """Whether decoding ended where another sound follows, of another rate or with other channels."""
    lost: int = 0
    """Packets that could not be decoded."""
    lost_at: int = 0
    """Where the first of them was missing [samples]."""
    lost_why: str = ""
    """What the decoder said of it."""

    def lose(self, why: str, packets: int = 1, at: int | None = None) -> None:
        """Note packets that cannot be decoded, the first of them here or at sample `at`."""
        if not self.lost:
            self.lost_at, self.lost_why = self.samples if at is None else at, why
        self.lost += packets

    def warning(self, declared: int | None, sample_rate: int, *, unfinished: bool = False) -> str | None:
        """The line on what is missing, None where nothing is.

        Parameters
        ----------
        declared : int or None [samples]
            The length in the header.
        sample_rate : int [Hz]
            The file's rate.
        unfinished : bool
            Whether the stream lacks its end mark.
        """
        at = clock(samples_to_s(self.samples, sample_rate))
        if self.changes:
            return f"STREAMS: from {at} on it has another rate or other channels, and was not read; cut the file in two"
        missing = ""
        if declared is not None and declared - self.samples > MOST_FRAME_SAMPLES:
            lost_s = samples_to_s(declared - self.samples, sample_rate)
            missing = f"{lost_s:.2f} s are missing of the length in the header"
        goes_on = self.lost > 0 and self.lost_at < self.samples
        if missing and not goes_on:
            return f"TRUNCATED: {missing}; {at} were decoded"
        if self.stopped is not None:
            return f"DAMAGED: decoding stopped at {at} ({self.stopped})"
        if self.lost:
            first = clock(samples_to_s(self.lost_at, sample_rate))
            lost = "1 packet is lost, at" if self.lost == 1 else f"{self.lost} packets are lost, the first at"
            return f"DAMAGED: {lost} {first} ({self.lost_why})" + (f"; {missing}" if missing else "")
        if unfinished:
            return f"TRUNCATED: the stream breaks off at {at} without an end mark"
        return None


def write_decoded(
    blocks: Iterator[Shaped[np.ndarray, "samples channels"]], pcm: PcmFormat, declared: int | None, path: str
) -> IO[bytes]:
    """Write decoded blocks to an unnamed temporary file.

    Parameters
    ----------
    blocks : iterator of np.ndarray, shape=(samples, channels)
        The decoded sound.
    pcm : PcmFormat
        How to store it in the file.
    declared : int or None [samples]
        Its length where a header has it, so that a lack of room is noticed first.
    path : str
        The recording's name, for messages.

    Raises
    ------
    NoSpaceError
        If there is no room for it.
    UnreadableError
        If the temporary folder cannot be used.
    """
    with _temporary_errors(path):
        if declared is not None:
            _check_room(declared * pcm.row_bytes, path)
        file = tempfile.TemporaryFile(prefix="editorbot-")  # noqa: SIM115 - the recording closes it
    try:
        for block in blocks:  # whose own errors are the recording's, not the temporary file's
            with _temporary_errors(path):
                file.write(np.ascontiguousarray(block, pcm.dtype).data)
        with _temporary_errors(path):
            file.flush()
    except BaseException:
        with contextlib.suppress(OSError):  # closing writes what is left, and fails again
            file.close()
        raise
    return file


def _check_room(needed: int, path: str) -> None:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed < BELIEVED_BYTES:
        raise NoSpaceError(f"decoding needs {needed:,} bytes of temporary space, {free:,} are free", path=path)


@contextlib.contextmanager
def _temporary_errors(path: str) -> Iterator[None]:
    """Raise failures of the temporary file as errors that a user can act on."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL_ERRORS:
            text = "the temporary folder is full, and decoding needs room there; set TMPDIR"
            raise NoSpaceError(text, path=path) from error
        text = f"cannot be decoded into the temporary folder: {error.strerror}; set TMPDIR"
        raise UnreadableError(text, path=path) from error
