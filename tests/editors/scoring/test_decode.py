"""The best stretches against all paths, and against every fixed leniency."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editorbot.editors.scoring.decode import LENIENCES, best_stretches, expected_f1, likely_best_stretches
from editorbot.editors.scoring.scorecard import chance


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
