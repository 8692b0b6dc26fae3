"""The 121 features of a beat."""

from __future__ import annotations

import io
import os

import numpy as np
from jaxtyping import Float, Float32, Float64, Int

from editorbot.analysis.analysis import Analysis, phase_in_bar
from editorbot.analysis.beat_grid import BeatGrid
from editorbot.analysis.filterbanks import CONTRAST_BANDS
from editorbot.analysis.grid_times import nearest_frames
from editorbot.analysis.spectrum import FRAME_COLUMNS, LEVEL_FLOOR_DB, MFCC, Spectrum
from editorbot.atomic import write_whole

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

_RMS = FRAME_COLUMNS.index("rms")
_CHUNK_BEATS, _CHUNK_FRAMES = 256, 8_192
_DELTA_REACH = 4
"""Frames on either side of librosa's MFCC delta (width 9)."""


def frame_features(spectrum: Spectrum, first: int, last: int) -> Float32[np.ndarray, "frames 52"]:
    """Return columns 0-51 of frames [first, last)."""
    rows, tracks, frames = slice(first, last), spectrum.tracks, len(spectrum.columns)
    # The slope at an end is that of the outermost frames, up to twice its reach away.
    low, high = max(0, first - 2 * _DELTA_REACH), min(frames, last + 2 * _DELTA_REACH)
    around = spectrum.columns[low:high]
    delta = mfcc_delta(around[:, -MFCC:], first, last, low, frames)
    return np.concatenate([tracks.onset[rows, None], around[first - low : last - low], delta, tracks.chroma[rows]], 1)


def mfcc_delta(
    mfcc: Float32[np.ndarray, "around coefficients"], first: int, last: int, low: int = 0, frames: int | None = None
) -> Float32[np.ndarray, "rows coefficients"]:
    """Return the slope of each coefficient over nine frames, librosa's `delta`.

    Parameters
    ----------
    mfcc : np.ndarray, shape=(around, coefficients), float32
        Frames from `low` on, eight more than asked for on either side, as far as there are any.
    first, last : int
        Frames wanted, [first, last).
    low, frames : int
        Frame of the first row of `mfcc`, and frames of the whole recording; by default `mfcc` is all of it.
    """
    reach, frames = _DELTA_REACH, len(mfcc) if frames is None else frames
    if frames < 2 * reach + 1:
        return np.zeros((last - first, mfcc.shape[1]), dtype=np.float32)
    # Within four frames of an end the slope of the outermost nine frames stands.
    centers = np.clip(np.arange(first, last), reach, frames - 1 - reach) - low
    slope = np.zeros((last - first, mfcc.shape[1]), dtype=np.float32)
    for k in range(1, reach + 1):
        slope += np.float32(k) * (mfcc[centers + k] - mfcc[centers - k])
    return slope / np.float32(2 * sum(k * k for k in range(1, reach + 1)))


def beat_frames(beats_s: Float[np.ndarray, " beats"], frames: int) -> Int[np.ndarray, " beats"]:
    """Return the frame nearest to each beat."""
    return np.clip(nearest_frames(beats_s), 0, frames - 1)


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


def beat_features(spectrum: Spectrum, grid: BeatGrid) -> Float32[np.ndarray, "beats features"]:
    """Return the 121 features of each beat, shape=(beats, 121), in the order of FEATURE_NAMES.

    A beat's frames are those from the one nearest to it up to the one nearest to the next beat; a
    beat shorter than a frame takes the nearest one. Where there are no bars, bar phase is (0, 0).
    """
    pooled = pool_beats(spectrum, grid.beats_s)
    differences = np.diff(pooled, axis=0, prepend=pooled[:1])
    stems = np.zeros((len(pooled), len(_STEM_NAMES)))
    return np.concatenate([pooled, _rhythm(grid), differences, stems], axis=1).astype(np.float32)


def _rhythm(grid: BeatGrid) -> Float64[np.ndarray, "beats 5"]:
    beats, tempo_bpm = len(grid.beats_s), grid.tempo_curve_bpm
    deviation = tempo_bpm / max(float(np.median(tempo_bpm)), 1e-9) - 1.0
    turn = 2 * np.pi * phase_in_bar(beats, grid.downbeats, grid.beats_per_bar) / grid.beats_per_bar
    has_bars = float(len(grid.downbeats) > 0)
    return np.stack([tempo_bpm, deviation, grid.strength, has_bars * np.sin(turn), has_bars * np.cos(turn)], axis=1)


def beat_levels_db(spectrum: Spectrum, beats_s: Float[np.ndarray, " beats"]) -> Float64[np.ndarray, " beats"]:
    """Return the level of each beat, shape=(beats,) [dBFS]."""
    frames = len(spectrum.columns)
    starts = beat_frames(beats_s, frames)
    power = np.add.reduceat(_frame_power(spectrum), starts)
    return _level_db(power / np.maximum(np.diff(np.append(starts, frames)), 1))


def mean_level_db(spectrum: Spectrum) -> float:
    """Return the level of the whole recording [dBFS]."""
    return float(_level_db(np.array([np.mean(_frame_power(spectrum))]))[0])


def _frame_power(spectrum: Spectrum) -> Float64[np.ndarray, " frames"]:
    parts = range(0, len(spectrum.columns), _CHUNK_FRAMES)
    rms = np.concatenate([spectrum.columns[at : at + _CHUNK_FRAMES][:, _RMS] for at in parts])
    return rms.astype(np.float64) ** 2


def _level_db(power: Float64[np.ndarray, " beats"]) -> Float64[np.ndarray, " beats"]:
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (LEVEL_FLOOR_DB / 10))))


def write_features(path: str | os.PathLike[str], analysis: Analysis, *, may_replace: bool = True) -> None:
    """Write ``features`` (beats, 121), ``feature_names`` and ``beats_s`` as npz.

    Raises
    ------
    ExistsError
        If there is a file that it must not replace.
    OutputError, NoSpaceError
        If the file cannot be written.
    """
    content = io.BytesIO()
    np.savez(
        content,
        allow_pickle=False,
        features=analysis.features,
        feature_names=np.array(FEATURE_NAMES),
        beats_s=analysis.beats_s,
    )
    write_whole(path, content.getvalue(), may_replace=may_replace)
