"""Copies frames of the recording as a pointer network says: each play goes on until a jump is worth it.

The network says for all frames at once what comes next; the cheapest path over beats and changes makes plays of that
(`pointer_inference.decode`). The end of each play then moves to where the beat goes on, as with other editors.

With a target length the network's chances give each beat its worth, and the shortest path (`editors.path`) chooses the
joins.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

import numpy as np
from jaxtyping import Bool

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import EditList, MadeBy
from editorbot.editlist.operations import range_from_s
from editorbot.editors.base import Editor, EditRequest
from editorbot.editors.clips import apply_ranges
from editorbot.editors.label_edit import edit_of_ranges, edit_to_length, trimmed_spans_s
from editorbot.editors.pointer_inference.decode import Plays, score_odds_of
from editorbot.editors.pointer_inference.learned import SHIPPED, read_inputs, read_pointer
from editorbot.editors.scoring.edges import Span, in_time
from editorbot.editors.scoring.learned import read_score
from editorbot.editors.scoring.repetition import step_vectors
from editorbot.editors.scoring.step_labels import LINK_SLACK_STEPS, StepLabels, find_links, link_near
from editorbot.models.pointer_config import RowScores
from editorbot.models.scorer_config import SONG_CLASSES
from editorbot.timebase import FRAME_S, STEP_FRAMES, STEP_S, step_at

FARTHEST_S = 0.25
"""How far an edge moves for the beat [seconds]; the network's edges are finer than those of steps."""

SHORTEST_PLAY_S = 0.5
"""Moving edges leaves no play shorter than this [seconds]."""


@final
class PointerEditor(Editor):
    """Plays what a pointer network points at.

    Parameters
    ----------
    checkpoint : Path, optional
        Weights: a .safetensors with its card beside it, or the .pt of a run; the shipped ones by default.
    """

    name: ClassVar[str] = "pointer"

    def __init__(self, checkpoint: Path = SHIPPED) -> None:
        self._pointer = read_pointer(checkpoint)

    def edit(self, analysis: Analysis, request: EditRequest) -> EditList:
        """Decide what is played; see :class:`Editor`."""
        inputs = read_inputs(analysis, self._pointer.config, request.tightness)
        scores = self._pointer.scores(inputs)
        plays = self._pointer.plays(scores, inputs, analysis.beats_s, request.tightness)
        step_labels = step_labels_of(analysis, scores, plays)
        made_by = MadeBy(self.name, checkpoint=self._pointer.digest, seed=request.seed)
        if request.target_length_s(analysis.duration_s) is not None:
            return edit_to_length(analysis, request, step_labels, made_by)
        # A network that reads the learned score trims by it too.
        frame_odds = score_odds_of(inputs, self._pointer.config)
        odds = None if frame_odds is None else read_score().calibrated(frame_odds[::STEP_FRAMES])
        spans_s = placed_spans_s(analysis, plays, step_labels)
        spans_s = trimmed_spans_s(analysis, request, step_labels, spans_s, odds=odds)
        ranges = tuple(range_from_s(start_s, end_s, analysis.source) for start_s, end_s in spans_s)
        if request.has_ranges or not ranges:  # otherwise in the network's own order
            ranges = apply_ranges(ranges, analysis, request)
        return edit_of_ranges(analysis, step_labels, ranges, made_by)


def step_labels_of(analysis: Analysis, scores: RowScores, plays: Plays) -> StepLabels:
    """Express what the network decided as labels of the steps, as the scoring editors make them."""
    count = len(analysis.steps)
    moment = np.minimum(np.arange(count) * len(scores.kinds) // count, len(scores.kinds) - 1)
    chances = scores.kinds[moment]
    keep = kept_steps(plays, count)
    is_song = (chances[:, SONG_CLASSES].sum(1) > 0.5) | keep
    links = find_links(step_vectors(analysis.steps), keep)
    return StepLabels(keep, np.asarray(chances[:, 0], np.float64), is_song, (), links, classes=chances.argmax(1))


def kept_steps(plays: Plays, count: int) -> Bool[np.ndarray, " steps"]:
    """Find the steps of which more than half is played."""
    played = np.zeros(count * STEP_FRAMES)
    for start, end in zip(plays.starts.tolist(), plays.ends.tolist()):
        played[start:end] = 1
    return np.asarray(played.reshape(count, STEP_FRAMES).mean(1) > 0.5)


def placed_spans_s(analysis: Analysis, plays: Plays, step_labels: StepLabels) -> list[Span]:
    """Move the end of each play to where the beat goes on; (start, end) in playing order [seconds].

    If the music goes on across a join, the beat has to: the lag between the two plays, or else the beats, say when to
    leave the first.
    """
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
    """Check whether the band plays at a time."""
    return bool(step_labels.is_song[min(max(step_at(time_s), 0), len(step_labels.is_song) - 1)])
