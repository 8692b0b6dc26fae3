"""Frozen dataclasses as JSON documents with a format name and a version, and back.

The dataclass is the schema: a field's type says what JSON must hold, and a field with a default may be left out.
Unknown keys, wrong types, NaN and duplicate keys are refused, so that a typing error is found when the file is read.
"""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from editorbot.errors import FormatError, VersionError, read_error

Record = TypeVar("Record")
Document = dict[str, Any]

MAX_BYTES = 256 * 1024 * 1024
"""Largest file that is read; ten hours of clips on every beat stay far below it."""

_TYPE_NAMES = {int: "a whole number", float: "a finite number", str: "a text", bool: "true or false"}


@dataclass(frozen=True)
class DocumentFormat:
    """A kind of document and its versions."""

    name: str
    """Value of the ``format`` field."""
    version: int
    """Version that is written."""
    what: str
    """What it is called in messages: "edit list"."""
    upgrades: Mapping[int, Callable[[Document], Document]] = field(default_factory=dict)
    """From a version to the next one up: each step is a function from document to document."""
    is_optional: bool = False
    """Whether the format and version fields may be missing."""

    def parse(self, text: str | bytes) -> Document:
        """Parse JSON text and upgrade it to today's version; the format and version fields are taken out.

        Raises
        ------
        FormatError
            If it is not JSON, or another kind of document.
        VersionError
            If it was written in a newer version.
        """
        try:
            document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"this is no JSON: {error}") from error
        if self.is_optional and isinstance(document, dict):
            document = {"format": self.name, "version": self.version, **document}
        if not isinstance(document, dict) or document.get("format") != self.name:
            raise FormatError(f'this is no {self.what}: its "format" must be "{self.name}"')
        version = document.get("version")
        if type(version) is not int or version < 1:
            raise FormatError(f"version must be a whole number from 1, but is {version!r}")
        if version > self.version:
            known = f"version {self.version} is the newest known here"
            raise VersionError(f"this {self.what} has version {version}, and {known}")
        for step in range(version, self.version):
            document = self.upgrades[step](document)
        return {key: value for key, value in document.items() if key not in ("format", "version")}

    def text(self, content: Mapping[str, Any]) -> str:
        """Write a document as JSON text: a line for each field, and for each entry of a list of objects."""
        document = {"format": self.name, "version": self.version, **content}
        lines = [f"  {json.dumps(key)}: {_value_text(value)}" for key, value in document.items()]
        return "{\n" + ",\n".join(lines) + "\n}\n"


def _refuse_constant(name: str) -> float:
    """Refuse NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{name} is not allowed")


def _unique_keys(pairs: list[tuple[str, Any]]) -> Document:
    """Make an object of its fields, refusing a key that occurs twice."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} occurs twice")
    return dict(pairs)


def _value_text(value: Any) -> str:
    if isinstance(value, Sequence) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join("    " + json.dumps(entry) for entry in value) + "\n  ]"
    return json.dumps(value)


def read_file(path: str | os.PathLike[str], parse: Callable[[bytes], Record]) -> Record:
    """Read a file with a function that parses its content; errors name the file.

    Raises
    ------
    NotFoundError, UnreadableError
        If the file does not exist or cannot be read.
    FormatError, VersionError
        If it is too large, or `parse` refuses it.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise read_error(error, path) from error
    try:
        if len(content) > MAX_BYTES:
            raise FormatError(f"at most {MAX_BYTES} bytes are read")
        return parse(content)
    except (FormatError, VersionError) as error:
        raise type(error)(error.message, path=path) from error


def read_record(kind: type[Record], values: Any, where: str) -> Record:
    """Make a dataclass from a JSON object.

    Parameters
    ----------
    kind : type
        The dataclass; its own checks raise FormatError.
    values : dict
        The object.
    where : str
        Its place in the document, for messages.

    Raises
    ------
    FormatError
        If a field is missing, unknown or of another type, or the class refuses it.
    """
    if not isinstance(values, dict):
        raise FormatError(f"{where} must be an object, but is {_shortened(values)}")
    schema = _schema(kind)  # type: ignore[arg-type]
    arguments = {}
    for name, (hint, is_required) in schema.items():
        if name in values:
            arguments[name] = _typed(values[name], hint, f"{where}: {name}")
        elif is_required:
            raise FormatError(f"{where}: {name} is missing")
    if unknown := sorted(set(values) - set(schema)):
        raise FormatError(f"{where}: unknown field {unknown[0]!r}")
    try:
        return kind(**arguments)
    except FormatError as error:
        raise FormatError(f"{where}: {error.message}") from error


@functools.cache
def _schema(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Every field of a dataclass by name: its type, and whether it is required."""
    hints = get_type_hints(kind)
    return {
        one.name: (hints[one.name], one.default is MISSING and one.default_factory is MISSING) for one in fields(kind)
    }


def _typed(value: Any, hint: Any, where: str) -> Any:
    """Convert a JSON value to a field's type: lists to tuples, objects to dataclasses, whole numbers to floats."""
    if get_origin(hint) is UnionType:  # X | None
        (hint,) = (option for option in get_args(hint) if option is not NoneType)
        return None if value is None else _typed(value, hint, where)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise FormatError(f"{where} must be a list, but is {_shortened(value)}")
        kinds = get_args(hint)
        if kinds[-1] is not Ellipsis and len(value) != len(kinds):
            raise FormatError(f"{where} must hold {len(kinds)} values, but is {_shortened(value)}")
        return tuple(
            _typed(entry, kinds[0] if kinds[-1] is Ellipsis else kinds[number], f"{where}[{number}]")
            for number, entry in enumerate(value)
        )
    if isinstance(hint, type) and is_dataclass(hint):
        return read_record(hint, value, where)
    if hint is float and type(value) is int and abs(value) < 2**53:
        value = float(value)
    if type(value) is not hint or (hint is float and not math.isfinite(value)):
        raise FormatError(f"{where} must be {_TYPE_NAMES[hint]}, but is {_shortened(value)}")
    return value


def _shortened(value: Any) -> str:
    """A value for a message, at most 40 characters of it."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
