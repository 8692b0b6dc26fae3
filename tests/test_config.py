"""Configurations from plain data and JSON files: what is read, and what is refused, in one line each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from editorbot.config import changed, plain_data, preset_of, read_config
from editorbot.errors import FormatError, NotFoundError, UsageError


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    sizes: tuple[int, ...] = (1, 2)
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    place: Path | None = None
    count: int = 3
    on: bool = True

    def __post_init__(self):
        if self.count < 1:
            raise UsageError("count must be at least 1")


PRESETS = {"default": Outer(), "small": Outer(count=1)}


@pytest.mark.parametrize("config", [Outer(), Outer(Inner(2.0, (), "b"), Path("a/b"), 7, False)])
def test_plain_data_comes_back_as_it_was(config):
    data = plain_data(config)
    assert json.loads(json.dumps(data)) == data
    assert changed(Outer(), data, "it") == config


def test_what_is_not_named_stays():
    small = changed(PRESETS["small"], {"inner": {"rate": 2}, "place": "x"}, "it")
    assert small == Outer(Inner(rate=2.0), Path("x"), count=1)
    assert isinstance(small.inner.rate, float)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([1], "it must be an object with fields, but is \\[1\\]"),
        ({"inner": 3}, "inner must be an object"),
        ({"inner": {"rat": 1}}, "inner: unknown keys rat; known: kind, rate, sizes"),
        ({"inner": {"kind": "c"}}, "kind must be"),
        ({"inner": {"sizes": [1, "2"]}}, "sizes must be int, but is '2'"),
        ({"on": 1}, "on must be bool, but is 1"),
        ({"count": True}, "count must be int, but is True"),
        ({"count": None}, "count must be int, but is None"),
        ({"count": 0}, "count must be at least 1"),
    ],
)
def test_impossible_values_are_refused(data, said):
    with pytest.raises(UsageError, match=said):
        changed(Outer(), data, "it")


def test_a_file_changes_the_preset_that_it_or_the_caller_names(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('{"preset": "small", "on": false}')
    assert read_config(path, PRESETS) == Outer(count=1, on=False)
    assert read_config(path, PRESETS, "default") == Outer(on=False)
    path.write_text('{"preset": "huge"}')
    with pytest.raises(UsageError, match=r"c\.json: there is no preset 'huge'; there are default, small"):
        read_config(path, PRESETS)
    path.write_text("{")
    with pytest.raises(FormatError, match="not JSON"):
        read_config(path, PRESETS)
    with pytest.raises(NotFoundError):
        read_config(tmp_path / "none.json", PRESETS)
    assert preset_of(PRESETS, "small").count == 1
