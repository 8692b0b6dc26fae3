"""The formulas of the alignment, each against a naive twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editorbot.corpus.alignment.coarse_match import best_path, diagonal_sums
from editorbot.corpus.alignment.cuts import cheapest_split
from editorbot.corpus.alignment.fingerprint import Fingerprint, highest_places, similarity_of_places
from editorbot.corpus.alignment.frame_ops import gain_curve_db, is_fading
from editorbot.corpus.alignment.time_delay import Shift, sharpest_peak, slope_of, weighted_median, whitened_correlation


def unit_rows(rng: np.random.Generator, cells: int, bands: int = 6) -> Fingerprint:
    rows = rng.standard_normal((cells, bands)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Fingerprint(rows, rng.uniform(0.3, 1.0, cells).astype(np.float32))


def path_worth(raw, edit, places, jump_cost, foreign_score):
    """Return what a path is worth; place -1 is nowhere."""
    total = 0.0
    for t, place in enumerate(places):
        similarity = foreign_score if place < 0 else float(edit.rows[t] @ raw.rows[place])
        total += float(edit.weight[t]) * similarity
        before = places[t - 1] if t else None
        goes_on = before is not None and (place == before + 1 if place >= 0 and before >= 0 else place == before)
        total -= 0.0 if goes_on or t == 0 else jump_cost
    return total


def naive_best(raw, edit, jump_cost, foreign_score):
    """Return the worth of the best path by looking at every pair of places."""
    places = [*range(len(raw.rows)), -1]
    worth = {p: path_worth(raw, Fingerprint(edit.rows[:1], edit.weight[:1]), [p], 0, foreign_score) for p in places}
    for t in range(1, len(edit.rows)):
        step = {}
        for p in places:
            here = float(edit.weight[t]) * (foreign_score if p < 0 else float(edit.rows[t] @ raw.rows[p]))
            goes_on = lambda q, p=p: p == q + 1 if p >= 0 and q >= 0 else p == q  # noqa: E731
            step[p] = here + max(worth[q] - (0 if goes_on(q) else jump_cost) for q in places)
        worth = step
    return max(worth.values())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(2, 14), st.floats(0.05, 2.0))
def test_the_path_is_the_best_of_all(seed, cells, places, jump_cost):
    rng = np.random.default_rng(seed)
    raw, edit = unit_rows(rng, places), unit_rows(rng, cells)
    stretches = best_path(raw, edit, jump_cost=jump_cost, foreign_score=0.3)
    path = []
    for stretch in stretches:
        count = stretch.end - stretch.first
        path += [-1] * count if stretch.raw_first < 0 else list(range(stretch.raw_first, stretch.raw_first + count))
    assert [s.first for s in stretches] == [0] + [s.end for s in stretches[:-1]]
    assert len(path) == cells
    best = naive_best(raw, edit, jump_cost, 0.3)
    assert path_worth(raw, edit, path, jump_cost, 0.3) == pytest.approx(best, abs=1e-4)


def test_diagonal_sums():
    similarity = np.random.default_rng(0).random((5, 12), dtype=np.float32)
    out = np.empty(8, dtype=np.float32)
    diagonal_sums(similarity, out)
    naive = [sum(similarity[k, j + k] for k in range(5)) for j in range(8)]
    np.testing.assert_allclose(out, naive, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 15))
def test_the_split_is_the_cheapest(seed, frames):
    rng = np.random.default_rng(seed)
    before, after = rng.uniform(0, 10, frames), rng.uniform(0, 10, frames)
    foreign, gap = float(rng.uniform(0, 8)), float(rng.uniform(0, 20))

    def cost(i, j):
        return before[:i].sum() + foreign * (j - i) + after[j:].sum() + (gap if j > i else 0.0)

    best = min(cost(i, j) for i in range(frames + 1) for j in range(i, frames + 1))
    i, j = cheapest_split(before, after, foreign, gap)
    assert 0 <= i <= j <= frames
    assert cost(i, j) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("lag", [0, 1, 137, 500])
def test_a_delay_is_found(lag):
    rng = np.random.default_rng(lag)
    source = rng.standard_normal(4_000).astype(np.float32)
    heard = -0.3 * source[lag : lag + 3_400]
    at, strength = sharpest_peak(whitened_correlation(source, heard))
    assert at == pytest.approx(lag, abs=0.05)
    assert strength > 20


def test_the_slope_is_that_of_most():
    rng = np.random.default_rng(3)
    good = [[Shift(float(x), 7.0 + k + 2e-4 * x, 50.0) for x in range(0, 200_000, 20_000)] for k in range(3)]
    bad = [[Shift(float(x), float(rng.uniform(-300, 300)), 9.0) for x in range(0, 200_000, 20_000)]]
    assert slope_of(good + bad) == pytest.approx(2e-4, rel=0.05)
    assert slope_of([]) is None


def test_windows_on_a_steep_line_tell_no_speed():
    steep = [[Shift(1e5 * k, -9e4 * k, 20.0) for k in range(5)]]
    assert slope_of(steep) is None


def test_weighted_median():
    assert weighted_median(np.array([5.0, 1.0, 9.0]), np.array([1.0, 1.0, 5.0])) == 9.0


def test_repeats_are_found():
    raw = unit_rows(np.random.default_rng(4), 60)
    rows = raw.rows.copy()
    rows[40:50] = rows[10:20]
    twice = Fingerprint(rows, raw.weight)
    similarity = similarity_of_places(twice, 10, 20, twice)
    assert sorted(highest_places(similarity, least=0.95, apart=3, most=5)) == [10, 40]


def test_gains_and_fades():
    raw, pointers = np.full(200, 0.01, dtype=np.float32), np.arange(100, 200)
    edit = np.full(100, 0.0025, dtype=np.float32)
    edit[70:] *= np.linspace(1, 0.001, 30, dtype=np.float32)
    gain = gain_curve_db(raw, edit, np.where(np.arange(100) < 10, -1, pointers))
    assert np.isnan(gain[:10]).all()
    assert gain[40] == pytest.approx(-6.02, abs=0.01)
    fading = is_fading(gain[10:])
    assert not fading[:55].any()
    assert fading[75:].all()
