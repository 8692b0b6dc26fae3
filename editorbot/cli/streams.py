"""Standard output and error that never stop the work: readers that have gone, and streams that were closed.

A pipe's reader may end early, and a terminal may be closed. The rest of what a command prints is dropped then, and its
work goes on.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer  # of the standard library from Python 3.12 on

_GONE_ERRORS = (errno.EPIPE, errno.EIO, *((errno.EINVAL,) if sys.platform == "win32" else ()))
"""How a write fails if nobody reads: on a pipe, on a closed terminal, and on a pipe of Windows."""


class PatientFile(io.FileIO):
    """A file that drops what is written to it once its reader has gone."""

    is_reader_gone = False
    """Whether something was dropped."""

    def write(self, content: Buffer, /) -> int:
        """Write bytes, and return how many need not be written again."""
        if not self.is_reader_gone:
            try:
                return super().write(content)
            except OSError as error:
                if error.errno not in _GONE_ERRORS:
                    raise
                self.is_reader_gone = True
        return memoryview(content).nbytes


def prepare_streams() -> None:
    """Make the process's own streams print any name, and outlive their readers; streams of a host program stay."""
    _fill_closed()
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            stream = open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 -- it lives as we do
        elif stream is getattr(sys, f"__{name}__"):
            stream = _patient(stream)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, stream)


def has_reader_gone() -> bool:
    """Flush standard output, and check whether its reader left early."""
    sys.stdout.flush()
    file = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(file, PatientFile) and file.is_reader_gone


def _fill_closed() -> None:
    """Open the null device for standard streams that were closed, or the next file opened would get their numbers.

    Libraries write to the numbers 1 and 2 whatever they are, and they would be a track.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(descriptor)


def _patient(stream: TextIO) -> TextIO:
    """Wrap a stream so that it drops what nobody reads; a stream that is no file stays as it is."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stream.flush()
        file = io.BufferedWriter(PatientFile(stream.fileno(), "wb", closefd=False))
        return io.TextIOWrapper(
            file,
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=bool(stream.line_buffering),
            write_through=getattr(stream, "write_through", False),
        )
    return stream
