"""Finds where a play could be left so that the next one goes on, and the cues for and against each place.

The start of the next play is compared with the end of this one at every distance; the places are where the two are
most similar. The cues of a place are how similar they are around it, what would be cut or added, and what is between
the two plays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from editorbot.editors.scoring.scorecard import odds_of
from editorbot.editors.scoring.self_similarity import Vectors
from editorbot.timebase import STEP_S, s_to_steps, step_at, steps_over

EARLIEST_STEPS = s_to_steps(60.0)
"""How much of a play may be cut [steps]."""

LATEST_STEPS = s_to_steps(5.0)
"""How much may be added after its end [steps]."""

REACH_STEPS = 32
"""How much of the two plays is compared, before and after a place [steps], 6 s."""

LEAST_STEPS = 3
"""At least so much of a play remains, and it is not shortened by less [steps]."""

SAME_STEPS = 4
"""Places within this of each other are no rivals [steps]."""

OVERLAP_STEPS = 6
"""If two plays overlap by less than this, the overlap alone proves nothing [steps]."""

MOST_PLACES = 8
"""Places that are compared, beside the current end."""

MOST_ODDS = 9.0
"""No step counts for more than this [log odds]."""

Cues = dict[str, Float32[np.ndarray, " places"]]
"""Values of cues at some places, by name. The names are those of the fitted card."""


@dataclass(frozen=True)
class ScoredSteps:
    """What overlap trimming reads of each step of a recording."""

    vectors: Vectors
    """Timbre and harmony, as unit vectors."""
    odds: Float[np.ndarray, " steps"]
    """Log odds that it is worth keeping."""
    is_song: Bool[np.ndarray, " steps"]
    """Whether the band plays."""

    @classmethod
    def of_chances(
        cls, vectors: Vectors, score: Float[np.ndarray, " steps"], is_song: Bool[np.ndarray, " steps"]
    ) -> ScoredSteps:
        """Build from the chance in [0, 1] that each step is worth keeping."""
        return cls(vectors, np.clip(odds_of(score), -MOST_ODDS, MOST_ODDS), is_song)

    def is_worth(self, span_s: tuple[float, float], least: float) -> bool:
        """Check that the band plays throughout a stretch, and that its mean log odds are at least `least`."""
        over = steps_over(*span_s)
        steps = slice(max(over.start, 0), max(over.stop, over.start + 1))
        return bool(len(self.odds[steps]) and self.is_song[steps].all() and self.odds[steps].mean() >= least)


@dataclass(frozen=True)
class Places:
    """Where a play could be left."""

    at: Int[np.ndarray, " places"]
    """The places [steps]."""
    end: int
    """The current end of the play [steps], one of the places."""
    cues: Cues
    """What speaks for and against each place."""


def places_of(start_s: float, end_s: float, next_s: float, steps: ScoredSteps) -> Places:
    """Find where a play could be left, with the cues of each place; the next one begins at `end_s` or later."""
    start, end, arrive = (s_to_steps(time_s) for time_s in (start_s, end_s, next_s))
    first = max(step_at(start_s) + LEAST_STEPS, end - EARLIEST_STEPS)
    every = np.arange(first, max(min(end + LATEST_STEPS, arrive - 2), end) + 1)
    similarity = _similarity(every, arrive, end, steps.vectors)
    overlap = np.where(end - every >= OVERLAP_STEPS, similarity["overlap"], 0.0)
    # Short stretches are similar by chance more often.
    best = np.max([0.8 * similarity["after_short"], similarity["after"], similarity["after_long"],
                   0.9 * similarity["before"], similarity["before_long"], overlap], axis=0)  # fmt: skip
    chosen = int(np.clip(end - first, 0, len(every) - 1))
    peaks = _peaks(best, chosen)
    others = [np.abs(every - at) > SAME_STEPS for at in every[peaks]]
    rivals = np.array([best[other].max() if other.any() else 0.0 for other in others])
    at = every[peaks]
    values = {name: all_values[peaks] for name, all_values in similarity.items()}
    values |= {"above_others": best[peaks] - rivals, "rank": np.arange(len(peaks), dtype=np.float64)}
    values |= _around(at, int(every[chosen]), arrive, steps)
    values |= {"share": (end - at) / max(end - start, 1), "gap": np.full(len(at), np.log(next_s - end_s + 0.3))}
    return Places(at, int(every[chosen]), _card_cues(values, at, end))


def _similarity(
    every: Int[np.ndarray, " places"], arrive: int, end: int, vectors: Vectors
) -> dict[str, Float[np.ndarray, " places"]]:
    """Compute how similar the two plays are around each place: mean cosines of several stretches."""
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


def cut_out(vectors: Vectors, first: int, last: int) -> Float32[np.ndarray, "rows d"]:
    """Copy rows [first, last), with zeros beyond the ends."""
    rows = np.zeros((last - first, vectors.shape[1]), np.float32)
    low, high = max(first, 0), min(last, len(vectors))
    rows[low - first : max(high, low) - first] = vectors[low : max(high, low)]
    return rows


def _peaks(values: Float[np.ndarray, " places"], chosen: int) -> Int[np.ndarray, " peaks"]:
    """Find the highest peaks, highest first, and add the current end if it is not among them."""
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    peaks = np.flatnonzero((values >= padded[:-2]) & (values > padded[2:]))
    peaks = peaks[np.argsort(-values[peaks], kind="stable")][:MOST_PLACES]
    return peaks if chosen in peaks else np.append(peaks, chosen)


def _around(at: Int[np.ndarray, " places"], end: int, arrive: int, steps: ScoredSteps) -> dict[str, np.ndarray]:
    """Compute mean log odds of what each place cuts or adds, of what follows it and the next start, and the stops."""
    last = len(steps.odds)
    spans = [sorted((int(place), end)) for place in at]
    moved = np.array([steps.odds[low : max(high, low + 1)].mean() if low < last else 0.0 for low, high in spans])
    behind = np.array([steps.odds[place : place + 8].mean() if place < last else 0.0 for place in at])
    gap = steps.is_song[end : max(arrive, end + 1)]
    following = steps.odds[arrive : arrive + 16]
    return {
        "moved": moved,
        "behind": behind,
        "stopped": np.full(len(at), 1.0 - gap.mean() if len(gap) else 0.0),
        "following": np.full(len(at), following.mean() if len(following) else 0.0),
    }


def _card_cues(values: dict[str, np.ndarray], at: Int[np.ndarray, " places"], end: int) -> Cues:
    """Compute the cues of the card, with separate ones for places earlier and later than the current end."""
    earlier, later = (end - at) >= LEAST_STEPS, at > end
    seconds = np.abs(end - at) * STEP_S
    best = np.max([values["after"], values["before"], values["before_long"]], axis=0)
    both = np.maximum(best, np.where(end - at >= OVERLAP_STEPS, values["overlap"], 0.0))
    moved = values.pop("moved")
    cues = values | {
        "alike": np.max([best, values["after_short"], values["after_long"]], axis=0),
        "alike_earlier": np.where(earlier, both, 0.0),
        "alike_later": np.where(later, both, 0.0),
        "above_earlier": np.where(earlier, values["above_others"], 0.0),
        "above_later": np.where(later, values["above_others"], 0.0),
        "overlap": np.where(earlier, values["overlap"], 0.3),
        "overlap_weight": np.where(at < end, np.log1p(seconds) * np.maximum(values["overlap"], 0.0), 0.0),
        "earlier_by": np.log1p(seconds) * np.where(later, -1.0, 1.0),
        "given_up": np.where(earlier, moved, 0.0),
        "taken_on": np.where(later, moved, 0.0),
        "as_it_is": at == end,
    }
    return {name: np.asarray(cue, np.float32) for name, cue in cues.items()}
