"""Makes an edit list of labeled steps, for all editors that label steps: stretches, clips, and reasons in plain words.

An edit list has reasons only for what is played, so the reason for a cut is in the clip after it; that of the last cut
is in the clip before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import Clip, EditList, MadeBy
from editorbot.editlist.operations import Range, edit_list_of
from editorbot.editors.base import EditRequest
from editorbot.editors.clips import beat_records, beat_scores, join_risks
from editorbot.editors.path import shortest_path_edit
from editorbot.editors.scoring.edges import Span
from editorbot.editors.scoring.overlap_trim import SHORTEST_S, bars_of, trim_overlaps
from editorbot.editors.scoring.overlap_trim_places import ScoredSteps
from editorbot.editors.scoring.repetition import step_vectors
from editorbot.editors.scoring.step_labels import StepLabels, link_near
from editorbot.models.scorer_config import CLASSES
from editorbot.timebase import STEP_S, clock, step_at, steps_over

SHORTEST_NAMED_S = 0.7
"""Parts of a cut shorter than this are not named [seconds]."""

SHORTEST_CUT_S = 0.05
"""Cuts shorter than this get no reason [seconds]."""

CLASS_WORDS = {
    "keep": "music too short to keep",
    "other_song": "another song",
    "bad_take": "a take that is played better elsewhere",
    "repeat": "music that is also played before or after",
}
"""Words for the learned score's classes of music."""

ACTIVITY_WORDS = {"talk": "talk", "silence": "silence", "noise": "noise", "music": "playing that is not the song"}
"""Words for the kinds of activity."""


def edit_to_length(analysis: Analysis, request: EditRequest, step_labels: StepLabels, made_by: MadeBy) -> EditList:
    """Make an edit of the wanted length, by the shortest path with the labels as the worth of the beats."""
    # The path should play what would be kept without a length, so the labels count as much as the score.
    worth = beat_scores(analysis, (step_labels.score + step_labels.keep) / 2)
    return shortest_path_edit(analysis, request, worth, made_by=made_by)


def trimmed_spans_s(
    analysis: Analysis,
    request: EditRequest,
    step_labels: StepLabels,
    spans_s: Sequence[Span],
    *,
    shortest_s: float = SHORTEST_S,
    odds: Float[np.ndarray, " steps"] | None = None,
) -> list[Span]:
    """Shorten stretches whose end the next one repeats; `gentle` leaves all as they are.

    `odds` are the log odds that each step is worth keeping, those of the labels' score by default.
    """
    if request.tightness != "normal":
        return list(spans_s)
    steps = ScoredSteps.of_chances(step_vectors(analysis.steps), step_labels.score, step_labels.is_song)
    if odds is not None:
        steps = replace(steps, odds=odds)
    bars, pinned_s = bars_of(analysis), request.must_keep_s
    return trim_overlaps(spans_s, steps, step_labels.keep, bars=bars, pinned_s=pinned_s, shortest_s=shortest_s)


def edit_of_ranges(analysis: Analysis, step_labels: StepLabels, ranges: Sequence[Range], made_by: MadeBy) -> EditList:
    """Make the edit that plays some ranges of the recording, in their order."""
    rate, clips = analysis.source.sample_rate, []
    ends = (0, *(end for _, end in ranges))
    for number, (start, end) in enumerate(ranges):
        first = step_at(start / rate)
        score = step_labels.score[first : max(step_at(end / rate), first + 1)]
        confidence = float(score.mean()) if len(score) else 0.0
        reason = (
            "clearly the song" if confidence > 0.9 else "probably the song" if confidence > 0.7 else "maybe the song"
        )
        if before := cut_reason(analysis, step_labels, ends[number] / rate, start / rate):
            reason += f"; after a cut of {before}"
        if number == len(ranges) - 1 and (after := cut_reason(analysis, step_labels, end / rate, analysis.duration_s)):
            reason += f"; before a last cut of {after}"
        clips.append(Clip(start, end, confidence=confidence, reason=reason))
    beats = beat_records(analysis, beat_scores(analysis, step_labels.score))
    return edit_list_of(analysis.source, clips, made_by=made_by, risks=join_risks(analysis, clips), beats=beats)


def cut_reason(analysis: Analysis, step_labels: StepLabels, start_s: float, end_s: float) -> str:
    """Name what is in a cut, the longest part first: ``12 s of talk, 3 s of silence``; nothing for a tiny one."""
    if end_s - start_s < SHORTEST_CUT_S:
        return ""
    music = _music_by_rules if step_labels.classes is None else _music_by_class
    parts: dict[str, float] = {}
    for name, seconds in music(step_labels, start_s, end_s) + _other_sounds(analysis, step_labels, start_s, end_s):
        parts[name] = parts.get(name, 0.0) + seconds
    named = sorted(((s, name) for name, s in parts.items() if s >= SHORTEST_NAMED_S), reverse=True)
    if not named:
        return f"{end_s - start_s:.1f} s that do not fit"
    return ", ".join(f"{seconds:.0f} s of {name}" if seconds >= 1 else f"a moment of {name}" for seconds, name in named)


def _clock(step: int) -> str:
    """Write the time of a step in whole seconds, ``3:12``."""
    return clock(step * STEP_S).partition(".")[0]


def _music_by_rules(step_labels: StepLabels, start_s: float, end_s: float) -> list[tuple[str, float]]:
    """Find the takes and turns inside a cut, with their seconds."""
    found: list[tuple[str, float]] = []
    reached = 0
    for take in sorted(step_labels.retakes, key=lambda one: one.start):
        first = max(take.start, reached)
        overlap_s = min(take.end * STEP_S, end_s) - max(first * STEP_S, start_s)
        if overlap_s > 0:
            found.append((f"a take that is played again at {_clock(take.again_at)}", overlap_s))
            reached = max(reached, take.end)
    for first_step, last_step in step_labels.extra_turns:
        overlap_s = min(last_step * STEP_S, end_s) - max(first_step * STEP_S, start_s)
        if overlap_s > 0:
            found.append(("music that was just played", overlap_s))
    return found


def _music_by_class(step_labels: StepLabels, start_s: float, end_s: float) -> list[tuple[str, float]]:
    """Find the learned score's classes of music inside a cut, with their seconds."""
    assert step_labels.classes is not None
    inside, words = step_labels.classes[steps_over(start_s, end_s)], CLASS_WORDS
    link = link_near(step_labels.links, start_s / STEP_S, end_s / STEP_S)
    if link is not None and link.is_played_again:
        words = words | {"bad_take": f"a take that is played better at {_clock(link.arrive)}"}
    seconds = {name: float((inside == CLASSES.index(name)).sum()) * STEP_S for name in words}
    return [(words[name], length_s) for name, length_s in seconds.items() if length_s > 0]


def _other_sounds(analysis: Analysis, step_labels: StepLabels, start_s: float, end_s: float) -> list[tuple[str, float]]:
    """Find the kinds of activity inside a cut with their seconds, without the music that is named otherwise."""
    found, is_named = [], _is_named_music(step_labels)
    for span in analysis.activity:
        first, last = max(span.start_s, start_s), min(span.end_s, end_s)
        if first < last:
            rest = ~is_named[steps_over(first, last)]
            share = float(rest.mean()) if len(rest) else 0.0
            found.append((ACTIVITY_WORDS[span.kind], (last - first) * share))
    return found


def _is_named_music(step_labels: StepLabels) -> Bool[np.ndarray, " steps"]:
    if step_labels.classes is None:
        return step_labels.is_song
    return np.isin(step_labels.classes, [CLASSES.index(name) for name in CLASS_WORDS])
