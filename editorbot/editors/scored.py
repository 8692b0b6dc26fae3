"""Scores every step, then cuts by rules: the default editor.

The score says how much each moment is the song that the band meant to play, and that it is not played better
elsewhere. A network has learned it (`editors.scoring.learned`); `scored-rules` computes it from scorecards instead
(`editors.scoring.classify`), as the yardstick for the network. Then the score becomes stretches with few edges, and
the edges move to changes of sound and to where two plays of one take meet in time; the user's ranges come last.

With a target length the score gives each beat its worth, and the shortest path (`editors.path`) chooses the joins.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, final

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import EditList, MadeBy
from editorbot.editlist.operations import range_from_s, union
from editorbot.editors.base import Editor, EditRequest, Tightness
from editorbot.editors.clips import apply_ranges
from editorbot.editors.label_edit import edit_of_ranges, edit_to_length, trimmed_spans_s
from editorbot.editors.scoring.classify import classify_steps
from editorbot.editors.scoring.edges import SHORTEST_CLIP_S, placed_spans_s
from editorbot.editors.scoring.learned import SHIPPED, classify_learned, read_score
from editorbot.editors.scoring.step_labels import StepLabels


class _StepLabelEditor(Editor):
    """Keeps the band's music, once, and the better take of it, by labels of the steps."""

    checkpoint_digest: str | None = None
    """Digest of the weights, None without any."""

    @abstractmethod
    def classify_steps(self, analysis: Analysis, tightness: Tightness = "normal") -> StepLabels:
        """Decide what is worth keeping."""

    def edit(self, analysis: Analysis, request: EditRequest) -> EditList:
        """Decide what is played; see :class:`Editor`."""
        step_labels = self.classify_steps(analysis, request.tightness)
        made_by = MadeBy(self.name, checkpoint=self.checkpoint_digest, seed=request.seed)
        if request.target_length_s(analysis.duration_s) is not None:
            return edit_to_length(analysis, request, step_labels, made_by)
        spans_s = placed_spans_s(analysis, step_labels)
        spans_s = trimmed_spans_s(analysis, request, step_labels, spans_s, shortest_s=SHORTEST_CLIP_S)
        ranges = union(range_from_s(start_s, end_s, analysis.source) for start_s, end_s in spans_s)
        return edit_of_ranges(analysis, step_labels, apply_ranges(ranges, analysis, request), made_by)


@final
class ScoredEditor(_StepLabelEditor):
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
        """Decide what is worth keeping by the network."""
        return classify_learned(analysis, self._score, tightness)


@final
class RulesEditor(_StepLabelEditor):
    """Scores by scorecards: no training."""

    name: ClassVar[str] = "scored-rules"

    def classify_steps(self, analysis: Analysis, tightness: Tightness = "normal") -> StepLabels:
        """Decide what is worth keeping by the scorecards."""
        return classify_steps(analysis, tightness)
