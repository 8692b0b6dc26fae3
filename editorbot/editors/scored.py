"""Scores every beat, then cuts by rules: the default editor.

The score says how much each moment is the song that the band meant to play,
and that it is not played better elsewhere. A network has learned it
(`editors.scoring.learned`); `scored-rules` reads it off a short table instead
(`editors.scoring.classify`) and is the yardstick for the network. The rules turn the score into stretches with few
edges, move the edges to changes of sound and to where two plays of one take meet in time, and obey the user's ranges.

With a target length the score gives each beat its worth, and the shortest
path (`editors.path`) decides which joins reach that length.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, final

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import EditList, MadeBy
from editorbot.editlist.operations import edit_list_of, range_from_s, union
from editorbot.editors.base import Editor, EditRequest, Tightness
from editorbot.editors.clips import beat_scores, clips_of, join_risks, listed, obey
from editorbot.editors.path import shortest_path_edit
from editorbot.editors.scoring.bars import bars_of
from editorbot.editors.scoring.classify import StepLabels, classify_steps
from editorbot.editors.scoring.learned import SHIPPED, classify_learned, read_score
from editorbot.editors.scoring.overlap_trim import trim_overlaps
from editorbot.editors.scoring.overlap_trim_places import heard_of
from editorbot.editors.scoring.placing import SHORTEST_CLIP_S, placed_spans_s
from editorbot.editors.scoring.repetition import step_vectors


class _ByStepLabels(Editor):
    """Keeps the band's music, once, and the better take of it, as a verdict says."""

    checkpoint_digest: str | None = None
    """Digest of the weights that judge, None where there are none."""

    @abstractmethod
    def classify_steps(self, analysis: Analysis, tightness: Tightness = "normal") -> StepLabels:
        """Return what is worth keeping."""

    def edit(self, analysis: Analysis, request: EditRequest) -> EditList:
        """Decide what is played; see :class:`Editor`."""
        step_labels = self.classify_steps(analysis, request.tightness)
        worth = beat_scores(analysis, step_labels.score)
        made_by = MadeBy(self.name, checkpoint=self.checkpoint_digest, seed=request.seed)
        if request.target_length_s(analysis.duration_s) is not None:
            # The path should play what the rules would keep, so their verdict counts as much as the score.
            worth = beat_scores(analysis, (step_labels.score + step_labels.keep) / 2)
            return shortest_path_edit(analysis, request, worth, made_by=made_by)
        spans_s = placed_spans_s(analysis, step_labels)
        if request.tightness == "normal":
            spans_s = _trimmed(spans_s, analysis, step_labels, request)
        ranges = union(range_from_s(start_s, end_s, analysis.source) for start_s, end_s in spans_s)
        ranges = obey(ranges, analysis, request)
        clips = clips_of(analysis, step_labels, ranges)
        beats = listed(analysis, worth)
        return edit_list_of(analysis.source, clips, made_by=made_by, risks=join_risks(analysis, clips), beats=beats)


@final
class ScoredEditor(_ByStepLabels):
    """Scores by the learned network.

    Parameters
    ----------
    checkpoint : Path, optional
        Weights, with their card beside them; the shipped ones by default.
    """

    name: ClassVar[str] = "scored"

    def __init__(self, checkpoint: Path = SHIPPED) -> None:
        self._score = read_score(checkpoint)
        self.checkpoint_digest = self._score.digest

    def classify_steps(self, analysis: Analysis, tightness: Tightness = "normal") -> StepLabels:
        """Return what the network finds worth keeping."""
        return classify_learned(analysis, self._score, tightness)


@final
class RulesEditor(_ByStepLabels):
    """Scores by a short table of points: no training."""

    name: ClassVar[str] = "scored-rules"

    def classify_steps(self, analysis: Analysis, tightness: Tightness = "normal") -> StepLabels:
        """Return what the table finds worth keeping."""
        return classify_steps(analysis, tightness)


def _trimmed(
    spans_s: list[tuple[float, float]], analysis: Analysis, step_labels: StepLabels, request: EditRequest
) -> list[tuple[float, float]]:
    """Return stretches that are left where the next one goes on, (start, end) in order [seconds]."""
    heard = heard_of(step_vectors(analysis.steps), step_labels.score, step_labels.is_song)
    return trim_overlaps(
        spans_s,
        heard,
        step_labels.keep,
        bars=bars_of(analysis),
        pinned_s=request.must_keep_s,
        shortest_s=SHORTEST_CLIP_S,
    )
