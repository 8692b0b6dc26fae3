"""Moves the edges of kept stretches to where they belong.

The score is smooth, so its edges lie a few tenths of a second off. Against
other sounds an edge belongs where the sound changes most. Where a dropped take
is left and the good one entered, only one thing counts: that the music goes on
in time. The distance of the two plays, known to a fraction of a step, says how
long the cut is; then the join moves to where the beat goes on.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32

from editorbot.analysis.analysis import STEP_MEL_BANDS, Analysis
from editorbot.editors.scoring.classify import StepLabels
from editorbot.editors.scoring.links import LINK_SLACK_STEPS, link_near
from editorbot.timebase import STEP_S

SEARCH_STEPS = 2
"""How far an edge may move to a change of sound [steps], 0.37 s."""

NEARER_DB = 0.3
"""A step nearer is worth this much change of sound [dB]."""

LARGEST_WAIT_S = 0.4
"""How far a join may move so that the beat goes on [seconds]: half a beat at 75 beats a minute."""


def kept_spans_s(
    analysis: Analysis, step_labels: StepLabels, keep: Bool[np.ndarray, " steps"]
) -> list[tuple[float, float]]:
    """Return the kept runs with their edges refined, as (start, end) in order [seconds].

    An edge against other sounds goes to where the sound changes most. Across a dropped take or turn the music
    should go on without a stumble, so there the left edge follows from the right one and the lag of the two plays.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], keep, [False]]).astype(int)))
    strength = change_strength(analysis.steps)
    inside = np.concatenate([[False], step_labels.is_song[:-1] & step_labels.is_song[1:], [False]])
    times_s = [
        min(edge * STEP_S, analysis.duration_s) if inside[edge] else refine_edge(analysis, strength, int(edge))
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
    """Return when to leave so that the beat goes on across the join [seconds].

    The nearest moment that lies in its beat where the arrival lies in its own; `leave_s` itself where no beat was
    heard at either place, or that moment is farther than `farthest_s`. Measured on 20 simulated jams of validation
    artists: the mean error of the beat's phase at joins falls from 77 to 64 ms, the median from 80 to 39 ms.
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


def change_strength(steps: Float32[np.ndarray, "steps columns"]) -> Float[np.ndarray, " bounds"]:
    """Return how much the sound changes at each bound between steps, shape=(steps + 1,) [dB]."""
    mel = np.maximum(steps[:, :STEP_MEL_BANDS], -80.0)
    padded = np.concatenate([mel[:1], mel[:1], mel, mel[-1:], mel[-1:]])
    before = (padded[:-3] + padded[1:-2]) / 2
    after = (padded[2:-1] + padded[3:]) / 2
    return np.asarray(np.abs(after - before).mean(axis=1), np.float64)


def refine_edge(analysis: Analysis, strength: Float[np.ndarray, " bounds"], bound: int) -> float:
    """Return the time to which the edge at a step bound should move [seconds].

    Parameters
    ----------
    analysis : Analysis
        For its length.
    strength : np.ndarray, shape=(steps + 1,)
        From :func:`change_strength`.
    bound : int
        The edge [steps].
    """
    if bound <= 0:
        return 0.0
    if bound >= len(strength) - 1:
        return analysis.duration_s
    near = np.arange(max(1, bound - SEARCH_STEPS), min(len(strength) - 1, bound + SEARCH_STEPS + 1))
    best = int(near[(strength[near] - NEARER_DB * np.abs(near - bound)).argmax()])
    return best * STEP_S
