"""The editors by name, each loaded only when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from editorbot.editors.base import Editor
from editorbot.errors import UsageError

_PLACES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "keep-all": ("editorbot.editors.keep_all", "KeepAllEditor"),
        "scored": ("editorbot.editors.scored", "ScoredEditor"),
        "scored-rules": ("editorbot.editors.scored", "RulesEditor"),
        "retarget": ("editorbot.editors.retarget", "RetargetEditor"),
        "pointer": ("editorbot.editors.pointer", "PointerEditor"),
        "policy": ("editorbot.editors.policy", "PolicyEditor"),
    }
)
"""Name -> (module, class); the class takes no arguments, or a `checkpoint`."""

EDITOR_NAMES: tuple[str, ...] = tuple(_PLACES)
"""What ``--editor`` takes."""


LEARNED_NAMES = ("scored", "pointer", "policy")
"""Editors that take other weights than the shipped ones."""


def editor_named(name: str, checkpoint: Path | None = None) -> Editor:
    """Return the editor of that name.

    Parameters
    ----------
    name : str
        One of EDITOR_NAMES.
    checkpoint : Path, optional
        Weights to use instead of the shipped ones.

    Returns
    -------
    editor : Editor
        A fresh one.

    Raises
    ------
    UsageError
        If there is none of that name (the message lists the names), or it takes no weights.
    NotFoundError, FormatError, MismatchError
        If the weights cannot be used.
    """
    if name not in _PLACES:
        raise UsageError(f"there is no editor {name!r}; choose one of {', '.join(EDITOR_NAMES)}")
    module, class_name = _PLACES[name]
    make = getattr(import_module(module), class_name)
    if checkpoint is not None and name not in LEARNED_NAMES:
        raise UsageError(f"the editor {name} takes no checkpoint; these do: {', '.join(LEARNED_NAMES)}")
    editor = make() if checkpoint is None else make(checkpoint=checkpoint)
    if not isinstance(editor, Editor):
        raise TypeError(f"{module}.{class_name} is no Editor")
    return editor
