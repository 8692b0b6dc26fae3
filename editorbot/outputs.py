"""Names of an edit's results, checks whether they can be written, and writing them together.

Conventions
-----------
``--output OUT.wav`` gives ``OUT.wav``, ``OUT.json`` and ``OUT.html``; without
it the results are beside the recording as ``STEM.edited.wav`` and so on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from editorbot.atomic import move, sync_folder
from editorbot.errors import EditorbotError, OutputError, UsageError, printable, write_error
from editorbot.export import EXPORT_ENDINGS, export_paths
from editorbot.recording import check_name, check_output, container_of, safe_output_name

LONGEST_SIDE_ENDING = ".html"
"""The longest ending behind a track's stem, apart from the exports' own."""


@dataclass(frozen=True)
class OutputPaths:
    """The files that one edit writes, and what they may replace."""

    track: str
    """The track."""
    edit_list: str
    """The edit list."""
    report: str
    """The page."""
    exports: tuple[str, ...] = ()
    """Formats for other programs, `editorbot.export.EXPORT_NAMES`."""
    force: bool = False
    """Whether they replace files that exist."""
    in_place: bool = False
    """Whether the track replaces the recording."""
    new_folder: str | None = None
    """Their folder, where it is made if it does not exist."""
    warnings: tuple[str, ...] = ()
    """Lines ``CODE: text`` about changed names."""

    def export(self, name: str) -> str:
        """The path of one export."""
        return os.path.splitext(self.track)[0] + EXPORT_ENDINGS[name]

    @property
    def exported(self) -> tuple[str, ...]:
        """Every file of the exports."""
        return tuple(path for name in self.exports for path in export_paths(name, self.export(name)))

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that is written, the track last."""
        return (self.edit_list, self.report, *self.exported, self.track)

    def inside(self, folder: str) -> OutputPaths:
        """Files of the same names in another folder."""
        names = (os.path.basename(path) for path in (self.track, self.edit_list, self.report))
        track, edit_list, report = (os.path.join(folder, name) for name in names)
        return replace(self, track=track, edit_list=edit_list, report=report)

    def check(self, source: str | os.PathLike[str]) -> None:
        """Refuse now what could not be written at the end.

        Raises
        ------
        ExistsError, SameFileError, OutputError
            If one of the files cannot or must not be written.
        """
        container_of(self.track)
        if self.new_folder is not None and not os.path.isdir(self.new_folder):
            _check_new_folder(self.new_folder)
            return  # an empty folder holds nothing that could be overwritten
        check_output(self.track, [source], force=self.force or self.in_place, in_place=self.in_place)
        for path in self.files[:-1]:
            check_output(path, [source, self.track], force=self.force)

    def make_folder(self) -> None:
        """Make their folder, where it does not exist and may be made.

        Raises
        ------
        OutputError
            If it cannot be made.
        """
        if self.new_folder is None:
            return
        try:
            os.makedirs(self.new_folder, exist_ok=True)
        except OSError as error:
            raise OutputError(f"the folder cannot be made: {error.strerror}", path=self.new_folder) from error


def output_paths(
    source: str,
    output: str | None = None,
    *,
    exports: Sequence[str] = (),
    force: bool = False,
    in_place: bool = False,
    many: bool = False,
) -> OutputPaths:
    """Name the results of editing `source`.

    Parameters
    ----------
    source : str
        The recording.
    output : str or None
        The value of ``--output``: a file, a folder, or nothing.
    exports : sequence of str
        Formats for other programs.
    force : bool
        Whether files that exist are replaced.
    in_place : bool
        Whether the track replaces the recording.
    many : bool
        Whether several recordings are edited, so that `output` is a folder.

    Raises
    ------
    UsageError, OutputError
        If `output` and `in_place` are both given, or `output` can name no result.
    """
    if in_place and output is not None:
        raise UsageError("--in-place replaces the recording; leave --output out")
    if output is not None:
        check_name(output)
    stem = os.path.splitext(os.path.basename(source))[0].rstrip(". ")
    name = (stem or "recording") + ".edited.wav"
    new_folder = None
    if in_place:
        track = source
    elif output is None:
        track = os.path.join(os.path.dirname(source), name)
    elif many or os.path.isdir(output) or output.endswith(("/", os.sep)):
        track, new_folder = os.path.join(output, name), output
    else:
        track = output if os.path.splitext(output)[1] else output + ".wav"
    base, ending, warnings = _safe_name(track)
    files = (base + ending, base + ".json", base + ".html")
    return OutputPaths(*files, tuple(exports), force, in_place, new_folder, warnings)


def _safe_name(track: str) -> tuple[str, str, tuple[str, ...]]:
    """Split a track's path at its ending; a name that file systems would not accept is changed, with a warning."""
    folder, name = os.path.split(track)
    stem, ending = os.path.splitext(name)
    safe = os.path.splitext(safe_output_name(stem + max(ending, LONGEST_SIDE_ENDING, key=len)))[0]
    changed = (f"NAME_SHORTENED: {printable(name)} became {printable(safe + ending)}",)
    return os.path.join(folder, safe), ending, () if safe == stem else changed


def _check_new_folder(path: str) -> None:
    """Refuse now a folder that could not be made."""
    above = os.path.abspath(path)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        raise OutputError("this is a file, where a folder is needed", path=above)
    if not os.access(above, os.W_OK):
        raise OutputError("the folder cannot be made: the one above it is not writable", path=path)


def path_from(edit_list_path: str, source: str | os.PathLike[str]) -> str:
    """Write a source's path for an edit list: relative to the list where that is possible."""
    folder = os.path.dirname(os.path.abspath(edit_list_path))
    try:
        relative = os.path.relpath(os.path.abspath(os.fspath(source)), folder)
    except ValueError:  # another drive on Windows
        return os.path.abspath(os.fspath(source))
    return relative.replace(os.sep, "/")


def source_path(edit_list_path: str, listed: str) -> str:
    """Find the source of an edit list by the path in the list."""
    return os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(edit_list_path)), listed))


@dataclass(frozen=True)
class StagedOutputs:
    """Results in a hidden folder beside their final places, under their own names."""

    paths: OutputPaths
    """Where they are made."""
    finals: OutputPaths
    """Their final places."""

    def commit(self) -> None:
        """Move every file to its final place; if one cannot be moved, all places stay as they were.

        Raises
        ------
        ExistsError
            If a file that must not be replaced has appeared.
        OutputError, NoSpaceError
            If a file cannot be moved.
        """
        moved: list[_Moved] = []
        try:
            for staged, final in zip(self.paths.files, self.finals.files):
                may_replace = self.finals.force or (self.finals.in_place and final == self.finals.track)
                backup = _backup(final, staged + ".old") if may_replace else None
                moved.append(_Moved(final, os.lstat(staged), backup))
                move(staged, final, may_replace=may_replace)
            sync_folder(os.path.dirname(os.path.abspath(self.finals.track)))
        except BaseException as error:
            for one in reversed(moved):
                with contextlib.suppress(OSError):  # as far as the disk lets us
                    one.undo()
            if isinstance(error, OSError):
                raise write_error(error, final) from error
            raise


@dataclass(frozen=True)
class _Moved:
    """A file that was moved to its final place, or was about to be."""

    final: str
    file: os.stat_result
    backup: str | None

    def undo(self) -> None:
        """Restore what was there; a file that appeared in the meantime is not ours to remove."""
        if self.backup is not None:
            os.replace(self.backup, self.final)
        elif os.path.samestat(os.lstat(self.final), self.file):
            os.unlink(self.final)


def _backup(path: str, backup: str) -> str | None:
    """Give a file a second name; return that, or None where there is no file."""
    if not os.path.lexists(path):
        return None
    try:
        os.link(path, backup, follow_symlinks=not os.path.islink(path))
    except (OSError, NotImplementedError):  # a file system without links
        shutil.copy2(path, backup, follow_symlinks=False)
    return backup


@contextlib.contextmanager
def staged_outputs(outputs: OutputPaths) -> Iterator[StagedOutputs]:
    """Make a hidden folder for the results of one edit, and remove it in the end; errors name the final places.

    Raises
    ------
    OutputError, NoSpaceError
        If it cannot be made.
    """
    # Named before it is made: whatever ends the process in between, the folder is known and removed.
    folder = os.path.join(os.path.dirname(os.path.abspath(outputs.track)), f".editorbot-{uuid.uuid4().hex[:12]}")
    stage = StagedOutputs(outputs.inside(folder), outputs)
    try:
        try:
            os.mkdir(folder, 0o700)  # private: nobody else may read in it
        except OSError as error:
            raise write_error(error, outputs.track) from error
        yield stage
    except EditorbotError as error:
        error.path = dict(zip(stage.paths.files, outputs.files)).get(error.path or "", error.path)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
