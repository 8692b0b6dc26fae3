"""The page's pictures: where everything lies, in percent or in units of the drawing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from editorbot.analysis.analysis import ACTIVITY_KINDS, Analysis
from editorbot.editlist.edit_list import Clip, EditList, is_contiguous
from editorbot.editlist.operations import output_starts, played_ranges
from editorbot.errors import printable
from editorbot.report.drawing import Tick, flow_path, score_path, ticks, wave_paths
from editorbot.report.peaks import Peaks
from editorbot.report.similarity import self_similarity, similarity_uri
from editorbot.timebase import STEP_S, clock

SECTION_COLORS = 6
"""Colors that section letters go around in."""


@dataclass(frozen=True)
class Wave:
    """A waveform."""

    outline: str
    """Its extremes, SVG path data."""
    inside: str
    """Its power, SVG path data."""


@dataclass(frozen=True)
class Span:
    """A stretch of a strip."""

    left: float
    """Where it starts, in [0, 100]."""
    width: float
    """How wide it is, in [0, 100]."""
    kind: str
    """What it is: chooses its color."""
    label: str
    """What is written into it; empty where there is nothing to write."""
    title: str
    """What a pointer resting on it is told."""


@dataclass(frozen=True)
class Crossing:
    """A join in the self-similarity picture, in percent of its side."""

    left: float
    """Where the outgoing clip stops."""
    entered: float
    """Where the incoming clip begins."""
    number: int
    """The join's number, from 1."""


@dataclass(frozen=True)
class Diagonal:
    """A stretch of the recording that is played, in percent of the self-similarity picture's side."""

    start: float
    """Where it starts."""
    end: float
    """Where it ends."""


@dataclass(frozen=True)
class Pictures:
    """Everything that is drawn."""

    kept: Wave
    """The recording where it is played."""
    cut: Wave
    """The recording where it is not."""
    track: Wave
    """The track."""
    raw_spans: tuple[Span, ...]
    """Kept and cut stretches of the recording."""
    track_spans: tuple[Span, ...]
    """Clips in the track."""
    flows: tuple[str, ...]
    """Ribbons from recording to track, SVG path data, one a clip."""
    sections: tuple[Span, ...]
    """Sections of the recording."""
    phrases: tuple[float, ...]
    """Starts of phrases, in percent."""
    activity: tuple[Span, ...]
    """Kinds of sound."""
    kinds: tuple[str, ...]
    """The kinds that occur."""
    score: str
    """Scores of the beats, SVG path data; empty where there are none."""
    raw_ticks: tuple[Tick, ...]
    """Marks on the recording's time axis."""
    track_ticks: tuple[Tick, ...]
    """Marks on the track's time axis."""
    similarity: str
    """The self-similarity picture, a data URI; empty where there is nothing to compare."""
    diagonals: tuple[Diagonal, ...]
    """What is played, along its diagonal."""
    crossings: tuple[Crossing, ...]
    """Joins in it."""
    map: list[list[float]]
    """For the script, a clip each: start and end in the track, start and end in the recording as heard [seconds]."""


def draw_pictures(edit_list: EditList, analysis: Analysis, raw: Peaks, track: Peaks) -> Pictures:
    """Lay out everything that is drawn."""
    rate, total = edit_list.source.sample_rate, edit_list.source.samples
    raw_s, track_s = total / rate, edit_list.output_samples / rate
    kept = played_columns(edit_list, raw)
    starts = output_starts(edit_list)
    placed = [(clip, at / rate, (at + clip.output_samples) / rate) for clip, at in zip(edit_list.clips, starts)]
    beats_s = np.array([beat.at / rate for beat in edit_list.beats])
    scores = np.array([beat.score for beat in edit_list.beats])
    side = max(len(analysis.steps), 1) * STEP_S * rate  # of the self-similarity picture, a whole number of steps
    return Pictures(
        kept=Wave(*wave_paths(raw, kept)),
        cut=Wave(*wave_paths(raw, ~kept)),
        track=Wave(*wave_paths(track, np.ones(track.columns, bool))),
        raw_spans=_raw_spans(edit_list),
        track_spans=tuple(_clip_span(k, *one, rate, track_s) for k, one in enumerate(placed, start=1)),
        flows=tuple(
            flow_path((c.start / total, c.end / total), (a / track_s, b / track_s), reverse=c.reverse)
            for c, a, b in placed
        ),
        sections=_sections(analysis),
        phrases=tuple(100 * float(analysis.beats_s[beat]) / raw_s for beat in analysis.phrases),
        activity=_activity(analysis),
        kinds=tuple(kind for kind in ACTIVITY_KINDS if any(span.kind == kind for span in analysis.activity)),
        score=score_path(beats_s, scores, raw_s),
        raw_ticks=ticks(raw_s),
        track_ticks=ticks(track_s),
        similarity=similarity_uri(self_similarity(analysis.steps)) if len(analysis.steps) > 1 else "",
        diagonals=tuple(Diagonal(100 * a / side, 100 * b / side) for a, b in played_ranges(edit_list)),
        crossings=_crossings(edit_list, side),
        map=[[a, b, *_heard_s(clip, rate)] for clip, a, b in placed],
    )


def played_columns(edit_list: EditList, raw: Peaks) -> Bool[np.ndarray, " columns"]:
    """Tell which columns of the recording's outline are mostly played, shape=(columns,)."""
    played = np.zeros(raw.columns)
    for start, end in played_ranges(edit_list):
        first, last = start // raw.column_samples, (end - 1) // raw.column_samples
        played[first : last + 1] += raw.column_samples
        played[first] -= start - first * raw.column_samples
        played[last] -= (last + 1) * raw.column_samples - end
    lengths = np.minimum(raw.column_samples, raw.samples - np.arange(raw.columns) * raw.column_samples)
    return played >= lengths / 2


def _heard_s(clip: Clip, sample_rate: int) -> tuple[float, float]:
    """Return where a clip's sound begins and ends in the recording, in the order in which it is heard [seconds]."""
    start_s, end_s = clip.start / sample_rate, clip.end / sample_rate
    return (end_s, start_s) if clip.reverse else (start_s, end_s)


def _raw_spans(edit_list: EditList) -> tuple[Span, ...]:
    rate, total = edit_list.source.sample_rate, edit_list.source.samples
    kept = played_ranges(edit_list)
    edges = [0, *(edge for one in kept for edge in one), total]
    cut = [(a, b) for a, b in zip(edges[::2], edges[1::2]) if b > a]
    spans = [(a, b, "kept") for a, b in kept] + [(a, b, "cut") for a, b in cut]
    return tuple(
        Span(100 * a / total, 100 * (b - a) / total, kind, "", f"{kind}: {clock(a / rate)} to {clock(b / rate)}")
        for a, b, kind in sorted(spans)
    )


def _clip_span(number: int, clip: Clip, from_s: float, to_s: float, sample_rate: int, track_s: float) -> Span:
    place = f"{clock(clip.start / sample_rate)} to {clock(clip.end / sample_rate)} of the recording"
    title = f"clip {number}, {clip.action}: {place}" + (f"; {printable(clip.reason)}" if clip.reason else "")
    kind = "even" if number % 2 == 0 else "odd"
    return Span(100 * from_s / track_s, 100 * (to_s - from_s) / track_s, kind, str(number), title)


def _sections(analysis: Analysis) -> tuple[Span, ...]:
    labels = {label: k for k, label in enumerate(dict.fromkeys(section.label for section in analysis.sections))}
    return tuple(
        _span(
            (section.start_s, section.end_s),
            analysis.duration_s,
            f"color-{labels[section.label] % SECTION_COLORS}",
            printable(section.label),
            f"section {printable(section.label)}: {clock(section.start_s)} to {clock(section.end_s)}",
        )
        for section in analysis.sections
    )


def _activity(analysis: Analysis) -> tuple[Span, ...]:
    return tuple(
        _span(
            (span.start_s, span.end_s),
            analysis.duration_s,
            span.kind,
            span.kind,
            f"{span.kind}: {clock(span.start_s)} to {clock(span.end_s)}",
        )
        for span in analysis.activity
    )


def _span(range_s: tuple[float, float], duration_s: float, kind: str, label: str, title: str) -> Span:
    left, width = 100 * range_s[0] / duration_s, 100 * (range_s[1] - range_s[0]) / duration_s
    return Span(left, width, kind, label if width > 0.9 * len(label) + 1 else "", title)


def _crossings(edit_list: EditList, side: float) -> tuple[Crossing, ...]:
    """Return the joins that jump, in a picture whose side is `side` samples long."""
    rate = edit_list.source.sample_rate
    pairs = zip(edit_list.clips, edit_list.clips[1:])
    return tuple(
        Crossing(100 * rate * _heard_s(before, rate)[1] / side, 100 * rate * _heard_s(after, rate)[0] / side, number)
        for number, (before, after) in enumerate(pairs, start=1)
        if not is_contiguous(before, after)
    )
