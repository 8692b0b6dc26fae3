"""Where a play could be left so that the next one goes on, and what speaks for each place.

The start of the next play is laid along the end of this one at every distance; where the two are most alike are the
places. Around each it is told how alike they are, what would be given up or taken on, and what lies between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from editorbot.editors.scoring.scorecard import odds_of
from editorbot.timebase import STEP_S, s_to_steps, step_at, steps_over

EARLIEST_STEPS = s_to_steps(60.0)
"""How much of a play may be given up [steps]."""

LATEST_STEPS = s_to_steps(5.0)
"""How much may be taken on after its end [steps]."""

REACH_STEPS = 32
"""How much of the two plays is compared, before and after a place [steps], 6 s."""

LEAST_STEPS = 3
"""So much of a play stays at least, and it is not left earlier by less [steps]."""

SAME_STEPS = 4
"""Places within this of each other are no rivals [steps]."""

OVERLAP_STEPS = 6
"""Where two plays overlap by less than this, the overlap alone proves nothing [steps]."""

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

    def is_worth(self, span_s: tuple[float, float], least: float) -> bool:
        """Tell whether the band plays throughout a stretch, and its mean log odds are at least so high."""
        over = steps_over(*span_s)
        steps = slice(max(over.start, 0), max(over.stop, over.start + 1))
        return bool(len(self.odds[steps]) and self.is_song[steps].all() and self.odds[steps].mean() >= least)


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
    return Heard(vectors, np.clip(odds_of(score), -MOST_ODDS, MOST_ODDS), is_song)


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
    start, end, arrive = (s_to_steps(time_s) for time_s in (start_s, end_s, next_s))
    first = max(step_at(start_s) + LEAST_STEPS, end - EARLIEST_STEPS)
    every = np.arange(first, max(min(end + LATEST_STEPS, arrive - 2), end) + 1)
    likeness = _likeness(every, arrive, end, heard.vectors)
    overlap = np.where(end - every >= OVERLAP_STEPS, likeness["overlap"], 0.0)
    # Short stretches are alike by chance more often.
    best = np.max([0.8 * likeness["after_short"], likeness["after"], likeness["after_long"], 0.9 * likeness["before"],
                   likeness["before_long"], overlap], axis=0)  # fmt: skip
    chosen = int(np.clip(end - first, 0, len(every) - 1))
    peaks = _peaks(best, chosen)
    others = [np.abs(every - at) > SAME_STEPS for at in every[peaks]]
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
    here = cut_out(vectors, int(every[0]) - reach, int(every[-1]) + reach)
    there = cut_out(vectors, arrive - reach, arrive + reach)
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


def cut_out(vectors: Float32[np.ndarray, "steps dimensions"], first: int, last: int) -> Float32[np.ndarray, "rows d"]:
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
    earlier, later = (end - at) >= LEAST_STEPS, at > end
    seconds = np.abs(end - at) * STEP_S
    best = np.max([told["after"], told["before"], told["before_long"]], axis=0)
    both = np.maximum(best, np.where(end - at >= OVERLAP_STEPS, told["overlap"], 0.0))
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
