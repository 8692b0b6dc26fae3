"""Edits as a learned policy acts: keep, cut, loop, move and change, a step at a time.

The policy walks over the beats (`environment.dynamics`); each step is the
likeliest open one, or drawn, at a temperature above 0. Without a length it keeps the share that its own
encoder expects. With one it leans toward leaving out, or away from it, until
the length fits; where that misses by more than a beat, or ranges were given too,
the shortest path (`editors.path`) takes the policy's chances for worth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, final

import numpy as np

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.action_span import ActionSpan
from editorbot.editlist.edit_list import Clip, EditList, MadeBy
from editorbot.editlist.operations import Range, edit_list_of, range_from_s
from editorbot.editors.base import Editor, EditRequest
from editorbot.editors.clips import apply_ranges, beat_records, join_risks
from editorbot.editors.path import shortest_path_edit
from editorbot.editors.policy_inference.episode import Episode, PreparedRecording, output_s, play, play_to, prepare
from editorbot.editors.policy_inference.gentle import gently
from editorbot.editors.policy_inference.ranges import with_ranges
from editorbot.editors.policy_inference.score_features import score_features_of
from editorbot.editors.policy_inference.shares import collapse_line, share_lines
from editorbot.editors.policy_inference.weights import SHIPPED, read_policy
from editorbot.environment.episodes import action_spans, edit_list_of_episode
from editorbot.environment.material import LEAST_BEATS, beat_bounds, material_of
from editorbot.errors import MismatchError


@dataclass(frozen=True)
class _Walk:
    """The policy's way through a recording."""

    analysis: Analysis
    request: EditRequest
    prepared: PreparedRecording
    episode: Episode


@final
class PolicyEditor(Editor):
    """Edits as a policy acts that was taught by edits and by reward.

    Parameters
    ----------
    checkpoint : Path, optional
        Weights: a .safetensors with its card beside it, or the .pt of a run; the shipped ones by default.
    """

    name: ClassVar[str] = "policy"
    ignores: ClassVar[tuple[str, ...]] = ()

    def __init__(self, checkpoint: Path = SHIPPED) -> None:
        self._policy = read_policy(checkpoint)
        self.uses_stems = self._policy.uses_stems
        self._last: _Walk | None = None

    def edit(self, analysis: Analysis, request: EditRequest) -> EditList:
        """Decide what is played; see :class:`Editor`."""
        self._check_words(request)
        if len(analysis.beats_s) < LEAST_BEATS:
            worth = np.ones(len(analysis.beats_s))  # nothing to decide
            return shortest_path_edit(analysis, request, worth, made_by=self._made_by(request))
        target_s = request.target_length_s(analysis.duration_s)
        walk = self._walk(analysis, request)
        episode, made_by = walk.episode, self._made_by(request)
        if target_s is not None and not self._is_met(walk, target_s, request):
            return shortest_path_edit(analysis, request, episode.keep_chance, made_by=made_by)
        vocabulary = self._policy.config.action_vocabulary
        whole = edit_list_of_episode(analysis, episode.actions, made_by=made_by, vocabulary=vocabulary)
        played = gently(whole.clips, analysis) if request.tightness == "gentle" else whole.clips
        clips = self._obeyed(tuple(played), analysis, request)
        warning = collapse_line(episode.actions, vocabulary)
        return edit_list_of(
            analysis.source,
            _sure(clips, episode, analysis),
            made_by=made_by,
            risks=join_risks(analysis, clips),
            beats=beat_records(analysis, episode.keep_chance),
            warnings=[warning] if warning else [],
        )

    def prepare(self, analysis: Analysis, keep_ratio: float | None) -> PreparedRecording:
        """Return a recording as the policy knows it before the first step."""
        return prepare(self._policy, material_of(analysis), score_features_of(analysis), keep_ratio)

    def remarks(self, analysis: Analysis, request: EditRequest) -> tuple[str, ...]:
        """Return the shares of types, sizes and amounts in the policy's way through a recording, as lines."""
        if len(analysis.beats_s) < LEAST_BEATS:
            return ()
        return tuple(share_lines(self._walk(analysis, request).episode.actions, self._policy.config.action_vocabulary))

    def actions(self, analysis: Analysis, request: EditRequest) -> tuple[ActionSpan, ...]:
        """Return the policy's way through a recording, where nothing else went into the edit; see :class:`Editor`."""
        is_bent = request.must_keep_s or request.must_cut_s or request.tightness == "gentle"
        if len(analysis.beats_s) < LEAST_BEATS or is_bent:
            return ()
        target_s = request.target_length_s(analysis.duration_s)
        walk = self._walk(analysis, request)
        if target_s is not None and not self._is_met(walk, target_s, request):
            return ()
        return action_spans(analysis, walk.episode.actions, vocabulary=self._policy.config.action_vocabulary)

    def _check_words(self, request: EditRequest) -> None:
        taught = self._policy.config.action_vocabulary.name
        if request.vocabulary not in (None, taught):
            raise MismatchError(f"this policy was taught vocabulary {taught}, not {request.vocabulary}")

    def _made_by(self, request: EditRequest) -> MadeBy:
        return MadeBy(self.name, checkpoint=self._policy.digest, seed=request.seed)

    def _walk(self, analysis: Analysis, request: EditRequest) -> _Walk:
        """Return the policy's way through a recording; the last one is remembered."""
        last = self._last
        if last is None or last.analysis is not analysis or last.request != request:
            target_s = request.target_length_s(analysis.duration_s)
            prepared = self.prepare(analysis, None if target_s is None else target_s / analysis.duration_s)
            if target_s is None:
                episode = play(prepared, temperature=request.temperature, seed=request.seed)
            else:
                episode = play_to(prepared, target_s, temperature=request.temperature, seed=request.seed)
            last = self._last = _Walk(analysis, request, prepared, episode)
        return last

    def _is_met(self, walk: _Walk, target_s: float, request: EditRequest) -> bool:
        """Tell whether an episode's edit is within a beat of what is wanted, and nothing more is asked."""
        beat_s = float(np.median(walk.prepared.material.tables.duration_s))
        off_s = output_s(walk.episode.state, walk.prepared.material, self._policy.config.action_vocabulary) - target_s
        return abs(off_s) <= beat_s and not (request.must_keep_s or request.must_cut_s)

    def _obeyed(self, clips: tuple[Clip, ...], analysis: Analysis, request: EditRequest) -> list[Clip]:
        """Return the clips as the user's ranges want them."""
        if not (request.must_keep_s or request.must_cut_s):
            return list(clips)
        ranges: tuple[Range, ...] = tuple((clip.start, clip.end) for clip in clips)
        left = apply_ranges(ranges, analysis, request)  # refuses what cannot be had
        wanted = [range_from_s(*span, analysis.source) for span in request.must_keep_s]
        unwanted = [range_from_s(*span, analysis.source) for span in request.must_cut_s]
        return with_ranges(clips, wanted, unwanted) or [Clip(*span) for span in left]


def _sure(clips: list[Clip], episode: Episode, analysis: Analysis) -> list[Clip]:
    """Return the clips, each with the mean chance that the policy gave to its beats for a confidence."""
    bounds = beat_bounds(analysis)
    sure = []
    for clip in clips:
        first = int(np.abs(bounds - clip.start).argmin())
        end = max(int(np.abs(bounds - clip.end).argmin()), first + 1)
        chances = episode.keep_chance[first:end]
        sure.append(replace(clip, confidence=float(chances.mean()) if len(chances) else 0.0))
    return sure
