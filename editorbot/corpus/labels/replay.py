"""The human's edit, played as an episode: what the policy would have seen before each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from editorbot.editlist.edit_list import Clip, EditList
from editorbot.environment.actions import V3, Action, Operation, Vocabulary
from editorbot.environment.dynamics import EpisodeState, advance, first_state
from editorbot.environment.masks import masks_at

_LEAST_GAIN_DB, _LEAST_SPEED, _LEAST_PITCH = 0.75, 0.01, 0.5
"""Changes smaller than these are none: half of the smallest amounts."""


@dataclass(frozen=True)
class Moment:
    """One step and the state before it."""

    state: EpisodeState
    """Where the episode stood."""
    action: Action
    """What was done."""
    is_open: bool
    """Whether a policy may do it there; what the masks close is played, but teaches nothing."""
    vocabulary: Vocabulary = V3
    """What the type's index means."""

    @property
    def is_good(self) -> bool:
        """Whether the beat at the cursor is kept by it."""
        return self.vocabulary.rows[self.action.type].operation not in (Operation.CUT, Operation.SKIP)


def replayed(
    actions: Sequence[Action], lengths: Int64[np.ndarray, "beats 5"], vocabulary: Vocabulary = V3
) -> Iterator[Moment]:
    """Yield the moments of an episode, until it ends or the actions do.

    Parameters
    ----------
    actions : sequence of Action
        The steps, from the first beat on.
    lengths : np.ndarray, shape=(beats, 5)
        What each size spans from each beat on, see `editorbot.environment.spans`.
    vocabulary : Vocabulary
        What the types' indices mean.

    Notes
    -----
    An episode ends with the first step that reaches the last beat; what a human played again after
    that is no part of it.
    """
    state = first_state(len(lengths), vocabulary)
    for action in actions:
        if state.is_over or state.is_truncated:
            return
        spans = lengths[state.cursor].tolist()
        is_open = masks_at(state, spans, vocabulary).allows(action)
        yield Moment(state, action, is_open, vocabulary)
        state = advance(state, action, spans, vocabulary)


def without_trifles(edit_list: EditList, level_db: float) -> EditList:
    """Return an edit list with what is no action taken off: the level of the whole edit, and changes nobody hears.

    Parameters
    ----------
    edit_list : EditList
        The edit as it was measured.
    level_db : float
        Gain that lies over most of it [dB].
    """
    return replace(edit_list, clips=tuple(_without_trifles(clip, level_db) for clip in edit_list.clips))


def _without_trifles(clip: Clip, level_db: float) -> Clip:
    gain_db = clip.gain_db - level_db
    half = 0.5 * clip.output_samples
    fade_in, fade_out = (fade if fade > half else 0 for fade in (clip.fade_in, clip.fade_out))
    is_treated = bool(clip.reverse or clip.effects or fade_in or fade_out)
    plain = replace(clip, fade_in=0, fade_out=0)
    speed = clip.speed if abs(clip.speed - 1) >= _LEAST_SPEED else 1.0
    pitch = clip.pitch_semitones if abs(clip.pitch_semitones) >= _LEAST_PITCH else 0.0
    is_treated = is_treated or speed != 1 or pitch != 0
    # Behind another treatment a gain is only part of it.
    gain_db = gain_db if abs(gain_db) >= _LEAST_GAIN_DB and not is_treated else 0.0
    plain = replace(plain, gain_db=gain_db, speed=speed, pitch_semitones=pitch)
    longest = plain.output_samples
    return replace(plain, fade_in=min(fade_in, longest), fade_out=min(fade_out, longest - min(fade_in, longest)))
