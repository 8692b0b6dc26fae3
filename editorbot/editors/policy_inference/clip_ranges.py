"""Applies ranges of the recording to a policy's clips: the user's, and the music that `--tightness gentle` keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import Clip, is_contiguous
from editorbot.editlist.operations import Range, range_from_s, subtract
from editorbot.editors.scoring.edges import placed_spans_s
from editorbot.editors.scoring.learned import classify_learned, read_score


def with_ranges(
    clips: Sequence[Clip], wanted: Sequence[Range], unwanted: Sequence[Range], *, reason: str = "you asked to keep it"
) -> list[Clip]:
    """Add wanted ranges to clips and remove unwanted ones [source samples].

    A wanted range is played unchanged: a clip with effects that overlaps it keeps its other parts. What is missing goes
    before the first clip that begins later in the recording.
    """
    result: list[Clip] = []
    for clip in clips:
        removed = tuple(unwanted) if clip.is_copy else (*unwanted, *wanted)
        pieces = subtract([(clip.start, clip.end)], removed)
        result += [clip if piece == (clip.start, clip.end) else _part(clip, piece) for piece in pieces]
    missing = subtract(wanted, [(clip.start, clip.end) for clip in result if clip.is_copy])
    for start, end in subtract(missing, unwanted):
        at = next((number for number, clip in enumerate(result) if clip.start >= end), len(result))
        result.insert(at, Clip(start, end, reason=reason))
    return result


def _part(clip: Clip, piece: Range) -> Clip:
    """Cut a part out of a clip; fades belong to the whole and are left out."""
    return replace(clip, start=piece[0], end=piece[1], fade_in=0, fade_out=0)


def keep_music(clips: Sequence[Clip], analysis: Analysis) -> list[Clip]:
    """Add to a policy's clips all that the shipped score keeps in gentle mode; clips that touch are joined."""
    spans_s = placed_spans_s(analysis, classify_learned(analysis, read_score(), "gentle"))
    wanted = [range_from_s(start_s, end_s, analysis.source) for start_s, end_s in spans_s]
    joined: list[Clip] = []
    for clip in with_ranges(clips, wanted, [], reason="music, which --tightness gentle does not cut"):
        if joined and is_contiguous(joined[-1], clip):
            joined[-1] = replace(joined[-1], end=clip.end, fade_out=clip.fade_out)
        else:
            joined.append(clip)
    return joined
