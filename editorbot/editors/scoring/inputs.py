"""What the learned score hears of each step: the numbers that go into the network.

Sound (tone, harmony, level, onsets) relative to the recording's own, the cues of
:mod:`editorbot.editors.scoring.cues`, the kind of activity, and the twins: how
alike the best later and earlier stretches are, and how far away. The same
function serves training and use.

Conventions
-----------
One row a step, float32, roughly within [-3, 3] before the network's own scaling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32

from editorbot.analysis.analysis import ACTIVITY_KINDS, STEP_MEL_BANDS, ActivitySpan
from editorbot.editors.scoring.cues import LOUD_PERCENTILE, QUIETEST_DB, activity_kinds, column, find_cues
from editorbot.editors.scoring.nearest_repeats import (
    BANDS,
    REPEAT_LENGTHS,
    NearestRepeats,
    earlier_repeats,
    later_repeats,
)
from editorbot.editors.scoring.repetition import Repetition, find_repetition, step_vectors
from editorbot.editors.scoring.windows import window_weights, windows_of

INPUTS_VERSION = 1
"""Raised when an input changes its meaning: a network trained on another version is refused."""

SOUND_COUNT = 2 * STEP_MEL_BANDS + 21
"""First columns: tone, harmony, level and onsets."""

CUE_COUNT = 27
"""Columns of cues after them; the last four tell of repetition."""

LIKENESS_COUNT = 4 * BANDS * len(REPEAT_LENGTHS)
"""Last columns: likeness and distance of the twins."""

INPUT_COUNT = SOUND_COUNT + CUE_COUNT + len(ACTIVITY_KINDS) + LIKENESS_COUNT
"""Columns of `StepInputs.values`."""

REPEAT_LENGTH = 1
"""Which of REPEAT_LENGTHS says where a step's twins are: 6 s tell a phrase from a chord."""

REPEAT_COUNT = 2 * BANDS
"""Twins of a step: one a band of distances, later ones first."""


@dataclass(frozen=True)
class StepInputs:
    """Everything that the network reads of one recording."""

    values: Float32[np.ndarray, "steps inputs"]
    """One row a step."""
    nearest_repeats: Int32[np.ndarray, "steps repeats"]
    """Steps that sound like each step, later ones first; -1 where there is none."""
    likeness: Float32[np.ndarray, "steps repeats"]
    """How alike each twin is, a mean cosine; 0 where there is none."""


def inputs_of(steps: Float32[np.ndarray, "steps columns"], activity: tuple[ActivitySpan, ...]) -> StepInputs:
    """Return the network's inputs of one recording.

    Parameters
    ----------
    steps : np.ndarray, shape=(steps, len(STEP_COLUMNS)), float32
        `Analysis.steps`.
    activity : tuple of ActivitySpan
        `Analysis.activity`.
    """
    vectors = step_vectors(steps)
    later, earlier = later_repeats(vectors), earlier_repeats(vectors)
    values = _values(steps, activity, find_repetition(vectors))
    values[:, -LIKENESS_COUNT:] = np.concatenate([likeness_columns(later), likeness_columns(earlier)], axis=1)
    places = np.concatenate([places_of(later, 1), places_of(earlier, -1)], axis=1)
    likeness = np.concatenate([later.similarity[REPEAT_LENGTH], earlier.similarity[REPEAT_LENGTH]]).T
    return StepInputs(values, places, np.ascontiguousarray(likeness))


def sound_of(
    steps: Float32[np.ndarray, "steps columns"], activity: tuple[ActivitySpan, ...]
) -> Float32[np.ndarray, "steps inputs"]:
    """Return `StepInputs.values` with zeros where they tell of repetition; `with_repeat_features` fills them in.

    Parameters
    ----------
    steps, activity
        As in :func:`inputs_of`.
    """
    return _values(steps, activity, None)


def _values(
    steps: Float32[np.ndarray, "steps columns"], activity: tuple[ActivitySpan, ...], repetition: Repetition | None
) -> Float32[np.ndarray, "steps inputs"]:
    """Return all columns but the twins'."""
    values = np.zeros((len(steps), INPUT_COUNT), np.float32)
    _add_sound(values[:, :SOUND_COUNT], steps)
    for number, cue in enumerate(find_cues(steps, activity, repetition).values()):
        values[:, SOUND_COUNT + number] = cue
    kinds = activity_kinds(activity, len(steps))
    values[:, SOUND_COUNT + CUE_COUNT : -LIKENESS_COUNT] = kinds[:, None] == np.arange(len(ACTIVITY_KINDS))[None, :]
    return values


def places_of(nearest_repeats: NearestRepeats, direction: int) -> Int32[np.ndarray, "steps bands"]:
    """Return the steps at which the twins lie, -1 where there is none."""
    distance = nearest_repeats.distance[REPEAT_LENGTH].T
    here = np.arange(len(distance), dtype=np.int32)[:, None]
    return np.where(distance > 0, here + direction * distance, np.int32(-1)).astype(np.int32)


def likeness_columns(nearest_repeats: NearestRepeats) -> Float32[np.ndarray, "steps columns"]:
    """Return likeness and log distance of every length and band as columns."""
    count = nearest_repeats.similarity.shape[-1]
    nearness = np.log1p(nearest_repeats.distance.astype(np.float32)) / 4.0
    columns = np.concatenate([nearest_repeats.similarity.reshape(-1, count), nearness.reshape(-1, count)])
    return np.asarray(columns.T, np.float32)


def _add_sound(values: Float32[np.ndarray, "steps sound"], steps: Float32[np.ndarray, "steps columns"]) -> None:
    """Put in tone, harmony, level and onsets against what is usual in the recording around each step."""
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
    others = [_against_loud(_squeezed(name, column(steps, name)), is_loud) for name in SPREAD_COLUMNS]
    harmony = steps[:, STEP_MEL_BANDS : STEP_MEL_BANDS + 12]
    return np.concatenate([against_loud, tone, harmony, np.stack(levels + others, axis=1)], axis=1)


LEVEL_COLUMNS = ("level_db", "level_min_db", "level_max_db")
"""Columns in decibels, read against the loud level."""

SPREAD_COLUMNS = ("flux", "flux_max", "flatness", "zero_crossings", "centroid_hz", "low_share")
"""Columns read against their median and spread in the loud steps; not `width`, which differs from room to room."""


def _squeezed(name: str, values: Float[np.ndarray, " steps"]) -> Float[np.ndarray, " steps"]:
    """Return a column on the scale on which it is about normal."""
    return values if name == "low_share" else np.log(np.maximum(values, 1e-5))


def _against_loud(
    values: Float[np.ndarray, " steps"], is_loud: Bool[np.ndarray, " steps"]
) -> Float[np.ndarray, " steps"]:
    usual = float(np.median(values[is_loud]))
    spread = float(np.median(np.abs(values[is_loud] - usual))) + 0.02
    return np.clip((values - usual) / (3 * spread), -4, 4)
