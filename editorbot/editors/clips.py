"""What editors that judge share: obeying the user's ranges, clips with reasons, the risk of joins, scores of beats."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.grid_times import step_middles_s
from editorbot.analysis.seams import seams_of
from editorbot.editlist.edit_list import BeatScore, Clip
from editorbot.editlist.operations import Range, range_from_s, subtract
from editorbot.editors.base import EditRequest
from editorbot.editors.scoring.classify import StepLabels
from editorbot.editors.scoring.reasons import clip_reason, cut_reason
from editorbot.errors import TargetError
from editorbot.timebase import STEP_S, clock, step_at


def beat_scores(analysis: Analysis, score: Float[np.ndarray, " steps"]) -> Float[np.ndarray, " beats"]:
    """Return the mean score over each beat, shape=(beats,), in [0, 1]."""
    total = np.concatenate([[0.0], np.cumsum(score)])
    bounds = np.interp(analysis.beat_bounds_s / STEP_S, np.arange(len(total)), total)
    lengths = np.maximum(np.diff(analysis.beat_bounds_s) / STEP_S, 1e-9)
    return np.asarray(np.clip(np.diff(bounds) / lengths, 0.0, 1.0))


def audible(analysis: Analysis) -> Bool[np.ndarray, " steps"]:
    """Tell which steps are neither silence nor noise; all, where there is nothing else."""
    middles_s = step_middles_s(len(analysis.steps))
    starts_s = [span.start_s for span in analysis.activity]
    heard = np.array([span.kind in ("music", "talk") for span in analysis.activity])
    at = heard[np.maximum(np.searchsorted(starts_s, middles_s, side="right") - 1, 0)]
    return at if at.any() else np.ones_like(at)


def obey(ranges: tuple[Range, ...], analysis: Analysis, request: EditRequest) -> tuple[Range, ...]:
    """Return the ranges with what the user wants in and without what they want out.

    Raises
    ------
    TargetError
        If a range to keep lies beyond the end, or nothing is left.
    """
    for start_s, end_s in request.must_keep_s:
        if start_s >= analysis.duration_s:
            span, last = f"{clock(start_s)}-{clock(end_s)}", clock(analysis.duration_s)
            message = f"{span} is to be kept, but the recording ends at {last}; give a range inside it"
            raise TargetError(message, path=analysis.source.path)
    wanted = [range_from_s(*span, analysis.source) for span in request.must_keep_s]
    unwanted = [range_from_s(*span, analysis.source) for span in request.must_cut_s]
    left = subtract((*ranges, *wanted), unwanted)
    if not left:
        left = subtract([(0, analysis.source.samples)], unwanted)
    if not left:
        raise TargetError("the ranges to cut cover the whole recording; leave some of it", path=analysis.source.path)
    return left


def clips_of(analysis: Analysis, step_labels: StepLabels, ranges: tuple[Range, ...]) -> list[Clip]:
    """Return one clip a range, with its confidence and reason."""
    rate, clips = analysis.source.sample_rate, []
    ends = (0, *(end for _, end in ranges))
    for number, (start, end) in enumerate(ranges):
        first = step_at(start / rate)
        score = step_labels.score[first : max(step_at(end / rate), first + 1)]
        before = _words(step_labels, analysis, ends[number], start)
        after = _words(step_labels, analysis, end, analysis.source.samples) if number == len(ranges) - 1 else ""
        confidence = float(score.mean()) if len(score) else 0.0
        clips.append(Clip(start, end, confidence=confidence, reason=clip_reason(score, before, after)))
    return clips


def _words(step_labels: StepLabels, analysis: Analysis, start: int, end: int) -> str:
    """Return why [start, end) was cut, nothing where it is empty [source samples]."""
    rate = analysis.source.sample_rate
    if end - start < 0.05 * rate:
        return ""
    return cut_reason(step_labels, analysis.activity, start / rate, end / rate)


def join_risks(analysis: Analysis, clips: list[Clip]) -> list[float]:
    """Return how much each join would be heard, in [0, 1), judged at the beats nearest to it."""
    bounds = np.rint(analysis.beat_bounds_s * analysis.source.sample_rate)
    leaves = np.array([np.abs(bounds - clip.end).argmin() for clip in clips[:-1]], dtype=np.int64)
    arrivals = np.array([np.abs(bounds - clip.start).argmin() for clip in clips[1:]], dtype=np.int64)
    return [float(cost) for cost in seams_of(analysis).costs(leaves, arrivals)] if len(clips) > 1 else []


def listed(analysis: Analysis, worth: Float[np.ndarray, " beats"]) -> list[BeatScore]:
    """Return the scores in the edit list's form: beats that start inside the source, worth held to [0, 1]."""
    at = np.rint(analysis.beats_s * analysis.source.sample_rate).astype(np.int64)
    first = np.flatnonzero((np.diff(at, prepend=-1) > 0) & (at < analysis.source.samples))
    return [BeatScore(int(at[beat]), float(np.clip(worth[beat], 0.0, 1.0))) for beat in first]
