"""Small files that are there whole or not at all, and the last step of large ones.

A file is written under a temporary name, flushed to the disk, and renamed; then
its folder is flushed too, because a rename is a change of the folder and is
lost with it when the power fails.
"""

from __future__ import annotations

import contextlib
import os
import secrets

from editorbot.errors import ExistsError, write_error


def write_whole(path: str | os.PathLike[str], content: bytes, *, may_replace: bool = True) -> None:
    """Write a small file so that it is there whole or not at all.

    Parameters
    ----------
    path : path
        The file.
    content : bytes
        What it holds.
    may_replace : bool
        Whether it may take the place of another file.

    Raises
    ------
    ExistsError
        If there is a file that it must not replace.
    OutputError, NoSpaceError
        If the folder cannot be written to, or the disk is full.
    """
    temporary = part_beside(path)
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        place(temporary, path, may_replace=may_replace)
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


def place(temporary: str, path: str | os.PathLike[str], *, may_replace: bool = True) -> None:
    """Give a finished temporary file its name and the usual permissions.

    Raises
    ------
    ExistsError
        If there is a file that it must not replace.
    OSError
        If it cannot be renamed; it is still there then.
    """
    os.chmod(temporary, 0o666 & ~_umask())
    move(temporary, path, may_replace=may_replace)
    sync_folder(os.path.dirname(os.path.abspath(os.fspath(path))))


def move(temporary: str, path: str | os.PathLike[str], *, may_replace: bool) -> None:
    """Give a file another name; where it must not replace a file, look and move are one step.

    Raises
    ------
    ExistsError
        If there is a file that it must not replace.
    OSError
        If it cannot be renamed; it is still there then.
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
        remove_part(temporary)


def _move_onto_own(temporary: str, path: str | os.PathLike[str]) -> None:
    """Take a name by an empty file that only we can have made, then replace that."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError as error:
        raise _appeared(path) from error
    try:
        os.replace(temporary, path)
    except BaseException:
        remove_part(os.fspath(path))
        raise


def _appeared(path: str | os.PathLike[str]) -> ExistsError:
    return ExistsError(
        "it appeared while this was at work, and was left alone; give another name, or --force", path=path
    )


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
