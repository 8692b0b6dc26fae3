"""``editorbot export``: an edit list becomes another program's project."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

import tyro

from editorbot.cli.arguments import FILE, ExportName
from editorbot.errors import UsageError, printable


@dataclass(frozen=True)
class Export:
    """Write an edit list for another program."""

    file: Annotated[tyro.conf.Positional[str], FILE]
    """Edit list (.json)."""
    to: tuple[ExportName, ...] = ("reaper",)
    """What to write: labels for audacity, a project for reaper, a picture of where the clips come from. Example:
    --to reaper audacity."""
    output: Annotated[str | None, FILE] = None
    """File to write, if --to names one format. By default beside the list."""
    force: bool = False
    """Replace files that exist."""
    debug: bool = False
    """Print the whole traceback of an error."""

    def run(self) -> int:
        """Write every export, and return the exit code."""
        from editorbot.export import EXPORT_ENDINGS, export_paths
        from editorbot.from_list import export_file

        if self.output is not None and len(self.to) != 1:
            raise UsageError("--output names one file, but --to names several formats; name one, or leave out --output")
        for name in self.to:
            path = os.path.splitext(self.file)[0] + EXPORT_ENDINGS[name] if self.output is None else self.output
            export_file(self.file, name, path, force=self.force)
            for written in export_paths(name, path):
                print(printable(str(written)))
        return 0
