"""Dynamics: the next state of an episode after a step, without touching audio.

A state holds the cursor, what was played so far, and what is deferred to the end. `advance` is pure; the batch
environment does the same in arrays (:mod:`editorbot.environment.batch_episodes`), and a test compares them.

Conventions
-----------
Positions are beats of the recording, half open. A step that reaches beyond the last beat stops there. Whether an action
is allowed is decided in :mod:`editorbot.environment.masks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from editorbot.environment.actions import Action, Operation, Treatment, Vocabulary

STEPS_PER_BEAT = 4
"""An episode is truncated after so many steps a beat."""


@dataclass(frozen=True)
class Play:
    """A span that is played."""

    first: int
    """First beat."""
    end: int
    """End beat."""
    type: int
    """Index of the type that made it."""
    value: float
    """Value of its amount, 0 where the type has none."""
    times: int = 1
    """How many times it is played, one after the other."""


@dataclass(frozen=True)
class Bridge:
    """A crossfade that the vocabulary v1 asked for."""

    before_play: int
    """Number of the play that it leads to, deferred ones not counted."""
    crossfade_s: float
    """Its length [seconds]."""


@dataclass(frozen=True)
class EpisodeState:
    """An episode so far."""

    beats: int
    """Beats of the episode."""
    cursor: int = 0
    """Beat that comes next; `beats` where the recording is used up."""
    frontier: int = 0
    """Beats used: the furthest that the cursor came."""
    plays: tuple[Play, ...] = ()
    """Plays so far, in order."""
    deferred: tuple[Play, ...] = ()
    """Plays that come at the end, in order."""
    bridges: tuple[Bridge, ...] = ()
    """Crossfades asked for."""
    kept: int = 0
    """Beats that are played at least once, deferred or not, as a set of bits."""
    output_beats: float = 0.0
    """Length of all plays, deferred or not, at their speed [beats]."""
    counts: tuple[int, ...] = ()
    """Steps of each type so far, in index order."""
    last_type: int = -1
    """Type of the last step, -1 before the first."""
    last_size_beats: int = 0
    """Beats that the size of the last step spanned."""

    @property
    def steps(self) -> int:
        """Steps so far."""
        return sum(self.counts)

    @property
    def kept_beats(self) -> int:
        """Number of beats that are played at least once."""
        return self.kept.bit_count()

    @property
    def is_over(self) -> bool:
        """Whether the recording is used up."""
        return self.cursor >= self.beats

    @property
    def is_truncated(self) -> bool:
        """Whether the episode took too many steps."""
        return not self.is_over and self.steps >= STEPS_PER_BEAT * self.beats

    @property
    def all_plays(self) -> tuple[Play, ...]:
        """All plays of the edit, deferred ones last."""
        return self.plays + self.deferred


def first_state(beats: int, vocabulary: Vocabulary) -> EpisodeState:
    """State before the first step."""
    return EpisodeState(beats, counts=(0,) * vocabulary.types)


def advance(state: EpisodeState, action: Action, lengths: Sequence[int], vocabulary: Vocabulary) -> EpisodeState:
    """Compute the state after a step.

    Parameters
    ----------
    state : EpisodeState
        Before the step; not over.
    action : Action
        The step.
    lengths : sequence of int
        What each size spans at the cursor [beats].
    vocabulary : Vocabulary
        The types.
    """
    row = vocabulary.rows[action.type]
    value = row.values[action.amount]
    cursor, length = state.cursor, min(lengths[action.size], state.beats - state.cursor)
    plays, deferred, bridges = state.plays, state.deferred, state.bridges
    span = Play(cursor, cursor + length, action.type, value)
    after = cursor + length
    if row.operation == Operation.PLAY:
        plays += (span,)
    elif row.operation == Operation.LOOP:
        plays += (Play(cursor, after, action.type, 0.0, int(value)),)
    elif row.operation == Operation.DEFER:
        deferred += (span,)
    elif row.operation == Operation.BACK:
        after = max(cursor - _distance(value, length), 0)
    elif row.operation == Operation.SKIP:
        after = min(cursor + _distance(value, length), state.beats)
    elif row.operation == Operation.REPEAT:
        plays += tuple(Play(last.first, last.end, last.type, last.value) for last in plays[-1:])
        after = cursor
    elif row.operation == Operation.SWAP:
        end = min(after + length, state.beats)
        swapped = Play(after, end, action.type, 0.0)
        plays += (swapped, span) if end > after else (span,)
        after = end
    elif row.operation == Operation.BRIDGE:
        bridges += (Bridge(len(plays), value),)
    new = plays[len(state.plays) :] + deferred[len(state.deferred) :]
    counts = list(state.counts)
    counts[action.type] += 1
    return EpisodeState(
        beats=state.beats,
        cursor=after,
        frontier=max(state.frontier, after),
        plays=plays,
        deferred=deferred,
        bridges=bridges,
        kept=_with_kept(state.kept, new),
        output_beats=state.output_beats + sum(output_beats(play, vocabulary) for play in new),
        counts=tuple(counts),
        last_type=action.type,
        last_size_beats=length,
    )


def output_beats(play: Play, vocabulary: Vocabulary) -> float:
    """Length of a play, all times together [beats of the recording's own tempo]."""
    speed = play.value if vocabulary.rows[play.type].treatment == Treatment.SPEED else 1.0
    return (play.end - play.first) * play.times / speed


def _with_kept(kept: int, plays: Iterable[Play]) -> int:
    """Add the beats of some plays to a set of beats."""
    for play in plays:
        kept |= ((1 << (play.end - play.first)) - 1) << play.first
    return kept


def _distance(value: float, length: int) -> int:
    """Beats that a move goes; 0 means the length of its size."""
    return int(value) or length


def play_out(actions: Iterable[Action], lengths: Sequence[Sequence[int]], vocabulary: Vocabulary) -> EpisodeState:
    """Compute the state after all actions, or where the episode ends before.

    Parameters
    ----------
    actions : iterable of Action
        The steps, from the first beat on.
    lengths : sequence, shape=(beats, 5)
        What each size spans at each beat [beats].
    vocabulary : Vocabulary
        The types.
    """
    state = first_state(len(lengths), vocabulary)
    for action in actions:
        if state.is_over or state.is_truncated:
            break
        state = advance(state, action, lengths[state.cursor], vocabulary)
    return state
