"""Keeps everything: the identity edit, and the control of every comparison.

The output's samples are the recording's own, bit for bit. It is the one editor that takes silent and very short
recordings, because it needs nothing from the analysis.
"""

from __future__ import annotations

from typing import ClassVar, final

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import Clip, EditList, MadeBy
from editorbot.editlist.operations import edit_list_of
from editorbot.editors.base import Editor, EditRequest


@final
class KeepAllEditor(Editor):
    """Plays the whole recording once."""

    name: ClassVar[str] = "keep-all"
    ignores: ClassVar[tuple[str, ...]] = ("tightness", "temperature", "vocabulary")

    def edit(self, analysis: Analysis, request: EditRequest) -> EditList:
        """Play everything; a length and ranges to cut have no effect, and a warning says so."""
        clip = Clip(0, analysis.source.samples, reason="the whole recording")
        made_by = MadeBy(self.name, seed=request.seed)
        return edit_list_of(analysis.source, [clip], made_by=made_by, warnings=_ignored(request))


def _ignored(request: EditRequest) -> tuple[str, ...]:
    """Warn of the parts of a request that keeping everything cannot meet."""
    requested = {
        "a target length": request.target_s is not None or (request.keep_ratio or 1.0) < 1.0,
        "ranges to cut": bool(request.must_cut_s),
    }
    names = " and ".join(name for name, is_requested in requested.items() if is_requested)
    line = f"IGNORED: the editor keep-all cuts nothing, so {names} had no effect; choose another editor"
    return (line,) if names else ()
