"""Brings a recording to a wanted length by the least audible joins.

No learning and no opinion about the music: the baseline that every learned editor has to beat. The work is done in
`editors.path`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, final

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import EditList, MadeBy
from editorbot.editors.base import Editor, EditRequest
from editorbot.editors.path import shortest_path_edit

FALLBACK_KEEP_RATIO = 0.45
"""Share of the recording that is kept if no length is given: the usual one of a jam."""


@final
class RetargetEditor(Editor):
    """The shortest path over joins to a target length."""

    name: ClassVar[str] = "retarget"
    ignores: ClassVar[tuple[str, ...]] = ("tightness", "temperature", "vocabulary")

    def edit(self, analysis: Analysis, request: EditRequest) -> EditList:
        """Edit to the wanted length; without one, to 45 % of the recording, and the reason says so."""
        made_by = MadeBy(self.name)
        if request.target_length_s(analysis.duration_s) is not None:
            return shortest_path_edit(analysis, request, made_by=made_by)
        edit_list = shortest_path_edit(analysis, replace(request, keep_ratio=FALLBACK_KEEP_RATIO), made_by=made_by)
        first, *others = edit_list.clips
        reason = f"{first.reason}; no length was given, so about {FALLBACK_KEEP_RATIO:.0%} is kept"
        return replace(edit_list, clips=(replace(first, reason=reason), *others))
