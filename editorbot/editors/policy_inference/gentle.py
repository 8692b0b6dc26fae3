"""Gives back the music that a policy cut where `--tightness gentle` was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import Clip, is_contiguous
from editorbot.editlist.operations import range_from_s
from editorbot.editors.policy_inference.ranges import with_ranges
from editorbot.editors.scoring.edges import placed_spans_s
from editorbot.editors.scoring.learned import classify_learned, read_score

GIVEN_BACK = "music, which --tightness gentle does not cut"
"""Reason of a clip that the policy had cut."""


def gently(clips: Sequence[Clip], analysis: Analysis) -> list[Clip]:
    """Return clips with everything played that the shipped score, told to be gentle, would keep.

    Parameters
    ----------
    clips : sequence of Clip
        The policy's own.
    analysis : Analysis
        Of the recording.
    """
    spans_s = placed_spans_s(analysis, classify_learned(analysis, read_score(), "gentle"))
    wanted = [range_from_s(start_s, end_s, analysis.source) for start_s, end_s in spans_s]
    return _joined(with_ranges(clips, wanted, [], reason=GIVEN_BACK))


def _joined(clips: Sequence[Clip]) -> list[Clip]:
    """Return clips, those that run on into one another as one."""
    joined: list[Clip] = []
    for clip in clips:
        if joined and is_contiguous(joined[-1], clip):
            joined[-1] = replace(joined[-1], end=clip.end, fade_out=clip.fade_out)
        else:
            joined.append(clip)
    return joined
