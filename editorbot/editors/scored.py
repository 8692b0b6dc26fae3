"""Scores every beat, then cuts by rules: the default editor.

The score says how much each moment is the song that the band meant to play,
and that it is not played better elsewhere. A network has learned it
(`editors.scoring.learned`); `scored-rules` reads it off a short table instead
(`editors.scoring.judge`) and is the yardstick for the network. The rules turn the score into stretches with few
edges, move the edges to changes of sound and to where two plays of one take meet in time, and obey the user's ranges.

With a target length the score gives each beat its worth, and the shortest
path (`editors.path`) decides which joins reach that length.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, final

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import EditList, MadeBy
from editorbot.editlist.operations import Range, edit_list_of, range_from_s, union
from editorbot.editors.base import Editor, EditRequest
from editorbot.editors.clips import audible, beat_scores, clips_of, join_risks, listed, obey
from editorbot.editors.path import shortest_path_edit
from editorbot.editors.scoring.bars import bars_of
from editorbot.editors.scoring.edges import kept_spans_s
from editorbot.editors.scoring.judge import Verdict, judge
from editorbot.editors.scoring.learned import SHIPPED, judge_learned, read_score
from editorbot.editors.scoring.leaving import left_in_place
from editorbot.editors.scoring.leaving_places import heard_of
from editorbot.editors.scoring.repetition import step_vectors

SHORTEST_CLIP_S = 2.0
"""Kept stretches shorter than this are dropped [seconds]."""

LEAST_SONG_SHARE = 0.05
"""Where less of the recording than this is worth keeping, everything audible is kept instead."""


class _ByVerdict(Editor):
    """Keeps the band's music, once, and the better take of it, as a verdict says."""

    checkpoint_digest: str | None = None
    """Digest of the weights that judge, None where there are none."""

    @abstractmethod
    def judge(self, analysis: Analysis) -> Verdict:
        """Return what is worth keeping."""

    def edit(self, analysis: Analysis, request: EditRequest) -> EditList:
        """Decide what is played; see :class:`Editor`."""
        verdict = self.judge(analysis)
        worth = beat_scores(analysis, verdict.score)
        made_by = MadeBy(self.name, checkpoint=self.checkpoint_digest, seed=request.seed)
        if request.target_length_s(analysis.duration_s) is not None:
            # The path should play what the rules would keep, so their verdict counts as much as the score.
            worth = beat_scores(analysis, (verdict.score + verdict.keep) / 2)
            return shortest_path_edit(analysis, request, worth, made_by=made_by)
        ranges = obey(kept_ranges(analysis, verdict, request.must_keep_s), analysis, request)
        clips = clips_of(analysis, verdict, ranges)
        beats = listed(analysis, worth)
        return edit_list_of(analysis.source, clips, made_by=made_by, risks=join_risks(analysis, clips), beats=beats)


@final
class ScoredEditor(_ByVerdict):
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

    def judge(self, analysis: Analysis) -> Verdict:
        """Return what the network finds worth keeping."""
        return judge_learned(analysis, self._score)


@final
class RulesEditor(_ByVerdict):
    """Scores by a short table of points: no training."""

    name: ClassVar[str] = "scored-rules"

    def judge(self, analysis: Analysis) -> Verdict:
        """Return what the table finds worth keeping."""
        return judge(analysis)


def kept_ranges(
    analysis: Analysis, verdict: Verdict, pinned_s: Sequence[tuple[float, float]] = ()
) -> tuple[Range, ...]:
    """Return what the editor itself would keep, as source ranges; never nothing.

    Parameters
    ----------
    analysis : Analysis
        The recording.
    verdict : Verdict
        What was decided about each of its steps.
    pinned_s : sequence of (start, end) [seconds]
        What the user wants to be played, so that no play is left within it.
    """
    heard = heard_of(step_vectors(analysis.steps), verdict.score, verdict.is_song)
    spans_s = left_in_place(
        placed_spans_s(analysis, verdict),
        heard,
        bars=bars_of(analysis),
        pinned_s=pinned_s,
        shortest_s=SHORTEST_CLIP_S,
    )
    return union(range_from_s(start_s, end_s, analysis.source) for start_s, end_s in spans_s)


def placed_spans_s(analysis: Analysis, verdict: Verdict) -> list[tuple[float, float]]:
    """Return the stretches that a verdict keeps, with their edges in place, as (start, end) in order [seconds]."""
    is_song = verdict.keep.mean() >= LEAST_SONG_SHARE and not _is_only_talk(analysis)
    keep = verdict.keep if is_song else audible(analysis)
    spans_s = kept_spans_s(analysis, verdict, keep)
    longest = max(spans_s, key=lambda span: span[1] - span[0], default=(0.0, analysis.duration_s))
    return [span for span in spans_s if span[1] - span[0] >= SHORTEST_CLIP_S] or [longest]


def _is_only_talk(analysis: Analysis) -> bool:
    """Tell whether people talk in a recording and nothing else is heard: the score knows music alone."""
    kinds = {span.kind for span in analysis.activity}
    return "talk" in kinds and kinds <= {"talk", "silence"}
