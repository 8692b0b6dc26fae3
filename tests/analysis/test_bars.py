from __future__ import annotations

import itertools

import numpy as np
import pytest

from editorbot.analysis.bars import (
    METER_CHANGE_PRICE,
    METER_PRIOR,
    METERS,
    RESET_PRICE,
    UNSURE,
    bars_from_odds,
    downbeat_features,
    find_bars,
)
from editorbot.analysis.novelty import novelty
from editorbot.timebase import FRAME_S
from tests.analysis.rhythm_sounds import drums, steady, tracks_of


def odds_of(bars: list[int], strength: float = 3.0) -> np.ndarray:
    """Odds of beats in bars of the given lengths."""
    odds = np.full(sum(bars), -strength)
    odds[np.cumsum([0, *bars[:-1]])] = strength
    return odds


def all_sure(odds: np.ndarray) -> np.ndarray:
    return np.ones(len(odds), dtype=bool)


@pytest.mark.parametrize("meter", METERS)
def test_every_meter_is_found(meter: int) -> None:
    odds = odds_of([meter] * 20)
    bars = bars_from_odds(odds, all_sure(odds))
    assert bars.beats_per_bar == meter
    np.testing.assert_array_equal(bars.downbeats, np.arange(0, 20 * meter, meter))


def test_an_upbeat_is_no_bar() -> None:
    odds = np.concatenate([[-3.0, -3.0, -3.0], odds_of([4] * 12)])
    np.testing.assert_array_equal(bars_from_odds(odds, all_sure(odds)).downbeats, 3 + np.arange(0, 48, 4))


def test_a_change_of_meter_is_followed() -> None:
    lengths = [4] * 20 + [3] * 14 + [7] * 8
    odds = odds_of(lengths)
    bars = bars_from_odds(odds, all_sure(odds))
    np.testing.assert_array_equal(np.diff(bars.downbeats), lengths[:-1])
    assert bars.beats_per_bar == 4


def test_alternating_three_and_five_are_followed() -> None:
    lengths = [3, 5] * 10
    odds = odds_of(lengths, 12.0)
    bars = bars_from_odds(odds, all_sure(odds))
    np.testing.assert_array_equal(np.cumsum([0, *lengths[:-1]]), bars.downbeats)


def test_one_short_bar_does_not_break_the_rest() -> None:
    odds = odds_of([4] * 10 + [2] + [4] * 10, 4.0)
    bars = bars_from_odds(odds, all_sure(odds))
    assert set(np.arange(42, 80, 4)) <= set(bars.downbeats.tolist())
    assert set(range(0, 40, 4)) <= set(bars.downbeats.tolist())


def test_noise_in_the_odds_is_survived() -> None:
    rng = np.random.default_rng(0)
    odds = odds_of([4] * 60, 1.0) + rng.normal(0, 1.0, 240)
    np.testing.assert_array_equal(bars_from_odds(odds, all_sure(odds)).downbeats, np.arange(0, 240, 4))


def test_even_odds_have_no_bars() -> None:
    odds = np.full(100, -1.0)
    bars = bars_from_odds(odds, all_sure(odds))
    assert len(bars.downbeats) == 0
    assert bars.beats_per_bar == 4


def test_unsure_beats_begin_no_bar() -> None:
    odds = odds_of([4] * 20)
    sure = all_sure(odds)
    sure[30:50] = False
    downbeats = bars_from_odds(odds, sure).downbeats
    assert not np.isin(np.arange(30, 50), downbeats).any()
    assert len(bars_from_odds(odds, ~all_sure(odds)).downbeats) == 0


def naive_score(states: tuple[tuple[int, int], ...], odds: np.ndarray) -> float:
    """Score a way through (meter, place) by the model's rules; minus infinity where it is not allowed."""
    score = METER_PRIOR[METERS.index(states[0][0])] + (odds[0] if states[0][1] == 0 else 0.0)
    for (meter, place), (next_meter, next_place), odd in zip(states, states[1:], odds[1:]):
        if next_place > 0:
            if (next_meter, next_place) != (meter, place + 1):
                return -np.inf
            continue
        prior = METER_PRIOR[METERS.index(next_meter)]
        prices = [prior - RESET_PRICE]
        if place == meter - 1:
            prices.append(0.0 if next_meter == meter else prior - METER_CHANGE_PRICE)
        score += max(prices) + odd
    return score


@pytest.mark.parametrize("seed", range(4))
def test_bars_equal_the_best_of_all_ways(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("editorbot.analysis.bars.METERS", (2, 3))
    monkeypatch.setattr("editorbot.analysis.bars.METER_PRIOR", METER_PRIOR[:2])
    monkeypatch.setattr("editorbot.analysis.bars.MIN_CONTRAST", -np.inf)
    odds = np.random.default_rng(seed).normal(0, 8, 7)
    states = [(meter, place) for meter in (2, 3) for place in range(meter)]
    best = max(itertools.product(states, repeat=7), key=lambda way: naive_score(way, odds))
    expected = [beat for beat, (_, place) in enumerate(best) if place == 0]
    np.testing.assert_array_equal(bars_from_odds(odds, all_sure(odds)).downbeats, expected)


@pytest.fixture(scope="module")
def band() -> tuple[np.ndarray, np.ndarray]:
    beats_s = steady(120.0, 0.5, 40.0)
    return drums(beats_s, 4, 40.0), np.round(beats_s / FRAME_S).astype(np.int64)


def test_bars_are_found_in_sound(band: tuple[np.ndarray, np.ndarray]) -> None:
    mono, at = band
    frames = tracks_of(mono)
    bars = find_bars(novelty(frames), frames, at, np.ones(len(at)))
    np.testing.assert_array_equal(bars.downbeats[1:-1] % 4, 0)


def test_an_unsure_beat_has_no_bars(band: tuple[np.ndarray, np.ndarray]) -> None:
    mono, at = band
    frames = tracks_of(mono)
    assert len(find_bars(novelty(frames), frames, at, np.full(len(at), UNSURE / 2)).downbeats) == 0
    assert len(find_bars(novelty(frames), frames, at[:5], np.ones(5)).downbeats) == 0


def test_features_are_finite_and_one_row_a_beat(band: tuple[np.ndarray, np.ndarray]) -> None:
    mono, at = band
    frames = tracks_of(mono)
    features = downbeat_features(novelty(frames), frames, at)
    assert len(features) == len(at)
    assert np.isfinite(features).all()
