"""What a step does: from a state to the next one, without touching sound.

A state says where the cursor is, what was heard so far, and what is held back
for the end. `advance` is pure; the batch environment does the same in arrays
(:mod:`editorbot.environment.batch_dynamics`), and a test compares them.

Conventions
-----------
Positions are beats of the recording, half open. A step that reaches beyond the
last beat stops there. Nothing here judges whether a step is allowed: see
:mod:`editorbot.environment.masks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from editorbot.environment.actions import Action, Operation, Treatment, Vocabulary

STEPS_PER_BEAT = 4
"""An episode is truncated after so many steps a beat."""


@dataclass(frozen=True)
class Play:
    """A span that is heard."""

    first: int
    """First beat."""
    end: int
    """End beat."""
    type: int
    """Index of the type that made it."""
    value: float
    """Value of its amount, 0 where the type has none."""
    times: int = 1
    """How often it is heard, one after the other."""


@dataclass(frozen=True)
class Bridge:
    """A crossfade that the vocabulary v1 asked for."""

    before_play: int
    """Number of the play that it leads to, counted without those held back."""
    crossfade_s: float
    """Its length [seconds]."""


@dataclass(frozen=True)
class EpisodeState:
    """Where an episode stands."""

    beats: int
    """Beats that the episode is about."""
    cursor: int = 0
    """Beat that comes next; `beats` where the recording is used up."""
    frontier: int = 0
    """Beats used: the furthest that the cursor came."""
    plays: tuple[Play, ...] = ()
    """What is heard so far, in order."""
    deferred: tuple[Play, ...] = ()
    """What is heard at the end, in order."""
    bridges: tuple[Bridge, ...] = ()
    """Crossfades asked for."""
    kept: int = 0
    """Beats that are heard at least once, as a set of bits; those held back are among them."""
    output_beats: float = 0.0
    """Length of what is heard, held back or not, at the speed it is played [beats]."""
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
        """How many beats are heard at least once."""
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
        """What the whole edit plays: what is heard so far, then what was held back."""
        return self.plays + self.deferred


def first_state(beats: int, vocabulary: Vocabulary) -> EpisodeState:
    """Return the state before the first step."""
    return EpisodeState(beats, counts=(0,) * vocabulary.types)


def advance(state: EpisodeState, action: Action, lengths: Sequence[int], vocabulary: Vocabulary) -> EpisodeState:
    """Return the state after a step.

    Parameters
    ----------
    state : EpisodeState
        Before the step; not over.
    action : Action
        The step.
    lengths : sequence of int
        What each size spans at the cursor [beats].
    vocabulary : Vocabulary
        What the type's index means.
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
    """Return how long a play is heard, all times together [beats of the recording's own tempo]."""
    speed = play.value if vocabulary.rows[play.type].treatment == Treatment.SPEED else 1.0
    return (play.end - play.first) * play.times / speed


def _with_kept(kept: int, plays: Iterable[Play]) -> int:
    """Return a set of beats with those of some plays."""
    for play in plays:
        kept |= ((1 << (play.end - play.first)) - 1) << play.first
    return kept


def _distance(value: float, length: int) -> int:
    """Return the beats of a move; 0 stands for the size's own."""
    return int(value) or length


def play_out(actions: Iterable[Action], lengths: Sequence[Sequence[int]], vocabulary: Vocabulary) -> EpisodeState:
    """Return the state after all actions, or where the episode ends before them.

    Parameters
    ----------
    actions : iterable of Action
        The steps, from the first beat on.
    lengths : sequence, shape=(beats, 5)
        What each size spans at each beat [beats].
    vocabulary : Vocabulary
        What the types' indices mean.
    """
    state = first_state(len(lengths), vocabulary)
    for action in actions:
        if state.is_over or state.is_truncated:
            break
        state = advance(state, action, lengths[state.cursor], vocabulary)
    return state
