"""``editorbot render``: an edit list becomes a track again."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import tyro

from editorbot.cli.progress import progress_bar
from editorbot.errors import printable
from editorbot.timebase import clock


@dataclass(frozen=True)
class Render:
    """Render an edit list, as written or changed by hand."""

    file: tyro.conf.Positional[str]
    """Edit list (.json)."""
    source: str | None = None
    """Another file of the same take to play, a track of a multitrack recording for example."""
    output: str | None = None
    """Track to write; by default the list's name with .wav."""
    force: bool = False
    """Replace a track that is there already."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Render the list; return the exit code."""
        from editorbot.from_list import render_file

        output = default_output(self.file, self.source) if self.output is None else self.output
        with progress_bar(printable(os.path.basename(self.file))) as progress:
            rendered = render_file(self.file, output, source=self.source, force=self.force, progress=progress)
        for line in rendered.warnings:
            print(f"warning: {printable(self.file)}: {line}", file=sys.stderr)
        print(f"{printable(output)}: {clock(rendered.duration_s)}")
        return 0


def default_output(edit_list: str, source: str | None) -> str:
    """Return the track's path where none is given: the list's name, and the other source's stem where there is one."""
    stem = os.path.splitext(edit_list)[0]
    if source is None:
        return stem + ".wav"
    return f"{stem}.{os.path.splitext(os.path.basename(source))[0]}.wav"
