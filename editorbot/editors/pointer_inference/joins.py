"""Moves the edges of plays to where they belong, and says what was heard.

The decoder puts edges on beats and on turns of the network's mind. Where the music goes on across a join, the beat
has to: the distance of the two plays beside it, or else the beats, say when to leave.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from editorbot.analysis.analysis import Analysis
from editorbot.editors.pointer_inference.decode import Plays
from editorbot.editors.scoring.classify import StepLabels
from editorbot.editors.scoring.edges import in_time
from editorbot.editors.scoring.links import LINK_SLACK_STEPS, find_links, link_near
from editorbot.editors.scoring.repetition import step_vectors
from editorbot.models.pointer_config import RowScores
from editorbot.models.scorer_config import SONG_CLASSES
from editorbot.timebase import FRAME_S, STEP_FRAMES, STEP_S, step_at

FARTHEST_S = 0.25
"""How far an edge moves for the beat [seconds]; the network's edges are finer than those of steps."""

SHORTEST_PLAY_S = 0.5
"""Moving edges leaves no play shorter than this [seconds]."""


def step_labels_of(analysis: Analysis, scores: RowScores, plays: Plays) -> StepLabels:
    """Return what was decided about each step, in the words of the editors that score."""
    count = len(analysis.steps)
    moment = np.minimum(np.arange(count) * len(scores.kinds) // count, len(scores.kinds) - 1)
    chances = scores.kinds[moment]
    keep = kept_steps(plays, count)
    is_song = (chances[:, SONG_CLASSES].sum(1) > 0.5) | keep
    links = find_links(step_vectors(analysis.steps), keep)
    return StepLabels(keep, np.asarray(chances[:, 0], np.float64), is_song, (), links, classes=chances.argmax(1))


def kept_steps(plays: Plays, count: int) -> Bool[np.ndarray, " steps"]:
    """Return which steps are played, for their greater part."""
    held = np.zeros(count * STEP_FRAMES)
    for start, end in zip(plays.starts.tolist(), plays.ends.tolist()):
        held[start:end] = 1
    return np.asarray(held.reshape(count, STEP_FRAMES).mean(1) > 0.5)


def placed(analysis: Analysis, plays: Plays, step_labels: StepLabels) -> list[tuple[float, float]]:
    """Return the plays in their order with their ends moved to where the beat goes on, as (start, end) [seconds]."""
    last_s = analysis.duration_s
    starts = [float(start * FRAME_S) for start in plays.starts]
    # What goes on to the last frame goes on to the last sample.
    ends = [float(end * FRAME_S) if end * FRAME_S < last_s - FRAME_S else last_s for end in plays.ends]
    for number in range(len(starts) - 1):
        leave_s, arrive_s = ends[number], starts[number + 1]
        if not (_is_song(step_labels, leave_s - STEP_S) and _is_song(step_labels, arrive_s)):
            continue
        link = link_near(step_labels.links, leave_s / STEP_S, arrive_s / STEP_S)
        moved_s = leave_s
        if link is not None and abs(arrive_s - link.lag_steps * STEP_S - leave_s) <= LINK_SLACK_STEPS * STEP_S:
            moved_s = arrive_s - link.lag_steps * STEP_S
        moved_s = in_time(analysis, moved_s, arrive_s, FARTHEST_S)
        if starts[number] + SHORTEST_PLAY_S < moved_s <= last_s and (arrive_s < leave_s or moved_s <= arrive_s):
            ends[number] = moved_s
    spans_s = [(start, end) for start, end in zip(starts, ends) if end > start]
    return spans_s or [(0.0, last_s)]


def _is_song(step_labels: StepLabels, time_s: float) -> bool:
    """Tell whether the band plays at a time."""
    return bool(step_labels.is_song[min(max(step_at(time_s), 0), len(step_labels.is_song) - 1)])
