"""What the learned score reads of a recording: its sound, and where the same is played again.

All that tells of repetition is made from the columns of sound themselves. So
jams can be cut, mixed and played on at the level of these columns while
training, and what is heard again stays true.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from editorbot.analysis.analysis import STEP_MEL_BANDS
from editorbot.editors.scoring.inputs import (
    CUE_COUNT,
    LIKENESS_COUNT,
    REPEAT_LENGTH,
    SOUND_COUNT,
    StepInputs,
    likeness_columns,
    places_of,
)
from editorbot.editors.scoring.lag_matrix import likeness_by_lag
from editorbot.editors.scoring.nearest_repeats import earlier_repeats, later_repeats
from editorbot.editors.scoring.repetition import HARMONY_WEIGHT
from editorbot.models.scorer_config import LAG_TOKENS

TONE = slice(STEP_MEL_BANDS, 2 * STEP_MEL_BANDS)
"""Columns of `StepInputs.values` that hold the tone."""
HARMONY = slice(2 * STEP_MEL_BANDS, 2 * STEP_MEL_BANDS + 12)
"""Columns that hold the pitch classes."""
LEVEL = 2 * STEP_MEL_BANDS + 12
"""The column of the level against the loud level."""
REPEAT_CUES = slice(SOUND_COUNT + CUE_COUNT - 4, SOUND_COUNT + CUE_COUNT)
"""Cues that tell of repetition by another way; left out here."""

QUIET = -4.0
"""A step whose level column lies below this is silent: 48 dB under the loud level."""


@dataclass(frozen=True)
class JamInputs:
    """Everything that the learned score's network reads of one recording."""

    values: Float32[np.ndarray, "steps inputs"]
    """One row a step."""
    nearest_repeats: Int32[np.ndarray, "steps repeats"]
    """Steps that sound like each step, later ones first; -1 where there is none."""
    likeness: Float32[np.ndarray, "steps repeats"]
    """How alike each twin is, a mean cosine; 0 where there is none."""
    lag_matrix: Float32[np.ndarray, "lengths tokens lags"]
    """How alike each token is to every later one; see :mod:`editorbot.editors.scoring.lag_matrix`."""


def with_repeat_features(values: Float32[np.ndarray, "steps inputs"]) -> JamInputs:
    """Return the inputs whose columns of sound are given, all that tells of repetition made anew.

    Parameters
    ----------
    values : np.ndarray, shape=(steps, INPUT_COUNT), float32
        Rows of `StepInputs.values`, of one recording or put together from several; left as they are.
    """
    return fill_in(np.array(values, np.float32))


def fill_in(anew: Float32[np.ndarray, "steps inputs"]) -> JamInputs:
    """Return :func:`with_repeat_features` of rows that nobody else holds: they are written into."""
    vectors = sound_vectors(anew)
    later, earlier = later_repeats(vectors), earlier_repeats(vectors)
    anew[:, REPEAT_CUES] = 0
    anew[:, -LIKENESS_COUNT:] = np.concatenate([likeness_columns(later), likeness_columns(earlier)], axis=1)
    nearest_repeats = np.concatenate([places_of(later, 1), places_of(earlier, -1)], axis=1)
    likeness = np.concatenate([later.similarity[REPEAT_LENGTH], earlier.similarity[REPEAT_LENGTH]]).T
    return JamInputs(anew, nearest_repeats, np.ascontiguousarray(likeness), likeness_by_lag(vectors))


def as_heard(inputs: StepInputs) -> JamInputs:
    """Return inputs as they are, for networks that do not look over the whole recording."""
    return JamInputs(inputs.values, inputs.nearest_repeats, inputs.likeness, np.zeros((2, 0, LAG_TOKENS), np.float32))


def sound_vectors(values: Float32[np.ndarray, "steps inputs"]) -> Float32[np.ndarray, "steps dimensions"]:
    """Return timbre and harmony of each step as a unit vector, zero where it is silent."""
    tone, harmony = values[:, TONE], values[:, HARMONY]
    tone = _unit(tone - tone.mean(1, keepdims=True))
    harmony = _unit(harmony - harmony.mean(1, keepdims=True))
    vectors = _unit(np.concatenate([tone, HARMONY_WEIGHT * harmony], axis=1))
    vectors[values[:, LEVEL] < QUIET] = 0
    return np.ascontiguousarray(vectors, np.float32)


def _unit(rows: Float32[np.ndarray, "rows columns"]) -> Float32[np.ndarray, "rows columns"]:
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6), np.float32)
