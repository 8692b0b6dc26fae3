"""Files that are there whole or not at all.

A file is written under a temporary name, flushed to the disk, and renamed; then
its folder is flushed too, because a rename is a change of the folder and is
lost with it when the power fails.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from typing import IO

from editorbot.errors import ExistsError, write_error


def write_whole(path: str | os.PathLike[str], content: bytes, *, may_replace: bool = True) -> None:
    """Write a small file; parameters and errors as in `atomic_file`."""
    with atomic_file(path, may_replace=may_replace) as file:
        file.write(content)


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str], *, may_replace: bool = True, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a new file for writing that appears under its name when the block ends well, and else not at all.

    Parameters
    ----------
    path : path
        The file.
    may_replace : bool
        Whether it may replace another file.
    durable : bool
        Whether it must survive a power failure; caches need not, and are faster without.

    Raises
    ------
    ExistsError
        If there is a file that it must not replace.
    OutputError, NoSpaceError
        If the folder cannot be written to, or the disk is full.
    """
    # Named before it is made, so that a signal in between leaves nothing behind.
    folder = os.path.dirname(os.path.abspath(os.fspath(path)))
    temporary = os.path.join(folder, f".editorbot-{secrets.token_hex(8)}.part")
    try:
        with open(temporary, "x+b") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        move(temporary, path, may_replace=may_replace)
        if durable:
            sync_folder(folder)
    except BaseException as error:
        _remove(temporary)
        if isinstance(error, OSError):
            raise write_error(error, path) from error
        raise


def move(temporary: str, path: str | os.PathLike[str], *, may_replace: bool) -> None:
    """Rename a file; where it must not replace another, checking and renaming are one step.

    Raises
    ------
    ExistsError
        If there is a file that it must not replace.
    OSError
        If it cannot be renamed; it still exists then.
    """
    if may_replace:
        os.replace(temporary, path)
        return
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise _appeared(path) from error
    except (OSError, NotImplementedError):  # a file system without links
        _move_onto_own(temporary, path)
    else:
        _remove(temporary)


def _move_onto_own(temporary: str, path: str | os.PathLike[str]) -> None:
    """Reserve a name by an empty file that only we can have made, then replace that."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError as error:
        raise _appeared(path) from error
    try:
        os.replace(temporary, path)
    except BaseException:
        _remove(path)
        raise


def _appeared(path: str | os.PathLike[str]) -> ExistsError:
    return ExistsError(
        "another program wrote it during this work, and it was left alone; give another name, or --force", path=path
    )


def _remove(path: str | os.PathLike[str]) -> None:
    """Remove a file, if it exists."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def sync_folder(folder: str) -> None:
    """Flush a folder's own content to the disk, where the system can: Windows cannot, and need not."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):  # some network drives do not know how
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
