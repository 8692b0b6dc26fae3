"""The edit list as JSON: a public format with versions.

``docs/edit-list-format.md`` describes every field. A list written by an older
version is upgraded one step at a time by :data:`UPGRADES`; a newer one is
refused. :mod:`editorbot.json_records` says what else is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from editorbot.atomic import write_whole
from editorbot.editlist.edit_list import EFFECT_RANGES, EditList, Effect, PolishStep
from editorbot.errors import FormatError
from editorbot.json_records import Document, DocumentFormat, read_file, read_record

UPGRADES: dict[int, Callable[[Document], Document]] = {}
"""From a version to the next one up: each step is a function from document to document."""

FORMAT = DocumentFormat("editorbot.edit", 1, "edit list", UPGRADES)
"""The format and the version that is written."""


def to_json(edit_list: EditList) -> str:
    """Write an edit list as JSON text, one clip, join and beat a line.

    Examples
    --------
    >>> from editorbot.editlist.edit_list import Clip, Source
    >>> source = Source("jam.wav", "sha256:" + "0" * 64, 44100, 2, 100)
    >>> edit = EditList(source, (Clip(0, 100),), ())
    >>> from_json(to_json(edit)) == edit
    True
    """
    return FORMAT.text(
        {
            "source": vars(edit_list.source),
            "clips": [{**vars(clip), "effects": _effect_documents(clip.effects)} for clip in edit_list.clips],
            "joins": [vars(join) for join in edit_list.joins],
            "polish": [_polish_document(step) for step in edit_list.polish],
            "beats": [vars(beat) for beat in edit_list.beats],
            "made_by": vars(edit_list.made_by),
            "warnings": edit_list.warnings,
        }
    )


def _polish_document(step: PolishStep) -> Document:
    """Write a polish step; what only some stages have is left out where there is none."""
    return {key: value for key, value in vars(step).items() if value not in (None, ()) or key == "checkpoint"}


def _effect_documents(effects: tuple[Effect, ...]) -> list[Document]:
    """Write effects with their parameters' own names."""
    return [{"type": effect.type, EFFECT_RANGES[effect.type][0]: effect.value} for effect in effects]


def from_json(text: str | bytes) -> EditList:
    """Read an edit list from JSON text.

    Raises
    ------
    FormatError
        If it is not JSON, or breaks the format; the message names the place.
    VersionError
        If it was written by a newer version.
    """
    document = FORMAT.parse(text)
    clips = document.get("clips")
    for clip in clips if isinstance(clips, list) else ():
        if isinstance(clip, dict) and isinstance(clip.get("effects"), list):
            clip["effects"] = [_effect_fields(effect) for effect in clip["effects"]]
    return read_record(EditList, document, "the edit list")


def _effect_fields(effect: Any) -> Document:
    """Rename an effect's parameter, named by the effect in JSON, to the field of :class:`Effect`."""
    kind = effect.get("type") if isinstance(effect, dict) else None
    if not isinstance(kind, str) or kind not in EFFECT_RANGES:
        raise FormatError(f"effects must be objects with a type among {', '.join(EFFECT_RANGES)}")
    parameter = EFFECT_RANGES[kind][0]
    if set(effect) != {"type", parameter}:
        raise FormatError(f"effect {kind} must have the fields type and {parameter}, but has {', '.join(effect)}")
    return {"type": kind, "value": effect[parameter]}


def read_edit_list(path: str | os.PathLike[str]) -> EditList:
    """Read an edit list from a file.

    Raises
    ------
    NotFoundError, UnreadableError
        If the file does not exist or cannot be read.
    FormatError, VersionError
        If its content is no edit list that is known here.
    """
    return read_file(path, from_json)


def write_edit_list(path: str | os.PathLike[str], edit_list: EditList) -> None:
    """Write an edit list to a file, which appears only when it is whole.

    Raises
    ------
    OutputError, NoSpaceError
        If the folder cannot be written to, or the disk is full.
    """
    write_whole(path, to_json(edit_list).encode("utf-8"))
