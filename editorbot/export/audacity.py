"""Audacity label tracks: one for the recording, one for the track.

A label is a line of start, end and name, separated by tabs, in seconds.
Audacity reads them by File > Import > Labels.

References
----------
https://manual.audacityteam.org/man/importing_and_exporting_labels.html
"""

from __future__ import annotations

from editorbot.editlist.edit_list import EditList
from editorbot.editlist.operations import crossfade_spans, cut_ranges, output_starts
from editorbot.export.text import clip_name, one_line
from editorbot.timebase import clock, samples_to_s


def regions_text(edit_list: EditList) -> str:
    """Write labels for the recording: kept stretches, with where they are played, and cuts."""
    rate = edit_list.source.sample_rate
    labels = [(start, end, "CUT") for start, end in cut_ranges(edit_list)]
    for number, (clip, at) in enumerate(zip(edit_list.clips, output_starts(edit_list))):
        name = f"{clip_name(number, clip)} -> {clock(samples_to_s(at, rate))}"
        labels.append((clip.start, clip.end, f"{name}: {clip.reason}" if clip.reason else name))
    return "".join(_line(start, end, name, rate) for start, end, name in sorted(labels))


def joins_text(edit_list: EditList) -> str:
    """Write labels for the track: every join, as long as its crossfade, with its risk."""
    rate = edit_list.source.sample_rate
    starts = output_starts(edit_list)[1:]
    lines = []
    for number, (join, span, at) in enumerate(zip(edit_list.joins, crossfade_spans(edit_list), starts)):
        before, after = edit_list.clips[number].end, edit_list.clips[number + 1].start
        name = (
            f"join {number + 1:02d}, risk {join.risk:.2f}: "
            f"{clock(samples_to_s(before, rate))} -> {clock(samples_to_s(after, rate))}"
        )
        lines.append(_line(at - span.before, at + span.after, name, rate))
    return "".join(lines)


def _line(start: int, end: int, name: str, sample_rate: int) -> str:
    """Write one label; microseconds are finer than a sample up to 1 MHz."""
    return f"{samples_to_s(start, sample_rate):.6f}\t{samples_to_s(end, sample_rate):.6f}\t{one_line(name)}\n"
