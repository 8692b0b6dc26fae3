"""Finds, for a cut inside the song, at which distance the two plays beside it run together.

Where a take or a turn is left out, the music should go on as if nothing had
been cut. What was cut sounds like what follows it (a take played again), or
like what came before it (a turn too many): either way the recording matches
itself at the cut's length, give or take. The best distance near it, to a
fraction of a step, says how long the cut has to be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32

from editorbot.editors.scoring.classify import Link
from editorbot.editors.scoring.takes import peak_offset

SEARCH_STEPS = 8
"""How far the distance may lie from the cut's length [steps], 1.5 s."""

COMPARED_STEPS = 32
"""How much of the music on either side is compared [steps], 6 s."""

LEAST_LIKENESS = 0.5
"""Mean cosine below which the two sides are not the same music."""

LEAST_STEPS = 8
"""Comparisons shorter than this prove nothing [steps]."""

LINK_SLACK_STEPS = 6
"""A link belongs to a cut whose edges lie within this of its own [steps], 1.1 s."""


def find_links(vectors: Float32[np.ndarray, "steps dimensions"], keep: Bool[np.ndarray, " steps"]) -> tuple[Link, ...]:
    """Return a link for every cut whose two sides play the same.

    Parameters
    ----------
    vectors : np.ndarray, shape=(steps, dimensions), float32
        Unit vectors of the steps.
    keep : np.ndarray, shape=(steps,), bool
        What is kept.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], keep, [False]]).astype(int)))
    found = [_link(vectors, int(leave), int(arrive)) for leave, arrive in zip(edges[1::2], edges[2::2])]
    return tuple(link for link in found if link is not None)


def link_near(links: Sequence[Link], leave_steps: float, arrive_steps: float) -> Link | None:
    """Return the link nearest to a cut, the first of equally near ones; None where none has both edges in reach."""
    near = [
        (abs(link.leave - leave_steps) + abs(link.arrive - arrive_steps), number)
        for number, link in enumerate(links)
        if max(abs(link.leave - leave_steps), abs(link.arrive - arrive_steps)) <= LINK_SLACK_STEPS
    ]
    return links[min(near)[1]] if near else None


def _link(vectors: Float32[np.ndarray, "steps dimensions"], leave: int, arrive: int) -> Link | None:
    """Return the link of one cut, None where its sides are not alike."""
    lags = np.arange(max(1, arrive - leave - SEARCH_STEPS), arrive - leave + SEARCH_STEPS + 1)
    after = [_likeness(vectors, leave, leave + COMPARED_STEPS, int(lag)) for lag in lags]
    before = [_likeness(vectors, arrive - COMPARED_STEPS, arrive, -int(lag)) for lag in lags]
    side = np.array(after if max(after) >= max(before) else before)
    best = int(side.argmax())
    if side[best] < LEAST_LIKENESS:
        return None
    return Link(leave, arrive, float(lags[best]) + peak_offset(side[max(0, best - 1) : best + 2]))


def _likeness(vectors: Float32[np.ndarray, "steps dimensions"], first: int, last: int, lag: int) -> float:
    """Return the mean cosine of steps [first, last) with those `lag` further on."""
    first, last = max(first, 0, -lag), min(last, len(vectors), len(vectors) - lag)
    if last - first < LEAST_STEPS:
        return 0.0
    return float((vectors[first:last] * vectors[first + lag : last + lag]).sum(1).mean())
