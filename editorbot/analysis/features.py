"""The 121 features of a beat.

To add a feature that follows from the beat grid, add one entry to `GRID_FEATURES`; one of the spectrum is a column of
`spectrum.FRAME_COLUMNS`. Every size and name elsewhere follows from FEATURE_NAMES. Networks that were trained on other
features are refused, so they have to be trained again.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Float32, Float64, Int

from editorbot.analysis.analysis import Analysis, phase_in_bar
from editorbot.analysis.beat_grid import BeatGrid
from editorbot.analysis.grid_times import nearest_frames
from editorbot.analysis.spectrum import FRAME_COLUMNS, LEVEL_FLOOR_DB, MFCC, Spectrum
from editorbot.analysis.stems import STEM_NAMES
from editorbot.analysis.tonality import PITCHES
from editorbot.atomic import write_whole

_FRAME_NAMES = (
    "onset_strength", *FRAME_COLUMNS, *(f"mfcc_delta_{order}" for order in range(MFCC)),
    *(f"chroma_{pitch}" for pitch in PITCHES),
)  # fmt: skip

GRID_FEATURES: Mapping[str, Callable[[BeatGrid], Float64[np.ndarray, " beats"]]] = MappingProxyType(
    {
        "local_tempo_bpm": lambda grid: grid.tempo_curve_bpm,
        "tempo_deviation": lambda grid: grid.tempo_curve_bpm / max(float(np.median(grid.tempo_curve_bpm)), 1e-9) - 1.0,
        "beat_strength": lambda grid: grid.strength,
        "bar_phase_sin": lambda grid: _has_bars(grid) * np.sin(_turn(grid)),
        "bar_phase_cos": lambda grid: _has_bars(grid) * np.cos(_turn(grid)),
    }
)
"""Features that follow from the beat grid: how each is computed, shape=(beats,)."""

STEM_MEASURES = ("rms", "onset_strength", "centroid_hz")
"""Features of each stem."""

FEATURE_NAMES: tuple[str, ...] = (
    *_FRAME_NAMES,
    *GRID_FEATURES,
    *(f"{name}_difference" for name in _FRAME_NAMES),
    *(f"{stem}_{measure}" for stem in STEM_NAMES for measure in STEM_MEASURES),
)
"""Names of the columns of `Analysis.features`, in order."""

_RMS = FRAME_COLUMNS.index("rms")
_CHUNK_BEATS, _CHUNK_FRAMES = 256, 8_192
_DELTA_REACH = 4
"""Frames on either side of librosa's MFCC delta (width 9)."""


def frame_features(spectrum: Spectrum, first: int, last: int) -> Float32[np.ndarray, "frames frame_features"]:
    """Compute the features of the spectrum of frames [first, last)."""
    rows, tracks, frames = slice(first, last), spectrum.tracks, len(spectrum.columns)
    # The slope at an end is that of the outermost frames, up to twice its reach away.
    low, high = max(0, first - 2 * _DELTA_REACH), min(frames, last + 2 * _DELTA_REACH)
    around = spectrum.columns[low:high]
    delta = mfcc_delta(around[:, -MFCC:], first, last, low, frames)
    return np.concatenate([tracks.onset[rows, None], around[first - low : last - low], delta, tracks.chroma[rows]], 1)


def mfcc_delta(
    mfcc: Float32[np.ndarray, "around coefficients"], first: int, last: int, low: int = 0, frames: int | None = None
) -> Float32[np.ndarray, "rows coefficients"]:
    """Compute the slope of each coefficient over nine frames, librosa's `delta`, for frames [first, last).

    `mfcc` begins at frame `low` of the recording's `frames` and holds eight frames more on either side, as far as there
    are any; by default it is the whole recording.
    """
    reach, frames = _DELTA_REACH, len(mfcc) if frames is None else frames
    if frames < 2 * reach + 1:
        return np.zeros((last - first, mfcc.shape[1]), dtype=np.float32)
    # Within four frames of an end it is the slope of the outermost nine frames.
    centers = np.clip(np.arange(first, last), reach, frames - 1 - reach) - low
    slope = np.zeros((last - first, mfcc.shape[1]), dtype=np.float32)
    for k in range(1, reach + 1):
        slope += np.float32(k) * (mfcc[centers + k] - mfcc[centers - k])
    return slope / np.float32(2 * sum(k * k for k in range(1, reach + 1)))


def beat_frames(beats_s: Float[np.ndarray, " beats"], frames: int) -> Int[np.ndarray, " beats"]:
    """Find the frame nearest to each beat."""
    return np.clip(nearest_frames(beats_s), 0, frames - 1)


def pool_beats(spectrum: Spectrum, beats_s: Float[np.ndarray, " beats"]) -> Float32[np.ndarray, "beats frame_features"]:
    """Average the features of the spectrum over each beat's frames."""
    frames = len(spectrum.columns)
    bounds = np.append(beat_frames(beats_s, frames), frames)
    pooled = np.empty((len(beats_s), len(_FRAME_NAMES)), dtype=np.float32)
    for beat in range(0, len(beats_s), _CHUNK_BEATS):
        part = bounds[beat : beat + _CHUNK_BEATS + 1]
        rows = frame_features(spectrum, int(part[0]), int(max(part[-1], part[-2] + 1))).astype(np.float64)
        counts = np.maximum(np.diff(part), 1)[:, None]
        pooled[beat : beat + _CHUNK_BEATS] = np.add.reduceat(rows, part[:-1] - part[0], axis=0) / counts
    return pooled


def beat_features(spectrum: Spectrum, grid: BeatGrid) -> Float32[np.ndarray, "beats features"]:
    """Compute the features of each beat, shape=(beats, features), in the order of FEATURE_NAMES.

    A beat's frames are those from the one nearest to it up to the one nearest to the next beat; a
    beat shorter than a frame takes the nearest one. Where there are no bars, bar phase is (0, 0).
    """
    pooled = pool_beats(spectrum, grid.beats_s)
    differences = np.diff(pooled, axis=0, prepend=pooled[:1])
    rhythm = np.stack([feature(grid) for feature in GRID_FEATURES.values()], axis=1)
    stems = np.zeros((len(pooled), len(STEM_NAMES) * len(STEM_MEASURES)))
    return np.concatenate([pooled, rhythm, differences, stems], axis=1).astype(np.float32)


def _turn(grid: BeatGrid) -> Float64[np.ndarray, " beats"]:
    """Place of each beat in its bar [radians]."""
    return 2 * np.pi * phase_in_bar(len(grid.beats_s), grid.downbeats, grid.beats_per_bar) / grid.beats_per_bar


def _has_bars(grid: BeatGrid) -> float:
    return float(len(grid.downbeats) > 0)


def feature_columns(first: str, last: str) -> slice:
    """Find the columns of the features from one name to another, both included."""
    return slice(FEATURE_NAMES.index(first), FEATURE_NAMES.index(last) + 1)


def beat_levels_db(spectrum: Spectrum, beats_s: Float[np.ndarray, " beats"]) -> Float64[np.ndarray, " beats"]:
    """Measure the level of each beat, shape=(beats,) [dBFS]."""
    frames = len(spectrum.columns)
    starts = beat_frames(beats_s, frames)
    power = np.add.reduceat(_frame_power(spectrum), starts)
    return _level_db(power / np.maximum(np.diff(np.append(starts, frames)), 1))


def mean_level_db(spectrum: Spectrum) -> float:
    """Measure the level of the whole recording [dBFS]."""
    return float(_level_db(np.array([np.mean(_frame_power(spectrum))]))[0])


def _frame_power(spectrum: Spectrum) -> Float64[np.ndarray, " frames"]:
    parts = range(0, len(spectrum.columns), _CHUNK_FRAMES)
    rms = np.concatenate([spectrum.columns[at : at + _CHUNK_FRAMES][:, _RMS] for at in parts])
    return rms.astype(np.float64) ** 2


def _level_db(power: Float64[np.ndarray, " beats"]) -> Float64[np.ndarray, " beats"]:
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (LEVEL_FLOOR_DB / 10))))


def write_features(path: str | os.PathLike[str], analysis: Analysis, *, may_replace: bool = True) -> None:
    """Write ``features`` (beats, features), ``feature_names`` and ``beats_s`` as npz.

    Raises
    ------
    ExistsError
        If there is a file that it must not replace.
    OutputError, NoSpaceError
        If the file cannot be written.
    """
    content, names = io.BytesIO(), np.array(FEATURE_NAMES)
    np.savez(content, allow_pickle=False, features=analysis.features, feature_names=names, beats_s=analysis.beats_s)
    write_whole(path, content.getvalue(), may_replace=may_replace)
