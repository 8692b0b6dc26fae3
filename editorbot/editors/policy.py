"""Edits by a learned policy: keep, cut, loop, move and change, one action after the other.

The policy goes over the beats (`environment.dynamics`); each action is the likeliest valid one, or sampled at a
temperature above 0. Without a target length it keeps the share that its own encoder predicts. With one it is biased
toward leaving out, or away from it, until the length fits; if that misses by more than a beat, or ranges were given
too, the shortest path (`editors.path`) takes over with the policy's chances as the worth of the beats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, final

import numpy as np

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import ActionSpan, Clip, EditList, MadeBy, is_contiguous
from editorbot.editlist.operations import Range, edit_list_of, range_from_s, subtract
from editorbot.editors.base import Editor, EditRequest, requested_ranges
from editorbot.editors.clips import apply_ranges, beat_records, join_risks
from editorbot.editors.path import shortest_path_edit
from editorbot.editors.policy_inference.action_shares import collapse_warning, share_lines
from editorbot.editors.policy_inference.episode import Episode, PreparedRecording, output_s, play, play_to, prepare
from editorbot.editors.policy_inference.learned import SHIPPED, read_policy, score_features_of
from editorbot.editors.scoring.edges import placed_spans_s
from editorbot.editors.scoring.learned import classify_learned, read_score
from editorbot.environment.episodes import action_spans, edit_list_of_episode
from editorbot.environment.material import beat_bounds, material_of
from editorbot.environment.settings import LEAST_BEATS
from editorbot.errors import MismatchError


@dataclass(frozen=True)
class _CachedEpisode:
    """The last episode, and what it was played for."""

    analysis: Analysis
    request: EditRequest
    prepared: PreparedRecording
    episode: Episode


@final
class PolicyEditor(Editor):
    """Edits by a policy that was trained on edits and on reward.

    Parameters
    ----------
    checkpoint : Path, optional
        Weights: a .safetensors with its card beside it, or the .pt of a run; the shipped ones by default.
    """

    name: ClassVar[str] = "policy"
    ignores: ClassVar[tuple[str, ...]] = ()

    def __init__(self, checkpoint: Path = SHIPPED) -> None:
        self._policy = read_policy(checkpoint)
        self._vocabulary = self._policy.config.action_vocabulary
        self.uses_stems = self._policy.uses_stems
        self._last: _CachedEpisode | None = None

    def edit(self, analysis: Analysis, request: EditRequest) -> EditList:
        """Decide what is played; see :class:`Editor`."""
        if request.vocabulary not in (None, self._vocabulary.name):
            raise MismatchError(
                f"this policy was trained with vocabulary {self._vocabulary.name}, not {request.vocabulary}"
            )
        made_by = MadeBy(self.name, checkpoint=self._policy.digest, seed=request.seed)
        if len(analysis.beats_s) < LEAST_BEATS:
            worth = np.ones(len(analysis.beats_s))  # nothing to decide
            return shortest_path_edit(analysis, request, worth, made_by=made_by)
        episode = self._play(analysis, request).episode
        if not self._meets_length(analysis, request):
            return shortest_path_edit(analysis, request, episode.keep_chance, made_by=made_by)
        whole = edit_list_of_episode(analysis, episode.actions, made_by=made_by, vocabulary=self._vocabulary)
        clips = keep_music(whole.clips, analysis) if request.tightness == "gentle" else whole.clips
        clips = _with_user_ranges(clips, analysis, request)
        warning = collapse_warning(episode.actions, self._vocabulary)
        return edit_list_of(
            analysis.source,
            _with_confidence(clips, episode, analysis),
            made_by=made_by,
            risks=join_risks(analysis, clips),
            beats=beat_records(analysis, episode.keep_chance),
            warnings=[warning] if warning else [],
        )

    def remarks(self, analysis: Analysis, request: EditRequest) -> tuple[str, ...]:
        """List the shares of types, sizes and amounts among the policy's actions, as lines."""
        if len(analysis.beats_s) < LEAST_BEATS:
            return ()
        return tuple(share_lines(self._play(analysis, request).episode.actions, self._vocabulary))

    def actions(self, analysis: Analysis, request: EditRequest) -> tuple[ActionSpan, ...]:
        """List the policy's actions, if the edit consists of nothing else; see :class:`Editor`."""
        is_changed = request.has_ranges or request.tightness == "gentle"
        if len(analysis.beats_s) < LEAST_BEATS or is_changed or not self._meets_length(analysis, request):
            return ()
        actions = self._play(analysis, request).episode.actions
        return action_spans(analysis, actions, vocabulary=self._vocabulary)

    def _play(self, analysis: Analysis, request: EditRequest) -> _CachedEpisode:
        """Play an episode; the last one is kept, because `edit`, `remarks` and `actions` all need it."""
        last = self._last
        if last is None or last.analysis is not analysis or last.request != request:
            target_s = request.target_length_s(analysis.duration_s)
            keep_ratio = None if target_s is None else target_s / analysis.duration_s
            prepared = prepare(self._policy, material_of(analysis), score_features_of(analysis), keep_ratio)
            if target_s is None:
                episode = play(prepared, temperature=request.temperature, seed=request.seed)
            else:
                episode = play_to(prepared, target_s, temperature=request.temperature, seed=request.seed)
            last = self._last = _CachedEpisode(analysis, request, prepared, episode)
        return last

    def _meets_length(self, analysis: Analysis, request: EditRequest) -> bool:
        """Check that the episode's edit is within a beat of the wanted length, if any, and no ranges were given too."""
        target_s = request.target_length_s(analysis.duration_s)
        if target_s is None:
            return True
        last = self._play(analysis, request)
        material = last.prepared.material
        off_s = output_s(last.episode.state, material, self._vocabulary) - target_s
        return abs(off_s) <= float(np.median(material.tables.duration_s)) and not request.has_ranges


def _with_user_ranges(clips: Sequence[Clip], analysis: Analysis, request: EditRequest) -> list[Clip]:
    if not request.has_ranges:
        return list(clips)
    requested = requested_ranges(analysis, request)
    changed = with_ranges(clips, requested.keep, requested.cut)
    return changed or [Clip(*span) for span in apply_ranges([], analysis, request)]


def _with_confidence(clips: Sequence[Clip], episode: Episode, analysis: Analysis) -> list[Clip]:
    """Set the confidence of each clip to the policy's mean chance of playing its beats."""
    bounds = beat_bounds(analysis)
    confident = []
    for clip in clips:
        first = int(np.abs(bounds - clip.start).argmin())
        end = max(int(np.abs(bounds - clip.end).argmin()), first + 1)
        chances = episode.keep_chance[first:end]
        confident.append(replace(clip, confidence=float(chances.mean()) if len(chances) else 0.0))
    return confident


def with_ranges(
    clips: Sequence[Clip], wanted: Sequence[Range], unwanted: Sequence[Range], *, reason: str = "you asked to keep it"
) -> list[Clip]:
    """Add wanted ranges to clips and remove unwanted ones [source samples].

    A wanted range is played unchanged: a clip with effects that overlaps it keeps its other parts. What is missing goes
    before the first clip that begins later in the recording.
    """
    result: list[Clip] = []
    for clip in clips:
        removed = tuple(unwanted) if clip.is_copy else (*unwanted, *wanted)
        pieces = subtract([(clip.start, clip.end)], removed)
        result += [clip if piece == (clip.start, clip.end) else _part(clip, piece) for piece in pieces]
    missing = subtract(wanted, [(clip.start, clip.end) for clip in result if clip.is_copy])
    for start, end in subtract(missing, unwanted):
        at = next((number for number, clip in enumerate(result) if clip.start >= end), len(result))
        result.insert(at, Clip(start, end, reason=reason))
    return result


def _part(clip: Clip, piece: Range) -> Clip:
    """Cut a part out of a clip; fades belong to the whole and are left out."""
    return replace(clip, start=piece[0], end=piece[1], fade_in=0, fade_out=0)


def keep_music(clips: Sequence[Clip], analysis: Analysis) -> list[Clip]:
    """Add to a policy's clips all that the shipped score keeps in gentle mode; clips that touch are joined."""
    spans_s = placed_spans_s(analysis, classify_learned(analysis, read_score(), "gentle"))
    wanted = [range_from_s(start_s, end_s, analysis.source) for start_s, end_s in spans_s]
    joined: list[Clip] = []
    for clip in with_ranges(clips, wanted, [], reason="music, which --tightness gentle does not cut"):
        if joined and is_contiguous(joined[-1], clip):
            joined[-1] = replace(joined[-1], end=clip.end, fade_out=clip.fade_out)
        else:
            joined.append(clip)
    return joined
