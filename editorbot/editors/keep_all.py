"""Keeps everything: the identity edit, and the control of every comparison.

The output's samples are the recording's own, bit for bit. It is the one editor
that takes silent and very short recordings, because nothing has to be heard in
them to leave them as they are.
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
        """Return one clip over the whole recording; a length or ranges to cut are not obeyed, and a warning says so."""
        clip = Clip(0, analysis.source.samples, reason="the whole recording")
        made_by = MadeBy(self.name, seed=request.seed)
        return edit_list_of(analysis.source, [clip], made_by=made_by, warnings=_unmet(request))


def _unmet(request: EditRequest) -> tuple[str, ...]:
    """Return a warning for each wish that keeping everything cannot meet."""
    wishes = {
        "a target length": request.target_s is not None or (request.keep_ratio or 1.0) < 1.0,
        "ranges to cut": bool(request.must_cut_s),
    }
    asked = [wish for wish, is_asked in wishes.items() if is_asked]
    if not asked:
        return ()
    return (
        f"IGNORED: the editor keep-all cuts nothing, so {' and '.join(asked)} had no effect; choose another editor",
    )
