"""Twins against their definition, written out."""

import numpy as np

from editorbot.editors.scoring.nearest_repeats import BAND_BOUNDS, BANDS, REPEAT_LENGTHS, earlier_repeats, later_repeats


def _unit_rows(rng, count, dimensions=8):
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
        twin = vectors[start + distance : start + distance + length]
        best = max(best, (float((vectors[start : start + length] * twin).sum(1).mean()), distance))
    return best


def test_later_twins_are_the_best_of_each_band():
    vectors = _unit_rows(np.random.default_rng(0), 700)
    nearest_repeats = later_repeats(vectors)
    for number, length in enumerate(REPEAT_LENGTHS):
        for band in range(BANDS):
            for middle in range(0, 700, 41):
                similarity, distance = _naive_later(vectors, length, band, middle)
                assert abs(nearest_repeats.similarity[number, band, middle] - similarity) < 1e-4
                if similarity > 0.01:
                    assert nearest_repeats.distance[number, band, middle] == distance


def test_earlier_twins_mirror_later_ones():
    vectors = _unit_rows(np.random.default_rng(1), 400)
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


def test_one_step_has_no_twin():
    assert later_repeats(np.ones((1, 3), np.float32)).distance.max() == 0
