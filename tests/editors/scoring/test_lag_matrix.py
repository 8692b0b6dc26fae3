"""Likeness at every distance: a naive twin, the band as a square, and what is made anew from the sound."""

import numpy as np
import pytest

from editorbot.editors.scoring.inputs import inputs_of, sound_of
from editorbot.editors.scoring.lag_matrix import COMPARED_STEPS, likeness_by_lag, square_of
from editorbot.editors.scoring.repeat_features import sound_vectors, with_repeat_features
from editorbot.models.scorer_config import LAG_TOKENS, TOKEN_STEPS
from tests.editors.step_grids import jam_analysis, song_steps, talk_steps


def unit_vectors(rng: np.random.Generator, count: int) -> np.ndarray:
    rows = rng.standard_normal((count, 6))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def naive(vectors: np.ndarray, length: int) -> np.ndarray:
    """Return the best likeness of tokens by going over every pair of windows."""
    count, tokens, half = len(vectors), -(-len(vectors) // TOKEN_STEPS), TOKEN_STEPS // 2
    table = np.zeros((tokens, LAG_TOKENS))
    for start in range(count - length + 1):
        middle = start + length // 2
        if middle % half != half // 2:
            continue
        for distance in range(13, count - (start + length - 1)):
            other = vectors[start + distance : start + distance + length]
            likeness = (vectors[start : start + length] * other).sum() / length
            # Halves of tokens: where it is, and where the other would be counted from the half's own distance.
            place = middle // half + distance // half
            row, lag = middle // half // 2, place // 2 - middle // half // 2
            table[row, lag] = max(table[row, lag], likeness)
    return table


@pytest.mark.parametrize("count", [20, 150])
def test_lags_equal_their_naive_twin(count):
    vectors = unit_vectors(np.random.default_rng(count), count)
    found = likeness_by_lag(vectors)
    for number, length in enumerate(COMPARED_STEPS):
        np.testing.assert_allclose(found[number], naive(vectors, length), atol=1e-5)


def test_a_square_is_the_band_both_ways():
    lag_matrix = likeness_by_lag(unit_vectors(np.random.default_rng(0), 400))
    tokens = range(lag_matrix.shape[1])
    square = square_of(lag_matrix, tokens, tokens)
    np.testing.assert_array_equal(square, square.transpose(0, 2, 1))
    np.testing.assert_array_equal(square[:, 3, 7], lag_matrix[:, 3, 4])
    np.testing.assert_array_equal(square_of(lag_matrix, range(5, 9), range(2, 20)), square[:, 5:9, 2:20])


def test_a_loop_is_alike_at_its_distance():
    analysis = jam_analysis([("music", song_steps(0, 160)), ("talk", talk_steps(32)), ("music", song_steps(0, 160))])
    heard = with_repeat_features(inputs_of(analysis.steps, analysis.activity).values)
    there = heard.lag_matrix[1, 3:7]
    assert there[:, 192 // TOKEN_STEPS].min() > 0.9
    assert np.median(there) < 0.7


def test_what_is_silent_is_like_nothing():
    analysis = jam_analysis([("music", song_steps(0, 160)), ("talk", talk_steps(32))])
    values = inputs_of(analysis.steps, analysis.activity).values
    norms = np.linalg.norm(sound_vectors(values), axis=1)
    assert set(np.round(norms, 2)) <= {0.0, 1.0}


def test_sound_alone_tells_as_much_once_it_is_heard_again():
    analysis = jam_analysis([("talk", talk_steps(30)), ("music", song_steps(0, 90)), ("music", song_steps(0, 90))])
    whole = with_repeat_features(inputs_of(analysis.steps, analysis.activity).values)
    alone = sound_of(analysis.steps, analysis.activity)
    before = alone.copy()
    again = with_repeat_features(alone)
    np.testing.assert_array_equal(alone, before)
    np.testing.assert_array_equal(again.values, whole.values)
    np.testing.assert_array_equal(again.lag_matrix, whole.lag_matrix)
