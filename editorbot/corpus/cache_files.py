"""The cache of training data: the names of its entries, and how they are written and read.

Entries are plain npy and npz files. They are written under a temporary name and renamed, so any number of processes
may use one folder: at worst two of them make the same entry. An entry that cannot be read whole counts as missing.
Objects are never read: they would be unpickled.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from editorbot.atomic import atomic_file
from editorbot.errors import UnreadableError, write_error

_ZIP = b"PK"
"""First bytes of an npz; NumPy would read other files too."""
_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)
"""Errors of reading a file that is damaged or holds objects."""


@dataclass(frozen=True)
class CacheFolder:
    """The folder of the cache."""

    root: Path
    """``cache`` by default."""

    def raw(self, sample: str) -> Path:
        """File of the mel of a raw recording."""
        return self.root / "features" / f"{sample}_raw.npz"

    def edit(self, sample: str) -> Path:
        """File of the mel of an edit."""
        return self.root / "features" / f"{sample}_edit.npz"

    def labels(self, sample: str) -> Path:
        """File of the labels of a raw recording's beats."""
        return self.root / "labels" / f"{sample}.npy"

    def stems(self, sample: str) -> Path:
        """File of the stems of a raw recording."""
        return self.root / "stems" / f"{sample}_stems.npz"

    def stems_mel(self, sample: str) -> Path:
        """File of the mels of the stems."""
        return self.root / "stems_mel" / f"{sample}_stems.npz"


def read_entry(path: Path) -> dict[str, np.ndarray] | None:
    """Read the arrays of an npz by name; None if there is no whole one."""
    try:
        with open(path, "rb") as file:
            if file.read(len(_ZIP)) != _ZIP:
                return None
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
    except _DAMAGE:
        return None


def read_array(path: Path) -> np.ndarray | None:
    """Read the array of an npy; None if there is no whole one."""
    try:
        with open(path, "rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
            return None if file.read(1) else array
    except _DAMAGE:
        return None


def content_digest(paths: Iterable[Path]) -> str:
    """Digest the arrays of npz files, in order, whatever the files are called.

    It uses the checksums that each file keeps of its arrays, so that gigabytes need not be read. Raises an
    UnreadableError if a file cannot be read.
    """
    total = hashlib.sha256()
    for path in paths:
        try:
            with zipfile.ZipFile(path) as archive:
                sums = [(one.filename, one.CRC, one.file_size) for one in archive.infolist()]
        except _DAMAGE as error:
            raise UnreadableError(f"it is damaged, or gone ({error}); start this again", path=path) from error
        total.update(repr(sums).encode())
    return total.hexdigest()[:16]


def write_entry(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as an npz; errors as in `writing`."""
    with writing(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array as an npy; errors as in `writing`."""
    with writing(path) as file:
        np.save(file, array, allow_pickle=False)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file that appears at `path` when all went well; its folder is made.

    Raises
    ------
    OutputError, NoSpaceError
        If the folder cannot be made or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(error, path) from error
    with atomic_file(path, durable=False) as file:
        yield file


def text_array(text: str) -> np.ndarray:
    """Return a text as an array that is stored without objects."""
    return np.array(text)


def text_of(arrays: Mapping[str, np.ndarray], name: str) -> str:
    """Return a text of an entry; empty if it has none."""
    value = arrays.get(name)
    return str(value) if value is not None and value.dtype.kind == "U" and value.ndim == 0 else ""
