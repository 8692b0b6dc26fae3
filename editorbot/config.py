"""Configurations as plain data, and back: frozen dataclasses from cards, checkpoints and JSON files.

A configuration is a frozen dataclass, or several inside one another; its plain form is what JSON holds. Unknown keys
and values of another type are refused, with the key's name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from editorbot.errors import FormatError, NotFoundError, UsageError

Config = TypeVar("Config")

PRESET = "preset"
"""Key of a JSON file that names the preset it changes."""


def plain_data(config: Any) -> Any:
    """Turn a configuration into JSON types: dataclasses become objects, tuples lists, paths text."""
    data = asdict(config) if is_dataclass(config) and not isinstance(config, type) else config
    return json.loads(json.dumps(data, default=str))


def changed(base: Config, data: object, where: str) -> Config:
    """Change a configuration by what plain data says; fields that it does not name stay.

    `where` is what is read, for messages.

    Raises
    ------
    UsageError
        If a key is unknown, a value is of another type, or the class refuses it.
    """
    if not isinstance(data, Mapping):
        raise UsageError(f"{where} must be an object with fields, but is {data!r}")
    known = [field.name for field in fields(base)]  # type: ignore[arg-type]
    if unknown := sorted(set(data) - set(known)):
        raise UsageError(f"{where}: unknown keys {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    types, values = get_type_hints(type(base)), {}
    for name, value in data.items():
        now = getattr(base, name)
        values[name] = changed(now, value, name) if is_dataclass(now) else _typed(value, types[name], name)
    return replace(base, **values)  # type: ignore[type-var]


def _typed(value: Any, kind: Any, where: str) -> Any:
    """Return a JSON value as a field's type has it: lists as tuples, text as paths, whole numbers as floats."""
    for option in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
        if get_origin(option) is tuple and isinstance(value, list):
            return tuple(_typed(each, get_args(option)[0], where) for each in value)
        if get_origin(option) is Literal and value in get_args(option):
            return value
        if option is Path and isinstance(value, str):
            return Path(value)
        if option is float and type(value) is int:
            return float(value)
        if type(value) is option or (value is None and option is NoneType):
            return value
    raise UsageError(f"{where} must be {getattr(kind, '__name__', kind)}, but is {value!r}")


def preset_of(presets: Mapping[str, Config], name: str) -> Config:
    """Look a preset up; a UsageError lists them if there is none of that name."""
    if name not in presets:
        raise UsageError(f"there is no preset {name!r}; there are {', '.join(presets)}")
    return presets[name]


def read_config(path: Path, presets: Mapping[str, Config], preset: str | None = None) -> Config:
    """Read a configuration from a JSON file, which holds what differs from a preset.

    The preset is the one named, or that of the file's key ``preset``, or ``default``.

    Raises
    ------
    NotFoundError, FormatError, UsageError
        If there is no such file, it is not JSON, or a key or value in it is impossible.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFoundError(f"the configuration cannot be read: {error.strerror}", path=path) from error
    except ValueError as error:
        raise FormatError(f"the configuration is not JSON: {error}", path=path) from error
    try:
        named = data.pop(PRESET, "default") if isinstance(data, dict) else "default"
        return changed(preset_of(presets, preset or named), data, "the configuration")
    except UsageError as error:
        raise UsageError(error.message, path=path) from error


def config_of(kind: type[Config], stored: object, path: Path) -> Config:
    """Read the configuration that a card's field holds: all fields of the class and no other; lists become tuples.

    Raises
    ------
    FormatError
        If a field is missing, unknown or of a value that the class refuses.
    """
    known = sorted(field.name for field in fields(kind))  # type: ignore[arg-type]
    if not isinstance(stored, Mapping) or sorted(stored) != known:
        raise FormatError(f"the network's shape must have exactly the fields {known}", path=path)
    try:
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()})
    except (TypeError, ValueError) as error:
        raise FormatError(f"the network's shape cannot be read: {error}", path=path) from error
