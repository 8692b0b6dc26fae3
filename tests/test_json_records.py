"""Dataclasses as JSON documents: every type comes back, and every slip is named."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editorbot import json_records
from editorbot.errors import FormatError, NotFoundError, VersionError, check_format
from editorbot.json_records import DocumentFormat, read_file, read_record


@dataclass(frozen=True)
class Part:
    at: float
    name: str = ""

    def __post_init__(self) -> None:
        check_format(self.at >= 0, f"at must not be negative, but is {self.at}")


@dataclass(frozen=True)
class Whole:
    count: int
    parts: tuple[Part, ...] = ()
    ranges: tuple[tuple[float, float], ...] = ()
    note: str | None = None
    is_done: bool = False


FORMAT = DocumentFormat("test.whole", 2, "whole", {1: lambda old: {"count": old["number"]}})


def read(text: str | bytes) -> Whole:
    return read_record(Whole, FORMAT.parse(text), "the whole")


numbers = st.floats(0, 1e9)
parts = st.builds(Part, numbers, st.text())
wholes = st.builds(
    Whole, st.integers(), st.lists(parts).map(tuple), st.lists(st.tuples(numbers, numbers)).map(tuple),
    st.none() | st.text(), st.booleans(),
)  # fmt: skip


@given(wholes)
def test_what_is_written_is_read_back_equal(whole: Whole) -> None:
    text = FORMAT.text(asdict(whole))
    assert read(text) == whole
    assert text.count("\n") == 9 + len(whole.parts) + bool(whole.parts)  # an entry a line


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "the whole: count is missing"),
        ({"count": 1.0}, "the whole: count must be a whole number, but is 1.0"),
        ({"count": True}, "count must be a whole number, but is True"),
        ({"count": 1, "parts": {}}, "the whole: parts must be a list"),
        ({"count": 1, "parts": [3]}, r"the whole: parts\[0\] must be an object, but is 3"),
        ({"count": 1, "parts": [{"at": 1}, {"at": -1}]}, r"parts\[1\]: at must not be negative, but is -1.0"),
        ({"count": 1, "parts": [{"at": 1, "x": 2}]}, r"parts\[0\]: unknown field 'x'"),
        ({"count": 1, "ranges": [[1, 2, 3]]}, r"ranges\[0\] must hold 2 values"),
        ({"count": 1, "note": 3}, "note must be a text, but is 3"),
        ({"count": 1, "is_done": 1}, "is_done must be true or false"),
    ],
)
def test_a_slip_is_named_with_its_place(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(json.dumps({"format": "test.whole", "version": 2, **fields}))


def test_an_old_version_is_upgraded_and_a_newer_one_refused() -> None:
    assert read('{"format": "test.whole", "version": 1, "number": 7}') == Whole(7)
    with pytest.raises(VersionError, match="this whole has version 3, and version 2 is the newest known here"):
        read('{"format": "test.whole", "version": 3}')


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "other", "version": 1}'])
def test_another_document_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="this is no whole"):
        read(text)


def test_format_and_version_may_be_optional() -> None:
    optional = DocumentFormat("test.whole", 2, "whole", is_optional=True)
    assert optional.parse('{"count": 1}') == {"count": 1}
    with pytest.raises(FormatError, match="this is no whole"):
        optional.parse('{"format": "other"}')


def test_files_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "whole.json"
    with pytest.raises(NotFoundError):
        read_file(path, read)
    path.write_text("{")
    with pytest.raises(FormatError, match=r"whole\.json: this is no JSON"):
        read_file(path, read)
    monkeypatch.setattr(json_records, "MAX_BYTES", 10)
    path.write_text('{"format": "test.whole", "version": 2, "count": 1}')
    with pytest.raises(FormatError, match=r"whole\.json: at most 10 bytes"):
        read_file(path, read)
