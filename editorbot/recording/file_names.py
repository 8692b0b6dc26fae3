"""Names of files that are read from and written to, checked before any work is done."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from editorbot.errors import ExistsError, OutputError, SameFileError, UsageError, read_error

LONGEST_NAME_BYTES = 255
"""Longest file name that common file systems accept."""

SPARE_BYTES = 12
"""Room for the endings that exports put behind a stem."""

RESERVED_NAMES = frozenset(
    ("con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10)))
)
"""Stems that Windows keeps for devices."""


def names_in(folder: str | os.PathLike[str]) -> list[str]:
    """List the names in a folder, sorted.

    Raises
    ------
    NotFoundError, UnreadableError
        If there is no such folder, or it cannot be listed.
    """
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise read_error(error, folder) from error


def check_output(
    path: str | os.PathLike[str],
    sources: Sequence[str | os.PathLike[str]],
    *,
    force: bool,
    in_place: bool | None = None,
) -> None:
    """Check that a file may be written.

    Parameters
    ----------
    path : path
        The file.
    sources : sequence of paths
        Files that must not be overwritten, by whatever name.
    force : bool
        Allow the file to exist already.
    in_place : bool, optional
        Allow it to be one of the sources; None where a command has no such flag.

    Raises
    ------
    UsageError
        If the name cannot be a file's, see `check_name`.
    SameFileError, ExistsError, OutputError
        If it is a source, exists already, or has no folder that can be written to.
    """
    path = os.fspath(path)
    check_name(path)
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        raise OutputError("this is a folder; give a file name", path=path)
    if not os.path.isdir(folder):
        raise OutputError("its folder does not exist; make it first", path=path)
    if not os.access(folder, os.W_OK):
        raise OutputError("its folder is not writable", path=path)
    if os.path.lexists(path):
        if not in_place and any(_is_same(path, source) for source in sources):
            choice = "" if in_place is None else ", or --in-place on purpose"
            raise SameFileError(f"this is the source itself; give another name{choice}", path=path)
        if not force:
            raise ExistsError("it exists already; give another name, or --force on purpose", path=path)


def check_name(path: str) -> None:
    """Refuse names that cannot be a result's: nothing, standard output, devices and pipes.

    Raises
    ------
    UsageError
        If it is empty or ``-``.
    OutputError
        If it is a device or a pipe.
    """
    if not path:
        raise UsageError("the name of the output is empty; name a file, or leave the flag out")
    if path == "-":
        raise UsageError("results are files and do not go to standard output; name a file (./- for one called -)")
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise OutputError("this is a device or a pipe, and results are files; name a file", path=path)


def _is_same(path: str, source: str | os.PathLike[str]) -> bool:
    """Whether two names lead to one file, through links or letter case too."""
    try:
        return os.path.samefile(path, source)
    except OSError:
        return os.path.realpath(path) == os.path.realpath(source)


def safe_output_name(name: str) -> str:
    """Turn a file name into one that common file systems accept: shortened with a hash where it is too long.

    Examples
    --------
    >>> safe_output_name("jam.edited.wav")
    'jam.edited.wav'
    >>> safe_output_name("nul.wav")
    '_nul.wav'
    """
    stem, ending = os.path.splitext(name)
    if stem.split(".")[0].lower() in RESERVED_NAMES:
        stem = "_" + stem
    room = LONGEST_NAME_BYTES - SPARE_BYTES - len(os.fsencode(ending))
    if len(os.fsencode(stem)) > room:
        token = hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]
        whole = os.fsencode(stem)[: room - 9].decode("utf-8", "ignore")
        stem = f"{whole}-{token}"
    return stem + ending
