"""The human's steps, played as an episode: what the policy would have seen before each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from editorbot.corpus.labels.steps import Step
from editorbot.environment.actions import V3, Vocabulary
from editorbot.environment.dynamics import EpisodeState, advance, first_state
from editorbot.environment.masks import masks_at


@dataclass(frozen=True)
class Moment:
    """One step and the state before it."""

    state: EpisodeState
    """Where the episode stood."""
    step: Step
    """What the human did."""
    is_open: bool
    """Whether a policy may do it there; what the masks close is played, but teaches nothing."""


def replayed(
    steps: Sequence[Step], lengths: Int64[np.ndarray, "beats 5"], vocabulary: Vocabulary = V3
) -> Iterator[Moment]:
    """Yield the moments of an episode, until it ends or the steps do.

    An episode ends with the first step that reaches the last beat; what a human played again after
    that is no part of it.
    """
    state = first_state(len(lengths), vocabulary)
    for step in steps:
        if state.is_over or state.is_truncated or state.cursor != step.beat:
            return
        spans = lengths[state.cursor].tolist()
        is_open = masks_at(state, spans, vocabulary).allows(step.action)
        yield Moment(state, step, is_open)
        state = advance(state, step.action, spans, vocabulary)
