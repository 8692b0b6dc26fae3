"""Computes what the networks read of each step of a recording; training and editing use these same functions.

A row holds the sound (tone, harmony, level, onsets) relative to the recording itself, the cues of
:mod:`editorbot.editors.scoring.cues`, the kind of activity, and the nearest repeats: how similar they are and how far
away. There are two versions of the repeat features:

* :func:`step_inputs`, for the pointer network, finds repeats in the analysis.
* :func:`with_repeat_features`, for the learned score, finds them in the sound columns of the rows themselves. So
  training can cut, mix and loop jams at the level of these columns, and what is played again stays true.

Conventions
-----------
One row a step, float32, roughly within [-3, 3] before the network's own scaling.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32

from editorbot.analysis.analysis import ACTIVITY_KINDS, ActivitySpan
from editorbot.analysis.spectrum import STEP_MEL_BANDS
from editorbot.editors.scoring.cues import LOUD_PERCENTILE, QUIETEST_DB, activity_kinds, column, find_cues
from editorbot.editors.scoring.repetition import (
    HARMONY_WEIGHT,
    Repetition,
    find_repetition,
    step_vectors,
    window_weights,
    windows_of,
)
from editorbot.editors.scoring.self_similarity import (
    BANDS,
    REPEAT_LENGTHS,
    NearestRepeats,
    Vectors,
    earlier_repeats,
    lag_matrix_of,
    later_repeats,
)
from editorbot.models.scorer_config import StepInputs

INPUTS_VERSION = 1
"""Raised when an input changes its meaning: a network trained on another version is refused."""

SOUND_COUNT = 2 * STEP_MEL_BANDS + 21
"""First columns: tone, harmony, level and onsets."""

CUE_COUNT = 27
"""Columns of cues after them; the last four are about repetition."""

SIMILARITY_COUNT = 4 * BANDS * len(REPEAT_LENGTHS)
"""Last columns: similarity and distance of the nearest repeats."""

INPUT_COUNT = SOUND_COUNT + CUE_COUNT + len(ACTIVITY_KINDS) + SIMILARITY_COUNT
"""Columns of `StepInputs.values`."""

REPEAT_LENGTH = 1
"""Which of REPEAT_LENGTHS `StepInputs.nearest_repeats` uses: 6 s distinguish a phrase from a chord."""

REPEAT_COUNT = 2 * BANDS
"""Nearest repeats of a step: one per band of distances, later ones first."""

TONE = slice(STEP_MEL_BANDS, 2 * STEP_MEL_BANDS)
"""Columns of tone."""
HARMONY = slice(2 * STEP_MEL_BANDS, 2 * STEP_MEL_BANDS + 12)
"""Columns of the pitch classes."""
LEVEL = 2 * STEP_MEL_BANDS + 12
"""Column of the level, relative to the loud level."""
REPEAT_CUES = slice(SOUND_COUNT + CUE_COUNT - 4, SOUND_COUNT + CUE_COUNT)
"""Cues about repetition, which the learned score does not use."""

LEVEL_COLUMNS = ("level_db", "level_min_db", "level_max_db")
"""Step columns in decibels, read relative to the loud level."""

SPREAD_COLUMNS = ("flux", "flux_max", "flatness", "zero_crossings", "centroid_hz", "low_share")
"""Step columns read relative to their median and spread in loud steps; not `width`, which differs from room to room."""

QUIET = -4.0
"""A step whose level column is below this is silent: 48 dB under the loud level."""

Values = Float32[np.ndarray, "steps inputs"]
"""Rows of `StepInputs.values`."""


def step_inputs(steps: Float32[np.ndarray, "steps columns"], activity: tuple[ActivitySpan, ...]) -> StepInputs:
    """Compute the pointer network's inputs of one recording, without a lag matrix.

    Parameters
    ----------
    steps : np.ndarray, shape=(steps, len(STEP_COLUMNS)), float32
        `Analysis.steps`.
    activity : tuple of ActivitySpan
        `Analysis.activity`.
    """
    vectors = step_vectors(steps)
    values = sound_values(steps, activity, find_repetition(vectors))
    return StepInputs(values, *_add_repeats(values, vectors))


def scorer_inputs(steps: Float32[np.ndarray, "steps columns"], activity: tuple[ActivitySpan, ...]) -> StepInputs:
    """Compute the learned score's inputs of one recording; parameters as in :func:`step_inputs`."""
    return with_repeat_features(sound_values(steps, activity), copy=False)


def with_repeat_features(values: Values, *, copy: bool = True) -> StepInputs:
    """Compute all inputs about repetition anew from the sound columns of rows.

    Parameters
    ----------
    values : np.ndarray, shape=(steps, INPUT_COUNT), float32
        Rows of one recording, or put together from several.
    copy : bool
        Whether `values` stay as they are; otherwise their columns about repetition are overwritten.
    """
    values = np.array(values, np.float32) if copy else values
    vectors = sound_vectors(values)
    values[:, REPEAT_CUES] = 0
    return StepInputs(values, *_add_repeats(values, vectors), lag_matrix_of(vectors))


def sound_values(
    steps: Float32[np.ndarray, "steps columns"],
    activity: tuple[ActivitySpan, ...],
    repetition: Repetition | None = None,
) -> Values:
    """Compute all columns but those of the nearest repeats; without a repetition, cues about it stay 0 too."""
    values = np.zeros((len(steps), INPUT_COUNT), np.float32)
    _add_sound(values[:, :SOUND_COUNT], steps)
    for number, cue in enumerate(find_cues(steps, activity, repetition).values()):
        values[:, SOUND_COUNT + number] = cue
    kinds = activity_kinds(activity, len(steps))
    values[:, SOUND_COUNT + CUE_COUNT : -SIMILARITY_COUNT] = kinds[:, None] == np.arange(len(ACTIVITY_KINDS))[None, :]
    return values


def sound_vectors(values: Values) -> Vectors:
    """Compute timbre and harmony of each row as a unit vector, zero where it is silent."""
    tone, harmony = values[:, TONE], values[:, HARMONY]
    tone = _unit(tone - tone.mean(1, keepdims=True))
    harmony = _unit(harmony - harmony.mean(1, keepdims=True))
    vectors = _unit(np.concatenate([tone, HARMONY_WEIGHT * harmony], axis=1))
    vectors[values[:, LEVEL] < QUIET] = 0
    return np.ascontiguousarray(vectors, np.float32)


def _unit(rows: Float32[np.ndarray, "rows columns"]) -> Float32[np.ndarray, "rows columns"]:
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6), np.float32)


def _add_repeats(
    values: Values, vectors: Vectors
) -> tuple[Int32[np.ndarray, "steps repeats"], Float32[np.ndarray, "steps repeats"]]:
    """Write the columns of the nearest repeats; return their steps, -1 if there is none, and their similarity."""
    later, earlier = later_repeats(vectors), earlier_repeats(vectors)
    values[:, -SIMILARITY_COUNT:] = np.concatenate([_columns(later), _columns(earlier)], axis=1)
    nearest = np.concatenate([_steps_of(later, 1), _steps_of(earlier, -1)], axis=1)
    similarity = np.concatenate([later.similarity[REPEAT_LENGTH], earlier.similarity[REPEAT_LENGTH]]).T
    return nearest, np.ascontiguousarray(similarity)


def _columns(repeats: NearestRepeats) -> Float32[np.ndarray, "steps columns"]:
    """Arrange similarity and log distance of every length and band as columns."""
    count = repeats.similarity.shape[-1]
    distance = np.log1p(repeats.distance.astype(np.float32)) / 4.0
    columns = np.concatenate([repeats.similarity.reshape(-1, count), distance.reshape(-1, count)])
    return np.asarray(columns.T, np.float32)


def _steps_of(repeats: NearestRepeats, direction: int) -> Int32[np.ndarray, "steps bands"]:
    distance = repeats.distance[REPEAT_LENGTH].T
    here = np.arange(len(distance), dtype=np.int32)[:, None]
    return np.where(distance > 0, here + direction * distance, np.int32(-1)).astype(np.int32)


def _add_sound(values: Float32[np.ndarray, "steps sound"], steps: Float32[np.ndarray, "steps columns"]) -> None:
    """Write tone, harmony, level and onsets, relative to what is usual in the recording around each step."""
    weights = np.zeros((len(steps), 1), np.float32)
    for first, last in windows_of(len(steps)):
        weight = window_weights(last - first)[:, None]
        values[first:last] += weight * _sound_of_window(steps[first:last])
        weights[first:last] += weight
    values /= weights


def _sound_of_window(steps: Float[np.ndarray, "steps columns"]) -> Float[np.ndarray, "steps values"]:
    level = np.maximum(column(steps, "level_db"), QUIETEST_DB)
    loud_db = float(np.percentile(level, LOUD_PERCENTILE))
    is_loud = level >= loud_db - 20
    mel = np.asarray(steps[:, :STEP_MEL_BANDS], np.float64)
    bands_db = np.percentile(mel, LOUD_PERCENTILE, axis=0)
    against_loud = np.clip((mel - bands_db) / 15, -4, 4)
    tone = np.maximum(mel, mel.max(1, keepdims=True) - 50)
    tone -= tone.mean(1, keepdims=True)
    tone = np.clip((tone - np.median(tone[is_loud], axis=0)) / 10, -4, 4)
    levels = [np.clip((np.maximum(column(steps, name), QUIETEST_DB) - loud_db) / 12, -5, 3) for name in LEVEL_COLUMNS]
    others = [_against_loud(_near_normal(name, column(steps, name)), is_loud) for name in SPREAD_COLUMNS]
    harmony = steps[:, STEP_MEL_BANDS : STEP_MEL_BANDS + 12]
    return np.concatenate([against_loud, tone, harmony, np.stack(levels + others, axis=1)], axis=1)


def _near_normal(name: str, values: Float[np.ndarray, " steps"]) -> Float[np.ndarray, " steps"]:
    """Bring a column to the scale on which it is about normally distributed."""
    return values if name == "low_share" else np.log(np.maximum(values, 1e-5))


def _against_loud(
    values: Float[np.ndarray, " steps"], is_loud: Bool[np.ndarray, " steps"]
) -> Float[np.ndarray, " steps"]:
    usual = float(np.median(values[is_loud]))
    spread = float(np.median(np.abs(values[is_loud] - usual))) + 0.02
    return np.clip((values - usual) / (3 * spread), -4, 4)
