"""Exports by name, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from editorbot.atomic import write_whole
from editorbot.editlist.edit_list import EditList
from editorbot.errors import UsageError
from editorbot.export.audacity import joins_text, regions_text
from editorbot.export.picture import picture_of
from editorbot.export.reaper import project_text
from editorbot.recording import check_output

EXPORT_ENDINGS: Mapping[str, str] = {"audacity": ".txt", "reaper": ".rpp", "picture": ".png"}
"""Every export by its name, and the ending of its file."""

EXPORT_NAMES: tuple[str, ...] = tuple(EXPORT_ENDINGS)
"""The names for ``--export``."""

JOINS_INFIX = ".joins"
"""Put before the ending of the second Audacity file, whose labels are in the track's time."""

_WRITERS: Mapping[str, tuple[tuple[str, Callable[[EditList], str | bytes]], ...]] = {
    "audacity": (("", regions_text), (JOINS_INFIX, joins_text)),
    "reaper": (("", project_text),),
    "picture": (("", picture_of),),
}


def export_paths(name: str, output_path: str | os.PathLike[str]) -> tuple[str, ...]:
    """List the files that an export writes, the named one first.

    Raises
    ------
    UsageError
        If there is no export of that name.
    """
    if name not in _WRITERS:
        raise UsageError(f"export {name!r} is unknown; known: {', '.join(EXPORT_NAMES)}")
    stem, ending = os.path.splitext(os.fspath(output_path))
    return tuple(stem + infix + ending for infix, _ in _WRITERS[name])


def export_edit(
    edit_list: EditList, name: str, output_path: str | os.PathLike[str], *, force: bool = False
) -> tuple[str, ...]:
    """Write an edit list for another program, or as a picture.

    Parameters
    ----------
    edit_list : EditList
        What is played; a relative path of its source is relative to the output's folder.
    name : str
        One of EXPORT_NAMES.
    output_path : path
        Where it is written; `audacity` puts a second file beside it, see :func:`export_paths`.
    force : bool
        Replace files that exist.

    Returns
    -------
    paths : tuple of str
        The files written.

    Raises
    ------
    UsageError
        If there is no export of that name.
    ExistsError
        If a file exists.
    OutputError
        If a file cannot be written.
    """
    paths = export_paths(name, output_path)
    for path in paths:
        check_output(path, (), force=force)
    for path, (_, content_of) in zip(paths, _WRITERS[name]):
        content = content_of(edit_list)
        whole = content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
        write_whole(path, whole, may_replace=force)
    return paths
