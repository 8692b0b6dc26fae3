"""Beats and bars of a recording, by the embedded tracker.

Novelty of every frame -> how likely each tempo is -> the best chain of beats
-> how sure each beat is -> bars. Where the pulse is not heard for long, evenly
spaced beats at the local tempo fill the gap with low confidence; where it is
not heard at all, the verdict is NO_BEAT and the grid counts half seconds.

Conventions
-----------
Times are seconds from the start of the recording, float64, strictly
increasing. Downbeats are indices into the beats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy.ndimage import maximum_filter1d

from editorbot.analysis.bars import Bars, find_bars
from editorbot.analysis.beat_path import best_path
from editorbot.analysis.beat_weights import PRIOR_WEIGHTS, PROFILE_WEIGHTS, TEMPO_WEIGHTS, WINDOW_S
from editorbot.analysis.novelty import NOVELTY_COLUMNS, ONSET_LEAD_S, novelty
from editorbot.analysis.pulse import pulse_clarity
from editorbot.analysis.spectrum import FrameTracks
from editorbot.analysis.tempo import PERIODS_FRAMES, TEMPO_HOP_FRAMES, tempo_scores
from editorbot.timebase import FRAME_S

FALLBACK_PERIOD_S = 0.5
"""Distance of the fallback grid's beats [s]."""

TEMPO_CHANGE_PRICE = 4.0
"""Price of a tempo change of 3 % from one beat to the next [nats]."""

MIN_MUSIC_S = 4.0
"""Shorter than this, no pulse can be told from chance [s]."""

SURE = 0.3
"""Beats at least this sure count as heard."""

MIN_HEARD_SHARE = 0.05
"""Share of beats that must be heard, and"""

MIN_HEARD_S = 5.0
"""music with a heard pulse that there must be [s]; with less, the verdict is NO_BEAT."""

MAX_GAP_S = 6.0
"""Unsure stretches longer than this are laid out evenly [s]."""


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


def track_beats(frames: FrameTracks, duration_s: float) -> BeatGrid:
    """Find the beats and bars of a recording.

    Parameters
    ----------
    frames : FrameTracks
        The frame grid of the recording.
    duration_s : float [seconds], > 0
        Its length.

    Returns
    -------
    grid : BeatGrid
        Covers the whole recording. Where no pulse is heard: the 0.5 s grid,
        confidence 0, no bars, and a line ``NO_BEAT: ...`` in the warnings.

    Notes
    -----
    Time and memory grow linearly with the recording; about two seconds and
    60 MB an hour.
    """
    if duration_s < MIN_MUSIC_S:
        return fallback_grid(duration_s, f"NO_BEAT: {duration_s:.1f} s are too short to hear a pulse in")
    heard = novelty(frames)
    path = _beat_path(heard)
    if len(path) < 4:
        return fallback_grid(duration_s, "NO_BEAT: nothing begins in this recording")
    clarity = pulse_clarity(heard, path)
    if not _has_pulse(path, clarity):
        return fallback_grid(duration_s, "NO_BEAT: no steady pulse is heard; beats are counted in half seconds")
    return _grid(frames, heard, path, clarity, duration_s)


def fallback_grid(duration_s: float, warning: str) -> BeatGrid:
    """Return beats every half second, of confidence 0 and without bars, with a warning."""
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


def _beat_path(heard: Float32[np.ndarray, "frames columns"]) -> Int[np.ndarray, " beats"]:
    """Return the best chain of beats [frames]."""
    nearby = maximum_filter1d(heard, 3, axis=0)
    per_frame = 1.0 / (WINDOW_S / FRAME_S)
    quarters = np.asarray(PROFILE_WEIGHTS, dtype=np.float32).reshape(4, NOVELTY_COLUMNS)
    profile = np.ascontiguousarray((nearby @ quarters.T).T * np.float32(per_frame))
    tempo = tempo_scores(heard, np.asarray(TEMPO_WEIGHTS), np.asarray(PRIOR_WEIGHTS)) * np.float32(per_frame)
    return best_path(profile, tempo, TEMPO_HOP_FRAMES, PERIODS_FRAMES, TEMPO_CHANGE_PRICE)


def _has_pulse(path: Int[np.ndarray, " beats"], clarity: Float[np.ndarray, " beats"]) -> bool:
    """Tell whether enough of the beats are heard."""
    sure = clarity >= SURE
    heard_s = float(np.diff(path, append=path[-1])[sure].sum()) * FRAME_S
    return heard_s >= MIN_HEARD_S and float(sure.mean()) >= MIN_HEARD_SHARE


def _grid(
    frames: FrameTracks,
    heard: Float32[np.ndarray, "frames columns"],
    path: Int[np.ndarray, " beats"],
    clarity: Float[np.ndarray, " beats"],
    duration_s: float,
) -> BeatGrid:
    """Put the grid together from the chain of beats."""
    beats_s = _refine(heard[:, -2], path)
    beats_s, clarity = _even_out(beats_s, clarity)
    beats_s, clarity = _cover(beats_s, clarity, duration_s)
    at = np.clip(np.round((beats_s - ONSET_LEAD_S) / FRAME_S).astype(np.int64), 0, len(heard) - 1)
    bars = find_bars(heard, frames, at, clarity) if len(np.unique(at)) == len(at) else Bars(np.empty(0, np.int64), 4)
    return BeatGrid(
        beats_s=beats_s,
        downbeats=bars.downbeats,
        beats_per_bar=bars.beats_per_bar,
        tempo_curve_bpm=local_tempo(beats_s),
        confidence=float(np.clip(clarity.mean(), 0.01, 1.0)),
        strength=np.clip(maximum_filter1d(heard[:, -2], 3)[at] / 5.0, 0.0, 1.0).astype(np.float64),
        beat_confidence=clarity,
    )


def local_tempo(beats_s: Float[np.ndarray, " beats"]) -> Float[np.ndarray, " beats"]:
    """Return the tempo at each beat, the median over nine intervals around it [beats a minute]."""
    if len(beats_s) < 2:
        return np.full(len(beats_s), 60.0 / FALLBACK_PERIOD_S)
    intervals = np.diff(beats_s)
    reach = min(4, (len(intervals) - 1) // 2)
    padded = np.pad(intervals, (reach, reach + 1), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return 60.0 / np.median(windows, axis=1)  # type: ignore[no-any-return]


def _refine(onset: Float32[np.ndarray, " frames"], path: Int[np.ndarray, " beats"]) -> Float[np.ndarray, " beats"]:
    """Move each beat to the top of the parabola through its peak, at most half a frame [s]."""
    at = np.clip(path, 1, len(onset) - 2)
    before, here, after = (onset[at + offset].astype(np.float64) for offset in (-1, 0, 1))
    bend = before - 2 * here + after
    peak = (here >= before) & (here >= after) & (bend < -1e-6)
    shift = np.where(peak, 0.5 * (before - after) / np.where(peak, bend, 1.0), 0.0)
    return (path + np.clip(shift, -0.5, 0.5)) * FRAME_S + ONSET_LEAD_S  # type: ignore[no-any-return]


def _even_out(
    beats_s: Float[np.ndarray, " beats"], clarity: Float[np.ndarray, " beats"]
) -> tuple[Float[np.ndarray, " new"], Float[np.ndarray, " new"]]:
    """Lay beats evenly where none is heard for long."""
    sure = np.flatnonzero(clarity >= SURE)
    tempo_s = 60.0 / local_tempo(beats_s)
    times: list[np.ndarray] = [beats_s[: sure[0] + 1]]
    trust: list[np.ndarray] = [clarity[: sure[0] + 1]]
    for first, last in zip(sure, sure[1:]):
        inner, inner_trust = beats_s[first + 1 : last + 1], clarity[first + 1 : last + 1]
        gap_s = beats_s[last] - beats_s[first]
        if gap_s > MAX_GAP_S and last > first + 1:
            steps = max(1, round(gap_s / np.median(tempo_s[[first, last]])))
            inner = np.linspace(beats_s[first], beats_s[last], steps + 1)[1:]
            inner_trust = np.append(np.full(steps - 1, float(inner_trust[:-1].mean())), inner_trust[-1])
        times.append(inner)
        trust.append(inner_trust)
    times.append(beats_s[sure[-1] + 1 :])
    trust.append(clarity[sure[-1] + 1 :])
    return np.concatenate(times), np.concatenate(trust)


def _cover(
    beats_s: Float[np.ndarray, " beats"], clarity: Float[np.ndarray, " beats"], duration_s: float
) -> tuple[Float[np.ndarray, " new"], Float[np.ndarray, " new"]]:
    """Continue the grid to both ends of the recording, and drop what lies outside."""
    period_s = np.diff(beats_s)
    ahead = np.arange(beats_s[0] - period_s[0], 0.0, -period_s[0])[::-1]
    behind = np.arange(beats_s[-1] + period_s[-1], duration_s, period_s[-1])
    times = np.concatenate([ahead, beats_s, behind])
    trust = np.concatenate([np.full(len(ahead), clarity[0] / 2), clarity, np.full(len(behind), clarity[-1] / 2)])
    inside = (times >= 0) & (times < duration_s)
    return times[inside], trust[inside]
