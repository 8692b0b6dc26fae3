"""Episodes to edit lists, and edit lists to episodes.

An episode becomes clips on the beats of its recording; what it plays without a change and in one piece is one clip. The
way back finds actions that play the same clips: exactly, where clips begin and end on beats and each has at most one
treatment that the vocabulary has; otherwise as nearly as the vocabulary can, and the transcript lists what it missed.
Of several ways the first in index order is taken: a span that is played again at once is a LOOP, one that comes after
the next span a SWAP_NEXT, one that comes at the end a REORDER.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int64

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.seams import seams_of
from editorbot.editlist.edit_list import ActionSpan, Clip, EditList, Effect, MadeBy
from editorbot.editlist.operations import edit_list_of
from editorbot.environment.actions import V3, Action, Operation, Treatment, TypeRow, Vocabulary
from editorbot.environment.dynamics import EpisodeState, Play, advance, first_state, play_out
from editorbot.environment.material import beat_bounds
from editorbot.environment.spans import span_lengths
from editorbot.environment.transcript import Span, Transcript, transcribe
from editorbot.errors import TargetError
from editorbot.timebase import s_to_samples


def edit_list_of_episode(
    analysis: Analysis, actions: Iterable[Action], *, made_by: MadeBy, vocabulary: Vocabulary = V3
) -> EditList:
    """Make the edit list of an episode.

    Parameters
    ----------
    analysis : Analysis
        Of the recording.
    actions : iterable of Action
        The steps, from the first beat on; what they leave unused is cut.
    made_by : MadeBy
        Who chose the actions.
    vocabulary : Vocabulary
        The types.

    Raises
    ------
    TargetError
        If nothing is played.
    """
    state = play_out(actions, span_lengths(analysis).tolist(), vocabulary)
    if not state.all_plays:
        raise TargetError("the episode plays nothing; keep at least one beat", path=analysis.source.path)
    bounds = beat_bounds(analysis)
    clips: list[Clip] = []
    risks: list[float] = []
    seams = seams_of(analysis)
    for play in state.all_plays:
        clip = clip_of(play, vocabulary, bounds)
        for _ in range(play.times):
            if clips:
                leave = int(np.searchsorted(bounds, clips[-1].end))
                risks.append(float(seams.costs(np.array([leave]), np.array([play.first]))[0]))
            clips.append(clip)
    edit_list = edit_list_of(analysis.source, clips, made_by=made_by, risks=risks)
    return _bridged(edit_list, state, bounds) if state.bridges else edit_list


def action_spans(
    analysis: Analysis, actions: Iterable[Action], *, vocabulary: Vocabulary = V3
) -> tuple[ActionSpan, ...]:
    """Find the part of the recording that each action of an episode is about, in order.

    Parameters
    ----------
    analysis : Analysis
        Of the recording.
    actions : iterable of Action
        The steps, from the first beat on; those after the episode's end are left out.
    vocabulary : Vocabulary
        The types.
    """
    bounds, lengths = beat_bounds(analysis), span_lengths(analysis).tolist()
    state, spans = first_state(len(lengths), vocabulary), []
    for action in actions:
        if state.is_over or state.is_truncated:
            break
        after = advance(state, action, lengths[state.cursor], vocabulary)
        row = vocabulary.rows[action.type]
        first, end = sorted((state.cursor, after.cursor))
        if row.operation == Operation.REPEAT and state.plays:
            first, end = state.plays[-1].first, state.plays[-1].end
        spans.append(ActionSpan(row.name, int(bounds[first]), int(bounds[end])))
        state = after
    return tuple(spans)


def clip_of(play: Play, vocabulary: Vocabulary, bounds: Int64[np.ndarray, " boundaries"]) -> Clip:
    """Make the clip of a play, one time of it.

    Parameters
    ----------
    play : Play
        What is played.
    vocabulary : Vocabulary
        The types.
    bounds : np.ndarray, shape=(beats + 1,) [source samples]
        Boundaries of the beats.
    """
    row = vocabulary.rows[play.type]
    clip = Clip(int(bounds[play.first]), int(bounds[play.end]), row.clip_action, reason=_reason(row, play))
    treatment, value = row.treatment, play.value
    if treatment == Treatment.FADE_IN:
        return replace(clip, fade_in=clip.output_samples)
    if treatment == Treatment.FADE_OUT:
        return replace(clip, fade_out=clip.output_samples)
    if treatment == Treatment.GAIN:
        return replace(clip, gain_db=value)
    if treatment == Treatment.SPEED:
        return replace(clip, speed=value)
    if treatment == Treatment.REVERSE:
        return replace(clip, reverse=True)
    if treatment == Treatment.PITCH:
        return replace(clip, pitch_semitones=value)
    if treatment == Treatment.NONE:
        return clip
    return replace(clip, effects=(Effect(treatment.name, value),))


def _reason(row: TypeRow, play: Play) -> str:
    """Say what was done, in a few plain words."""
    texts = {
        Operation.LOOP: f"played {play.times} times",
        Operation.DEFER: "moved to the end",
        Operation.SWAP: "swapped with its neighbor",
    }
    if row.treatment != Treatment.NONE:
        return row.name.lower().replace("_", " ")
    return texts.get(row.operation, "")


def _bridged(edit_list: EditList, state: EpisodeState, bounds: Int64[np.ndarray, " boundaries"]) -> EditList:
    """Set the crossfades that CROSSFADE actions ask for."""
    joins = list(edit_list.joins)
    starts = {clip.start: number for number, clip in enumerate(edit_list.clips) if number > 0}
    for bridge in state.bridges:
        if bridge.before_play < len(state.plays):
            number = starts.get(int(bounds[state.plays[bridge.before_play].first]))
            if number is not None:
                samples = s_to_samples(bridge.crossfade_s, edit_list.source.sample_rate)
                joins[number - 1] = replace(joins[number - 1], crossfade=samples)
    return replace(edit_list, joins=tuple(joins))


def transcript_of(edit_list: EditList, analysis: Analysis, vocabulary: Vocabulary = V3) -> Transcript:
    """Find actions that play an edit list.

    Parameters
    ----------
    edit_list : EditList
        Any edit of the recording; its clips are moved to the nearest beats.
    analysis : Analysis
        Of the recording.
    vocabulary : Vocabulary
        The types.

    Returns
    -------
    transcript : Transcript
        The actions, and what they miss.
    """
    bounds = beat_bounds(analysis)
    spans = [span for clip in edit_list.clips for span in _spans_of(clip, bounds)]
    return transcribe(spans, span_lengths(analysis).tolist(), vocabulary)


def _spans_of(clip: Clip, bounds: Int64[np.ndarray, " boundaries"]) -> Sequence[Span]:
    """Turn a clip into a span of beats; none where it fills no beat."""
    first, end = (int(np.abs(bounds - edge).argmin()) for edge in (clip.start, clip.end))
    if first >= end:
        return ()
    found = _treatments(clip)
    treatment, value = found[0] if found else (Treatment.NONE, 0.0)
    return (Span(first, end, treatment, value, len(found) > 1),)


def _treatments(clip: Clip) -> list[tuple[Treatment, float]]:
    """List the treatments of a clip, the most audible first."""
    half = clip.output_samples / 2
    done = [
        (clip.reverse, Treatment.REVERSE, 0.0),
        (clip.speed != 1, Treatment.SPEED, clip.speed),
        (clip.pitch_semitones != 0, Treatment.PITCH, clip.pitch_semitones),
        *((effect.value != 0, Treatment[effect.type], effect.value) for effect in clip.effects),
        (clip.fade_in > half, Treatment.FADE_IN, 0.0),
        (clip.fade_out > half, Treatment.FADE_OUT, 0.0),
        (clip.gain_db != 0, Treatment.GAIN, clip.gain_db),
    ]
    return [(treatment, value) for is_there, treatment, value in done if is_there]
