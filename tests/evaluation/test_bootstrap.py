"""Intervals against theory and against a loop."""

from __future__ import annotations

import numpy as np
import pytest

from editorbot.evaluation.bootstrap import bootstrap_mean, paired_difference


def test_the_interval_is_as_wide_as_theory_says():
    values = np.random.default_rng(0).normal(size=400)
    interval = bootstrap_mean(values, rng=np.random.default_rng(1))
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert interval.mean == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.08)


def test_jams_of_one_track_are_drawn_together():
    values = np.array([0.0, 0.0, 1.0, 1.0])
    together = bootstrap_mean(values, rng=np.random.default_rng(0), tracks=["a", "a", "b", "b"], level=0.9)
    assert (together.low, together.high) == (0, 1)
    apart = bootstrap_mean(values, rng=np.random.default_rng(0), level=0.6)
    assert (apart.low, apart.high) == (0.25, 0.75)


def test_the_means_equal_a_loop_over_drawn_tracks():
    values, tracks = np.array([1.0, 3.0, 10.0]), ["a", "a", "b"]
    interval = bootstrap_mean(values, rng=np.random.default_rng(5), tracks=tracks, draws=200)
    drawn = np.random.default_rng(5).integers(0, 2, size=(200, 2))
    means = [np.mean([v for pick in row for v, t in zip(values, tracks) if t == "ab"[pick]]) for row in drawn]
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))


def test_the_same_seed_gives_the_same_interval():
    values = np.arange(10.0)
    first, second = (bootstrap_mean(values, rng=np.random.default_rng(3)) for _ in range(2))
    assert first == second


def test_a_constant_gain_is_certain_however_the_values_spread():
    values = np.random.default_rng(0).random(20)
    gain = paired_difference(values + 0.1, values, rng=np.random.default_rng(0))
    assert (gain.low, gain.high) == pytest.approx((0.1, 0.1))


def test_counts_must_agree():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="one track name"):
        bootstrap_mean(np.zeros(0), rng=rng)
    with pytest.raises(ValueError, match="one track name"):
        bootstrap_mean(np.zeros(2), rng=rng, tracks=["a"])
    with pytest.raises(ValueError, match="both sides"):
        paired_difference(np.zeros(2), np.zeros(3), rng=rng)
