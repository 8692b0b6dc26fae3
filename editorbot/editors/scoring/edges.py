"""Turns labels of steps into stretches of the recording, and moves their edges to where they belong.

Steps are smooth, so their edges are a few tenths of a second off. Next to other sounds an edge belongs where the sound
changes most. Where a take is cut and a better one follows, only one thing counts: that the music goes on in time. The
lag between the two plays, known to a fraction of a step, says how long the cut is; then the join moves to where the
beat goes on.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.grid_times import runs_of, step_middles_s
from editorbot.analysis.spectrum import STEP_MEL_BANDS
from editorbot.editors.scoring.step_labels import LINK_SLACK_STEPS, StepLabels, link_near
from editorbot.timebase import STEP_S

SHORTEST_CLIP_S = 2.0
"""Kept stretches shorter than this are dropped [seconds]."""

LEAST_SONG_SHARE = 0.05
"""If less of the recording than this is worth keeping, everything audible is kept instead."""

SEARCH_STEPS = 2
"""How far an edge may move to a change of sound [steps], 0.37 s."""

NEARER_DB = 0.3
"""A step nearer is worth this much change of sound [dB]."""

LARGEST_WAIT_S = 0.4
"""How far a join may move so that the beat goes on [seconds]: half a beat at 75 beats a minute."""

Span = tuple[float, float]
"""A stretch of the recording, (start, end) [seconds]."""


def placed_spans_s(analysis: Analysis, step_labels: StepLabels) -> list[Span]:
    """Find the stretches to keep, with their edges in place, as (start, end) in order [seconds]."""
    is_song = step_labels.keep.mean() >= LEAST_SONG_SHARE and not _is_only_talk(analysis)
    keep = step_labels.keep if is_song else _audible(analysis)
    spans_s = _kept_spans_s(analysis, step_labels, keep)
    longest = max(spans_s, key=lambda span: span[1] - span[0], default=(0.0, analysis.duration_s))
    return [span for span in spans_s if span[1] - span[0] >= SHORTEST_CLIP_S] or [longest]


def _is_only_talk(analysis: Analysis) -> bool:
    """Check whether there is talk and no music at all: the score knows only music."""
    kinds = {span.kind for span in analysis.activity}
    return "talk" in kinds and kinds <= {"talk", "silence"}


def _audible(analysis: Analysis) -> Bool[np.ndarray, " steps"]:
    """Find the steps that are neither silence nor noise; all of them if there are none."""
    middles_s = step_middles_s(len(analysis.steps))
    starts_s = [span.start_s for span in analysis.activity]
    is_audible = np.array([span.kind in ("music", "talk") for span in analysis.activity])
    at = is_audible[np.maximum(np.searchsorted(starts_s, middles_s, side="right") - 1, 0)]
    return at if at.any() else np.ones_like(at)


def _kept_spans_s(analysis: Analysis, step_labels: StepLabels, keep: Bool[np.ndarray, " steps"]) -> list[Span]:
    """Refine the edges of kept runs of steps.

    An edge next to other sounds goes to where the sound changes most. Across a take or turn that is cut the music
    should go on without a stumble, so there the left edge follows from the right one and the lag of the two plays.
    """
    edges = [edge for run in runs_of(keep) for edge in run]
    strength = _change_strength(analysis.steps)
    inside = np.concatenate([[False], step_labels.is_song[:-1] & step_labels.is_song[1:], [False]])
    times_s = [
        min(edge * STEP_S, analysis.duration_s) if inside[edge] else _refined_edge_s(analysis, strength, edge)
        for edge in edges
    ]
    for number in range(1, len(edges) - 1, 2):
        link = link_near(step_labels.links, float(edges[number]), float(edges[number + 1]))
        if link is None:
            continue
        leave_s = times_s[number + 1] - link.lag_steps * STEP_S
        if abs(leave_s - times_s[number]) <= LINK_SLACK_STEPS * STEP_S and leave_s > times_s[number - 1]:
            times_s[number] = leave_s
    for number in range(1, len(edges) - 1, 2):
        leave_s = in_time(analysis, times_s[number], times_s[number + 1])
        if times_s[number - 1] < leave_s <= times_s[number + 1]:
            times_s[number] = leave_s
    return [(start, end) for start, end in zip(times_s[::2], times_s[1::2]) if end > start]


def in_time(analysis: Analysis, leave_s: float, arrive_s: float, farthest_s: float = LARGEST_WAIT_S) -> float:
    """Find the time at which to leave a play so that the beat goes on across the join [seconds].

    It is the nearest moment with the same position in its beat as the arrival has in its own; `leave_s` itself if no
    beat is known at either place, or if that moment is farther than `farthest_s`. Measured on 20 simulated jams of
    validation artists: the mean error of the beat's phase at joins falls from 77 to 64 ms, the median from 80 to 39 ms.
    """
    beats_s = analysis.beats_s
    inside = len(beats_s) > 1 and beats_s[0] <= min(leave_s, arrive_s) and max(leave_s, arrive_s) <= beats_s[-1]
    if not (analysis.has_beat and inside):
        return leave_s
    count = np.arange(len(beats_s))
    leave_beats, arrive_beats = np.interp((leave_s, arrive_s), beats_s, count)
    late_beats = (arrive_beats - leave_beats + 0.5) % 1 - 0.5
    moved_s = float(np.interp(leave_beats + late_beats, count, beats_s))
    return moved_s if abs(moved_s - leave_s) <= farthest_s else leave_s


def _change_strength(steps: Float32[np.ndarray, "steps columns"]) -> Float[np.ndarray, " bounds"]:
    """Measure how much the sound changes at each bound between steps, shape=(steps + 1,) [dB]."""
    mel = np.maximum(steps[:, :STEP_MEL_BANDS], -80.0)
    padded = np.concatenate([mel[:1], mel[:1], mel, mel[-1:], mel[-1:]])
    before = (padded[:-3] + padded[1:-2]) / 2
    after = (padded[2:-1] + padded[3:]) / 2
    return np.asarray(np.abs(after - before).mean(axis=1), np.float64)


def _refined_edge_s(analysis: Analysis, strength: Float[np.ndarray, " bounds"], bound: int) -> float:
    """Find the time to which the edge at a bound between steps should move [seconds]."""
    if bound <= 0:
        return 0.0
    if bound >= len(strength) - 1:
        return analysis.duration_s
    near = np.arange(max(1, bound - SEARCH_STEPS), min(len(strength) - 1, bound + SEARCH_STEPS + 1))
    best = int(near[(strength[near] - NEARER_DB * np.abs(near - bound)).argmax()])
    return best * STEP_S
