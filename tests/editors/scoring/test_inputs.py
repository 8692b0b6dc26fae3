"""Repeat features computed anew from the sound columns."""

import numpy as np

from editorbot.editors.scoring.inputs import sound_values, sound_vectors, step_inputs, with_repeat_features
from editorbot.models.scorer_config import TOKEN_STEPS
from tests.editors.step_grids import jam_analysis, song_steps, talk_steps


def test_a_loop_is_alike_at_its_distance():
    analysis = jam_analysis([("music", song_steps(0, 160)), ("talk", talk_steps(32)), ("music", song_steps(0, 160))])
    inputs = with_repeat_features(step_inputs(analysis.steps, analysis.activity).values)
    there = inputs.lag_matrix[1, 3:7]
    assert there[:, 192 // TOKEN_STEPS].min() > 0.9
    assert np.median(there) < 0.7


def test_what_is_silent_is_like_nothing():
    analysis = jam_analysis([("music", song_steps(0, 160)), ("talk", talk_steps(32))])
    values = step_inputs(analysis.steps, analysis.activity).values
    norms = np.linalg.norm(sound_vectors(values), axis=1)
    assert set(np.round(norms, 2)) <= {0.0, 1.0}


def test_repeat_features_depend_on_the_sound_columns_alone():
    analysis = jam_analysis([("talk", talk_steps(30)), ("music", song_steps(0, 90)), ("music", song_steps(0, 90))])
    whole = with_repeat_features(step_inputs(analysis.steps, analysis.activity).values)
    alone = sound_values(analysis.steps, analysis.activity)
    before = alone.copy()
    again = with_repeat_features(alone)
    np.testing.assert_array_equal(alone, before)
    np.testing.assert_array_equal(again.values, whole.values)
    np.testing.assert_array_equal(again.lag_matrix, whole.lag_matrix)
