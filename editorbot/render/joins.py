"""Settling joins: where exactly, how long a crossfade, how risky.

Rough: correlation only.
"""

from __future__ import annotations

from dataclasses import replace

from editorbot.editlist.edit_list import EditList, Join, is_contiguous
from editorbot.recording.recording import Recording

DEFAULT_CROSSFADE_S = 0.02
"""Length of a crossfade of plain material [seconds]."""


def settle_joins(edit_list: EditList, recording: Recording) -> EditList:
    """Return the edit list with its joins aligned, their crossfades and risks chosen."""
    clips = list(edit_list.clips)
    joins: list[Join] = []
    rate = edit_list.source.sample_rate
    for number, join in enumerate(edit_list.joins):
        outgoing, incoming = clips[number], clips[number + 1]
        if is_contiguous(outgoing, incoming):
            joins.append(Join(0, 0.0))
            continue
        longest = min(outgoing.output_samples, incoming.output_samples) // 2
        joins.append(Join(min(round(DEFAULT_CROSSFADE_S * rate), longest), join.risk))
        if outgoing.is_copy and incoming.is_copy:
            clips[number] = replace(outgoing, end=_aligned_end(edit_list, recording, outgoing.end, incoming.start))
    return replace(edit_list, clips=tuple(clips), joins=tuple(joins))


def _aligned_end(edit_list: EditList, recording: Recording, end: int, start: int) -> int:
    """Return where the outgoing clip ends best (rough: as it is)."""
    return end
