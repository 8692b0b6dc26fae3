"""Lays out the page's pictures, in percent or in units of the drawing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from editorbot.analysis.analysis import ACTIVITY_KINDS, ActivitySpan, Analysis, Section
from editorbot.editlist.edit_list import EditList, is_contiguous
from editorbot.editlist.operations import played_ranges
from editorbot.errors import printable
from editorbot.report.drawing import Tick, flow_path, score_path, ticks, wave_paths
from editorbot.report.page import PlacedClip, placed_clips
from editorbot.report.peaks import Peaks
from editorbot.report.similarity import self_similarity, similarity_uri
from editorbot.timebase import STEP_S, clock

SECTION_COLORS = 6
"""Colors of sections; further letters start over."""


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
    """What it is; it sets the color."""
    label: str
    """Text in it; empty for none."""
    title: str
    """Tooltip."""


@dataclass(frozen=True)
class Crossing:
    """A join in the self-similarity picture, in percent of its side."""

    left: float
    """End of the outgoing clip, as played."""
    entered: float
    """Start of the incoming clip, as played."""
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
    """Scores of the beats, SVG path data; empty without scores."""
    raw_ticks: tuple[Tick, ...]
    """Marks on the recording's time axis."""
    track_ticks: tuple[Tick, ...]
    """Marks on the track's time axis."""
    similarity: str
    """The self-similarity picture, a data URI; empty for a single step."""
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
    placed = placed_clips(edit_list)
    beats_s = np.array([beat.at / rate for beat in edit_list.beats])
    scores = np.array([beat.score for beat in edit_list.beats])
    side = max(len(analysis.steps), 1) * STEP_S * rate  # of the self-similarity picture, a whole number of steps
    return Pictures(
        kept=Wave(*wave_paths(raw, kept)),
        cut=Wave(*wave_paths(raw, ~kept)),
        track=Wave(*wave_paths(track, np.ones(track.columns, bool))),
        raw_spans=_raw_spans(edit_list),
        track_spans=tuple(_clip_span(one, rate, track_s) for one in placed),
        flows=tuple(
            flow_path(
                (one.clip.start / total, one.clip.end / total),
                (one.at_s / track_s, one.until_s / track_s),
                reverse=one.clip.reverse,
            )
            for one in placed
        ),
        sections=_sections(analysis),
        phrases=tuple(100 * float(analysis.beats_s[beat]) / raw_s for beat in analysis.phrases),
        activity=tuple(_span(one, analysis, one.kind, one.kind) for one in analysis.activity),
        kinds=tuple(kind for kind in ACTIVITY_KINDS if any(span.kind == kind for span in analysis.activity)),
        score=score_path(beats_s, scores, raw_s),
        raw_ticks=ticks(raw_s),
        track_ticks=ticks(track_s),
        similarity=similarity_uri(self_similarity(analysis.steps)) if len(analysis.steps) > 1 else "",
        diagonals=tuple(Diagonal(100 * a / side, 100 * b / side) for a, b in played_ranges(edit_list)),
        crossings=_crossings(edit_list, side),
        map=[[one.at_s, one.until_s, one.clip.first_edge / rate, one.clip.last_edge / rate] for one in placed],
    )


def played_columns(edit_list: EditList, raw: Peaks) -> Bool[np.ndarray, " columns"]:
    """Which columns of the recording's outline are mostly played, shape=(columns,)."""
    played = np.zeros(raw.columns)
    for start, end in played_ranges(edit_list):
        first, last = start // raw.column_samples, (end - 1) // raw.column_samples
        played[first : last + 1] += raw.column_samples
        played[first] -= start - first * raw.column_samples
        played[last] -= (last + 1) * raw.column_samples - end
    lengths = np.minimum(raw.column_samples, raw.samples - np.arange(raw.columns) * raw.column_samples)
    return played >= lengths / 2


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


def _clip_span(placed: PlacedClip, sample_rate: int, track_s: float) -> Span:
    clip, number = placed.clip, placed.number
    place = f"{clock(clip.start / sample_rate)} to {clock(clip.end / sample_rate)} of the recording"
    title = f"clip {number}, {clip.action}: {place}" + (f"; {printable(clip.reason)}" if clip.reason else "")
    kind = "even" if number % 2 == 0 else "odd"
    return Span(100 * placed.at_s / track_s, 100 * (placed.until_s - placed.at_s) / track_s, kind, str(number), title)


def _sections(analysis: Analysis) -> tuple[Span, ...]:
    labels = {label: k for k, label in enumerate(dict.fromkeys(section.label for section in analysis.sections))}
    colors = {label: f"color-{number % SECTION_COLORS}" for label, number in labels.items()}
    return tuple(_span(one, analysis, colors[one.label], printable(one.label), "section ") for one in analysis.sections)


def _span(one: Section | ActivitySpan, analysis: Analysis, kind: str, label: str, prefix: str = "") -> Span:
    """Lay out a stretch of the recording, with its label where it fits."""
    left, width = 100 * one.start_s / analysis.duration_s, 100 * (one.end_s - one.start_s) / analysis.duration_s
    title = f"{prefix}{label}: {clock(one.start_s)} to {clock(one.end_s)}"
    return Span(left, width, kind, label if width > 0.9 * len(label) + 1 else "", title)


def _crossings(edit_list: EditList, side: float) -> tuple[Crossing, ...]:
    """The joins that jump, in a picture with a side of `side` samples."""
    pairs = zip(edit_list.clips, edit_list.clips[1:])
    return tuple(
        Crossing(100 * before.last_edge / side, 100 * after.first_edge / side, number)
        for number, (before, after) in enumerate(pairs, start=1)
        if not is_contiguous(before, after)
    )
