"""Files that C libraries read and write through calls back into Python.

That way libsndfile never sees a name, so no ending misleads it; and an error of
the disk keeps its own words instead of becoming a short read in silence.
"""

from __future__ import annotations

import io
from typing import IO, Any


class CallbackFile:
    """A nameless view of an open file that remembers the first failure.

    A library that calls back cannot pass an exception on: it would be printed and
    forgotten, an interrupt too. So it is kept here, the library sees an empty read
    or write, and `check` raises it when the library is done.
    """

    def __init__(self, file: IO[bytes] | io.BytesIO) -> None:
        self._file = file
        self.failure: BaseException | None = None
        """What went wrong first."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; return the position."""
        return int(self._guarded(self._file.seek, offset, whence) or 0)

    def tell(self) -> int:
        """Return the position."""
        return int(self._guarded(self._file.tell) or 0)

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes."""
        return self._guarded(self._file.read, size) or b""

    def write(self, content: Any) -> int:
        """Write bytes; return how many."""
        return int(self._guarded(self._file.write, content) or 0)

    def check(self) -> None:
        """Raise what went wrong."""
        if self.failure is not None:
            raise self.failure

    def _guarded(self, action: Any, *arguments: Any) -> Any:
        if self.failure is not None:
            return None
        try:
            return action(*arguments)
        except BaseException as error:  # kept and raised by `check`, see above
            self.failure = error
            return None


class OffsetFile(io.RawIOBase):
    """An open file from one of its bytes on, as if nothing came before it."""

    def __init__(self, file: IO[bytes], start: int) -> None:
        self._file = file
        self._start = start
        self.name, self.mode = "", "rb"  # every open file has them

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def seekable(self) -> bool:
        """Whether it can be searched: always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; return the position."""
        return self._file.seek(offset + (self._start if whence == io.SEEK_SET else 0), whence) - self._start

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell() - self._start

    def readinto(self, buffer: Any) -> int:
        """Read as much as fits into a buffer; return how many bytes."""
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)
