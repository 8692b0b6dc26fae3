"""``editorbot train METHOD``: settings from a preset, a file and flags, then the method's own run.

A method's settings are declared once, in the ``config.py`` of its folder in `editorbot.training`, and read as they are:
each field is a flag and a key of a ``--config`` file. Its ``run.py`` trains. Only that needs torch.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from importlib import import_module
from importlib.util import find_spec
from inspect import cleandoc
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import tyro

from editorbot.cli.arguments import parse, typed_command
from editorbot.config import plain_data, preset_of, read_config
from editorbot.extras import missing_extra

METHODS: Mapping[str, str] = {
    "scored": "scored", "beats": "beats", "bc": "bc", "ppo": "ppo", "pointer": "pointer", "reconstruct": "mel",
    "mel2mel": "mel",
}  # fmt: skip
"""Folder in `editorbot.training` of each method."""

OLD_PRESETS = {"full": "default"}
"""Presets that have another name now."""

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Training(Generic[Settings]):
    """What the arguments of ``editorbot train METHOD`` become."""

    settings: Settings
    preset: str = "default"
    """Settings to begin with: default for a GPU, small for two cores of a CPU; e.g. --preset small."""
    config: Path | None = None
    """JSON file of settings that differ from the preset, named as --print-config shows them; flags win over it. None by
    default, e.g. --config pointer_network/configs/small.json."""
    print_config: bool = False
    """Print all settings as JSON and stop; off by default, e.g. --print-config > mine.json."""
    debug: bool = False
    """Show the whole trace of an error; off by default, e.g. --debug."""


@dataclass(frozen=True)
class Train:
    """Train what editorbot has learned anew, on your own music or pairs."""

    method: str
    """What to train."""
    training: Any
    """How: a `Training`."""

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Train:
        """Read the arguments after ``train``."""
        if not arguments or arguments[0] not in METHODS:
            chosen: Train = parse(_every_method(), "editorbot train", arguments, description=cls.__doc__)
            return chosen
        method, *flags = arguments
        flags = _with_new_names(flags, method)
        preset, file = _value_of("--preset", flags), _value_of("--config", flags)
        if preset in OLD_PRESETS:
            print(f"--preset {preset} is an old name; use --preset {OLD_PRESETS[preset]}", file=sys.stderr)
            preset = OLD_PRESETS[preset]
        presets = presets_of(method)
        base = read_config(Path(file), presets, preset) if file else preset_of(presets, preset or "default")
        if file and _value_of("--resume", flags) and not _value_of("--save-dir", flags):
            base = replace(base, save_dir=None)  # a resumed run stays in its folder
        kind: Any = Training[type(base)]  # type: ignore[misc]
        said = cleandoc(type(base).__doc__ or "")
        default = Training(base)
        return cls(method, parse(kind, f"editorbot train {method}", flags, default=default, description=said))

    def run(self) -> int:
        """Train; return the exit code."""
        settings = self.training.settings
        if self.training.print_config:
            print(json.dumps(plain_data(settings), indent=2))
            return 0
        if find_spec("torch") is None:
            raise missing_extra("learn", "training needs torch")
        _method_module(self.method, "run").train(settings, command=typed_command(), on_line=_print_line)
        return 0


def presets_of(method: str) -> Mapping[str, Any]:
    """Look up the settings that a method's presets hold, by the preset's name."""
    presets: Mapping[str, Any] = _method_module(method, "config").PRESETS[method]
    return presets


def _method_module(method: str, module: str) -> Any:
    return import_module(f"editorbot.training.{METHODS[method]}.{module}")


def _every_method() -> Any:
    """Build the type whose help lists all methods."""
    kinds: list[Any] = []
    for method in METHODS:
        one = presets_of(method)["default"]
        subcommand = tyro.conf.subcommand(method, default=Training(one), description=type(one).__doc__)
        kinds.append(Annotated[Training[type(one)], subcommand])  # type: ignore[misc]
    return reduce(or_, kinds)


def _value_of(flag: str, flags: Sequence[str]) -> str | None:
    """Find the value that follows a flag, or is joined to it by ``=``; the last one counts."""
    values = []
    for given, after in zip(flags, [*flags[1:], ""]):
        name, equals, value = given.partition("=")
        if name.replace("_", "-") == flag:
            values.append(value if equals else after)
    return values[-1] if values else None


def _with_new_names(flags: Sequence[str], method: str) -> list[str]:
    """Replace flags, and flags with their value, that a method's ``OLD_FLAGS`` name; a line on stderr says so."""
    old: Mapping[str, str] = getattr(_method_module(method, "config"), "OLD_FLAGS", {})
    return [_new_name(given, old) for given in flags]


def _new_name(given: str, old: Mapping[str, str]) -> str:
    flag, equals, value = given.partition("=")
    new = old.get(flag.replace("_", "-"))
    if new is None:
        return given
    print(f"{flag} is an old name; use {new}", file=sys.stderr)
    return new + equals + value


def _print_line(line: str) -> None:
    """Print a line at once; errors of single files go where errors go."""
    print(line, file=sys.stderr if line.startswith("error[") else sys.stdout, flush=True)
