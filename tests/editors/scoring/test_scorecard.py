"""Scorecards: points between knots, chances, and the files that ship."""

from __future__ import annotations

import numpy as np
import pytest

from editorbot.editors.scoring.scorecard import Row, Scorecard, chance, odds_of, read_cards


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


def test_odds_are_the_inverse_of_chances():
    chances = np.array([0.1, 0.5, 0.99])
    np.testing.assert_allclose(chance(odds_of(chances)), chances)
    assert np.isfinite(odds_of(np.array([0.0, 1.0]))).all()


@pytest.mark.parametrize(
    ("name", "cards"), [("scored_rules", ["song", "retake", "turn"]), ("overlap_trim", ["overlap_trim"])]
)
def test_cards_that_ship_are_read_whole(name, cards):
    found = read_cards(name)
    assert list(found) == cards
    assert all(len(card.rows) >= 9 for card in found.values())
