"""From an edit list onward: its track, and other programs' files.

:mod:`editorbot.pipeline` goes on here once it has decided; `editorbot render` and `editorbot export` begin here, with a
list that was written earlier, or by hand.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Shaped

from editorbot.analysis.analyze import Progress, no_progress
from editorbot.editlist.edit_list import EditList
from editorbot.editlist.json_format import read_edit_list
from editorbot.errors import EditorbotError, MismatchError
from editorbot.export import export_edit, export_paths
from editorbot.outputs import path_from, source_path
from editorbot.polish import frame_labels, polish_blocks
from editorbot.recording import Recording, TrackWriter, check_output, open_recording, track_subtype
from editorbot.render.render import render_blocks
from editorbot.render.retarget_source import retarget_source


@dataclass(frozen=True)
class Rendered:
    """What rendering an edit list gave."""

    duration_s: float
    """Length of the track [seconds]."""
    warnings: tuple[str, ...]
    """Lines ``CODE: text``."""


def write_track(
    edit_list: EditList,
    recording: Recording,
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: Progress = no_progress,
) -> tuple[str, ...]:
    """Render and polish an edit list into a file.

    Parameters
    ----------
    edit_list : EditList
        What is played, its joins settled.
    recording : Recording
        Its source, opened.
    path : path
        The track; its ending says the format.
    force : bool
        Replace a track that exists.
    progress : callable
        Takes ``"render"`` and the share done.

    Returns
    -------
    warnings : tuple of str
        Lines ``CODE: text`` on what came of it.

    Raises
    ------
    EditorbotError
        If the file cannot be written whole; then none is left.
    """
    path = os.fspath(path)
    check_output(path, [recording.path], force=force)
    warnings: list[str] = []
    blocks = _blocks_of(edit_list, recording, warnings)
    subtype = track_subtype(recording.subtype, path)
    total = edit_list.output_samples
    rate, channels = recording.sample_rate, recording.channels
    with TrackWriter(path, rate, channels, subtype, total_samples=total, may_replace=force) as writer:
        done = 0
        for block in blocks:
            writer.write(block)
            done += len(block)
            progress("render", done / total)
    return (*warnings, *writer.warnings)


def _blocks_of(
    edit_list: EditList, recording: Recording, warnings: list[str]
) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
    """Return the track by block; polish puts its warnings into the list while they are read."""

    def make_blocks() -> Iterator[Shaped[np.ndarray, "samples channels"]]:
        return render_blocks(edit_list, recording)

    if not edit_list.polish:
        return make_blocks()
    return polish_blocks(
        make_blocks,
        recording.sample_rate,
        recording.channels,
        edit_list.polish,
        labels=frame_labels(edit_list),
        warnings=warnings,
    )


def render_file(
    path: str,
    output: str,
    *,
    source: str | None = None,
    force: bool = False,
    progress: Progress = no_progress,
) -> Rendered:
    """Render an edit list's file into a track, from its own source or another file of the same take.

    Raises
    ------
    MismatchError
        If the source is not the one that the list was made for, or `source` does not fit it.
    EditorbotError
        If anything cannot be read or written.
    """
    edit_list = read_edit_list(path)
    source_file = source or source_path(path, edit_list.source.path)
    check_output(output, [source_file, path], force=force)
    with _named(path), open_recording(source_file) as recording:
        warnings = recording.warnings
        if source is None:
            _check_source(edit_list, recording)
        else:
            edit_list = retarget_source(edit_list, recording)
            warnings += tuple(line for line in edit_list.warnings if line.startswith("LENGTH"))
        warnings += write_track(edit_list, recording, output, force=force, progress=progress)
    return Rendered(edit_list.output_samples / edit_list.source.sample_rate, warnings)


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Give errors about what an edit list asks for, which know no file, that of the list."""
    try:
        yield
    except EditorbotError as error:
        error.path = error.path or path
        raise


def export_file(path: str, name: str, output: str, *, force: bool = False) -> None:
    """Export an edit list's file to another program.

    Raises
    ------
    EditorbotError
        If the list cannot be read, or the export not be written.
    """
    edit_list = read_edit_list(path)
    for written in export_paths(name, output):
        check_output(written, [path], force=force)
    moved = path_from(output, source_path(path, edit_list.source.path))
    export_edit(replace(edit_list, source=replace(edit_list.source, path=moved)), name, output, force=force)


def _check_source(edit_list: EditList, recording: Recording) -> None:
    """Refuse a source that is not what the list says that it was made for."""
    if edit_list.source.digest != recording.digest:
        raise MismatchError(
            "this is not the file that the edit list was made for; --source names another one on purpose",
            path=recording.path,
        )
    for name, is_so in (("sample_rate", recording.sample_rate), ("channels", recording.channels),
                        ("samples", recording.samples)):  # fmt: skip
        said = getattr(edit_list.source, name)
        if said != is_so:
            raise MismatchError(f"it has {is_so} {name}, but the edit list says {said}", path=recording.path)
