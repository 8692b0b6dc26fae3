"""What several editors need to make an edit list: the user's ranges, scores of beats, and the risk of joins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.seams import seams_of
from editorbot.editlist.edit_list import BeatScore, Clip
from editorbot.editlist.operations import Range, subtract
from editorbot.editors.base import EditRequest, requested_ranges
from editorbot.timebase import STEP_S


def beat_scores(analysis: Analysis, score: Float[np.ndarray, " steps"]) -> Float[np.ndarray, " beats"]:
    """Average a score of the steps over each beat, shape=(beats,), in [0, 1]."""
    total = np.concatenate([[0.0], np.cumsum(score)])
    bounds = np.interp(analysis.beat_bounds_s / STEP_S, np.arange(len(total)), total)
    lengths = np.maximum(np.diff(analysis.beat_bounds_s) / STEP_S, 1e-9)
    return np.asarray(np.clip(np.diff(bounds) / lengths, 0.0, 1.0))


def beat_records(analysis: Analysis, worth: Float[np.ndarray, " beats"]) -> list[BeatScore]:
    """Write scores in the edit list's form: beats that start inside the source, scores clipped to [0, 1]."""
    at = np.rint(analysis.beats_s * analysis.source.sample_rate).astype(np.int64)
    first = np.flatnonzero((np.diff(at, prepend=-1) > 0) & (at < analysis.source.samples))
    return [BeatScore(int(at[beat]), float(np.clip(worth[beat], 0.0, 1.0))) for beat in first]


def apply_ranges(ranges: Sequence[Range], analysis: Analysis, request: EditRequest) -> tuple[Range, ...]:
    """Add what the user wants to keep, then remove what they want to cut; sorted.

    Raises
    ------
    TargetError
        If a range to keep starts beyond the end, or the ranges to cut leave nothing.
    """
    requested = requested_ranges(analysis, request)
    applied = subtract((*ranges, *requested.keep), requested.cut)
    return applied or subtract([(0, analysis.source.samples)], requested.cut)


def join_risks(analysis: Analysis, clips: Sequence[Clip]) -> list[float]:
    """Estimate how audible each join is, in [0, 1), from the beats nearest to it."""
    bounds = np.rint(analysis.beat_bounds_s * analysis.source.sample_rate)
    leaves = np.array([np.abs(bounds - clip.end).argmin() for clip in clips[:-1]], dtype=np.int64)
    arrivals = np.array([np.abs(bounds - clip.start).argmin() for clip in clips[1:]], dtype=np.int64)
    return [float(cost) for cost in seams_of(analysis).costs(leaves, arrivals)] if len(clips) > 1 else []
