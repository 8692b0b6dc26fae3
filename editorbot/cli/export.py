"""``editorbot export``: an edit list becomes another program's project."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import tyro

from editorbot.errors import UsageError, printable


@dataclass(frozen=True)
class Export:
    """Export an edit list to other programs."""

    file: tyro.conf.Positional[str]
    """Edit list (.json)."""
    to: tuple[Literal["audacity", "reaper", "picture"], ...] = ("reaper",)
    """Programs to write for, or a picture of where the clips come from."""
    output: str | None = None
    """File to write, where there is one program; by default beside the list."""
    force: bool = False
    """Replace files that are there already."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Write every export; return the exit code."""
        from editorbot.export import EXPORT_ENDINGS, export_paths
        from editorbot.from_list import export_file

        if self.output is not None and len(self.to) != 1:
            raise UsageError("--output takes one program; name one with --to, or leave it away")
        for name in self.to:
            path = os.path.splitext(self.file)[0] + EXPORT_ENDINGS[name] if self.output is None else self.output
            export_file(self.file, name, path, force=self.force)
            for written in export_paths(name, path):
                print(printable(str(written)))
        return 0
