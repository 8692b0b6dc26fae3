"""Fades at the ends of a track: no click where the recording was sounding before and goes on behind.

A track that begins or ends inside its recording would start and stop in the
middle of a wave. Its first clip gets a fade of a few milliseconds in front of
where the editor let it begin, its last one a somewhat longer one at its end.
Where the recording itself begins or ends, nothing is done.
"""

from __future__ import annotations

from dataclasses import replace

from editorbot.editlist.edit_list import Clip, EditList, Source
from editorbot.render.required_ranges import NO_RANGES, RequiredRanges
from editorbot.timebase import s_to_samples

FADE_IN_S = 0.005
"""Fade at the start [seconds]: it ends at the first beat, which stays as sharp as it is."""

FADE_OUT_S = 0.030
"""Fade at the end [seconds]: no click, and no change that is heard as a fade."""

SHORTEST_FADE_S = 0.002
"""Fades do not get shorter than this, not even beside a range to keep [seconds]; less would be a click."""

LARGEST_SHARE = 4
"""No fade is longer than the clip divided by this."""


def fade_ends(edit_list: EditList, ranges: RequiredRanges = NO_RANGES) -> EditList:
    """Add fades where the track begins or ends inside the recording.

    Parameters
    ----------
    edit_list : EditList
        With its joins refined.
    ranges : RequiredRanges
        Ranges to keep and to cut: a fade is outside of those to keep, as far as there is room.

    Returns
    -------
    faded : EditList
        The first clip starts by the length of its fade earlier; clips with effects or fades of their own
        stay as they are.
    """
    clips = list(edit_list.clips)
    source = edit_list.source
    if clips[0].start > 0 and is_copy_but_for_fades(clips[0]) and not clips[0].fade_in:
        clips[0] = _faded_in(clips[0], source.sample_rate, ranges)
    if clips[-1].end < source.samples and is_copy_but_for_fades(clips[-1]) and not clips[-1].fade_out:
        clips[-1] = _faded_out(clips[-1], source, ranges)
    return replace(edit_list, clips=tuple(clips))


def is_copy_but_for_fades(clip: Clip) -> bool:
    """Whether nothing but fades changes a clip."""
    return replace(clip, fade_in=0, fade_out=0).is_copy


def with_edges(clip: Clip, *, start: int | None = None, end: int | None = None) -> Clip:
    """Move a clip's edges [source samples]; fades that no longer fit are shortened."""
    first, last = clip.start if start is None else start, clip.end if end is None else end
    length = replace(clip, start=first, end=last, fade_in=0, fade_out=0).output_samples
    fade_in = min(clip.fade_in, length)
    return replace(clip, start=first, end=last, fade_in=fade_in, fade_out=min(clip.fade_out, length - fade_in))


def _faded_in(clip: Clip, sample_rate: int, ranges: RequiredRanges) -> Clip:
    """Fade a clip in, in front of where it started, as far as the source and ranges to cut leave room."""
    longest, shortest = s_to_samples(FADE_IN_S, sample_rate), s_to_samples(SHORTEST_FADE_S, sample_rate)
    bounds = ranges.around_start(clip)
    start = max(0, bounds.low, clip.start - longest)
    return with_fades(replace(clip, start=start), fade_in=min(longest, max(bounds.high - start, shortest)))


def _faded_out(clip: Clip, source: Source, ranges: RequiredRanges) -> Clip:
    """Fade a clip out, behind a range to keep as far as there is room."""
    longest, shortest = s_to_samples(FADE_OUT_S, source.sample_rate), s_to_samples(SHORTEST_FADE_S, source.sample_rate)
    bounds = ranges.around_end(clip)
    end = min(max(clip.end, bounds.low + longest), bounds.high, source.samples)
    return with_fades(replace(clip, end=end), fade_out=min(longest, max(end - bounds.low, shortest)))


def with_fades(clip: Clip, *, fade_in: int = 0, fade_out: int = 0) -> Clip:
    """Fade a clip in or out over as many samples as it has room for; a fade that it has already stays."""
    room = min(clip.output_samples // LARGEST_SHARE, clip.output_samples - clip.fade_in - clip.fade_out)
    return replace(clip, fade_in=clip.fade_in or min(fade_in, room), fade_out=clip.fade_out or min(fade_out, room))
