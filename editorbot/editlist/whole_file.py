"""Small files that are there whole or not at all, and the last step of large ones.

A file is written under a temporary name, flushed to the disk, and renamed; then
its folder is flushed too, because a rename is a change of the folder and is
lost with it when the power fails.
"""

from __future__ import annotations

import contextlib
import os
import secrets

from editorbot.errors import write_error


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a small file so that it is there whole or not at all.

    Raises
    ------
    OutputError, NoSpaceError
        If the folder cannot be written to, or the disk is full.
    """
    temporary = part_beside(path)
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        place(temporary, path)
    except BaseException as error:
        remove_part(temporary)
        if isinstance(error, OSError):
            raise write_error(error, path) from error
        raise


def part_beside(path: str | os.PathLike[str]) -> str:
    """Return a name for an unfinished file beside `path`.

    It is known before the file is there, so that a signal in between leaves nothing behind.
    """
    folder = os.path.dirname(os.path.abspath(os.fspath(path)))
    return os.path.join(folder, f".editorbot-{secrets.token_hex(8)}.part")


def remove_part(temporary: str) -> None:
    """Remove an unfinished file, if it is there."""
    with contextlib.suppress(OSError):
        os.unlink(temporary)


def place(temporary: str, path: str | os.PathLike[str]) -> None:
    """Give a finished temporary file its name and the usual permissions.

    Raises
    ------
    OSError
        If it cannot be renamed; it is still there then.
    """
    os.chmod(temporary, 0o666 & ~_umask())
    os.replace(temporary, path)
    sync_folder(os.path.dirname(os.path.abspath(os.fspath(path))))


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


def _umask() -> int:
    """Return the process's file mode mask; reading it means setting it for a moment."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
