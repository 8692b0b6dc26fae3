"""Says when to leave a play so that the music goes on in the next one where it stopped.

A take breaks off, the band goes back some bars and plays on. Both plays are worth keeping up to there, but kept whole
the bars are heard twice. A scorecard (`leaving_card`) says how likely each place to leave (`leaving_places`) is to be
right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32

from editorbot.editors.scoring.bars import NO_BARS, Bars
from editorbot.editors.scoring.overlap_trim_card import OVERLAP_TRIM_CARD
from editorbot.editors.scoring.overlap_trim_places import Heard, Places, cut_out, places_of
from editorbot.editors.scoring.scorecard import Scorecard, chance
from editorbot.editors.scoring.takes import peak_offset
from editorbot.timebase import STEP_S, steps_over

LIKELY = 0.25
"""From this chance on a play is left elsewhere: of several places only one can be right, so none is very likely."""

WORTH_TAKING = -1.0
"""Mean log odds of 'keep' that must be above this where a play is to go on for longer."""

SHORTEST_STEPS = 5
"""Plays shorter than this are left as they are [steps]."""

SHORTEST_S = SHORTEST_STEPS / 2 * STEP_S
"""No play becomes shorter than this [seconds]."""

Span = tuple[float, float]
"""A stretch of the recording, (start, end) [seconds]."""


def trim_overlaps(
    spans_s: Sequence[Span],
    heard: Heard,
    keep: Bool[np.ndarray, " steps"],
    *,
    bars: Bars = NO_BARS,
    pinned_s: Sequence[Span] = (),
    shortest_s: float = SHORTEST_S,
) -> list[Span]:
    """Return plays that are left where the next one goes on, where that was found.

    Parameters
    ----------
    spans_s : sequence of (start, end) [seconds]
        The plays in their order.
    heard : Heard
        The recording.
    keep : np.ndarray, shape=(steps,), bool
        Which steps are to be kept: only plays with something to be cut between them are touched.
    bars : Bars
        Where a join is known to go on, both its sides move along to the bar, where one is near and the band plays.
    pinned_s : sequence of (start, end) [seconds]
        What has to be played: no play gives any of it up.
    shortest_s : float [seconds]
        A play that would become shorter is left out: nearly all of it comes again.

    Notes
    -----
    Edits by `scored` of 32 simulated jams of validation artists: purity 0.899 to 0.909, F1 0.902 to 0.904, mean error
    of the beat's phase at joins 61 to 44 ms, F1 of cut points 0.30 to 0.34. Of 401 joins, good music went on across 88
    as they were and across 112 by a card that was fitted on other ones; it could across 147.
    """
    left = list(spans_s)
    for number in reversed(range(len(left) - 1)):
        one, other = left[number], left[number + 1]
        if one[1] > other[0] or keep[steps_over(one[1], other[0])].all():
            continue
        if min(one[1] - one[0], other[1] - other[0]) < SHORTEST_STEPS * STEP_S:
            continue
        next_start_s = min((start_s for start_s, _ in left if start_s >= one[1]), default=other[0])
        place_s = _place_s(one, other[0], heard)
        if place_s is None or place_s > next_start_s or _touches((place_s, one[1]), pinned_s):
            continue
        later_s = _to_the_bar_s(place_s, other, heard, bars, pinned_s, shortest_s)
        if place_s + later_s - one[0] < shortest_s:
            later_s = 0.0
        left[number], left[number + 1] = (one[0], place_s + later_s), (other[0] + later_s, other[1])
        if place_s - one[0] < shortest_s:
            del left[number]
    return left


def likeliest(places: Places, card: Scorecard = OVERLAP_TRIM_CARD) -> int | None:
    """Return the number of the place to leave at, None where none is likely enough."""
    likely = card_chances(places, card)
    best = int(likely.argmax())
    return best if likely[best] >= LIKELY else None


def card_chances(places: Places, card: Scorecard) -> Float[np.ndarray, " places"]:
    """Return how likely each place is to be right, shape=(places,); 0 where too much would be taken on."""
    is_open = (places.at <= places.end) | (places.cues["taken_on"] >= WORTH_TAKING)
    return np.where(is_open, chance(card.log_odds(places.cues)), 0.0)


def _place_s(one: Span, next_s: float, heard: Heard) -> float | None:
    """Return when to leave a play so that the next one goes on [seconds], None where nobody knows."""
    places = places_of(one[0], one[1], next_s, heard)
    best = likeliest(places)
    if best is None:
        return None
    if places.at[best] == places.end:
        return one[1]
    return _to_a_fraction(int(places.at[best]), next_s / STEP_S, heard.vectors) * STEP_S


def _to_the_bar_s(
    place_s: float, other: Span, heard: Heard, bars: Bars, pinned_s: Sequence[Span], shortest_s: float
) -> float:
    """Return how much later a join should lie so that it is on the bar [seconds]; 0 where it stays."""
    later_s = bars.later_s(other[0])
    # Later, the first play takes more on and the next one gives that up; earlier, it is the other way round.
    taken = (place_s, place_s + later_s) if later_s > 0 else (other[0] + later_s, other[0])
    given = (other[0], other[0] + later_s) if later_s > 0 else (place_s + later_s, place_s)
    is_open = heard.is_worth(taken, WORTH_TAKING) and not _touches(given, pinned_s)
    return later_s if is_open and other[1] - other[0] - later_s >= shortest_s else 0.0


def _touches(span: Span, others: Sequence[Span]) -> bool:
    return any(start_s < span[1] and span[0] < end_s for start_s, end_s in others)


def _to_a_fraction(at: int, arrive_steps: float, vectors: Float32[np.ndarray, "steps dimensions"]) -> float:
    """Return a place to a fraction of a step: where the two plays are most alike, after it or before it."""
    arrive, sides = round(arrive_steps), []
    for low, high in ((0, 16), (-16, 0)):
        there = cut_out(vectors, arrive + low, arrive + high)
        near = (at - 1, at, at + 1)
        sides.append(np.array([(cut_out(vectors, one + low, one + high) * there).sum(1).mean() for one in near]))
    side = max(sides, key=lambda likeness: float(likeness[1]))
    return at + peak_offset(side) + arrive_steps - arrive
