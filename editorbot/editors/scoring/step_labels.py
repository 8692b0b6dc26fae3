"""What a scoring editor decides about each step, and where the music goes on across a cut.

Where a take or a turn of a vamp is cut inside the song, the music should go on as if nothing was missing. What was cut
sounds like what follows it (a take played again) or like what came before it (a turn too many): either way the
recording is similar to itself at about the length of the cut. The best lag near that length, to a fraction of a step,
says how long the cut has to be. That is a link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from editorbot.analysis.grid_times import runs_of
from editorbot.editors.scoring.self_similarity import Vectors
from editorbot.editors.scoring.takes import Retake, peak_offset

SEARCH_STEPS = 8
"""How far the lag may be from the length of the cut [steps], 1.5 s."""

COMPARED_STEPS = 32
"""How much of the music on either side is compared [steps], 6 s."""

LEAST_SIMILARITY = 0.5
"""Mean cosine below which the two sides are not the same music."""

LEAST_STEPS = 8
"""Comparisons shorter than this prove nothing [steps]."""

LINK_SLACK_STEPS = 6
"""A link belongs to a cut whose edges are within this of its own [steps], 1.1 s."""


@dataclass(frozen=True)
class Link:
    """Two places between which the music goes on as if nothing was cut."""

    leave: int
    """Where the cut starts [steps]."""
    arrive: int
    """Where it ends [steps]."""
    lag_steps: float
    """Distance between the two plays, to a fraction of a step."""
    is_played_again: bool = True
    """Whether what is cut is the same as what follows it, rather than as what came before it."""


@dataclass(frozen=True)
class StepLabels:
    """What was decided about each step of a recording."""

    keep: Bool[np.ndarray, " steps"]
    """Whether it is worth keeping."""
    score: Float[np.ndarray, " steps"]
    """How much so, in [0, 1]."""
    is_song: Bool[np.ndarray, " steps"]
    """Whether it is the band's music at all, takes that are cut included."""
    retakes: tuple[Retake, ...]
    """The takes that are cut because they are played again."""
    links: tuple[Link, ...] = ()
    """Where the music goes on across cuts of takes and turns."""
    extra_turns: tuple[tuple[int, int], ...] = ()
    """Turns of vamps that are cut because they were just played [steps, half open]."""
    classes: Int[np.ndarray, " steps"] | None = None
    """Most likely class of each step, an index into `scorer_config.CLASSES`; None if rules made the labels."""


def find_links(vectors: Vectors, keep: Bool[np.ndarray, " steps"]) -> tuple[Link, ...]:
    """Find a link for every cut whose two sides play the same, given which steps are kept."""
    runs = runs_of(keep)
    found = [_link(vectors, leave, arrive) for (_, leave), (arrive, _) in zip(runs, runs[1:])]
    return tuple(link for link in found if link is not None)


def link_near(links: Sequence[Link], leave_steps: float, arrive_steps: float) -> Link | None:
    """Find the link nearest to a cut, the first of equally near ones; None if no link has both edges within reach."""
    near = [
        (abs(link.leave - leave_steps) + abs(link.arrive - arrive_steps), number)
        for number, link in enumerate(links)
        if max(abs(link.leave - leave_steps), abs(link.arrive - arrive_steps)) <= LINK_SLACK_STEPS
    ]
    return links[min(near)[1]] if near else None


def _link(vectors: Vectors, leave: int, arrive: int) -> Link | None:
    """Find the link of one cut, None if its sides are not similar."""
    lags = np.arange(max(1, arrive - leave - SEARCH_STEPS), arrive - leave + SEARCH_STEPS + 1)
    after = [_similarity(vectors, leave, leave + COMPARED_STEPS, int(lag)) for lag in lags]
    before = [_similarity(vectors, arrive - COMPARED_STEPS, arrive, -int(lag)) for lag in lags]
    is_played_again = max(after) >= max(before)
    side = np.array(after if is_played_again else before)
    best = int(side.argmax())
    if side[best] < LEAST_SIMILARITY:
        return None
    lag_steps = float(lags[best]) + peak_offset(side[max(0, best - 1) : best + 2])
    return Link(leave, arrive, lag_steps, is_played_again)


def _similarity(vectors: Vectors, first: int, last: int, lag: int) -> float:
    """Compute the mean cosine of steps [first, last) with those `lag` later."""
    first, last = max(first, 0, -lag), min(last, len(vectors), len(vectors) - lag)
    if last - first < LEAST_STEPS:
        return 0.0
    return float((vectors[first:last] * vectors[first + lag : last + lag]).sum(1).mean())
