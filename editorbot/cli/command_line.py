"""The command line as it was typed, for the cards of what it trains."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextvars import ContextVar

_TYPED: ContextVar[tuple[str, ...]] = ContextVar("typed", default=())


def remember_command(arguments: Sequence[str]) -> None:
    """Remember what stands after ``editorbot``."""
    _TYPED.set(tuple(arguments))


def told_command() -> str:
    """Return the command that is running, as a shell takes it; empty text where none was typed.

    Paths stand in it as they were typed: what else is known of the machine is nobody's business.

    Examples
    --------
    >>> remember_command(["train", "bc", "--data", "my bc.npz"])
    >>> told_command()
    "editorbot train bc --data 'my bc.npz'"
    """
    return shlex.join(("editorbot", *_TYPED.get())) if _TYPED.get() else ""
