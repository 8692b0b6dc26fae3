"""Says when to leave a play so that the music goes on in the next one where it stopped.

A take breaks off, the band goes back some bars and plays on. Both plays are worth keeping up to there, but kept whole
the bars are heard twice. So the start of the next play is laid along the end of this one at every distance: where the
two run together is where to leave. A scorecard (`leaving_card`) says how likely each place is to be right, from how
alike the two plays are there, from what would be given up or taken on, and from what lies between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from editorbot.editors.scoring.leaving_card import LEAVING_CARD
from editorbot.editors.scoring.scorecard import chance
from editorbot.editors.scoring.takes import peak_offset
from editorbot.timebase import STEP_S

EARLIEST_STEPS = round(60 / STEP_S)
"""How much of a play may be given up [steps]."""

LATEST_STEPS = round(5 / STEP_S)
"""How much may be taken on after its end [steps]."""

LIKELY_EARLIER = 0.15
"""From this chance on a play is left earlier: of several places only one can be right, so none is very likely."""

LIKELY_LATER = 0.3
"""From this chance on a play is left later: what is taken on was not thought worth keeping."""

WORTH_TAKING = -1.0
"""Mean log odds of 'keep' that must be above this where a play is to go on for longer."""

SHORTEST_STEPS = 5
"""Plays shorter than this are left as they are [steps]."""

REACH_STEPS = 32
"""How much of the two plays is compared, before and after a place [steps], 6 s."""

MOST_PLACES = 8
"""Places that are weighed up, beside the one that was chosen already."""

MOST_ODDS = 9.0
"""No step counts for more than this [log odds]."""


Cues = dict[str, Float32[np.ndarray, " places"]]
"""Values of cues at some places, by name."""


@dataclass(frozen=True)
class Heard:
    """What is known about each step of a recording."""

    vectors: Float32[np.ndarray, "steps dimensions"]
    """Timbre and harmony, as unit vectors."""
    odds: Float[np.ndarray, " steps"]
    """Log odds that it is worth keeping."""
    is_song: Bool[np.ndarray, " steps"]
    """Whether the band plays."""


@dataclass(frozen=True)
class Places:
    """Where a play could be left, and what speaks for each place."""

    at: Int[np.ndarray, " places"]
    """The places [steps]."""
    end: int
    """The one that was chosen before [steps]; it is among them."""
    cues: Cues
    """What speaks for and against each, the cues of the card."""


def heard_of(
    vectors: Float32[np.ndarray, "steps dimensions"],
    score: Float[np.ndarray, " steps"],
    is_song: Bool[np.ndarray, " steps"],
) -> Heard:
    """Return what is known, given the chance in [0, 1] that each step is worth keeping."""
    known = np.clip(score, 1e-6, 1 - 1e-6)
    return Heard(vectors, np.clip(np.log(known) - np.log1p(-known), -MOST_ODDS, MOST_ODDS), is_song)


def left_in_place(spans_s: Sequence[tuple[float, float]], heard: Heard) -> list[tuple[float, float]]:
    """Return plays that are left where the next one goes on, where that was found; their starts stay.

    Parameters
    ----------
    spans_s : sequence of (start, end) [seconds]
        The plays in their order.
    heard : Heard
        The recording.

    Notes
    -----
    On 100 simulated jams that neither the score nor the card had heard: F1 0.916 to 0.922, purity 0.888 to 0.901,
    joins across which the finished music goes on within 0.2 s 0.25 to 0.35.
    """
    left = list(spans_s)
    for number in range(len(left) - 1):
        (start_s, end_s), (next_s, next_end_s) = left[number], left[number + 1]
        if end_s > next_s or min(end_s - start_s, next_end_s - next_s) < SHORTEST_STEPS * STEP_S:
            continue
        places = places_of(start_s, end_s, next_s, heard)
        best = _best(places)
        if best is not None:
            moved_s = _to_a_fraction(int(places.at[best]), next_s / STEP_S, heard.vectors) * STEP_S
            if start_s + SHORTEST_STEPS * STEP_S / 2 < moved_s <= next_s:
                left[number] = (start_s, moved_s)
    return left


def _best(places: Places) -> int | None:
    """Return the place to leave at, None for the one that was chosen before."""
    likely = chance(LEAVING_CARD.log_odds(places.cues))
    later = places.at > places.end
    open_ = np.where(later, likely >= LIKELY_LATER, likely >= LIKELY_EARLIER)
    open_ &= ~later | (places.cues["taken_on"] >= WORTH_TAKING)
    best = int(np.where(open_ | (places.at == places.end), likely, 0.0).argmax())
    return None if places.at[best] == places.end else best


def places_of(start_s: float, end_s: float, next_s: float, heard: Heard) -> Places:
    """Return where a play could be left, and what speaks for each place.

    Parameters
    ----------
    start_s, end_s : float [seconds]
        The play.
    next_s : float [seconds]
        Where the next one begins; at `end_s` or later.
    heard : Heard
        The recording.
    """
    start, end, arrive = (round(time_s / STEP_S) for time_s in (start_s, end_s, next_s))
    first = max(int(start_s / STEP_S) + 3, end - EARLIEST_STEPS)
    every = np.arange(first, max(min(end + LATEST_STEPS, arrive - 2), first + 1) + 1)
    likeness = _likeness(every, arrive, end, heard.vectors)
    best = np.max([0.8 * likeness["after_short"], likeness["after"], likeness["after_long"], 0.9 * likeness["before"],
                   likeness["before_long"], np.where(end - every >= 6, likeness["overlap"], 0.0)], axis=0)  # fmt: skip
    chosen = int(np.clip(end - first, 0, len(every) - 1))
    peaks = _peaks(best, chosen)
    others = [np.abs(every - at) > 4 for at in every[peaks]]
    rivals = np.array([best[other].max() if other.any() else 0.0 for other in others])
    told = {name: values[peaks] for name, values in likeness.items()}
    told["above_others"] = best[peaks] - rivals
    told["rank"] = np.arange(len(peaks), dtype=np.float64)
    at = every[peaks]
    told |= _around(at, int(every[chosen]), arrive, heard)
    told["share"] = (end - at) / max(end - start, 1)
    told["gap"] = np.full(len(at), np.log(next_s - end_s + 0.3))
    return Places(at, int(every[chosen]), _apart(told, at, end))


def _likeness(
    every: Int[np.ndarray, " places"], arrive: int, end: int, vectors: Float32[np.ndarray, "steps dimensions"]
) -> dict[str, Float[np.ndarray, " places"]]:
    """Return how alike the two plays are around each place: mean cosines of several stretches."""
    reach = REACH_STEPS
    here = _cut_out(vectors, int(every[0]) - reach, int(every[-1]) + reach)
    there = _cut_out(vectors, arrive - reach, arrive + reach)
    cosines = np.stack([here[step : step + len(every)] @ there[step] for step in range(2 * reach)], axis=1)
    sums = np.concatenate([np.zeros((len(every), 1)), np.cumsum(cosines, axis=1, dtype=np.float64)], axis=1)

    def mean(begin: int, stop: int) -> Float[np.ndarray, " places"]:
        return np.asarray((sums[:, reach + stop] - sums[:, reach + begin]) / (stop - begin))

    length = np.clip(end - every, 1, reach)
    overlap = (sums[np.arange(len(every)), reach + length] - sums[:, reach]) / length
    return {
        "after_short": mean(0, 8), "after": mean(0, 16), "after_long": mean(0, reach),
        "before_short": mean(-8, 0), "before": mean(-16, 0), "before_long": mean(-reach, 0), "overlap": overlap,
    }  # fmt: skip


def _cut_out(vectors: Float32[np.ndarray, "steps dimensions"], first: int, last: int) -> Float32[np.ndarray, "rows d"]:
    """Return rows [first, last), zeros beyond the ends."""
    rows = np.zeros((last - first, vectors.shape[1]), np.float32)
    low, high = max(first, 0), min(last, len(vectors))
    rows[low - first : max(high, low) - first] = vectors[low : max(high, low)]
    return rows


def _peaks(values: Float[np.ndarray, " places"], chosen: int) -> Int[np.ndarray, " peaks"]:
    """Return the highest peaks, highest first, and the place that was chosen before."""
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    peaks = np.flatnonzero((values >= padded[:-2]) & (values > padded[2:]))
    peaks = peaks[np.argsort(-values[peaks], kind="stable")][:MOST_PLACES]
    return peaks if chosen in peaks else np.append(peaks, chosen)


def _around(at: Int[np.ndarray, " places"], end: int, arrive: int, heard: Heard) -> dict[str, np.ndarray]:
    """Return what is worth keeping of what each place gives up or takes on, behind it, in between, and in the next."""
    last = len(heard.odds)
    spans = [sorted((int(place), end)) for place in at]
    moved = np.array([heard.odds[low : max(high, low + 1)].mean() if low < last else 0.0 for low, high in spans])
    behind = np.array([heard.odds[place : place + 8].mean() if place < last else 0.0 for place in at])
    gap = heard.is_song[end : max(arrive, end + 1)]
    following = heard.odds[arrive : arrive + 16]
    return {
        "moved": moved,
        "behind": behind,
        "stopped": np.full(len(at), 1.0 - gap.mean() if len(gap) else 0.0),
        "following": np.full(len(at), following.mean() if len(following) else 0.0),
    }


def _apart(told: dict[str, np.ndarray], at: Int[np.ndarray, " places"], end: int) -> Cues:
    """Return the card's cues: what holds for places earlier and later than the end is told apart."""
    earlier, later = (end - at) >= 3, at > end
    seconds = np.abs(end - at) * STEP_S
    best = np.max([told["after"], told["before"], told["before_long"]], axis=0)
    both = np.maximum(best, np.where(end - at >= 6, told["overlap"], 0.0))
    moved = told.pop("moved")
    cues = told | {
        "alike": np.max([best, told["after_short"], told["after_long"]], axis=0),
        "alike_earlier": np.where(earlier, both, 0.0),
        "alike_later": np.where(later, both, 0.0),
        "above_earlier": np.where(earlier, told["above_others"], 0.0),
        "above_later": np.where(later, told["above_others"], 0.0),
        "overlap": np.where(earlier, told["overlap"], 0.3),
        "overlap_weight": np.where(at < end, np.log1p(seconds) * np.maximum(told["overlap"], 0.0), 0.0),
        "earlier_by": np.log1p(seconds) * np.where(later, -1.0, 1.0),
        "given_up": np.where(earlier, moved, 0.0),
        "taken_on": np.where(later, moved, 0.0),
        "as_it_is": at == end,
    }
    return {name: np.asarray(values, np.float32) for name, values in cues.items()}


def _to_a_fraction(at: int, arrive_steps: float, vectors: Float32[np.ndarray, "steps dimensions"]) -> float:
    """Return a place to a fraction of a step: where the two plays are most alike, after it or before it."""
    arrive, sides = round(arrive_steps), []
    for low, high in ((0, 16), (-16, 0)):
        there = _cut_out(vectors, arrive + low, arrive + high)
        near = (at - 1, at, at + 1)
        sides.append(np.array([(_cut_out(vectors, one + low, one + high) * there).sum(1).mean() for one in near]))
    side = max(sides, key=lambda likeness: float(likeness[1]))
    return at + peak_offset(side) + arrive_steps - arrive
