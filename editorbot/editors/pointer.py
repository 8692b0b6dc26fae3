"""Copies frames of the recording, as a pointer network says: each play goes on until a jump is worth it.

The network is asked about all frames at once what comes after each; the cheapest path over beats and turns makes
plays of that (`pointer_inference.decode`). Their edges then move to where the beat goes on, as those of other
editors do.

With a target length the network's chances give each beat its worth, and the shortest path (`editors.path`) decides
which joins reach that length.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, final

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import EditList, MadeBy
from editorbot.editlist.operations import Range, edit_list_of, range_from_s
from editorbot.editors.base import Editor, EditRequest
from editorbot.editors.clips import beat_scores, clips_of, join_risks, listed, obey
from editorbot.editors.path import shortest_path_edit
from editorbot.editors.pointer_inference.decode import score_odds_of
from editorbot.editors.pointer_inference.inputs import read_inputs
from editorbot.editors.pointer_inference.joins import placed, step_labels_of
from editorbot.editors.pointer_inference.weights import SHIPPED, read_pointer
from editorbot.editors.scoring.bars import bars_of
from editorbot.editors.scoring.classify import StepLabels
from editorbot.editors.scoring.learned import read_score
from editorbot.editors.scoring.overlap_trim import trim_overlaps
from editorbot.editors.scoring.overlap_trim_places import Heard, heard_of
from editorbot.editors.scoring.repetition import step_vectors
from editorbot.models.pointer_config import PointerInputs
from editorbot.timebase import STEP_FRAMES


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
        worth = beat_scores(analysis, step_labels.score)
        if request.target_length_s(analysis.duration_s) is not None:
            worth = beat_scores(analysis, (step_labels.score + step_labels.keep) / 2)
            return shortest_path_edit(analysis, request, worth, made_by=made_by)
        spans_s = placed(analysis, plays, step_labels)
        if request.tightness == "normal":
            heard, bars = self._heard(analysis, inputs, step_labels), bars_of(analysis)
            spans_s = trim_overlaps(spans_s, heard, step_labels.keep, bars=bars, pinned_s=request.must_keep_s)
        ranges = ordered_obey(tuple(range_from_s(a, b, analysis.source) for a, b in spans_s), analysis, request)
        clips = clips_of(analysis, step_labels, ranges)
        risks = join_risks(analysis, clips)
        return edit_list_of(analysis.source, clips, made_by=made_by, risks=risks, beats=listed(analysis, worth))

    def _heard(self, analysis: Analysis, inputs: PointerInputs, step_labels: StepLabels) -> Heard:
        """Return what is known about each step; where the network is told the learned score, that judges its worth."""
        heard = heard_of(step_vectors(analysis.steps), step_labels.score, step_labels.is_song)
        told = score_odds_of(inputs, self._pointer.config)
        return heard if told is None else replace(heard, odds=read_score().calibrated(told[::STEP_FRAMES]))


def ordered_obey(ranges: tuple[Range, ...], analysis: Analysis, request: EditRequest) -> tuple[Range, ...]:
    """Return the ranges as the user wants them; in the network's own order where the user asks for nothing."""
    if not (request.must_keep_s or request.must_cut_s) and ranges:
        return ranges
    return obey(ranges, analysis, request)
