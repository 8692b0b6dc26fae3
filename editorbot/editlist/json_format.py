"""The edit list as JSON: a public format with versions.

``docs/edit-list-format.md`` describes every field. A list written by an older
version is upgraded one step at a time by :data:`UPGRADES`; a newer one is
refused. Unknown keys, wrong types, NaN and duplicate keys are refused too, so
that a slip of the hand is found when the file is read, not when it is heard.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from typing import Any

from editorbot.atomic import write_whole
from editorbot.editlist.edit_list import (
    EFFECT_RANGES,
    BeatScore,
    Clip,
    EditList,
    Effect,
    Join,
    MadeBy,
    PolishStep,
    Source,
)
from editorbot.errors import FormatError, NotFoundError, UnreadableError, VersionError

FORMAT = "editorbot.edit"
"""Value of the ``format`` field."""

VERSION = 1
"""Version that is written."""

UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From a version to the next one up: each step is a function from document to document."""

MAX_BYTES = 256 * 1024 * 1024
"""Largest file that is read; ten hours of clips on every beat stay far below it."""

_CLIP_FIELDS: dict[str, type] = {
    "start": int, "end": int, "action": str, "gain_db": float, "speed": float, "pitch_semitones": float,
    "reverse": bool, "fade_in": int, "fade_out": int, "effects": list, "confidence": float, "reason": str,
}  # fmt: skip


def to_json(edit_list: EditList) -> str:
    """Return an edit list as JSON text, one clip, join and beat a line.

    Examples
    --------
    >>> source = Source("jam.wav", "sha256:" + "0" * 64, 44100, 2, 100)
    >>> edit = EditList(source, (Clip(0, 100),), ())
    >>> from_json(to_json(edit)) == edit
    True
    """
    document = to_document(edit_list)
    lines = [f"  {json.dumps(key)}: {_value_text(value)}" for key, value in document.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _value_text(value: Any) -> str:
    """Return one top-level value; lists of objects get a line an entry."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join("    " + json.dumps(entry) for entry in value) + "\n  ]"
    return json.dumps(value)


def to_document(edit_list: EditList) -> dict[str, Any]:
    """Return an edit list as plain dicts and lists, in the order of the format."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "source": vars(edit_list.source).copy(),
        "clips": [_clip_document(clip) for clip in edit_list.clips],
        "joins": [vars(join).copy() for join in edit_list.joins],
        "polish": [_polish_document(step) for step in edit_list.polish],
        "beats": [vars(beat).copy() for beat in edit_list.beats],
        "made_by": vars(edit_list.made_by).copy(),
        "warnings": list(edit_list.warnings),
    }


def _clip_document(clip: Clip) -> dict[str, Any]:
    """Return one clip as a dict, its effects under their parameters' own names."""
    effects = [{"type": effect.type, EFFECT_RANGES[effect.type][0]: effect.value} for effect in clip.effects]
    return {**vars(clip), "effects": effects}


def _polish_document(step: PolishStep) -> dict[str, Any]:
    """Return one polish step as a dict; what only some stages have is left out where there is none."""
    document: dict[str, Any] = {"name": step.name, "amount": step.amount, "checkpoint": step.checkpoint}
    if step.file is not None:
        document["file"] = step.file
    if step.tone_db:
        document["tone_db"] = list(step.tone_db)
    return document


def from_json(text: str | bytes) -> EditList:
    """Read an edit list from JSON text.

    Raises
    ------
    FormatError
        If it is no JSON, or does not keep the format; the message names the place.
    VersionError
        If it was written by a newer version.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"this is no JSON: {error}") from error
    return from_document(document)


def from_document(document: Any) -> EditList:
    """Read an edit list from parsed JSON; errors as in `from_json`."""
    top = _Fields(_upgraded(document), "the edit list")
    source = _read_source(_Fields(top.take("source", dict), "source"))
    edit_list = EditList(
        source=source,
        clips=tuple(_each(top, "clips", _read_clip)),
        joins=tuple(_each(top, "joins", _read_join)),
        polish=tuple(_each(top, "polish", _read_polish)),
        beats=tuple(_each(top, "beats", _read_beat)),
        made_by=_read_made_by(_Fields(top.take("made_by", dict, {}), "made_by")),
        warnings=tuple(_read_warnings(top.take("warnings", list, []))),
    )
    top.finish()
    return edit_list


def _upgraded(document: Any) -> dict[str, Any]:
    """Return the document in today's version, without its format and version fields."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FormatError(f'this is no edit list: its "format" must be "{FORMAT}"')
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise FormatError(f"version must be a whole number from 1, but is {version!r}")
    if version > VERSION:
        raise VersionError(f"this edit list has version {version}, and version {VERSION} is the newest known here")
    for step in range(version, VERSION):
        document = UPGRADES[step](document)
    return {key: value for key, value in document.items() if key not in ("format", "version")}


class _Fields:
    """Takes typed fields out of a JSON object, and refuses what is left."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._left = dict(values)
        self._where = where

    def take(self, key: str, kind: type, default: Any = None) -> Any:
        """Return the field `key` as `kind`; a whole number will do for a float."""
        if key not in self._left:
            if default is None:
                raise FormatError(f"{self._where}: {key} is missing")
            return default
        value: Any = self._left.pop(key)
        if kind is float and type(value) is int and abs(value) < 2**53:
            value = float(value)
        if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
            raise FormatError(f"{self._where}: {key} must be {_KIND_NAMES[kind]}, but is {_shortened(value)}")
        return value

    def take_optional_text(self, key: str) -> str | None:
        """Return the text field `key`, None where it is null or not there."""
        if self._left.get(key) is None:
            self._left.pop(key, None)
            return None
        text: str = self.take(key, str)
        return text

    def finish(self) -> None:
        """Raise FormatError if a field is left that nothing knows."""
        if self._left:
            raise FormatError(f"{self._where}: unknown field {sorted(self._left)[0]!r}")


_KIND_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", list: "a list",
               dict: "an object"}  # fmt: skip


def _shortened(value: Any) -> str:
    """Return a value for a message, at most 40 characters of it."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _each(top: _Fields, key: str, read: Callable[[_Fields], Any]) -> list[Any]:
    """Read every object of a list with `read`; an error names its place."""
    entries = []
    for number, value in enumerate(top.take(key, list, None if key in ("clips", "joins") else [])):
        where = f"{key}[{number}]"
        if not isinstance(value, dict):
            raise FormatError(f"{where} must be an object, but is {_shortened(value)}")
        fields = _Fields(value, where)
        try:
            entries.append(read(fields))
        except FormatError as error:
            raise error if error.message.startswith(where) else FormatError(f"{where}: {error.message}") from error
        fields.finish()
    return entries


def _read_source(fields: _Fields) -> Source:
    values = {key: fields.take(key, int) for key in ("sample_rate", "channels", "samples")}
    source = Source(path=fields.take("path", str), digest=fields.take("digest", str), **values)
    fields.finish()
    return source


def _read_clip(fields: _Fields) -> Clip:
    defaults = vars(Clip(0, 1))
    required = ("start", "end")
    values = {
        key: fields.take(key, kind, None if key in required else list(defaults[key]) if kind is list else defaults[key])
        for key, kind in _CLIP_FIELDS.items()
    }
    values["effects"] = tuple(_read_effect(entry) for entry in values["effects"])
    return Clip(**values)


def _read_effect(value: Any) -> Effect:
    if not isinstance(value, dict) or value.get("type") not in EFFECT_RANGES:
        raise FormatError(f"effects must be objects with a type among {', '.join(EFFECT_RANGES)}")
    fields = _Fields(value, f"effect {value['type']}")
    effect = Effect(fields.take("type", str), fields.take(EFFECT_RANGES[value["type"]][0], float))
    fields.finish()
    return effect


def _read_join(fields: _Fields) -> Join:
    return Join(fields.take("crossfade", int, 0), fields.take("risk", float, 0.0))


def _read_polish(fields: _Fields) -> PolishStep:
    tone_db = fields.take("tone_db", list, [])
    if not all(type(value) in (int, float) for value in tone_db):
        raise FormatError("polish tone_db must be numbers")
    return PolishStep(
        fields.take("name", str),
        fields.take("amount", float, 1.0),
        fields.take_optional_text("checkpoint"),
        fields.take_optional_text("file"),
        tuple(map(float, tone_db)),
    )


def _read_beat(fields: _Fields) -> BeatScore:
    return BeatScore(fields.take("at", int), fields.take("score", float))


def _read_made_by(fields: _Fields) -> MadeBy:
    made_by = MadeBy(
        editor=fields.take("editor", str, "unknown"),
        checkpoint=fields.take_optional_text("checkpoint"),
        seed=fields.take("seed", int, 0),
        version=fields.take("version", str, ""),
    )
    fields.finish()
    return made_by


def _read_warnings(values: list[Any]) -> list[str]:
    if not all(isinstance(value, str) for value in values):
        raise FormatError("warnings must be texts")
    return values


def _refuse_constant(name: str) -> float:
    """Refuse NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{name} is not allowed")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's fields, refusing a key that stands there twice."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} stands there twice")
    return fields


def read_edit_list(path: str | os.PathLike[str]) -> EditList:
    """Read an edit list from a file.

    Raises
    ------
    NotFoundError, UnreadableError
        If the file is not there or may not be read.
    FormatError, VersionError
        If its content is no edit list that is known here.
    """
    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise FormatError(f"an edit list has at most {MAX_BYTES} bytes", path=path)
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFoundError("there is no such file", path=path) from error
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", path=path) from error
    try:
        return from_json(content)
    except (FormatError, VersionError) as error:
        raise type(error)(error.message, path=path) from error


def write_edit_list(path: str | os.PathLike[str], edit_list: EditList) -> None:
    """Write an edit list under a temporary name, then rename it.

    Raises
    ------
    OutputError, NoSpaceError
        If the folder cannot be written to, or the disk is full.
    """
    write_whole(path, to_json(edit_list).encode("utf-8"))
