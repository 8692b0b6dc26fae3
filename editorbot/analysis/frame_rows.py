"""Rows of numbers, one a frame: in memory, or in a temporary file where a recording is long.

The beats are known only when all frames have been measured, so what is averaged by beat has to wait. In memory that is
16 MB an hour; rows in a file cost none.
"""

from __future__ import annotations

import tempfile
import threading
import weakref

import numpy as np
from jaxtyping import Float32

KEPT_FRAMES = 100_000
"""Most rows kept in memory [frames], 39 minutes; more are written to a file."""


class SpooledRows:
    """Rows in an unnamed temporary file, read and written by slices without steps, like those of an array.

    Where the temporary folder is full, or cannot be used, the rows are kept in memory after all. Safe for several
    threads.

    Parameters
    ----------
    count, columns : int
        Rows and columns; 0 where nothing was written.
    """

    def __init__(self, count: int, columns: int) -> None:
        self._count, self._columns = count, columns
        self._row_bytes = columns * np.dtype(np.float32).itemsize
        self._lock = threading.Lock()
        self._rows: Float32[np.ndarray, "rows columns"] | None = None
        try:
            self._file = tempfile.TemporaryFile(prefix="editorbot-", buffering=0)  # noqa: SIM115 - closed below
            weakref.finalize(self, self._file.close)
            self._file.truncate(count * self._row_bytes)
        except OSError:
            self._rows = np.zeros((count, columns), dtype=np.float32)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, rows: slice) -> Float32[np.ndarray, "rows columns"]:
        first, last, _ = rows.indices(self._count)
        with self._lock:
            return self._read(first, max(first, last)) if self._rows is None else self._rows[rows]

    def __setitem__(self, rows: slice, values: Float32[np.ndarray, "rows columns"]) -> None:
        with self._lock:
            if self._rows is None:
                try:
                    self._write(rows.indices(self._count)[0], values)
                    return
                except OSError:
                    self._rows = self._read(0, self._count)
            self._rows[rows] = values

    def _write(self, first: int, values: np.ndarray) -> None:
        content = memoryview(np.ascontiguousarray(values, dtype=np.float32).tobytes())
        self._file.seek(first * self._row_bytes)
        while content:
            content = content[self._file.write(content) :]

    def _read(self, first: int, last: int) -> Float32[np.ndarray, "rows columns"]:
        content = bytearray((last - first) * self._row_bytes)
        room = memoryview(content)
        self._file.seek(first * self._row_bytes)
        while room and (taken := self._file.readinto(room)):
            room = room[taken:]
        return np.frombuffer(content, dtype=np.float32).reshape(last - first, self._columns)


def new_rows(count: int, columns: int) -> Float32[np.ndarray, "rows columns"] | SpooledRows:
    """Make room for rows, in memory or in a file by their number."""
    if count <= KEPT_FRAMES:
        return np.zeros((count, columns), dtype=np.float32)
    return SpooledRows(count, columns)
