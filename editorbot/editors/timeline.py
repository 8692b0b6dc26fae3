"""Divides a recording into pieces that a path may play, skip or join.

A piece is a beat, or a part of one if a range that the user gave starts or ends inside it: such ranges are exact to
the sample. Bounds are between the pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.operations import Range
from editorbot.editors.base import EditRequest, requested_ranges
from editorbot.timebase import s_to_samples

LONGEST_PIECE_S = 2.0
"""Longer pieces, before the first beat for example, are divided [seconds]."""


@dataclass(frozen=True)
class Timeline:
    """Pieces of a recording; piece ``p`` is between bounds ``p`` and ``p + 1``."""

    bounds: Int[np.ndarray, " bounds"]
    """Bounds, shape=(pieces + 1,) [source samples], strictly increasing, from 0 to the end."""
    sample_rate: int
    """Samples a second [Hz]."""
    boundary: Int[np.ndarray, " bounds"]
    """The beat boundary nearest to each bound, in [0, beats]."""
    offset_beats: Float[np.ndarray, " bounds"]
    """How far each bound is after that boundary [beats]; 0 on it."""
    playable: Bool[np.ndarray, " pieces"]
    """Which pieces may be played."""
    required: Bool[np.ndarray, " pieces"]
    """Which pieces have to be played."""
    beat: Int[np.ndarray, " pieces"]
    """The beat that each piece belongs to."""

    @property
    def times_s(self) -> Float[np.ndarray, " bounds"]:
        """Bounds in seconds."""
        return self.bounds / self.sample_rate

    @property
    def playable_s(self) -> float:
        """Total length of what may be played [seconds]."""
        return float(np.diff(self.times_s)[self.playable].sum())

    @property
    def required_s(self) -> float:
        """Total length of what has to be played [seconds]."""
        return float(np.diff(self.times_s)[self.required].sum())

    @property
    def joinable(self) -> Bool[np.ndarray, " bounds"]:
        """Where joins may be: not inside a range that has to be played whole."""
        inside = self.required[1:] & self.required[:-1]
        return np.concatenate([[True], ~inside, [True]])

    @property
    def run_ends(self) -> Int[np.ndarray, " bounds"]:
        """For each bound, the bound where playing on has to stop."""
        stops = np.append(np.flatnonzero(~self.playable), len(self.playable))
        return stops[np.searchsorted(stops, np.arange(len(self.bounds)))]

    def before(self, values: Float[np.ndarray, " pieces"]) -> Float[np.ndarray, " bounds"]:
        """Sum a value over all pieces before each bound."""
        return np.concatenate([[0.0], np.cumsum(values)])


def timeline_of(analysis: Analysis, request: EditRequest) -> Timeline:
    """Divide a recording into pieces, for a request.

    Raises
    ------
    TargetError
        See :func:`requested_ranges`.
    """
    source = analysis.source
    requested = requested_ranges(analysis, request)
    beats = np.rint(analysis.beats_s * source.sample_rate).astype(np.int64)
    edges = np.array([edge for one in requested.keep + requested.cut for edge in one], dtype=np.int64)
    bounds = np.unique(np.concatenate([[0, source.samples], beats[(beats > 0) & (beats < source.samples)], edges]))
    bounds = _divided(bounds, s_to_samples(LONGEST_PIECE_S, source.sample_rate))
    boundaries = np.append(beats, source.samples)
    boundary, offset_beats = _nearest_boundary(bounds, boundaries)
    return Timeline(
        bounds=bounds,
        sample_rate=source.sample_rate,
        boundary=boundary,
        offset_beats=offset_beats,
        playable=~_covered(bounds, requested.cut),
        required=_covered(bounds, requested.keep),
        beat=np.clip(np.searchsorted(beats, bounds[:-1], side="right") - 1, 0, None),
    )


def _divided(bounds: Int[np.ndarray, " bounds"], longest_samples: int) -> Int[np.ndarray, " more_bounds"]:
    """Divide gaps that are too long into equal steps."""
    parts = [
        np.linspace(start, end, 1 + -(-(end - start) // longest_samples)).astype(np.int64)[:-1]
        for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist())
    ]
    return np.append(np.concatenate(parts), bounds[-1])


def _nearest_boundary(
    bounds: Int[np.ndarray, " bounds"], boundaries: Int[np.ndarray, " boundaries"]
) -> tuple[Int[np.ndarray, " bounds"], Float[np.ndarray, " bounds"]]:
    """Find the nearest beat boundary of each bound, and how far after it the bound is [beats]."""
    right = np.clip(np.searchsorted(boundaries, bounds), 0, len(boundaries) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(bounds - boundaries[left] < boundaries[right] - bounds, left, right)
    beat_samples = max(float(np.median(np.diff(boundaries))), 1.0)
    return nearest, (bounds - boundaries[nearest]) / beat_samples


def _covered(bounds: Int[np.ndarray, " bounds"], ranges: tuple[Range, ...]) -> Bool[np.ndarray, " pieces"]:
    """Mark the pieces inside one of the ranges, whose edges are bounds."""
    covered = np.zeros(len(bounds) - 1, dtype=bool)
    for start, end in ranges:
        covered[np.searchsorted(bounds, start) : np.searchsorted(bounds, end)] = True
    return covered
