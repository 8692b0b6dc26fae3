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
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from jaxtyping import Bool, Float

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.seams import seams_of
from editorbot.editlist.edit_list import BeatScore, Clip, EditList, MadeBy
from editorbot.editlist.operations import Range, edit_list_of, range_from_s, subtract, union
from editorbot.editors.base import Editor, EditRequest
from editorbot.editors.path import shortest_path_edit
from editorbot.editors.scoring.edges import kept_spans_s
from editorbot.editors.scoring.judge import Verdict, judge
from editorbot.editors.scoring.learned import SHIPPED, judge_learned, read_score
from editorbot.editors.scoring.reasons import clip_reason, cut_reason
from editorbot.errors import TargetError
from editorbot.timebase import STEP_S, clock

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
        ranges = obey(kept_ranges(analysis, verdict), analysis, request)
        clips = clips_of(analysis, verdict, ranges)
        beats = _listed(analysis, worth)
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


def beat_scores(analysis: Analysis, score: Float[np.ndarray, " steps"]) -> Float[np.ndarray, " beats"]:
    """Return the mean score over each beat, shape=(beats,), in [0, 1]."""
    total = np.concatenate([[0.0], np.cumsum(score)])
    bounds = np.interp(analysis.beat_bounds_s / STEP_S, np.arange(len(total)), total)
    lengths = np.maximum(np.diff(analysis.beat_bounds_s) / STEP_S, 1e-9)
    return np.asarray(np.clip(np.diff(bounds) / lengths, 0.0, 1.0))


def kept_ranges(analysis: Analysis, verdict: Verdict) -> tuple[Range, ...]:
    """Return what the editor itself would keep, as source ranges; never nothing."""
    keep = verdict.keep if verdict.keep.mean() >= LEAST_SONG_SHARE else audible(analysis)
    spans_s = kept_spans_s(analysis, verdict, keep)
    longest = max(spans_s, key=lambda span: span[1] - span[0], default=(0.0, analysis.duration_s))
    spans_s = [span for span in spans_s if span[1] - span[0] >= SHORTEST_CLIP_S] or [longest]
    return union(range_from_s(start_s, end_s, analysis.source) for start_s, end_s in spans_s)


def audible(analysis: Analysis) -> Bool[np.ndarray, " steps"]:
    """Tell which steps are neither silence nor noise; all, where there is nothing else."""
    middles_s = (np.arange(len(analysis.steps)) + 0.5) * STEP_S
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


def clips_of(analysis: Analysis, verdict: Verdict, ranges: tuple[Range, ...]) -> list[Clip]:
    """Return one clip a range, with its confidence and reason."""
    rate, clips = analysis.source.sample_rate, []
    ends = (0, *(end for _, end in ranges))
    for number, (start, end) in enumerate(ranges):
        score = verdict.score[
            int(start / rate / STEP_S) : max(int(end / rate / STEP_S), int(start / rate / STEP_S) + 1)
        ]
        before = _words(verdict, analysis, ends[number], start)
        after = _words(verdict, analysis, end, analysis.source.samples) if number == len(ranges) - 1 else ""
        confidence = float(score.mean()) if len(score) else 0.0
        clips.append(Clip(start, end, confidence=confidence, reason=clip_reason(score, before, after)))
    return clips


def _words(verdict: Verdict, analysis: Analysis, start: int, end: int) -> str:
    """Return why [start, end) was cut, nothing where it is empty [source samples]."""
    rate = analysis.source.sample_rate
    if end - start < 0.05 * rate:
        return ""
    return cut_reason(verdict, analysis.activity, start / rate, end / rate)


def join_risks(analysis: Analysis, clips: list[Clip]) -> list[float]:
    """Return how much each join would be heard, in [0, 1), judged at the beats nearest to it."""
    bounds = np.rint(analysis.beat_bounds_s * analysis.source.sample_rate)
    leaves = np.array([np.abs(bounds - clip.end).argmin() for clip in clips[:-1]], dtype=np.int64)
    arrivals = np.array([np.abs(bounds - clip.start).argmin() for clip in clips[1:]], dtype=np.int64)
    return [float(cost) for cost in seams_of(analysis).costs(leaves, arrivals)] if len(clips) > 1 else []


def _listed(analysis: Analysis, worth: Float[np.ndarray, " beats"]) -> list[BeatScore]:
    """Return the scores in the edit list's form."""
    at = np.rint(analysis.beats_s * analysis.source.sample_rate).astype(np.int64)
    first = np.flatnonzero(np.diff(at, prepend=-1) > 0)
    return [BeatScore(int(at[beat]), float(worth[beat])) for beat in first]
