"""Recording -> Analysis: the order of the steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from editorbot.analysis.analysis import ActivitySpan, Analysis, Section
from editorbot.analysis.downmix import MonoReader
from editorbot.analysis.features import beat_features, beat_frames
from editorbot.analysis.spectrum import FrameTracks, Spectrum, SpectrumScan
from editorbot.analysis.tonality import estimate_key
from editorbot.errors import TooShortError
from editorbot.recording import Recording

MIN_DURATION_S = 2.0
"""Shorter recordings cannot be edited."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class _Grid:
    beats_s: np.ndarray
    downbeats: np.ndarray
    beats_per_bar: int
    tempo_curve_bpm: np.ndarray
    confidence: float
    strength: np.ndarray
    warnings: tuple[str, ...] = ()


def analyze(
    recording: Recording,
    *,
    cache: object | None = None,
    progress: Progress | None = None,
    allow_silent: bool = False,
    allow_short: bool = False,
) -> Analysis:
    """Analyze a recording."""
    duration_s = recording.samples / recording.sample_rate
    if duration_s < MIN_DURATION_S and not allow_short:
        raise TooShortError(
            f"{duration_s:.3f} s long, but at least {MIN_DURATION_S:.0f} s are needed; --copy-short copies it",
            path=recording.path,
        )
    spectrum = _scan(recording, progress)
    grid = _rough_beats(spectrum.tracks, duration_s)
    energy_db = _beat_levels(spectrum, grid.beats_s)
    phases = (np.arange(len(grid.beats_s)) % grid.beats_per_bar) / grid.beats_per_bar
    return Analysis(
        source=recording.source,
        beats_s=grid.beats_s,
        downbeats=grid.downbeats,
        beats_per_bar=grid.beats_per_bar,
        phrases=grid.downbeats[::2],
        sections=(Section(0.0, duration_s, "A", grid.confidence),),
        activity=(ActivitySpan(0.0, duration_s, "music"),),
        tempo_bpm=float(np.median(grid.tempo_curve_bpm)) if grid.confidence > 0 else 0.0,
        tempo_curve_bpm=grid.tempo_curve_bpm,
        energy_db=energy_db,
        overall_energy_db=_mean_level_db(spectrum.tracks.level_db),
        key=estimate_key(spectrum.tracks.chroma, spectrum.tracks.level_db),
        beat_confidence=grid.confidence,
        features=beat_features(spectrum, grid.beats_s, grid.tempo_curve_bpm, grid.strength, phases),
        steps=spectrum.steps,
        warnings=(*recording.warnings, *grid.warnings),
    )


def _scan(recording: Recording, progress: Progress | None) -> Spectrum:
    mono = MonoReader(recording)
    scan, done = SpectrumScan(mono.samples), 0
    for block in mono.blocks():
        scan.update(block)
        done += len(block)
        if progress is not None:
            progress("listening", done / mono.samples)
    spectrum = scan.finish()
    spectrum.steps[:, -1] = mono.width
    return spectrum


def _mean_level_db(level_db: Float[np.ndarray, " frames"]) -> float:
    return float(max(-120.0, 10 * np.log10(max(np.mean(10.0 ** (level_db.astype(np.float64) / 10)), 1e-12))))


def _beat_levels(spectrum: Spectrum, beats_s: Float[np.ndarray, " beats"]) -> Float[np.ndarray, " beats"]:
    frames = len(spectrum.columns)
    starts = beat_frames(beats_s, frames)
    power = np.add.reduceat(spectrum.columns[:, 0].astype(np.float64) ** 2, starts)
    counts = np.maximum(np.diff(np.append(starts, frames)), 1)
    return np.maximum(10 * np.log10(np.maximum(power / counts, 1e-12)), -120.0)


def _rough_beats(tracks: FrameTracks, duration_s: float) -> _Grid:
    """Stand in for the beat tracker until it lands."""
    import librosa

    beats_s = np.zeros(0)
    if tracks.onset.any():
        _, beats_s = librosa.beat.beat_track(onset_envelope=tracks.onset, sr=22_050, hop_length=512, units="time")
    if len(beats_s) < 4:
        beats_s = np.arange(0.0, max(duration_s, 1e-9), 0.5)
        flat = np.full(len(beats_s), 120.0)
        return _Grid(
            beats_s, np.zeros(0, dtype=int), 4, flat, 0.0, np.zeros(len(beats_s)), ("NO_BEAT: no beat was found",)
        )
    tempo = 60 / np.diff(beats_s, append=2 * beats_s[-1] - beats_s[-2])
    strength = tracks.onset[beat_frames(beats_s, len(tracks.onset))]
    return _Grid(beats_s.astype(np.float64), np.arange(0, len(beats_s), 4), 4, tempo, 0.5, strength)
