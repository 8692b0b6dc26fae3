"""Best matches against the whole matrix; windows over long sessions."""

from __future__ import annotations

import numpy as np
import pytest

from editorbot.editors.scoring.loops import find_turns
from editorbot.editors.scoring.repetition import (
    LONG_STEPS,
    MIN_LAG_STEPS,
    SHORT_STEPS,
    WINDOW_STEPS,
    find_repetition,
    step_vectors,
    window_weights,
    windows_of,
)
from tests.editors.step_grids import quiet_steps, song_steps


def naive_best(vectors: np.ndarray, start: int, length: int) -> tuple[float, int]:
    """Return similarity and lag of the best later match of [start, start + length)."""
    one = vectors[start : start + length]
    lags = range(MIN_LAG_STEPS, len(vectors) - start - length + 1)
    return max((float((one * vectors[start + k : start + k + length]).sum(1).mean()), k) for k in lags)


@pytest.mark.parametrize("length", [SHORT_STEPS, LONG_STEPS])
def test_matches_are_those_of_the_whole_matrix(length):
    song = song_steps(0, 90)
    vectors = step_vectors(np.concatenate([song, quiet_steps(20), song[10:70], song_steps(500, 1000)]))
    found = find_repetition(vectors)
    matches = found.later_short if length == SHORT_STEPS else found.later_long
    for start in (0, 12, 30, 60, 86, 480):
        similarity, lag = naive_best(vectors, start, length)
        middle = start + length // 2
        assert matches.similarity[middle] == pytest.approx(similarity, abs=1e-5)
        assert matches.lag[middle] == lag


def test_the_repeat_points_back_to_the_first_play():
    song = song_steps(0, 90)
    found = find_repetition(step_vectors(np.concatenate([song, quiet_steps(20), song])))
    assert (found.earlier_long.lag[110 + 12 : 200 - 12] == 110).all()
    assert found.earlier_long.similarity[110 + 12 : 200 - 12].min() > 0.99


def test_silence_is_like_nothing():
    found = find_repetition(step_vectors(np.concatenate([song_steps(0, 100), quiet_steps(200)])))
    assert found.later_short.similarity[120:280].max() == 0.0


@pytest.mark.parametrize("count", [1, 2, SHORT_STEPS - 1, SHORT_STEPS, MIN_LAG_STEPS + 1, LONG_STEPS + 3])
def test_takes_grids_of_any_length(count):
    vectors = step_vectors(song_steps(0, count))
    assert len(find_repetition(vectors).earlier_long.lag) == count
    assert find_turns(vectors, np.ones(count, dtype=bool)) == []


@pytest.mark.parametrize("count", [1, 500, WINDOW_STEPS * 3 // 2, WINDOW_STEPS * 3 // 2 + 1, 19_400, 58_201])
def test_windows_cover_everything_and_overlap_by_half(count):
    windows = windows_of(count)
    assert (windows[0][0], windows[-1][1]) == (0, count)
    for (_, end), (start, _) in zip(windows, windows[1:]):
        assert end - start >= WINDOW_STEPS // 2
    assert all(window_weights(last - first).min() > 0 for first, last in windows)


def test_windows_count_most_in_their_middle():
    np.testing.assert_array_equal(window_weights(5), [1, 2, 3, 2, 1])


def test_a_session_of_two_songs_is_measured_song_by_song():
    songs = [song_steps(0, 2 * WINDOW_STEPS, seed=1), song_steps(0, 2 * WINDOW_STEPS, seed=2)]
    vectors = step_vectors(np.concatenate(songs))
    alone = step_vectors(songs[1])
    # In the second song's middle, the first song does not count.
    middle = slice(WINDOW_STEPS, WINDOW_STEPS + 50)
    near = (vectors[2 * WINDOW_STEPS :][middle] * alone[middle]).sum(1)
    assert near.min() > 0.99
