"""Beats and bars of a recording, by the embedded tracker.

Novelty of every frame -> how likely each tempo is, and the network's log odds of a beat -> the best sequence of beats
-> how sure each beat is -> bars. Where no pulse is heard for long, evenly spaced beats at the local tempo fill the gap
with low confidence; where none is heard at all, the warning is NO_BEAT and the beats are half seconds.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Int

from editorbot.analysis.bars import NO_BARS, Bars, find_bars
from editorbot.analysis.beat_confidence import has_pulse, network_confidence, pulse_clarity
from editorbot.analysis.beat_decoder import DecoderCosts, decode_beats
from editorbot.analysis.beat_grid import (
    BeatGrid,
    TrackedBeats,
    even_out_gaps,
    extend_to_ends,
    fallback_grid,
    local_tempo_bpm,
)
from editorbot.analysis.beat_linear import read_linear_models
from editorbot.analysis.beat_net import BeatNet, inputs_of, log_odds, read_beat_net
from editorbot.analysis.grid_times import nearest_frames
from editorbot.analysis.novelty import ONSET_LEAD_S, RISE_COLUMN, novelty
from editorbot.analysis.smoothing import running_max
from editorbot.analysis.spectrum import FrameTracks
from editorbot.analysis.tempo import PERIODS_FRAMES, TEMPO_HOP_FRAMES, tempo_scores
from editorbot.timebase import FRAME_S

NOVELTY_SHARE = 0.8
"""Weight of the linear models beside the network; chosen on made-up pieces."""

NETWORK_COSTS, NOVELTY_COSTS = DecoderCosts(), DecoderCosts(off_tempo=0.01)
"""Costs with the network, chosen on made-up pieces, and without."""

MIN_MUSIC_S = 4.0
"""In less, no pulse can be told from chance [s]."""

CLEAR_ONSET = 1.0
"""Novelty of a beat that is played rather than implied [local deviations]."""


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
        Covers the whole recording. Where no pulse is heard: the 0.5 s grid, confidence 0, no bars, and a line
        ``NO_BEAT: ...`` in the warnings.

    Notes
    -----
    Time and memory grow linearly with the recording; ``benchmarks/results/beats.md`` holds the measured figures.
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
    if not has_pulse(path, clarity):
        return fallback_grid(duration_s, "NO_BEAT: no steady pulse is heard; beats are counted in half seconds")
    confidence = clarity if odds is None else np.maximum(clarity, network_confidence(odds, path))
    tracked = even_out_gaps(TrackedBeats(_refine(evidence[:, RISE_COLUMN], path), confidence))
    return make_grid(frames, evidence, tracked, duration_s, odds=odds)


def find_beat_path(
    evidence: Float32[np.ndarray, "frames columns"], odds: Float32[np.ndarray, "frames outputs"] | None = None
) -> Int[np.ndarray, " beats"]:
    """Find the best sequence of beats by the novelty and the network's log odds, shape=(beats,) [frames]."""
    models = read_linear_models()
    per_frame = np.float32(FRAME_S / models.window_s * (1.0 if odds is None else NOVELTY_SHARE))
    profile = np.ascontiguousarray((running_max(evidence, 3) @ models.profile.T).T * per_frame)
    tempo = tempo_scores(evidence, models.tempo, models.tempo_prior) * per_frame
    beat_odds, costs = (None, NOVELTY_COSTS) if odds is None else (odds[:, 0], NETWORK_COSTS)
    return decode_beats(beat_odds, profile, tempo, TEMPO_HOP_FRAMES, PERIODS_FRAMES, costs)


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
    tracked: TrackedBeats,
    duration_s: float,
    downbeats_s: Float[np.ndarray, " bars"] | None = None,
    *,
    odds: Float32[np.ndarray, "frames outputs"] | None = None,
) -> BeatGrid:
    """Extend beats, at least two, over the whole recording, and find their bars.

    Bars are those of `downbeats_s`, each of which is one of the beats, where they are known; otherwise they are found
    in the novelty (`evidence`) and the network's log odds (`odds`).
    """
    whole = extend_to_ends(tracked, duration_s)
    at = np.clip(nearest_frames(whole.beats_s - ONSET_LEAD_S), 0, len(evidence) - 1)
    if downbeats_s is not None:
        bars = _bars_at(whole.beats_s, downbeats_s)
    else:
        bars = find_bars(evidence, frames, at, whole.confidence, odds)
    return BeatGrid(
        beats_s=whole.beats_s,
        downbeats=bars.downbeats,
        beats_per_bar=bars.beats_per_bar,
        tempo_curve_bpm=local_tempo_bpm(whole.beats_s),
        confidence=float(np.clip(whole.confidence.mean(), 0.01, 1.0)),
        strength=np.clip(running_max(evidence[:, RISE_COLUMN], 3)[at] / 5.0, 0.0, 1.0).astype(np.float64),
        beat_confidence=whole.confidence,
    )


def _bars_at(beats_s: Float[np.ndarray, " beats"], downbeats_s: Float[np.ndarray, " bars"]) -> Bars:
    """Make bars of known downbeats."""
    if len(downbeats_s) == 0:
        return NO_BARS
    downbeats = np.unique(np.abs(beats_s[None, :] - downbeats_s[:, None]).argmin(axis=1))
    lengths = np.diff(downbeats)
    return Bars(downbeats, int(np.bincount(lengths).argmax()) if len(lengths) else 4)
