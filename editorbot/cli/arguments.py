"""How a command line becomes a command: tyro, in our style of help, and numbers that no command can work with."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import fields, is_dataclass, replace
from typing import Annotated, Any, Literal

import tyro
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec, StructTypeInfo

from editorbot.errors import UsageError

SEEDS = 2**63
"""Seeds are below this: what every random number generator takes."""

_TYPED: ContextVar[tuple[str, ...]] = ContextVar("typed", default=())

FILES = tyro.conf.arg(metavar="FILE ...")
"""How a list of files is shown in the help; the others alike."""
FILE = tyro.conf.arg(metavar="FILE")
FOLDER = tyro.conf.arg(metavar="FOLDER")
NAMES = tyro.conf.arg(metavar="NAME ...")

ExportName = Literal["audacity", "reaper", "picture"]
"""Values of ``--export`` and ``--to``; `editorbot.export` knows how each is written."""

CONFIG = (
    tyro.conf.FlagCreatePairsOff,
    tyro.conf.OmitSubcommandPrefixes,
    tyro.conf.OmitArgPrefixes,
    tyro.conf.DisallowNone,
)


def parse(
    kind: Any, prog: str, arguments: Sequence[str], *, default: Any = None, description: str | None = None
) -> Any:
    """Parse what follows `prog` into an instance of `kind`; exits with 2 and one box of text where that is impossible.

    Raises
    ------
    UsageError
        If a number is none, a learning rate or a weight is negative, or a seed too large. Names the first flag.
    """
    begin: dict[str, Any] = {} if default is None else {"default": default}
    command = tyro.cli(
        kind, prog=prog, description=description, args=arguments, config=CONFIG, registry=_registry(), **begin
    )
    check_numbers(command)
    return command


def _registry() -> ConstructorRegistry:
    """Make tyro show the fields of every command in our style."""
    registry = ConstructorRegistry()
    asked: list[object] = []

    @registry.struct_rule
    def in_our_style(info: StructTypeInfo) -> StructConstructorSpec | None:
        if info.type in asked or not is_dataclass(info.type):
            return None
        asked.append(info.type)  # tyro's own rule answers the same question, asked again from here
        spec = ConstructorRegistry.get_struct_spec(info)
        asked.remove(info.type)
        if not isinstance(spec, StructConstructorSpec):
            return None
        return replace(spec, fields=tuple(map(_in_our_style, spec.fields)))

    return registry


def _in_our_style(field: StructFieldSpec) -> StructFieldSpec:
    """Leave out a default that says nothing, and let the lines of a help text flow."""

    def flowing_text() -> str | None:  # asked for with --help alone
        text = field.helptext() if callable(field.helptext) else field.helptext
        return text and " ".join(text.split())

    def default_shown(default: str) -> str:
        return "" if default in ("", "None", "False") else f"(default: {default})"

    kind: Any = Annotated[field.type, tyro.conf.arg(help_behavior_hint=default_shown)]
    return replace(field, type=kind, helptext=flowing_text)


def check_numbers(command: object) -> None:
    """Refuse a command's numbers that are none, learning rates and weights below 0, and seeds that no generator takes.

    Raises
    ------
    UsageError
        Names the first flag.
    """
    if not is_dataclass(command):
        return
    for field in fields(command):
        value, flag = getattr(command, field.name), "--" + field.name.replace("_", "-")
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{flag} must be a finite number, but is {value}")
        if field.name in ("lr", "learning_rate") and value is not None and value <= 0:
            raise UsageError(f"{flag} must be above 0, but is {value}")
        if field.name.endswith("_weight") and value is not None and value < 0:
            raise UsageError(f"{flag} must not be negative, but is {value}")
        if field.name == "seed" and value is not None and not 0 <= value < SEEDS:
            raise UsageError(f"{flag} must be a whole number from 0 to 2^63 - 1, but is {value}")
        check_numbers(value)


def remember_typed(arguments: Sequence[str]) -> None:
    """Remember the words after ``editorbot``, for the cards of what is trained."""
    _TYPED.set(tuple(arguments))


def typed_command() -> str:
    """Quote the command that is running for a shell; empty text if none was typed.

    Paths are as they were typed: a card says nothing else about the machine.

    Examples
    --------
    >>> remember_typed(["train", "bc", "--data", "my bc.npz"])
    >>> typed_command()
    "editorbot train bc --data 'my bc.npz'"
    """
    return shlex.join(("editorbot", *_TYPED.get())) if _TYPED.get() else ""
