"""Pure functions on ranges and edit lists.

Conventions
-----------
A range is ``(start, end)`` in source samples, half open. Nothing here reads
audio or changes its arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from editorbot.editlist.edit_list import BeatScore, Clip, EditList, Join, MadeBy, Source, is_contiguous
from editorbot.timebase import s_to_samples

Range = tuple[int, int]


def range_from_s(start_s: float, end_s: float, source: Source) -> Range:
    """Return a range in seconds as source samples, kept inside the recording."""
    start = min(max(s_to_samples(start_s, source.sample_rate), 0), source.samples)
    end = min(max(s_to_samples(end_s, source.sample_rate), 0), source.samples)
    return start, end


def union(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return the ranges sorted, touching and overlapping ones joined, empty ones left out."""
    joined: list[Range] = []
    for start, end in sorted(one for one in ranges if one[0] < one[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def subtract(ranges: Iterable[Range], removed: Iterable[Range]) -> tuple[Range, ...]:
    """Return what of `ranges` lies in none of `removed`, sorted."""
    holes = union(removed)
    kept: list[Range] = []
    for start, end in union(ranges):
        for hole_start, hole_end in holes:
            if hole_end <= start or hole_start >= end:
                continue
            if hole_start > start:
                kept.append((start, hole_start))
            start = hole_end
            if start >= end:
                break
        if start < end:
            kept.append((start, end))
    return tuple(kept)


def total_samples(ranges: Iterable[Range]) -> int:
    """Return the summed length of ranges [samples]."""
    return sum(end - start for start, end in ranges)


def edit_list_of(
    source: Source,
    clips: Sequence[Clip],
    *,
    made_by: MadeBy,
    risks: Sequence[float] | None = None,
    beats: Sequence[BeatScore] = (),
    warnings: Sequence[str] = (),
) -> EditList:
    """Return an edit list that plays `clips`, with contiguous plain neighbors merged.

    Parameters
    ----------
    source : Source
        The recording.
    clips : sequence of Clip
        What is played, in order.
    made_by : MadeBy
        Who made it.
    risks : sequence of float, optional
        Risk of each join between consecutive clips, in [0, 1]; 0 where left out.
    beats : sequence of BeatScore
        Scores of the beats, in time order.
    warnings : sequence of str
        Lines ``CODE: text``.

    Returns
    -------
    edit_list : EditList
        Joins carry no crossfade yet.

    Raises
    ------
    FormatError
        If an invariant does not hold, `clips` is empty for example.
    """
    if risks is None:
        risks = [0.0] * max(0, len(clips) - 1)
    merged: list[Clip] = list(clips[:1])
    joins: list[Join] = []
    for clip, risk in zip(clips[1:], risks):
        if is_contiguous(merged[-1], clip):
            merged[-1] = _merge(merged[-1], clip)
        else:
            merged.append(clip)
            joins.append(Join(risk=min(max(float(risk), 0.0), 1.0)))
    return EditList(source, tuple(merged), tuple(joins), (), tuple(beats), made_by, tuple(dict.fromkeys(warnings)))


def _merge(before: Clip, after: Clip) -> Clip:
    """Return one clip over two contiguous ones, with the weighted confidence and the first one's words."""
    weight = before.source_samples / (before.source_samples + after.source_samples)
    confidence = before.confidence * weight + after.confidence * (1 - weight)
    return replace(before, end=after.end, confidence=min(confidence, 1.0), reason=before.reason or after.reason)


def played_ranges(edit_list: EditList) -> tuple[Range, ...]:
    """Return the source ranges that are played at least once, sorted and joined."""
    return union((clip.start, clip.end) for clip in edit_list.clips)


def output_starts(edit_list: EditList) -> tuple[int, ...]:
    """Return where each clip starts in the output [samples]."""
    starts = [0]
    for clip in edit_list.clips[:-1]:
        starts.append(starts[-1] + clip.output_samples)
    return tuple(starts)
