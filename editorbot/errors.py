"""Every error that a user can see, one class per mistake.

All of them descend from :class:`EditorbotError`. They are caught once, in
``cli/main.py``, which prints ``error[CODE]: file: what, where, what to do``
and ends with the class's exit code. The table of codes in
``docs/exit-codes.md`` repeats the first lines below; a test compares them.
"""

from __future__ import annotations

import errno
import os
from typing import ClassVar


class EditorbotError(Exception):
    """The root of all errors that a user can act on.

    Parameters
    ----------
    message : str
        What is wrong, where, with the value, and what to do about it.
    path : str or os.PathLike, optional
        The file with the problem.
    """

    code: ClassVar[str] = "ERROR"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, path: str | os.PathLike[str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = None if path is None else os.fspath(path)

    def __str__(self) -> str:
        where = "" if self.path is None else f"{printable(self.path)}: "
        return f"error[{self.code}]: {where}{self.message}"


def printable(name: str) -> str:
    """Put a file name on one line, whatever bytes it has."""
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shown)


class UsageError(EditorbotError):
    """The command line does not make sense."""

    code, exit_code = "USAGE", 2


class NotFoundError(EditorbotError):
    """There is no such file, or it is a folder."""

    code, exit_code = "NOT_FOUND", 3


class UnreadableError(EditorbotError):
    """The file exists but cannot be read."""

    code, exit_code = "UNREADABLE", 3


class NotAudioError(EditorbotError):
    """The content is not audio, whatever the name says."""

    code, exit_code = "NOT_AUDIO", 3


class NoDecoderError(EditorbotError):
    """The content is audio that nothing installed here can decode."""

    code, exit_code = "NO_DECODER", 3


class RateError(EditorbotError):
    """The sample rate is outside 4 kHz - 768 kHz."""

    code, exit_code = "RATE", 3


class ChannelsError(EditorbotError):
    """The channel count is impossible, or does not fit."""

    code, exit_code = "CHANNELS", 3


class DamagedError(EditorbotError):
    """The file is damaged beyond repair."""

    code, exit_code = "DAMAGED", 3


class EmptyError(EditorbotError):
    """The file holds no samples."""

    code, exit_code = "EMPTY", 4


class TooShortError(EditorbotError):
    """The recording is too short."""

    code, exit_code = "TOO_SHORT", 4


class SilentError(EditorbotError):
    """The recording is silent."""

    code, exit_code = "SILENT", 4


class NonFiniteError(EditorbotError):
    """A sample or a feature is NaN or infinite."""

    code, exit_code = "NONFINITE", 4


class TargetError(EditorbotError):
    """The wanted length, ratio or range is impossible."""

    code, exit_code = "TARGET", 5


class ExistsError(EditorbotError):
    """The output exists, and ``--force`` was not given."""

    code, exit_code = "EXISTS", 6


class SameFileError(EditorbotError):
    """Output and input are the same file, and ``--in-place`` was not given."""

    code, exit_code = "SAME_FILE", 6


class OutputError(EditorbotError):
    """The output cannot be written there."""

    code, exit_code = "OUTPUT", 6


class NoSpaceError(EditorbotError):
    """The disk is full, or would be."""

    code, exit_code = "NOSPACE", 6


class FormatError(EditorbotError):
    """A file of editorbot's own does not follow its format."""

    code, exit_code = "FORMAT", 7


class VersionError(EditorbotError):
    """A file of editorbot's own has a version that cannot be read."""

    code, exit_code = "VERSION", 7


class MismatchError(EditorbotError):
    """Two files do not belong together."""

    code, exit_code = "MISMATCH", 7


class SplitError(EditorbotError):
    """An artist is in a split where it must not be, for example a test artist in training."""

    code, exit_code = "SPLIT", 7


class MissingExtraError(EditorbotError):
    """An optional package is not installed."""

    code, exit_code = "MISSING_EXTRA", 8


class StrictError(EditorbotError):
    """There was a warning, and ``--strict`` was given."""

    code, exit_code = "STRICT", 9


def check_format(condition: bool, message: str) -> None:
    """Raise FormatError with `message` unless `condition` is true."""
    if not condition:
        raise FormatError(message)


FULL_ERRORS = tuple(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))
"""System errors that mean that the disk is full."""


def read_error(error: OSError, path: str | os.PathLike[str] | None) -> NotFoundError | UnreadableError:
    """Say what a failed read of `path` means to the user."""
    if isinstance(error, FileNotFoundError):
        return NotFoundError("there is no such file or folder", path=path)
    return UnreadableError(f"cannot be read: {error.strerror or error}", path=path)


def write_error(error: OSError, path: str | os.PathLike[str] | None) -> OutputError | NoSpaceError:
    """Say what a failed write to `path` means to the user."""
    if error.errno in FULL_ERRORS:
        return NoSpaceError("the disk is full; nothing was written under this name", path=path)
    return OutputError(f"cannot be written: {error.strerror or error}", path=path)


class BugError(EditorbotError):
    """A bug in editorbot; please report it."""

    code, exit_code = "BUG", 70

    @classmethod
    def of(cls, error: Exception, path: str | None = None) -> BugError:
        """Put an unforeseen exception on one line."""
        what = " ".join(str(error).split())
        return cls(f"{type(error).__name__}: {what}; please report it with --debug's output", path=path)


def without_frames(error: EditorbotError) -> EditorbotError:
    """Strip an error that is kept of its frames, which hold whole recordings and their decoders."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


def as_one_line(error: Exception) -> EditorbotError:
    """Say what an exception means to the user: itself if it is ours, else a problem of the disk, or a bug.

    A folder that is a file, or is not writable, is no bug, wherever it is noticed.
    """
    if isinstance(error, EditorbotError):
        return error
    if isinstance(error, OSError) and (error.errno in FULL_ERRORS or isinstance(error.filename, str | os.PathLike)):
        return write_error(error, error.filename if isinstance(error.filename, str | os.PathLike) else None)
    return BugError.of(error)
