"""The beats of a recording, and how gaps in them are filled.

Conventions
-----------
Times are seconds from the start of the recording, float64, strictly increasing. Downbeats are indices into the beats.
Confidence is in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Float32, Int

ReadMono: TypeAlias = Callable[[], Float32[np.ndarray, " samples"]]
"""Reads the analysis downmix, shape=(samples,), at ANALYSIS_RATE, for trackers that need the sound itself."""

FALLBACK_PERIOD_S = 0.5
"""Distance of the fallback grid's beats [s]."""

SURE = 0.3
"""Beats at least this sure count as heard."""

MAX_GAP_S = 6.0
"""Unsure stretches longer than this get evenly spaced beats [s]."""

TEMPO_REACH_BEATS = 4
"""Intervals on either side that the local tempo is measured from."""

STEADY = 0.15
"""Intervals within this share of the local median count for the tempo."""


@dataclass(frozen=True)
class BeatGrid:
    """Beats, bars, and how sure they are."""

    beats_s: Float[np.ndarray, " beats"]
    """Beat times, shape=(beats,), float64 [seconds], strictly increasing, at least one."""
    downbeats: Int[np.ndarray, " bars"]
    """First beats of bars, shape=(bars,), indices into the beats; empty where no bars were found."""
    beats_per_bar: int
    """The most frequent meter, 4 where it is not known."""
    tempo_curve_bpm: Float[np.ndarray, " beats"]
    """Local tempo at each beat, shape=(beats,) [beats a minute]."""
    confidence: float
    """How sure the grid is over the whole recording, in [0, 1]; 0 for the fallback grid."""
    strength: Float[np.ndarray, " beats"]
    """How strongly each beat is played, shape=(beats,), in [0, 1]."""
    beat_confidence: Float[np.ndarray, " beats"]
    """How sure each beat is, shape=(beats,), in [0, 1]."""
    warnings: tuple[str, ...] = ()
    """Lines ``NO_BEAT: ...``."""


@dataclass(frozen=True)
class TrackedBeats:
    """Beats and how sure each is."""

    beats_s: Float[np.ndarray, " beats"]
    """Beat times, shape=(beats,) [seconds]."""
    confidence: Float[np.ndarray, " beats"]
    """How sure each beat is, shape=(beats,), in [0, 1]."""


def fallback_grid(duration_s: float, warning: str) -> BeatGrid:
    """Lay beats every half second, of confidence 0 and without bars, with a warning."""
    count = max(1, int(np.ceil(duration_s / FALLBACK_PERIOD_S)))
    return BeatGrid(
        beats_s=np.arange(count) * FALLBACK_PERIOD_S,
        downbeats=np.empty(0, dtype=np.int64),
        beats_per_bar=4,
        tempo_curve_bpm=np.full(count, 60.0 / FALLBACK_PERIOD_S),
        confidence=0.0,
        strength=np.zeros(count),
        beat_confidence=np.zeros(count),
        warnings=(warning,),
    )


def local_tempo_bpm(beats_s: Float[np.ndarray, " beats"]) -> Float[np.ndarray, " beats"]:
    """Measure the tempo at each beat, shape=(beats,) [beats a minute].

    The mean of the intervals around it, up to four on either side, that are near their median: a skipped beat does not
    bend the curve.
    """
    if len(beats_s) < 2:
        return np.full(len(beats_s), 60.0 / FALLBACK_PERIOD_S)
    intervals_s = np.diff(beats_s)
    reach = min(TEMPO_REACH_BEATS, (len(intervals_s) - 1) // 2)
    padded = np.pad(intervals_s, (reach, reach + 1), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    steady = np.abs(windows / np.median(windows, axis=1, keepdims=True) - 1) <= STEADY
    tempo: np.ndarray = 60.0 * steady.sum(axis=1) / (windows * steady).sum(axis=1)
    return tempo


def even_out_gaps(beats: TrackedBeats) -> TrackedBeats:
    """Space beats evenly, at the tempo around, where none is sure for more than `MAX_GAP_S`.

    The sure beats on either side stay where they are, so that the grid runs into the music again on time. What is
    before the first or after the last sure beat is left.
    """
    sure = np.flatnonzero(beats.confidence >= SURE)
    if len(sure) == 0:
        return beats
    period_s = 60.0 / local_tempo_bpm(beats.beats_s)
    times, confidence = [beats.beats_s[: sure[0] + 1]], [beats.confidence[: sure[0] + 1]]
    for first, last in zip(sure, sure[1:]):
        inner, inner_confidence = beats.beats_s[first + 1 : last + 1], beats.confidence[first + 1 : last + 1]
        gap_s = beats.beats_s[last] - beats.beats_s[first]
        if gap_s > MAX_GAP_S and last > first + 1:
            count = max(1, round(gap_s / float(period_s[[first, last]].mean())))
            inner = np.linspace(beats.beats_s[first], beats.beats_s[last], count + 1)[1:]
            inner_confidence = np.append(np.full(count - 1, inner_confidence[:-1].mean()), inner_confidence[-1])
        times.append(inner)
        confidence.append(inner_confidence)
    times.append(beats.beats_s[sure[-1] + 1 :])
    confidence.append(beats.confidence[sure[-1] + 1 :])
    return TrackedBeats(np.concatenate(times), np.concatenate(confidence))


def extend_to_ends(beats: TrackedBeats, duration_s: float) -> TrackedBeats:
    """Continue beats, at least two, to both ends of the recording, half as sure, and drop what is outside."""
    tempo_bpm = local_tempo_bpm(beats.beats_s)
    first_s, last_s = 60.0 / tempo_bpm[0], 60.0 / tempo_bpm[-1]
    before = np.arange(beats.beats_s[0] - first_s, 0.0, -first_s)[::-1]
    after = np.arange(beats.beats_s[-1] + last_s, duration_s, last_s)
    times = np.concatenate([before, beats.beats_s, after])
    early, late = np.full(len(before), beats.confidence[0] / 2), np.full(len(after), beats.confidence[-1] / 2)
    confidence = np.concatenate([early, beats.confidence, late])
    inside = (times >= 0) & (times < duration_s)
    return TrackedBeats(times[inside], confidence[inside])
