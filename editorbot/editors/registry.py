"""The editors by name, each imported only when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from editorbot.editors.base import Editor
from editorbot.errors import UsageError

_CLASSES: Mapping[str, tuple[str, str]] = MappingProxyType(
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

EDITOR_NAMES: tuple[str, ...] = tuple(_CLASSES)
"""Names that ``--editor`` takes."""

LEARNED_NAMES = ("scored", "pointer", "policy")
"""Editors that can use other weights than the shipped ones."""


def editor_named(name: str, checkpoint: Path | None = None) -> Editor:
    """Create the editor of a name.

    Parameters
    ----------
    name : str
        One of EDITOR_NAMES.
    checkpoint : Path, optional
        Weights to use instead of the shipped ones.

    Raises
    ------
    UsageError
        If the name is unknown (the message lists the names), or the editor takes no weights.
    NotFoundError, FormatError, MismatchError
        If the weights cannot be used.
    """
    if name not in _CLASSES:
        raise UsageError(f"there is no editor {name!r}; choose one of {', '.join(EDITOR_NAMES)}")
    module, class_name = _CLASSES[name]
    make = getattr(import_module(module), class_name)
    if checkpoint is not None and name not in LEARNED_NAMES:
        raise UsageError(f"the editor {name} takes no checkpoint; these do: {', '.join(LEARNED_NAMES)}")
    editor = make() if checkpoint is None else make(checkpoint=checkpoint)
    if not isinstance(editor, Editor):
        raise TypeError(f"{module}.{class_name} is no Editor")
    return editor
