from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editorbot.analysis.grid_times import runs_of
from editorbot.editors.scoring.decode import LENIENCES, best_stretches, expected_f1, likely_best_stretches
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
from editorbot.editors.scoring.scorecard import Row, Scorecard, chance
from editorbot.editors.scoring.takes import diagonal_sums, find_retakes, peak_offset
from tests.editors.step_grids import quiet_steps, song_steps


def test_a_row_runs_straight_between_its_knots_and_flat_beyond():
    card = Scorecard(0.5, (Row("loud", (0.0, 2.0), (1.0, 3.0)), Row("high", (0.0,), (10.0,))))
    cues = {"loud": np.array([-1, 0, 1, 2, 9], np.float32), "high": np.zeros(5, np.float32)}
    np.testing.assert_allclose(card.log_odds(cues), [11.5, 11.5, 12.5, 13.5, 13.5])


@pytest.mark.parametrize("knots", [(), (1.0, 1.0), (2.0, 1.0), (0.0, 1.0, 2.0)])
def test_a_row_refuses_knots_that_do_not_increase_or_fit(knots):
    with pytest.raises(ValueError, match="knots"):
        Row("loud", knots, (1.0, 2.0))


def test_a_card_names_the_cue_that_is_missing():
    with pytest.raises(KeyError, match="loud"):
        Scorecard(0.0, (Row("loud", (0.0,), (0.0,)),)).log_odds({"other": np.zeros(1, np.float32)})


def test_chance_is_the_logistic_function_and_never_overflows():
    np.testing.assert_allclose(chance(np.array([0.0, np.log(3.0)])), [0.5, 0.75])
    assert np.isfinite(chance(np.array([-1e9, 1e9]))).all()


def naive_value(path: tuple[bool, ...], log_odds: list[float], cost: float) -> float:
    switches = sum(a != b for a, b in zip(path, path[1:]))
    return sum(gain for on, gain in zip(path, log_odds) if on) - cost * switches


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=9), st.floats(0, 6))
def test_no_other_path_is_worth_more(log_odds, cost):
    path = best_stretches(np.array(log_odds), cost)
    best = max(naive_value(one, log_odds, cost) for one in itertools.product([False, True], repeat=len(log_odds)))
    assert naive_value(tuple(path.tolist()), log_odds, cost) == pytest.approx(best)


@given(st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_no_fixed_leniency_promises_a_higher_f1(seed):
    rng = np.random.default_rng(seed)
    log_odds = np.repeat(rng.normal(rng.uniform(-2, 2), rng.uniform(0.3, 4), 12), 20)
    chances = chance(log_odds)
    found = expected_f1(likely_best_stretches(log_odds, 4.0), chances)
    assert all(found >= expected_f1(best_stretches(log_odds + more, 4.0), chances) for more in LENIENCES)


def test_expected_f1_is_f1_where_chances_are_certain():
    truth, said = (np.random.default_rng(seed).random(50) < 0.4 for seed in (0, 1))
    assert expected_f1(said, truth.astype(float)) == pytest.approx(
        2 * (truth & said).sum() / (truth.sum() + said.sum())
    )
    assert expected_f1(np.zeros(3, bool), np.zeros(3)) == 0


def test_steps_that_are_in_doubt_are_kept_in_a_recording_that_is_hard_to_tell():
    doubtful = np.full(40, -0.3)
    easy, hard = (np.concatenate([np.full(200, sure), doubtful, np.full(100, -5.0)]) for sure in (6.0, 0.3))
    assert not likely_best_stretches(easy, 2.0)[200:240].any()
    assert likely_best_stretches(hard, 2.0)[200:240].all()


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


def test_a_take_that_broke_off_is_found_with_its_ends():
    steps = np.concatenate([song_steps(0, 200), quiet_steps(30), song_steps(140, 400)])
    is_song = np.ones(len(steps), dtype=bool)
    is_song[200:230] = False
    (retake,) = find_retakes(step_vectors(steps), is_song)
    assert (retake.start, retake.end, retake.again_at) == (140, 200, 230)
    assert retake.similarity > 0.99
    assert retake.rival < 0.5
    assert not retake.from_top
    assert retake.late_s == 0


def test_a_false_start_is_matched_from_the_top():
    steps = np.concatenate([song_steps(0, 50), quiet_steps(30), song_steps(0, 300)])
    is_song = np.arange(len(steps)) % 1000 != -1
    is_song[50:80] = False
    (retake,) = find_retakes(step_vectors(steps), is_song)
    assert (retake.start, retake.end, retake.again_at, retake.from_top) == (0, 50, 80, True)


def test_runs_are_half_open():
    assert runs_of(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert runs_of(np.zeros(3, dtype=bool)) == []


def test_the_turns_of_a_vamp_are_found_and_their_length():
    vamp = song_steps(200, 240)
    steps = np.concatenate([song_steps(0, 240), vamp, vamp, vamp, song_steps(240, 500)])
    best = find_turns(step_vectors(steps), np.ones(len(steps), dtype=bool))[0]
    assert best.lag == 40
    assert abs(best.start - 240) <= 4
    assert abs(best.end - 360) <= 4


def test_no_loop_reaches_across_a_stop():
    part = song_steps(0, 60)
    steps = np.concatenate([part, quiet_steps(10), part])
    is_song = np.ones(len(steps), dtype=bool)
    is_song[60:70] = False
    assert find_turns(step_vectors(steps), is_song) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (4, 7), (7, 4)])
def test_diagonal_sums_are_those_of_numpy(shape):
    pairs = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    naive = [np.diagonal(pairs, offset).sum() for offset in range(-shape[0] + 1, shape[1])]
    np.testing.assert_allclose(diagonal_sums(pairs), naive, atol=1e-5)


@pytest.mark.parametrize("peak", [-0.5, -0.2, 0.0, 0.3, 0.5])
def test_the_peak_of_a_parabola_is_found(peak):
    assert peak_offset(np.array([-((x - peak) ** 2) for x in (-1, 0, 1)])) == pytest.approx(peak)


@pytest.mark.parametrize("around", [[], [1.0], [1.0, 2.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
def test_without_a_peak_the_middle_stays(around):
    assert peak_offset(np.array(around, dtype=float)) == 0.0


@pytest.mark.parametrize("count", [1, 500, WINDOW_STEPS * 3 // 2, WINDOW_STEPS * 3 // 2 + 1, 19_400, 58_201])
def test_windows_cover_everything_and_overlap_by_half(count):
    windows = windows_of(count)
    assert (windows[0][0], windows[-1][1]) == (0, count)
    for (_, end), (start, _) in zip(windows, windows[1:]):
        assert end - start >= WINDOW_STEPS // 2
    assert all(window_weights(last - first).min() > 0 for first, last in windows)


def test_windows_count_most_in_their_middle():
    np.testing.assert_array_equal(window_weights(5), [1, 2, 3, 2, 1])


def test_a_session_of_two_songs_is_judged_song_by_song():
    songs = [song_steps(0, 2 * WINDOW_STEPS, seed=1), song_steps(0, 2 * WINDOW_STEPS, seed=2)]
    vectors = step_vectors(np.concatenate(songs))
    alone = step_vectors(songs[1])
    # In the second song's middle, the first song does not count.
    middle = slice(WINDOW_STEPS, WINDOW_STEPS + 50)
    near = (vectors[2 * WINDOW_STEPS :][middle] * alone[middle]).sum(1)
    assert near.min() > 0.99
