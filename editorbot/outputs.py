"""Where the results of an edit go, and whether they may go there.

Conventions
-----------
``--output OUT.wav`` gives ``OUT.wav``, ``OUT.json`` and ``OUT.html``; without
it the results stand beside the recording as ``STEM.edited.wav`` and so on.
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
from editorbot.recording import Recording, check_name, check_output, check_track, container_of, safe_output_name

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
    warnings: tuple[str, ...] = ()
    """Lines ``CODE: text`` on how the names came about."""
    new_folder: str | None = None
    """The folder that they go into, where it is made for them if it is not there."""

    @property
    def stem(self) -> str:
        """Path without its ending, which exports build on."""
        return os.path.splitext(self.track)[0]

    def export(self, name: str) -> str:
        """Return the path of one export."""
        return self.stem + EXPORT_ENDINGS[name]

    def files(self, exports: Sequence[str]) -> tuple[str, ...]:
        """Return every file that is written, the track last."""
        exported = [path for name in exports for path in export_paths(name, self.export(name))]
        return (self.edit_list, self.report, *exported, self.track)

    def inside(self, folder: str) -> OutputPaths:
        """Return files of the same names in another folder."""
        track, edit_list, report = (
            os.path.join(folder, os.path.basename(path)) for path in (self.track, self.edit_list, self.report)
        )
        return OutputPaths(track, edit_list, report)

    def check(self, source: str | os.PathLike[str], *, exports: Sequence[str], force: bool, in_place: bool) -> None:
        """Refuse now what could not be written at the end.

        Raises
        ------
        ExistsError, SameFileError, OutputError
            If one of the files cannot or must not be written.
        """
        container_of(self.track)
        if self.new_folder is not None and not os.path.isdir(self.new_folder):
            _check_new_folder(self.new_folder)
            return  # nothing in it can stand in the way
        check_output(self.track, [source], force=force or in_place, in_place=in_place)
        for path in self.files(exports)[:-1]:
            check_output(path, [source, self.track], force=force)

    def make_folder(self) -> None:
        """Make the folder that they go into, where it is theirs to make.

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

    def check_holds(self, recording: Recording) -> None:
        """Refuse now what the track's container cannot hold.

        Raises
        ------
        OutputError
            If it cannot hold the recording's rate or channels.
        """
        check_track(self.track, recording.subtype, recording.sample_rate, recording.channels)


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
    UsageError, OutputError
        If `output` and `in_place` are both given, or `output` can name no result.
    """
    if in_place:
        if output is not None:
            raise UsageError("--in-place replaces the recording; leave --output away")
        return _paths_of(source)
    if output is not None:
        check_name(output)
    stem = os.path.splitext(os.path.basename(source))[0].rstrip(". ")
    name = (stem or "recording") + ".edited.wav"
    if output is None:
        return _paths_of(os.path.join(os.path.dirname(source), name))
    if many or os.path.isdir(output) or output.endswith(("/", os.sep)):
        return replace(_paths_of(os.path.join(output, name)), new_folder=output)
    return _paths_of(output if os.path.splitext(output)[1] else output + ".wav")


def _paths_of(track: str) -> OutputPaths:
    """Return the paths beside a track, its name changed where file systems would not take it."""
    folder, name = os.path.split(track)
    stem, ending = os.path.splitext(name)
    safe = os.path.splitext(safe_output_name(stem + max(ending, LONGEST_SIDE_ENDING, key=len)))[0]
    base = os.path.join(folder, safe)
    warnings = () if safe == stem else (f"NAME_SHORTENED: {printable(name)} became {printable(safe + ending)}",)
    return OutputPaths(base + ending, base + ".json", base + ".html", warnings)


def _check_new_folder(path: str) -> None:
    """Refuse now a folder that could not be made."""
    above = os.path.abspath(path)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        raise OutputError("this is a file; the folder cannot be made in its place", path=above)
    if not os.access(above, os.W_OK):
        raise OutputError("the folder cannot be made: the one above it may not be written to", path=path)


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


@dataclass(frozen=True)
class StagedOutputs:
    """A hidden folder beside the results, in which they are made under their own names."""

    paths: OutputPaths
    """Where they are made."""
    made: tuple[str, ...]
    """Every file as it is made."""
    finals: tuple[str, ...]
    """Its place."""
    replaceable: tuple[bool, ...]
    """Whether it may take the place of another file."""

    def commit(self) -> None:
        """Give every file its place; where one cannot be placed, all places stay as they were.

        Raises
        ------
        ExistsError
            If a file that must not be replaced has appeared in a place.
        OutputError, NoSpaceError
            If a file cannot be placed.
        """
        undo: list[_Placed] = []
        try:
            for made, final, may_replace in zip(self.made, self.finals, self.replaceable):
                undo.append(_Placed(final, os.lstat(made), _kept(final, made + ".old") if may_replace else None))
                move(made, final, may_replace=may_replace)
            sync_folder(os.path.dirname(os.path.abspath(self.finals[-1])))
        except BaseException as error:
            _put_back(undo)
            if isinstance(error, OSError):
                raise write_error(error, final) from error
            raise


@contextlib.contextmanager
def staged_outputs(
    outputs: OutputPaths, exports: Sequence[str], *, force: bool = False, in_place: bool = False
) -> Iterator[StagedOutputs]:
    """Make a stage for the files of one edit, and remove it whatever happens; errors name the files' own places.

    Parameters
    ----------
    outputs : OutputPaths
        Where the files go.
    exports : sequence of str
        The exports among them.
    force : bool
        Whether they may replace others.
    in_place : bool
        Whether the track may, as it takes the recording's place.

    Raises
    ------
    OutputError, NoSpaceError
        If it cannot be made.
    """
    # Named before it is made: whatever ends the process in between, the folder is known and removed.
    folder = os.path.join(os.path.dirname(os.path.abspath(outputs.track)), f".editorbot-{uuid.uuid4().hex[:12]}")
    inside = outputs.inside(folder)
    finals = outputs.files(exports)
    replaceable = tuple(force or (in_place and final == outputs.track) for final in finals)
    stage = StagedOutputs(inside, inside.files(exports), finals, replaceable)
    try:
        _make_private(folder, outputs.track)
        yield stage
    except EditorbotError as error:
        error.path = dict(zip(stage.made, stage.finals)).get(error.path or "", error.path)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_private(folder: str, track: str) -> None:
    """Make a folder that nobody else may look into; an error names the track."""
    try:
        os.mkdir(folder, 0o700)
    except OSError as error:
        raise write_error(error, track) from error


def _kept(final: str, old: str) -> str | None:
    """Keep what stands in a file's place under a second name, `old`; return None where nothing stands there."""
    if not os.path.lexists(final):
        return None
    try:
        os.link(final, old, follow_symlinks=not os.path.islink(final))
    except (OSError, NotImplementedError):  # a file system without links
        shutil.copy2(final, old, follow_symlinks=False)
    return old


@dataclass(frozen=True)
class _Placed:
    """A file that was given its place, or was about to be."""

    final: str
    file: os.stat_result
    old: str | None

    def put_back(self) -> None:
        """Put back what stood there; what appeared there in the meantime is not ours to take away."""
        if self.old is not None:
            os.replace(self.old, self.final)
        elif os.path.samestat(os.lstat(self.final), self.file):
            os.unlink(self.final)


def _put_back(undo: Sequence[_Placed]) -> None:
    """Put back what stood in each place, as far as the disk lets us."""
    for placed in reversed(undo):
        with contextlib.suppress(OSError):
            placed.put_back()
