"""Beats and bars of a recording, by the embedded tracker.

Novelty of every frame -> how likely each tempo is, and what a small network
hears -> the best chain of beats -> how sure each beat is -> bars. Where the pulse is not heard for long, evenly
spaced beats at the local tempo fill the gap with low confidence; where it is
not heard at all, the verdict is NO_BEAT and the grid counts half seconds.

:func:`choose_tracker` hands out this tracker or an optional one behind the
same call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, get_args

import numpy as np
from jaxtyping import Float, Float32, Int

from editorbot.analysis import BeatTracker
from editorbot.analysis.bars import NO_BARS, Bars, find_bars
from editorbot.analysis.beat_card import BeatNet, read_beat_net
from editorbot.analysis.beat_decoder import ChainPrices, best_chain
from editorbot.analysis.beat_grid import (
    SURE,
    BeatGrid,
    TrustedBeats,
    cover,
    even_out_gaps,
    fallback_grid,
    local_tempo_bpm,
)
from editorbot.analysis.beat_net import inputs_of, log_odds
from editorbot.analysis.beat_path import best_path
from editorbot.analysis.beat_weights import PRIOR_WEIGHTS, PROFILE_WEIGHTS, TEMPO_WEIGHTS, WINDOW_S
from editorbot.analysis.grid_times import nearest_frames
from editorbot.analysis.novelty import NOVELTY_COLUMNS, ONSET_LEAD_S, RISE_COLUMN, novelty
from editorbot.analysis.pulse import AVERAGE_BEATS, pulse_clarity
from editorbot.analysis.smoothing import running_max, running_mean
from editorbot.analysis.spectrum import FrameTracks
from editorbot.analysis.tempo import PERIODS_FRAMES, TEMPO_HOP_FRAMES, tempo_scores
from editorbot.errors import UsageError
from editorbot.timebase import FRAME_S

__all__ = ["BeatGrid", "Tracker", "choose_tracker", "fallback_grid", "track_beats"]

ReadMono: TypeAlias = Callable[[], Float32[np.ndarray, " samples"]]
"""Gives the analysis downmix, shape=(samples,), at ANALYSIS_RATE, to trackers that want the sound itself."""

Tracker: TypeAlias = Callable[[FrameTracks, float, ReadMono], BeatGrid]
"""Frames, duration [s] and the sound in, beats out."""

TEMPO_CHANGE_PRICE = 4.0
"""Price of a tempo change of 3 % from one beat to the next [nats]."""

NOVELTY_SHARE = 0.8
"""What the linear models count beside the network; chosen on made-up pieces."""

CHAIN_PRICES = ChainPrices()
"""What the chain pays where the network is asked; chosen on made-up pieces."""

UNHEARD, HEARD = 0.3, 0.8
"""Mean chances that the network gives beats that are not heard, and that are heard clearly."""

MIN_MUSIC_S = 4.0
"""Shorter than this, no pulse can be told from chance [s]."""

MIN_HEARD_S = 3.0
"""Music with a heard pulse that there must be [s]."""

MIN_HEARD_SHARE = 0.1
"""Share of beats that must be heard, or else"""

MIN_RUN_S = 20.0
"""an unbroken stretch of heard beats this long [s]: a song in an hour of talk. Chance makes runs of 8 s."""

CLEAR_ONSET = 1.0
"""Novelty of a beat that is played rather than implied [local deviations]."""


def choose_tracker(name: str) -> Tracker:
    """Make the tracker of a name ready.

    Raises
    ------
    UsageError
        If there is no such tracker.
    MissingExtraError
        If the package beat-this is wanted and not installed, or its weights cannot be fetched.
    """
    if name == "embedded":
        return lambda frames, duration_s, read_mono: track_beats(frames, duration_s)
    if name == "beat-this":
        from editorbot.analysis.beat_this import BeatThisTracker

        return BeatThisTracker()
    raise UsageError(f"beat tracker {name!r} is unknown; choose one of {', '.join(get_args(BeatTracker))}")


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
    Time and memory grow linearly with the recording; ``benchmarks/results/beats.md``
    holds the measured figures.
    """
    return _track(frames, duration_s, read_beat_net())


def track_beats_by_novelty(frames: FrameTracks, duration_s: float) -> BeatGrid:
    """Find the beats and bars as :func:`track_beats` does, but without the network: a fifth faster, and worse."""
    return _track(frames, duration_s, None)


def _track(frames: FrameTracks, duration_s: float, net: BeatNet | None) -> BeatGrid:
    if duration_s < MIN_MUSIC_S:
        return fallback_grid(duration_s, f"NO_BEAT: {duration_s:.1f} s are too short to hear a pulse in")
    evidence = novelty(frames)
    odds = None if net is None else log_odds(inputs_of(frames, evidence), net.weights, net.config)
    path = find_beat_path(evidence, odds)
    if len(path) < 4:
        return fallback_grid(duration_s, "NO_BEAT: too little begins in this recording to count beats by")
    clarity = pulse_clarity(evidence, path)
    if not _has_pulse(path, clarity):
        return fallback_grid(duration_s, "NO_BEAT: no steady pulse is heard; beats are counted in half seconds")
    trust = clarity if odds is None else np.maximum(clarity, heard_clearly(odds, path))
    heard = even_out_gaps(TrustedBeats(_refine(evidence[:, RISE_COLUMN], path), trust))
    return make_grid(frames, evidence, heard, duration_s, odds=odds)


def heard_clearly(
    odds: Float32[np.ndarray, "frames outputs"], path: Int[np.ndarray, " beats"]
) -> Float[np.ndarray, " beats"]:
    """Return how sure the network is of the beats around each one, shape=(beats,), in [0, 1].

    It says which beats of music with a pulse are heard, not whether there is a pulse: that verdict is the clarity's.
    """
    around = np.clip(path[:, None] + np.arange(-1, 2), 0, len(odds) - 1)
    chance = 1 / (1 + np.exp(-odds[around, 0].max(axis=1, keepdims=True).astype(np.float64)))
    trust: np.ndarray = np.clip((running_mean(chance, AVERAGE_BEATS)[:, 0] - UNHEARD) / (HEARD - UNHEARD), 0.0, 1.0)
    return trust


def find_beat_path(
    evidence: Float32[np.ndarray, "frames columns"], odds: Float32[np.ndarray, "frames outputs"] | None = None
) -> Int[np.ndarray, " beats"]:
    """Return the best chain of beats through the novelty and what the network heard, shape=(beats,) [frames]."""
    nearby = running_max(evidence, 3)
    per_frame = np.float32(FRAME_S / WINDOW_S * (1.0 if odds is None else NOVELTY_SHARE))
    quarters = np.asarray(PROFILE_WEIGHTS, dtype=np.float32).reshape(4, NOVELTY_COLUMNS)
    profile = np.ascontiguousarray((nearby @ quarters.T).T * per_frame)
    tempo = tempo_scores(evidence, np.asarray(TEMPO_WEIGHTS), np.asarray(PRIOR_WEIGHTS)) * per_frame
    if odds is None:
        return best_path(profile, tempo, TEMPO_HOP_FRAMES, PERIODS_FRAMES, TEMPO_CHANGE_PRICE)
    return best_chain(odds[:, 0], profile, tempo, TEMPO_HOP_FRAMES, PERIODS_FRAMES, CHAIN_PRICES)


def _has_pulse(path: Int[np.ndarray, " beats"], clarity: Float[np.ndarray, " beats"]) -> bool:
    """Tell whether enough of the beats are heard, or enough of them in a row."""
    heard = clarity >= SURE
    lengths_s = np.diff(path, append=path[-1]) * FRAME_S * heard
    edges = np.flatnonzero(np.diff(heard.astype(np.int8), prepend=0, append=0))
    runs_s = [lengths_s[first:last].sum() for first, last in zip(edges[::2], edges[1::2])]
    often = heard.mean() >= MIN_HEARD_SHARE and lengths_s.sum() >= MIN_HEARD_S
    return bool(often or max(runs_s, default=0.0) >= MIN_RUN_S)


def _refine(rise: Float32[np.ndarray, " frames"], path: Int[np.ndarray, " beats"]) -> Float[np.ndarray, " beats"]:
    """Put played beats on top of their peak within a frame, implied ones between their neighbors [s]."""
    around = np.clip(path[:, None] + np.arange(-1, 2), 1, len(rise) - 2)
    at = np.take_along_axis(around, rise[around].argmax(axis=1)[:, None], axis=1)[:, 0]
    before, here, after = (rise[at + offset].astype(np.float64) for offset in (-1, 0, 1))
    bend = before - 2 * here + after
    played = (here >= CLEAR_ONSET) & (here >= before) & (here >= after) & (bend < -1e-6)
    peak = at + np.where(played, 0.5 * (before - after) / np.where(played, bend, 1.0), 0.0)
    beats = np.where(played, peak, path)
    between = np.convolve(np.pad(beats, 1, mode="edge"), [0.5, 0.0, 0.5], mode="valid")
    implied = ~played & (np.abs(between - beats) < 2.0)
    implied[[0, -1]] = False
    return np.where(implied, between, beats) * FRAME_S + ONSET_LEAD_S


def make_grid(
    frames: FrameTracks,
    evidence: Float32[np.ndarray, "frames columns"],
    heard: TrustedBeats,
    duration_s: float,
    downbeats_s: Float[np.ndarray, " bars"] | None = None,
    *,
    odds: Float32[np.ndarray, "frames outputs"] | None = None,
) -> BeatGrid:
    """Extend beats over the whole recording and find their bars.

    Parameters
    ----------
    frames : FrameTracks
        The frame grid.
    evidence : np.ndarray, shape=(frames, columns), float32
        Its novelty.
    heard : TrustedBeats
        The beats found, at least two.
    duration_s : float [seconds]
        Length of the recording.
    downbeats_s : np.ndarray, shape=(bars,) [seconds], optional
        Downbeats where they are known already; each is one of the beats.
    odds : np.ndarray, shape=(frames, 2), float32, optional
        What the network heard.
    """
    covered = cover(heard, duration_s)
    at = nearest_frames(covered.beats_s - ONSET_LEAD_S)
    at = np.clip(at, 0, len(evidence) - 1)
    if downbeats_s is not None:
        bars = _bars_at(covered.beats_s, downbeats_s)
    else:
        bars = find_bars(evidence, frames, at, covered.trust, odds)
    return BeatGrid(
        beats_s=covered.beats_s,
        downbeats=bars.downbeats,
        beats_per_bar=bars.beats_per_bar,
        tempo_curve_bpm=local_tempo_bpm(covered.beats_s),
        confidence=float(np.clip(covered.trust.mean(), 0.01, 1.0)),
        strength=np.clip(running_max(evidence[:, RISE_COLUMN], 3)[at] / 5.0, 0.0, 1.0).astype(np.float64),
        beat_confidence=covered.trust,
    )


def _bars_at(beats_s: Float[np.ndarray, " beats"], downbeats_s: Float[np.ndarray, " bars"]) -> Bars:
    """Return the bars whose downbeats are known."""
    if len(downbeats_s) == 0:
        return NO_BARS
    downbeats = np.unique(np.abs(beats_s[None, :] - downbeats_s[:, None]).argmin(axis=1))
    lengths = np.diff(downbeats)
    return Bars(downbeats, int(np.bincount(lengths).argmax()) if len(lengths) else 4)
