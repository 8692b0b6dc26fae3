"""Refusing now what could not be written at the end."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from editorbot.errors import ExistsError, OutputError, SameFileError, UsageError

LONGEST_NAME_BYTES = 255
"""Longest file name that common file systems take."""

SPARE_BYTES = 12
"""Room that is left for endings which exports put behind a stem."""

RESERVED_NAMES = frozenset(
    ("con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10)))
)
"""Stems that Windows keeps for devices."""


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
        Files that must not be overwritten, however they are named.
    force : bool
        Allow the file to be there already.
    in_place : bool, optional
        Allow it to be one of the sources; None where a command has no such flag.

    Raises
    ------
    UsageError
        If the name is none, see `check_name`.
    SameFileError, ExistsError, OutputError
        If it is a source, is there already, or has no folder that can be written to.
    """
    path = os.fspath(path)
    check_name(path)
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        raise OutputError("this is a folder; give a file name", path=path)
    if not os.path.isdir(folder):
        raise OutputError("its folder is not there; make it first", path=path)
    if not os.access(folder, os.W_OK):
        raise OutputError("its folder may not be written to", path=path)
    if os.path.lexists(path):
        if not in_place and any(_is_same(path, source) for source in sources):
            choice = "" if in_place is None else ", or --in-place on purpose"
            raise SameFileError(f"this is the source itself; give another name{choice}", path=path)
        if not force:
            raise ExistsError("it is there already; give another name, or --force on purpose", path=path)


def check_name(path: str) -> None:
    """Refuse what can name no result: nothing, standard output, and what is there but is no file.

    Raises
    ------
    UsageError
        If it is empty or ``-``.
    OutputError
        If it is a device or a pipe.
    """
    if not path:
        raise UsageError("the name of the output is empty; name a file, or leave the flag away")
    if path == "-":
        raise UsageError("results are files and do not go to standard output; name a file (./- for one called -)")
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise OutputError("this is a device or a pipe, and results are files; name a file", path=path)


def _is_same(path: str, source: str | os.PathLike[str]) -> bool:
    """Tell whether two names lead to one file, through links or letter case too."""
    try:
        return os.path.samefile(path, source)
    except OSError:
        return os.path.realpath(path) == os.path.realpath(source)


def safe_output_name(name: str) -> str:
    """Return a file name that common file systems take: shortened with a hash where it is too long.

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
