"""The ends of a track: no click where the recording was sounding before and goes on behind.

A track that begins or ends inside its recording would start and stop in the
middle of a wave. Its first clip gets a fade of a few milliseconds in front of
where the editor let it begin, its last one a somewhat longer one at its end.
Where the recording itself begins or ends, nothing is done.
"""

from __future__ import annotations

from dataclasses import replace

from editorbot.editlist.edit_list import Clip, EditList, Source
from editorbot.render.pins import NO_PINS, Pins
from editorbot.timebase import s_to_samples

FADE_IN_S = 0.005
"""Fade at the start [seconds]: it lies in front of the first beat, which stays as sharp as it is."""

FADE_OUT_S = 0.030
"""Fade at the end [seconds]: no click, and no change that is heard as a fade."""

SHORTEST_FADE_S = 0.002
"""Fades do not get shorter than this, not even beside what has to stay [seconds]; less would be a click."""

LARGEST_SHARE = 4
"""No fade is longer than the clip divided by this."""


def fade_ends(edit_list: EditList, pins: Pins = NO_PINS) -> EditList:
    """Return the edit list with fades where the track begins or ends inside the recording.

    Parameters
    ----------
    edit_list : EditList
        With its joins settled.
    pins : Pins
        Ranges that have to stay whole or out: a fade lies outside of what stays, as far as there is room.

    Returns
    -------
    faded : EditList
        The first clip starts by the length of its fade earlier; clips with effects or fades of their own
        stay as they are.
    """
    clips = list(edit_list.clips)
    source = edit_list.source
    if clips[0].start > 0 and is_copy_but_for_fades(clips[0]) and not clips[0].fade_in:
        clips[0] = _faded_in(clips[0], source.sample_rate, pins)
    if clips[-1].end < source.samples and is_copy_but_for_fades(clips[-1]) and not clips[-1].fade_out:
        clips[-1] = _faded_out(clips[-1], source, pins)
    return replace(edit_list, clips=tuple(clips))


def is_copy_but_for_fades(clip: Clip) -> bool:
    """Tell whether nothing but fades changes a clip."""
    return replace(clip, fade_in=0, fade_out=0).is_copy


def with_edges(clip: Clip, *, start: int | None = None, end: int | None = None) -> Clip:
    """Return a clip with other edges [source samples]; fades that no longer fit become as long as it is."""
    first, last = clip.start if start is None else start, clip.end if end is None else end
    length = replace(clip, start=first, end=last, fade_in=0, fade_out=0).output_samples
    fade_in = min(clip.fade_in, length)
    return replace(clip, start=first, end=last, fade_in=fade_in, fade_out=min(clip.fade_out, length - fade_in))


def _faded_in(clip: Clip, sample_rate: int, pins: Pins) -> Clip:
    """Return a clip with a fade in front of where it started, as far as the source and what is cut leave room."""
    longest, shortest = s_to_samples(FADE_IN_S, sample_rate), s_to_samples(SHORTEST_FADE_S, sample_rate)
    fence = pins.around_start(clip)
    start = max(0, fence.low, clip.start - longest)
    return with_fade_in(replace(clip, start=start), min(longest, max(fence.high - start, shortest)))


def _faded_out(clip: Clip, source: Source, pins: Pins) -> Clip:
    """Return a clip with a fade at its end, behind what has to stay as far as there is room."""
    longest, shortest = s_to_samples(FADE_OUT_S, source.sample_rate), s_to_samples(SHORTEST_FADE_S, source.sample_rate)
    fence = pins.around_end(clip)
    end = min(max(clip.end, fence.low + longest), fence.high, source.samples)
    return with_fade_out(replace(clip, end=end), min(longest, max(end - fence.low, shortest)))


def with_fade_in(clip: Clip, samples: int) -> Clip:
    """Return a clip that fades in, over as many samples as it has room for; its own fade goes before."""
    room = min(samples, clip.output_samples // LARGEST_SHARE, clip.output_samples - clip.fade_out)
    return clip if clip.fade_in else replace(clip, fade_in=room)


def with_fade_out(clip: Clip, samples: int) -> Clip:
    """Return a clip that fades out, over as many samples as it has room for; its own fade goes before."""
    room = min(samples, clip.output_samples // LARGEST_SHARE, clip.output_samples - clip.fade_in)
    return clip if clip.fade_out else replace(clip, fade_out=room)
