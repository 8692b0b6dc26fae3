"""Pure functions on ranges and edit lists, and how far crossfades reach.

A crossfade is centred on its join. During its first half, in front of the join,
the incoming clip is already heard; during its second half, behind the join, the
outgoing clip rings on. Both take that sound from the source beyond the clip's
own end, so a crossfade never changes the length of the output.

Conventions
-----------
A range is ``(start, end)`` in source samples, half open. Nothing here reads
audio or changes its arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from editorbot.editlist.edit_list import BeatScore, Clip, EditList, Join, MadeBy, Source, is_contiguous
from editorbot.timebase import s_to_samples

Range = tuple[int, int]


def range_from_s(start_s: float, end_s: float, source: Source) -> Range:
    """Convert a range in seconds to source samples, clipped to the recording."""
    start = min(max(s_to_samples(start_s, source.sample_rate), 0), source.samples)
    end = min(max(s_to_samples(end_s, source.sample_rate), 0), source.samples)
    return start, end


def union(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Sort ranges, join touching and overlapping ones, and drop empty ones."""
    joined: list[Range] = []
    for start, end in sorted(one for one in ranges if one[0] < one[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def subtract(ranges: Iterable[Range], removed: Iterable[Range]) -> tuple[Range, ...]:
    """The parts of `ranges` that are in none of `removed`, sorted."""
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
    """Summed length of ranges [samples]."""
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
    """Make an edit list that plays `clips`, with contiguous plain neighbors merged.

    Parameters
    ----------
    source : Source
        The recording.
    clips : sequence of Clip
        What is played, in order.
    made_by : MadeBy
        The editor that made it.
    risks : sequence of float, optional
        Risk of each join between consecutive clips, in [0, 1]; 0 where left out.
    beats : sequence of BeatScore
        Scores of the beats, in time order.
    warnings : sequence of str
        Lines ``CODE: text``.

    Returns
    -------
    edit_list : EditList
        Its joins have no crossfade yet.

    Raises
    ------
    FormatError
        If an invariant is broken, `clips` is empty for example.
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
    """Merge two contiguous clips: confidence weighted by length, the reason of the first."""
    weight = before.source_samples / (before.source_samples + after.source_samples)
    confidence = before.confidence * weight + after.confidence * (1 - weight)
    return replace(before, end=after.end, confidence=min(confidence, 1.0), reason=before.reason or after.reason)


def played_ranges(edit_list: EditList) -> tuple[Range, ...]:
    """The source ranges that are played at least once, sorted and joined."""
    return union((clip.start, clip.end) for clip in edit_list.clips)


def cut_ranges(edit_list: EditList) -> tuple[Range, ...]:
    """The source ranges that no clip plays, in order."""
    return subtract([(0, edit_list.source.samples)], [(clip.start, clip.end) for clip in edit_list.clips])


def output_starts(edit_list: EditList) -> tuple[int, ...]:
    """Where each clip starts in the output [samples]."""
    starts = [0]
    for clip in edit_list.clips[:-1]:
        starts.append(starts[-1] + clip.output_samples)
    return tuple(starts)


@dataclass(frozen=True)
class CrossfadeSpan:
    """How far a crossfade reaches around its join."""

    before: int
    """Part in front of the join [output samples]."""
    after: int
    """Part behind the join [output samples]."""

    @property
    def samples(self) -> int:
        """Whole length [output samples]."""
        return self.before + self.after


NO_CROSSFADE = CrossfadeSpan(0, 0)
"""At the ends of the track, and where the audio runs on."""


def crossfade_spans(edit_list: EditList) -> tuple[CrossfadeSpan, ...]:
    """How far the crossfade of every join really reaches, in order.

    It is as long as the edit list says, but neither half is longer than half of
    either clip, nor than the sound that the source has beyond the clips' ends,
    and nothing is crossfaded where the audio runs on.
    """
    total, joins = edit_list.source.samples, zip(edit_list.joins, edit_list.clips, edit_list.clips[1:])
    return tuple(_span(join.crossfade, outgoing, incoming, total) for join, outgoing, incoming in joins)


def _span(wanted: int, outgoing: Clip, incoming: Clip, source_samples: int) -> CrossfadeSpan:
    if wanted == 0 or is_contiguous(outgoing, incoming):
        return NO_CROSSFADE
    room = min(outgoing.output_samples, incoming.output_samples) // 2
    lead_in = source_samples - incoming.end if incoming.reverse else incoming.start
    lead_out = outgoing.start if outgoing.reverse else source_samples - outgoing.end
    before = min(wanted // 2, room, int(lead_in / incoming.speed))
    after = min(wanted - wanted // 2, room, int(lead_out / outgoing.speed))
    return CrossfadeSpan(before, after)
