"""Finds the turns of a vamp that was played too often.

Much music repeats a bar or a phrase as a matter of course. A vamp repeats what was just played more faithfully than
the rest of the recording does at the same distance, for a whole turn or longer, and without a stop. The first turn
stays; the turns after it are candidates to be cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float32

from editorbot.analysis.grid_times import runs_of
from editorbot.editors.scoring.repetition import windows_of
from editorbot.editors.scoring.self_similarity import Vectors
from editorbot.editors.scoring.takes import peak_offset
from editorbot.timebase import STEP_S, s_to_steps

SHORTEST_LOOP_STEPS = s_to_steps(1.4)
"""The shortest loop that is searched [steps]; shorter ones are rhythm."""

LONGEST_LOOP_STEPS = s_to_steps(42.0)
"""The longest loop that is searched [steps], 16 bars at 90 BPM."""

SMOOTH_STEPS = 7
"""Similarities are averaged over this [steps], 1.3 s."""

LEAST_SIMILARITY = 0.45
"""Below this nothing is a repeat, however little the rest repeats itself."""

LEAST_TURNS = 0.75
"""A candidate lasts at least this many turns beyond the first."""

MOST_OVERLAP = 0.3
"""A candidate that overlaps better ones by more than this share adds nothing."""


@dataclass(frozen=True)
class Turns:
    """A stretch that repeats what was played one loop before it."""

    start: int
    """First step of the repeat: the loop was already played once."""
    end: int
    """Step after its last."""
    lag: int
    """Length of the loop [steps]."""
    similarity: float
    """Mean cosine with what was played a loop before."""
    weakest: float
    """Its 15th percentile."""
    usual: float
    """Median similarity at this distance over the window."""
    strong: float
    """75th percentile of the same."""
    loopiness: float = 0.0
    """Median over the recording of the best similarity at any of the distances."""
    exact_lag: float = 0.0
    """Length of the loop to a fraction of a step."""

    @property
    def whole_turns(self) -> int:
        """Turns, rounded; at least 1."""
        return max(1, round(self.steps / self.lag))

    @property
    def whole_end(self) -> int:
        """End of the last whole turn: after a cut up to there, the music goes on where the first turn ended [steps]."""
        return self.start + round(self.whole_turns * (self.exact_lag or self.lag))

    @property
    def steps(self) -> int:
        """Length [steps]."""
        return self.end - self.start


def find_turns(vectors: Vectors, is_song: Bool[np.ndarray, " steps"]) -> list[Turns]:
    """Find stretches that repeat what was just played: candidates for the scorecard.

    No loop extends across steps that are not the song. The most striking come first; they hardly overlap.

    Notes
    -----
    Time O(steps x LONGEST_LOOP_STEPS x dimensions), memory O(steps).
    """
    found: list[Turns] = []
    for first, last in windows_of(len(vectors)):
        part = _turns_in(vectors[first:last], is_song[first:last])
        found += [replace(one, start=one.start + first, end=one.end + first) for one in part]
    found.sort(key=lambda one: -(one.similarity - one.usual) * np.sqrt(one.steps))
    taken = np.zeros(len(vectors), dtype=bool)
    chosen = []
    for one in found:
        if taken[one.start : one.end].mean() < MOST_OVERLAP:
            chosen.append(replace(one, exact_lag=_exact_lag(vectors, one)))
            taken[one.start : one.end] = True
    return chosen


def _turns_in(vectors: Vectors, is_song: Bool[np.ndarray, " steps"]) -> list[Turns]:
    """Find the candidates of one window at every lag; they may overlap."""
    stops = np.concatenate([[0], np.cumsum(~is_song)])
    best = np.full(len(vectors), -1.0, np.float32)
    found: list[Turns] = []
    for lag in range(SHORTEST_LOOP_STEPS, min(LONGEST_LOOP_STEPS, len(vectors) - SMOOTH_STEPS)):
        alike = _similarity_to_before(vectors, lag)
        unbroken = stops[lag + 1 :] == stops[: len(vectors) - lag]
        best[lag:][unbroken] = np.maximum(best[lag:], alike)[unbroken]
        found += _turns_at(alike, unbroken, lag)
    loopiness = float(np.median(best[is_song])) if is_song.any() else 0.0
    return [replace(one, loopiness=loopiness) for one in found]


def _similarity_to_before(vectors: Vectors, lag: int) -> Float32[np.ndarray, " later_steps"]:
    """Compute the smoothed cosine of each step, from `lag` on, with the one a lag before."""
    cosines = np.einsum("ij,ij->i", vectors[lag:], vectors[:-lag])
    return np.asarray(scipy.ndimage.uniform_filter1d(cosines, SMOOTH_STEPS, mode="nearest"))


def _turns_at(
    alike: Float32[np.ndarray, " later_steps"], unbroken: Bool[np.ndarray, " later_steps"], lag: int
) -> list[Turns]:
    """Find stretches, nearly a turn long or longer, that are far more similar at one lag than usual."""
    if not unbroken.any():
        return []
    usual, strong = np.percentile(alike[unbroken], [50, 75]).tolist()
    on = unbroken & (alike > max(usual + 0.3 * (1.0 - usual), LEAST_SIMILARITY))
    return [
        Turns(
            start=lag + a,
            end=lag + b,
            lag=lag,
            similarity=float(alike[a:b].mean()),
            weakest=float(np.percentile(alike[a:b], 15)),
            usual=usual,
            strong=strong,
        )
        for a, b in runs_of(on)
        if b - a >= max(LEAST_TURNS * lag, SHORTEST_LOOP_STEPS)
    ]


def _exact_lag(vectors: Vectors, one: Turns) -> float:
    """Refine the loop length to a fraction of a step: where a stretch is most similar to what came before."""
    rows = vectors[one.start : one.end]
    lags = [lag for lag in (one.lag - 1, one.lag, one.lag + 1) if lag <= one.start]
    means = [float(np.einsum("ij,ij->", rows, vectors[one.start - lag : one.end - lag])) for lag in lags]
    return one.lag + peak_offset(np.array(means))


def turn_cues(turns: list[Turns], rehearsal: Float32[np.ndarray, " steps"]) -> dict[str, Float32[np.ndarray, " turns"]]:
    """Compute the cues of the candidates by name; `rehearsal` is the recording's cue of that name."""
    columns = {
        "similarity": [one.similarity for one in turns],
        "above_usual": [one.similarity - one.usual for one in turns],
        "usual": [one.usual for one in turns],
        "above_strong": [one.similarity - one.strong for one in turns],
        "weakest": [one.weakest for one in turns],
        "loopiness": [one.loopiness for one in turns],
        "turns": [one.steps / one.lag for one in turns],
        "log_seconds": [float(np.log(one.steps * STEP_S)) for one in turns],
        "log_lag_s": [float(np.log(one.lag * STEP_S)) for one in turns],
        "rehearsal": [rehearsal[one.start] for one in turns],
    }
    return {name: np.array(values, np.float32) for name, values in columns.items()}
