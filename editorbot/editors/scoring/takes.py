"""Finds takes that broke off and were played again after a stop.

A false start, a breakdown and a sloppy take look alike: some music, a stop, and then the same music once more, going
on this time. So for every stop the music after it (and after the stops that follow) is compared with the music before
it, at every distance; where it matches, the earlier play is the one to cut. Composed repeats match too, but they match
at other distances as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from editorbot.analysis.grid_times import runs_of
from editorbot.editors.scoring.self_similarity import Vectors
from editorbot.timebase import STEP_S, s_to_steps

LONGEST_TAKE_STEPS = s_to_steps(120.0)
"""How far back from a stop, and on from a restart, music is compared [steps]."""

LONGEST_GAP_STEPS = s_to_steps(150.0)
"""Music that starts again later than this after the stop is a separate take [steps]."""

SHORTEST_TAKE_STEPS = s_to_steps(1.5)
"""Overlaps shorter than this prove nothing [steps]."""


@dataclass(frozen=True)
class Retake:
    """A stretch that seems to be played again after a stop."""

    start: int
    """First step of the earlier play."""
    end: int
    """Step after its last, where it stopped."""
    again_at: int
    """Where the later play starts [steps]."""
    lag_steps: float
    """How much later the later play is, to a fraction of a step."""
    similarity: float
    """Mean cosine of the two plays."""
    rival: float
    """Mean cosine at the best other distance, 0 if there is none."""
    from_top: bool
    """Whether the match reaches back to the start of the earlier play."""
    head: float
    """Mean cosine of the first third alone."""
    late_s: float
    """How long after the restart the later play begins [seconds]."""
    gap_s: float
    """Time between the stop and the restart [seconds]."""
    skipped: int
    """Further stops between the two."""

    @property
    def seconds(self) -> float:
        """Length of the earlier play [seconds]."""
        return (self.end - self.start) * STEP_S


def find_retakes(vectors: Vectors, is_song: Bool[np.ndarray, " steps"]) -> list[Retake]:
    """Find the best match of each stop (steps that are not the song) with each restart after it.

    They are candidates for the scorecard: most stops are followed by something that matches a little.
    """
    runs, found = runs_of(is_song), []
    for index, (start, end) in enumerate(runs):
        for skipped, (again, again_end) in enumerate(runs[index + 1 :]):
            if again - end > LONGEST_GAP_STEPS:
                break
            found += _best_match(vectors, (start, end), (again, again_end), skipped)
    return found


def _best_match(vectors: Vectors, before: tuple[int, int], after: tuple[int, int], skipped: int) -> list[Retake]:
    """Find the best alignment of the end of one run with the other run, if any is long enough."""
    first = max(before[0], before[1] - LONGEST_TAKE_STEPS)
    last = min(after[1], after[0] + LONGEST_TAKE_STEPS)
    pairs = vectors[first : before[1]] @ vectors[after[0] : last].T
    rows, columns = pairs.shape
    # Diagonal d contains pairs (row, row + d): d < 0 starts inside the earlier play, d > 0 late in the later one.
    diagonals = np.arange(-(rows - SHORTEST_TAKE_STEPS), columns - SHORTEST_TAKE_STEPS + 1)
    if len(diagonals) < 1:
        return []
    lengths = np.minimum(np.minimum(rows, columns), np.minimum(rows + diagonals, columns - diagonals))
    means = diagonal_sums(pairs)[diagonals + rows - 1] / lengths
    # Reaching the stop matters: a line that leaves the later play early is not a whole retake.
    values = means * np.minimum(1.0, 1.1 * lengths / (rows + np.minimum(diagonals, 0)))
    # Longer overlaps prove more.
    overlap_s = (rows + np.minimum(diagonals, 0)) * STEP_S
    weighted = values * (1 - 0.5 * np.exp(-overlap_s / 3.0))
    best = int(weighted.argmax())
    diagonal = int(diagonals[best])
    line = np.diagonal(pairs, diagonal)
    others = np.abs(diagonals - diagonal) > 6
    rival = float(values[others].max()) if others.any() else 0.0
    return [
        Retake(
            start=first + max(0, -diagonal),
            end=before[1],
            again_at=after[0] + max(0, diagonal),
            lag_steps=after[0] - first + diagonal + peak_offset(means[max(0, best - 1) : best + 2]),
            similarity=float(values[best]),
            rival=rival,
            from_top=-diagonal <= 6 and first == before[0],
            head=float(line[: max(4, len(line) // 3)].mean()),
            late_s=max(0, diagonal) * STEP_S,
            gap_s=(after[0] - before[1]) * STEP_S,
            skipped=skipped,
        )
    ]


def peak_offset(around: Float[np.ndarray, " three"]) -> float:
    """Find the peak of a parabola through three neighbors, from the middle one, in [-0.5, 0.5]; 0 without one."""
    if len(around) != 3:
        return 0.0
    before, middle, after = (float(value) for value in around)
    bend = before - 2 * middle + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def diagonal_sums(pairs: Float32[np.ndarray, "rows columns"]) -> Float32[np.ndarray, " diagonals"]:
    """Sum each diagonal, the one with only the lower left corner first."""
    rows, columns = pairs.shape
    # Upside down, padded and read with rows one shorter, each row moves one column on: diagonals become columns.
    padded = np.zeros((rows, columns + rows), np.float32)
    padded[:, :columns] = pairs[::-1]
    return np.asarray(padded.ravel()[: rows * (columns + rows - 1)].reshape(rows, -1).sum(axis=0))


def retake_cues(
    retakes: list[Retake], rehearsal: Float32[np.ndarray, " steps"]
) -> dict[str, Float32[np.ndarray, " retakes"]]:
    """Compute the cues of the candidates by name; `rehearsal` is the recording's cue of that name."""
    columns = {
        "similarity": [one.similarity for one in retakes],
        "above_rival": [one.similarity - max(one.rival, 0.0) for one in retakes],
        "log_seconds": [float(np.log(one.seconds)) for one in retakes],
        "from_top": [float(one.from_top) for one in retakes],
        "head": [one.head for one in retakes],
        "late_s": [one.late_s for one in retakes],
        "log_gap_s": [float(np.log(one.gap_s + 0.5)) for one in retakes],
        "skipped": [float(min(one.skipped, 3)) for one in retakes],
        "rehearsal": [rehearsal[one.start] for one in retakes],
    }
    return {name: np.array(values, np.float32) for name, values in columns.items()}
