"""Nearest repeats and the lag matrix against their definitions, written out."""

import numpy as np
import pytest

from editorbot.editors.scoring.self_similarity import (
    BAND_BOUNDS,
    BANDS,
    LAG_LENGTHS,
    REPEAT_LENGTHS,
    earlier_repeats,
    lag_matrix_of,
    later_repeats,
    square_of,
)
from editorbot.models.scorer_config import LAG_TOKENS, TOKEN_STEPS


def unit_rows(rng, count, dimensions=8):
    rows = rng.standard_normal((count, dimensions)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _naive_later(vectors, length, band, middle):
    """Return the best mean cosine of the stretch around `middle` with one that starts later, and its distance."""
    start = middle - length // 2
    if start < 0 or start + length > len(vectors):
        return 0.0, 0
    best = (0.0, 0)
    for distance in range(BAND_BOUNDS[band], BAND_BOUNDS[band + 1]):
        if start + distance + length > len(vectors):
            break
        other = vectors[start + distance : start + distance + length]
        best = max(best, (float((vectors[start : start + length] * other).sum(1).mean()), distance))
    return best


def test_later_repeats_are_the_best_of_each_band():
    vectors = unit_rows(np.random.default_rng(0), 700)
    nearest_repeats = later_repeats(vectors)
    for number, length in enumerate(REPEAT_LENGTHS):
        for band in range(BANDS):
            for middle in range(0, 700, 41):
                similarity, distance = _naive_later(vectors, length, band, middle)
                assert abs(nearest_repeats.similarity[number, band, middle] - similarity) < 1e-4
                if similarity > 0.01:
                    assert nearest_repeats.distance[number, band, middle] == distance


def test_earlier_repeats_mirror_later_ones():
    vectors = unit_rows(np.random.default_rng(1), 400)
    vectors[250:330] = vectors[20:100]
    later, earlier = later_repeats(vectors), earlier_repeats(vectors)
    band = int(np.searchsorted(BAND_BOUNDS, 230, side="right")) - 1
    assert later.distance[1, band, 60] == 230
    assert earlier.distance[1, band, 290] == 230
    assert earlier.similarity[1, band, 290] > 0.99


def test_silence_is_like_nothing():
    vectors = np.zeros((300, 4), np.float32)
    assert not later_repeats(vectors).similarity.any()
    assert not earlier_repeats(vectors).distance.any()


def test_one_step_has_no_repeat():
    assert later_repeats(np.ones((1, 3), np.float32)).distance.max() == 0


def _naive_lags(vectors, length):
    """Return the best similarity of tokens by going over every pair of windows."""
    count, tokens, half = len(vectors), -(-len(vectors) // TOKEN_STEPS), TOKEN_STEPS // 2
    table = np.zeros((tokens, LAG_TOKENS))
    for start in range(count - length + 1):
        middle = start + length // 2
        if middle % half != half // 2:
            continue
        for distance in range(13, count - (start + length - 1)):
            other = vectors[start + distance : start + distance + length]
            similarity = (vectors[start : start + length] * other).sum() / length
            # Halves of tokens: where it is, and where the other would be counted from the half's own distance.
            place = middle // half + distance // half
            row, lag = middle // half // 2, place // 2 - middle // half // 2
            table[row, lag] = max(table[row, lag], similarity)
    return table


@pytest.mark.parametrize("count", [20, 150])
def test_the_lag_matrix_equals_a_naive_one(count):
    vectors = unit_rows(np.random.default_rng(count), count, 6)
    found = lag_matrix_of(vectors)
    for number, length in enumerate(LAG_LENGTHS):
        np.testing.assert_allclose(found[number], _naive_lags(vectors, length), atol=1e-5)


def test_a_square_is_the_band_both_ways():
    lag_matrix = lag_matrix_of(unit_rows(np.random.default_rng(0), 400, 6))
    tokens = range(lag_matrix.shape[1])
    square = square_of(lag_matrix, tokens, tokens)
    np.testing.assert_array_equal(square, square.transpose(0, 2, 1))
    np.testing.assert_array_equal(square[:, 3, 7], lag_matrix[:, 3, 4])
    np.testing.assert_array_equal(square_of(lag_matrix, range(5, 9), range(2, 20)), square[:, 5:9, 2:20])
