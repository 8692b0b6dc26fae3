"""One action of an edit that was made action by action, and what of the recording it was about.

An edit list says what is heard; whoever made it in actions also left out, skipped and went back. The editors tell
these actions, and the report draws them.
"""

from __future__ import annotations

from dataclasses import dataclass

from editorbot.errors import FormatError


@dataclass(frozen=True)
class ActionSpan:
    """What one action was about; a move is about what it moves over."""

    type: str
    """Name of its type, ``KEEP`` for example."""
    start: int
    """Where that begins [source samples]."""
    end: int
    """Where it ends [source samples]; not before its start."""

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise FormatError(f"action {self.type} [{self.start}, {self.end}) must start at 0 or later and end after")
