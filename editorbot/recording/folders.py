"""What a folder that is read from holds."""

from __future__ import annotations

import os

from editorbot.errors import read_error


def names_in(folder: str | os.PathLike[str]) -> list[str]:
    """Return the names in a folder, sorted.

    Raises
    ------
    NotFoundError, UnreadableError
        If there is no such folder, or it may not be looked into.
    """
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise read_error(error, folder) from error
