"""The 121 features of a beat."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Int

from editorbot.analysis.filterbanks import CONTRAST_BANDS
from editorbot.analysis.spectrum import MFCC, Spectrum
from editorbot.timebase import FRAME_S

_PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FRAME_NAMES = (
    "onset_strength", "rms", "centroid_hz", "zero_crossing_rate", "rolloff_hz", "bandwidth_hz", "flatness",
    *(f"contrast_{band}" for band in range(CONTRAST_BANDS)),
    *(f"mfcc_{order}" for order in range(MFCC)), *(f"mfcc_delta_{order}" for order in range(MFCC)),
    *(f"chroma_{pitch}" for pitch in _PITCHES),
)  # fmt: skip
_RHYTHM_NAMES = ("local_tempo_bpm", "tempo_deviation", "beat_strength", "bar_phase_sin", "bar_phase_cos")
_STEM_NAMES = tuple(
    f"{stem}_{what}"
    for stem in ("drums", "bass", "vocals", "other")
    for what in ("rms", "onset_strength", "centroid_hz")
)
FEATURE_NAMES: tuple[str, ...] = (
    *_FRAME_NAMES, *_RHYTHM_NAMES, *(f"{name}_difference" for name in _FRAME_NAMES), *_STEM_NAMES
)  # fmt: skip
"""Names of the columns of `Analysis.features`, in order."""

_CHUNK_BEATS = 256
_DELTA_REACH = 4
"""Frames on either side of librosa's MFCC delta (width 9)."""


def frame_features(spectrum: Spectrum, first: int, last: int) -> Float32[np.ndarray, "frames 52"]:
    """Return columns 0-51 of frames [first, last)."""
    rows = slice(first, last)
    columns, tracks = spectrum.columns[rows], spectrum.tracks
    return np.concatenate(
        [tracks.onset[rows, None], columns, mfcc_delta(spectrum.columns[:, -MFCC:], first, last), tracks.chroma[rows]],
        1,
    )


def mfcc_delta(
    mfcc: Float32[np.ndarray, "frames coefficients"], first: int, last: int
) -> Float32[np.ndarray, "rows coefficients"]:
    """Return the slope of each coefficient over nine frames, at frames [first, last); librosa's `delta`."""
    frames, reach = len(mfcc), _DELTA_REACH
    if frames < 2 * reach + 1:
        return np.zeros((last - first, mfcc.shape[1]), dtype=np.float32)
    # Within four frames of an end the slope of the outermost nine frames stands.
    centers = np.clip(np.arange(first, last), reach, frames - 1 - reach)
    slope = np.zeros((last - first, mfcc.shape[1]), dtype=np.float32)
    for k in range(1, reach + 1):
        slope += np.float32(k) * (mfcc[centers + k] - mfcc[centers - k])
    return slope / np.float32(2 * sum(k * k for k in range(1, reach + 1)))


def beat_frames(beats_s: Float[np.ndarray, " beats"], frames: int) -> Int[np.ndarray, " beats"]:
    """Return the frame nearest to each beat."""
    return np.clip(np.rint(beats_s / FRAME_S).astype(np.int64), 0, frames - 1)


def pool_beats(spectrum: Spectrum, beats_s: Float[np.ndarray, " beats"]) -> Float32[np.ndarray, "beats 52"]:
    """Return the mean of columns 0-51 over each beat's frames."""
    frames = len(spectrum.columns)
    bounds = np.append(beat_frames(beats_s, frames), frames)
    pooled = np.empty((len(beats_s), len(_FRAME_NAMES)), dtype=np.float32)
    for beat in range(0, len(beats_s), _CHUNK_BEATS):
        part = bounds[beat : beat + _CHUNK_BEATS + 1]
        rows = frame_features(spectrum, int(part[0]), int(max(part[-1], part[-2] + 1))).astype(np.float64)
        counts = np.maximum(np.diff(part), 1)[:, None]
        pooled[beat : beat + _CHUNK_BEATS] = np.add.reduceat(rows, part[:-1] - part[0], axis=0) / counts
    return pooled


def beat_features(
    spectrum: Spectrum,
    beats_s: Float[np.ndarray, " beats"],
    tempo_curve_bpm: Float[np.ndarray, " beats"],
    strength: Float[np.ndarray, " beats"],
    bar_phase: Float[np.ndarray, " beats"],
) -> Float32[np.ndarray, "beats 121"]:
    """Return the 121 features of each beat; `bar_phase` in [0, 1)."""
    pooled = pool_beats(spectrum, beats_s)
    median_bpm = float(np.median(tempo_curve_bpm))
    deviation = tempo_curve_bpm / median_bpm - 1.0 if median_bpm > 0 else np.zeros(len(beats_s))
    turn = 2 * np.pi * bar_phase
    rhythm = np.stack([tempo_curve_bpm, deviation, strength, np.sin(turn), np.cos(turn)], axis=1)
    differences = np.diff(pooled, axis=0, prepend=pooled[:1])
    stems = np.zeros((len(beats_s), len(_STEM_NAMES)))
    return np.concatenate([pooled, rhythm, differences, stems], axis=1).astype(np.float32)
