"""From an edit list onward: its track, and other programs' files.

:mod:`editorbot.pipeline` goes on here once it has decided; `editorbot render` and `editorbot export` begin here, with a
list that was written earlier, or by hand.
"""

from __future__ import annotations

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
from editorbot.recording import Recording, TrackWriter, check_output, open_recording
from editorbot.render.render import render_blocks
from editorbot.timebase import clock


@dataclass(frozen=True)
class Rendered:
    """The result of rendering an edit list."""

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
        What is played, its joins refined.
    recording : Recording
        Its source, opened.
    path : path
        The track; its ending names the format.
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
    total = edit_list.output_samples
    rate, channels, subtype = recording.sample_rate, recording.channels, recording.subtype
    with TrackWriter(path, rate, channels, subtype, total_samples=total, may_replace=force) as writer:
        done = 0
        for block in _polished_blocks(edit_list, recording, warnings):
            writer.write(block)
            done += len(block)
            progress("render", done / total)
    return (*warnings, *writer.warnings)


def _polished_blocks(
    edit_list: EditList, recording: Recording, warnings: list[str]
) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
    """Render and polish by block; polish adds its warnings to the list while the blocks are read."""
    if not edit_list.polish:
        return render_blocks(edit_list, recording)
    return polish_blocks(
        lambda: render_blocks(edit_list, recording),
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
    try:
        with open_recording(source_file) as recording:
            warnings = recording.warnings
            if source is None:
                _check_source(edit_list, recording)
            else:
                edit_list = for_other_source(edit_list, recording)
                warnings += tuple(line for line in edit_list.warnings if line.startswith("LENGTH"))
            warnings += write_track(edit_list, recording, output, force=force, progress=progress)
    except EditorbotError as error:
        error.path = error.path or path  # an error without a file is about the list
        raise
    return Rendered(edit_list.output_samples / edit_list.source.sample_rate, warnings)


def _check_source(edit_list: EditList, recording: Recording) -> None:
    """Refuse a source that is not the one that the list was made for."""
    if edit_list.source.digest != recording.digest:
        raise MismatchError(
            "this is not the file that the edit list was made for; --source names another one on purpose",
            path=recording.path,
        )
    for name in ("sample_rate", "channels", "samples"):
        found, listed = getattr(recording, name), getattr(edit_list.source, name)
        if listed != found:
            raise MismatchError(f"it has {found} {name}, but the edit list says {listed}", path=recording.path)


def for_other_source(edit_list: EditList, other: Recording) -> EditList:
    """Make an edit list for another file of the same take, one track of a multitrack recording for example.

    No join is refined anew: tracks of one take must be cut at the same samples
    to stay together.

    Parameters
    ----------
    edit_list : EditList
        Made for one file of the take.
    other : Recording
        Another one; its channels may differ, its sample rate may not.

    Returns
    -------
    changed : EditList
        With a LENGTH warning where the files differ in length, though the edit fits.

    Raises
    ------
    MismatchError
        If the sample rates differ, or `other` ends before the last clip does.
    """
    source = edit_list.source
    if other.sample_rate != source.sample_rate:
        raise MismatchError(
            f"it has {other.sample_rate} Hz, but the edit list was made at {source.sample_rate} Hz; "
            f"convert it to {source.sample_rate} Hz first",
            path=other.path,
        )
    needed = max(clip.end for clip in edit_list.clips)
    if other.samples < needed:
        raise MismatchError(
            f"it is {clock(other.duration_s)} long, but the edit plays up to "
            f"{clock(needed / source.sample_rate)}; give a file of the same take",
            path=other.path,
        )
    beats = tuple(beat for beat in edit_list.beats if beat.at < other.samples)
    changed = replace(edit_list, source=other.source, beats=beats)
    if other.samples == source.samples:
        return changed
    longer = "longer" if other.samples > source.samples else "shorter"
    difference = abs(other.samples - source.samples)
    return changed.with_warnings(f"LENGTH: {difference} samples {longer} than the file that the edit was made for")


def export_file(path: str, name: str, output: str, *, force: bool = False) -> None:
    """Export an edit list's file to another program.

    Raises
    ------
    EditorbotError
        If the list cannot be read, or the export cannot be written.
    """
    edit_list = read_edit_list(path)
    for written in export_paths(name, output):
        check_output(written, [path], force=force)
    source = path_from(output, source_path(path, edit_list.source.path))
    export_edit(replace(edit_list, source=replace(edit_list.source, path=source)), name, output, force=force)
