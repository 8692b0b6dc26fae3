"""``editorbot render``: an edit list becomes a track again."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from editorbot.cli.arguments import FILE
from editorbot.cli.progress import progress_bar
from editorbot.errors import printable
from editorbot.timebase import clock


@dataclass(frozen=True)
class Render:
    """Render an edit list to a track, as it was written or as you changed it."""

    file: Annotated[tyro.conf.Positional[str], FILE]
    """Edit list (.json)."""
    source: Annotated[str | None, FILE] = None
    """Another file of the same take to play instead, for example one track of a multitrack recording."""
    output: Annotated[str | None, FILE] = None
    """Track to write. By default the list's name with .wav."""
    force: bool = False
    """Replace a track that exists."""
    debug: bool = False
    """Print the whole traceback of an error."""

    def run(self) -> int:
        """Render, and return the exit code."""
        from editorbot.from_list import render_file

        output = default_output(self.file, self.source) if self.output is None else self.output
        with progress_bar(printable(os.path.basename(self.file))) as progress:
            rendered = render_file(self.file, output, source=self.source, force=self.force, progress=progress)
        for line in rendered.warnings:
            print(f"warning: {printable(self.file)}: {line}", file=sys.stderr)
        print(f"{printable(output)}: {clock(rendered.duration_s)}")
        return 0


def default_output(edit_list: str, source: str | None) -> str:
    """Name the track after the list, and after the other source if there is one."""
    stem = os.path.splitext(edit_list)[0]
    if source is None:
        return stem + ".wav"
    return f"{stem}.{os.path.splitext(os.path.basename(source))[0]}.wav"
