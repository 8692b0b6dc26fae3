from __future__ import annotations

import numpy as np
import pytest

from editorbot.analysis.seams import DECAY_BEATS, REACH_BEATS, nearest_leaves, quietness, seams_of
from tests.editors.factories import song_analysis

PER_LETTER = 32


def test_the_recording_itself_costs_nothing():
    analysis = song_analysis("ABC")
    beats = np.arange(len(analysis.beats_s) - 1)
    assert np.all(seams_of(analysis).costs(beats + 1, beats + 1) == 0)


def test_exact_repeats_are_joined_for_nothing():
    analysis = song_analysis("ABAB")
    seams = seams_of(analysis)
    inside = np.arange(REACH_BEATS, 2 * PER_LETTER - REACH_BEATS)
    assert np.allclose(seams.costs(inside, inside + 2 * PER_LETTER), 0, atol=1e-6)
    assert np.allclose(seams.costs(inside + 2 * PER_LETTER, inside), 0, atol=1e-6)


def test_other_music_costs_more_than_another_take_and_that_more_than_a_copy():
    copy, take, other = song_analysis("ABAC"), song_analysis("ABAC", take_noise=0.3), song_analysis("ABAC")
    leave, arrive = np.array([16]), np.array([16 + 2 * PER_LETTER])
    of_copy = seams_of(copy).costs(leave, arrive)[0]
    of_take = seams_of(take).costs(leave, arrive)[0]
    of_other = seams_of(other).costs(leave, leave + PER_LETTER)[0]
    assert of_copy < 1e-6 < of_take < of_other < 1
    assert of_other > 0.6


def test_one_side_alike_is_nearly_enough():
    analysis = song_analysis("AXAY")
    seams = seams_of(analysis)
    at_the_end_of_a = np.array([PER_LETTER])
    one_side = seams.costs(at_the_end_of_a, np.array([3 * PER_LETTER]))[0]  # the past is equal, X and Y differ
    no_side = seams.costs(np.array([PER_LETTER + 16]), np.array([3 * PER_LETTER + 16]))[0]
    assert 0 < one_side < 0.75 * no_side


def test_costs_match_a_naive_twin():
    analysis = song_analysis("ABCA", take_noise=0.2, has_bars=False)
    seams = seams_of(analysis)
    rng = np.random.default_rng(1)
    leaves, arrivals = rng.integers(0, seams.beats + 1, 50), rng.integers(0, seams.beats + 1, 50)
    assert np.allclose(seams.costs(leaves, arrivals), [_naive(seams, *pair) for pair in zip(leaves, arrivals)])


def _naive(seams, leave, arrive):
    if leave == arrive:
        return 0.0
    weights = [np.exp(-offset / DECAY_BEATS) for offset in range(REACH_BEATS)]

    def beat(number):
        return seams.vectors[number + REACH_BEATS].astype(float)

    def side(first, second, step):
        squares = [np.sum((beat(first + step * k) - beat(second + step * k)) ** 2) for k in range(REACH_BEATS)]
        return np.sqrt(np.dot(weights, squares) / np.sum(weights))

    past, future = side(leave - 1, arrive - 1, -1), side(leave, arrive, 1)
    seam = min(past, future) / 2 + (past + future) / 4
    begins = seams.quiet_before[leave] * seams.begins[arrive]
    return 1 - np.exp(-min(seam, (1 - begins) * seam + begins * 0.25))


def test_breaking_the_bar_costs():
    analysis = song_analysis("AAAA")
    seams = seams_of(analysis)
    in_phase = seams.costs(np.array([40]), np.array([72]))[0]
    for shift in (1, 2, 3):
        assert seams.costs(np.array([40]), np.array([72 + shift]))[0] > in_phase + 0.2


def test_breaking_the_phrase_costs_a_little():
    with_phrases, without = song_analysis("AB"), song_analysis("AB", has_bars=False)
    leave, arrive = np.array([16]), np.array([40])
    assert seams_of(with_phrases).costs(leave, arrive)[0] > seams_of(without).costs(leave, arrive)[0]


def test_another_tempo_costs():
    analysis = song_analysis("AA")
    seams = seams_of(analysis)
    analysis.tempo_curve_bpm[PER_LETTER:] *= 1.06
    faster = seams_of(analysis)
    pair = np.array([16]), np.array([16 + PER_LETTER])
    assert faster.costs(*pair)[0] > seams.costs(*pair)[0] + 0.2


@pytest.mark.parametrize("has_beat", [True, False])
def test_after_silence_music_may_begin_where_it_begins_by_itself(has_beat):
    analysis = song_analysis("AC B", has_beat=has_beat)
    seams = seams_of(analysis)
    assert quietness(analysis)[2 * PER_LETTER] == 1
    after_silence, after_music = np.array([3 * PER_LETTER - 16]), np.array([PER_LETTER])
    start, middle = np.array([3 * PER_LETTER]), np.array([3 * PER_LETTER + 16])
    assert seams.costs(after_silence, start)[0] < 0.3
    assert seams.costs(after_silence, start)[0] < 0.5 * seams.costs(after_music, start)[0]
    assert (seams.costs(after_silence, middle)[0] < seams.costs(after_music, middle)[0]) == has_beat


@pytest.mark.parametrize("form", ["A", "ABAB"])
def test_costs_lie_in_the_unit_interval(form):
    seams = seams_of(song_analysis(form, bars=4))
    everything = np.arange(seams.beats + 1)
    costs = seams.costs(*(pairs.ravel() for pairs in np.meshgrid(everything, everything)))
    assert np.all((costs >= 0) & (costs < 1))


def test_the_search_finds_the_copy_in_every_part_that_holds_one():
    analysis = song_analysis("ABABAB")
    seams = seams_of(analysis)
    arrivals = np.arange(20, 24)
    found = nearest_leaves(seams, arrivals, strata=3, min_jump_beats=4)
    assert found[:, 1].tolist() == (arrivals + 2 * PER_LETTER).tolist()
    assert found[:, 2].tolist() == (arrivals + 4 * PER_LETTER).tolist()


@pytest.mark.parametrize(("exact_beats", "tolerance"), [(4_000, 1e-4), (0, 0.05)])
def test_the_search_matches_a_naive_twin(monkeypatch, exact_beats, tolerance):
    monkeypatch.setattr("editorbot.analysis.seams._EXACT_BEATS", exact_beats)
    analysis = song_analysis("ABCB", take_noise=0.3, bars=2)
    seams = seams_of(analysis)
    weights = np.exp(-np.arange(REACH_BEATS) / DECAY_BEATS)
    both = np.concatenate([weights[::-1], weights]) / weights.sum()
    arrivals = np.arange(seams.beats)
    found = nearest_leaves(seams, arrivals, strata=4, min_jump_beats=4)
    for arrive in arrivals:
        window = seams.vectors[arrive : arrive + 2 * REACH_BEATS]
        for stratum in range(4):
            leaves = [
                leave
                for leave in range(1, seams.beats + 1)
                if stratum * (seams.beats + 1) / 4 <= leave < (stratum + 1) * (seams.beats + 1) / 4
                and seams.phase[leave] == seams.phase[arrive]
                and abs(leave - arrive) >= 4
            ]
            far = [
                np.dot(both, np.sum((seams.vectors[leave : leave + 2 * REACH_BEATS] - window) ** 2, axis=1))
                for leave in leaves
            ]
            if not leaves:
                assert found[arrive, stratum] == -1
                continue
            chosen = far[leaves.index(found[arrive, stratum])]
            assert chosen <= min(far) * (1 + tolerance) + 1e-4  # 48 components hold nearly all of the distance


def test_the_search_keeps_the_bar_and_the_distance():
    seams = seams_of(song_analysis("ABCD", beats_per_bar=3))
    arrivals = np.arange(seams.beats)
    found = nearest_leaves(seams, arrivals, strata=10, min_jump_beats=6)
    rows, columns = np.nonzero(found >= 0)
    assert np.all(seams.phase[arrivals[rows]] == seams.phase[found[rows, columns]])
    assert np.abs(arrivals[rows] - found[rows, columns]).min() >= 6


def test_a_single_beat_has_nothing_to_join():
    seams = seams_of(song_analysis("A", bars=1, beats_per_bar=1))
    found = nearest_leaves(seams, np.array([0]), strata=1, min_jump_beats=4)
    assert found.tolist() == [[-1]]


def test_is_deterministic():
    analysis = song_analysis("ABCAB", take_noise=0.3)
    first = nearest_leaves(seams_of(analysis), np.arange(32), strata=8, min_jump_beats=4)
    second = nearest_leaves(seams_of(analysis), np.arange(32), strata=8, min_jump_beats=4)
    assert np.array_equal(first, second)
