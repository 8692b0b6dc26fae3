"""Where the results of an edit go, and whether they may go there.

Conventions
-----------
``--output OUT.wav`` gives ``OUT.wav``, ``OUT.json`` and ``OUT.html``; without
it the results stand beside the recording as ``STEM.edited.wav`` and so on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from editorbot.errors import OutputError, UsageError
from editorbot.export import EXPORT_ENDINGS, export_paths
from editorbot.recording import check_output, safe_output_name

LONGEST_SIDE_ENDING = ".html"
"""The longest ending that is put after a track's stem, apart from the exports' own."""


@dataclass(frozen=True)
class OutputPaths:
    """The files that one edit writes."""

    track: str
    """The track."""
    edit_list: str
    """The edit list."""
    report: str
    """The page."""

    @property
    def stem(self) -> str:
        """Path without its ending, which exports build on."""
        return os.path.splitext(self.track)[0]

    def export(self, name: str) -> str:
        """Return the path of one export."""
        return self.stem + EXPORT_ENDINGS[name]

    def check(self, source: str | os.PathLike[str], *, exports: Sequence[str], force: bool, in_place: bool) -> None:
        """Refuse now what could not be written at the end.

        Raises
        ------
        ExistsError, SameFileError, OutputError, NoSpaceError
            If one of the files cannot or must not be written.
        """
        check_output(self.track, [source], force=force or in_place, in_place=in_place)
        exported = [path for name in exports for path in export_paths(name, self.export(name))]
        for path in (self.edit_list, self.report, *exported):
            check_output(path, [source, self.track], force=force, in_place=False)


def output_paths(source: str, output: str | None, *, many: bool = False, in_place: bool = False) -> OutputPaths:
    """Return where the results of editing `source` go.

    Parameters
    ----------
    source : str
        The recording.
    output : str or None
        What ``--output`` says: a file, a folder, or nothing.
    many : bool
        Whether several recordings are edited, so that `output` is a folder.
    in_place : bool
        Whether the track takes the recording's own place.

    Raises
    ------
    UsageError
        If `output` and `in_place` are both given.
    OutputError
        If the folder is not there and cannot be made.
    """
    if in_place:
        if output is not None:
            raise UsageError("--in-place replaces the recording; leave --output away")
        return _paths_of(source)
    name = os.path.splitext(os.path.basename(source))[0] + ".edited.wav"
    if output is None:
        return _paths_of(os.path.join(os.path.dirname(source), name))
    if many or os.path.isdir(output) or output.endswith(("/", os.sep)):
        _make_folder(output)
        return _paths_of(os.path.join(output, name))
    return _paths_of(output if os.path.splitext(output)[1] else output + ".wav")


def _paths_of(track: str) -> OutputPaths:
    """Return the paths beside a track, its name shortened where it is too long for them."""
    folder, name = os.path.split(track)
    stem, ending = os.path.splitext(name)
    shortened = os.path.splitext(safe_output_name(stem + max(ending, LONGEST_SIDE_ENDING, key=len)))[0]
    base = os.path.join(folder, shortened)
    return OutputPaths(base + ending, base + ".json", base + ".html")


def _make_folder(path: str) -> None:
    """Make a folder for a batch's results."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder cannot be made: {error.strerror}", path=path) from error


def path_from(edit_list_path: str, source: str | os.PathLike[str]) -> str:
    """Return the source's path as an edit list states it: relative to the list where that is possible."""
    folder = os.path.dirname(os.path.abspath(edit_list_path))
    try:
        relative = os.path.relpath(os.path.abspath(os.fspath(source)), folder)
    except ValueError:  # another drive on Windows
        return os.path.abspath(os.fspath(source))
    return relative.replace(os.sep, "/")


def source_path(edit_list_path: str, stated: str) -> str:
    """Return where the source of an edit list lies, from what the list states."""
    return os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(edit_list_path)), stated))


class Staged:
    """A file that is worked on under a hidden name until it is committed."""

    def __init__(self, final: str) -> None:
        self._final = final
        folder, name = os.path.split(final)
        token = f".editorbot-{os.getpid()}-{os.urandom(4).hex()}"
        self.path = os.path.join(folder, token + os.path.splitext(name)[1])
        """Where it is worked on; the ending is the final one."""

    def commit(self) -> None:
        """Give it its final name.

        Raises
        ------
        OutputError
            If it cannot be renamed.
        """
        try:
            os.replace(self.path, self._final)
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror}", path=self._final) from error


@contextmanager
def staged(final: str) -> Iterator[Staged]:
    """Stage a file, and remove what is left of it where it was not committed."""
    stage = Staged(final)
    try:
        yield stage
    finally:
        if os.path.exists(stage.path):
            os.unlink(stage.path)
