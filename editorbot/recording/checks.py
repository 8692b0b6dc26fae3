"""Refusing now what could not be written at the end."""

from __future__ import annotations

import os
from collections.abc import Sequence

from editorbot.errors import ExistsError, OutputError, SameFileError


def check_output(
    path: str | os.PathLike[str], sources: Sequence[str | os.PathLike[str]], *, force: bool, in_place: bool
) -> None:
    """Check that a file may be written; see the errors."""
    path = os.fspath(path)
    if os.path.isdir(path):
        raise OutputError("is a folder; give a file name", path=path)
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise OutputError(f"there is no folder {folder}", path=path)
    if not os.path.lexists(path):
        return
    for source in sources:
        if os.path.exists(source) and os.path.exists(path) and os.path.samefile(path, source) and not in_place:
            raise SameFileError("is the recording itself; give another name or --in-place", path=path)
    if not force:
        raise ExistsError("is there already; give another name or --force", path=path)


def safe_output_name(name: str) -> str:
    """Return a name that the file system takes."""
    return name
