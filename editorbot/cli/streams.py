"""Standard output and error that never stop the work: readers that have gone, and streams that were closed.

What a command tells is not what it makes. A pipe's reader may end early, and a terminal be closed; then the rest of
what is told is dropped, and the work goes on.
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
"""What a write fails with where nobody reads: a pipe, a closed terminal, and a pipe of Windows."""


class ToldFile(io.FileIO):
    """A file that takes what is written to it and drops it once its reader has gone."""

    is_reader_gone = False
    """Whether something was dropped."""

    def write(self, content: Buffer, /) -> int:
        """Write bytes; return how many are done with."""
        if not self.is_reader_gone:
            try:
                return super().write(content)
            except OSError as error:
                if error.errno not in _GONE_ERRORS:
                    raise
                self.is_reader_gone = True
        return memoryview(content).nbytes


def prepare_streams() -> None:
    """Let the process's own streams take any name, and go on without readers; streams of a host program stay."""
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
    """Write out what was printed; tell whether the reader of standard output has left before its end."""
    sys.stdout.flush()
    file = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(file, ToldFile) and file.is_reader_gone


def _fill_closed() -> None:
    """Open nothing in the place of standard streams that were closed, lest the next file opened take their numbers.

    Libraries write to the numbers 1 and 2 whatever lies there, and that would be a track.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(descriptor)


def _patient(stream: TextIO) -> TextIO:
    """Return a stream to the same place that drops what nobody reads; itself where it is no file."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stream.flush()
        file = io.BufferedWriter(ToldFile(stream.fileno(), "wb", closefd=False))
        return io.TextIOWrapper(
            file,
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=bool(stream.line_buffering),
            write_through=getattr(stream, "write_through", False),
        )
    return stream
