"""Takes and rehearsals: how much 'bad', 'repeat' and 'another song' count."""

from __future__ import annotations

import numpy as np
import pytest

from editorbot.editors.pointer_inference.decode import DecodeSettings, prices_for
from editorbot.editors.scoring.clean_takes import (
    CLEAN_SHARE,
    CLEAN_SHARE_INSIDE,
    REHEARSAL_SHARE,
    REHEARSAL_SHARE_INSIDE,
    calibrate_for_takes,
    take_weight,
)
from editorbot.models.pointer_config import STEP_VALUES, PointerConfig, PointerInputs, with_chances
from editorbot.models.scorer_config import CLASSES, StepInputs

KEEP, SOUNDS, REPEAT = (CLASSES.index(name) for name in ("keep", "sounds", "repeat"))


def jam(stops: float, seed: int = 0) -> np.ndarray:
    """Return chances of 400 steps, of which a share in the middle is surely no music."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.ones(len(CLASSES)), 400).astype(np.float32)
    chances[:, 1:3] = 0
    chances /= chances.sum(axis=1, keepdims=True)
    first = 200 - round(200 * stops)
    chances[first : first + round(400 * stops)] = np.eye(len(CLASSES), dtype=np.float32)[SOUNDS]
    return chances


def with_talk_around(chances: np.ndarray, steps: int) -> np.ndarray:
    """Return chances with so many steps of surely no music before and after."""
    talk = np.repeat(np.eye(len(CLASSES), dtype=np.float32)[[SOUNDS]], steps, axis=0)
    return np.concatenate([talk, chances, talk])


@pytest.mark.parametrize("stops", [1.1 * REHEARSAL_SHARE, 0.3, 1.0])
def test_the_chances_of_a_rehearsal_stay(stops):
    chances = jam(stops)
    assert calibrate_for_takes(chances) is chances


@pytest.mark.parametrize("stops", [0.0, CLEAN_SHARE / 2, CLEAN_SHARE])
def test_in_a_take_only_what_is_no_music_is_cut(stops):
    found, chances = calibrate_for_takes(jam(stops)), jam(stops)
    np.testing.assert_allclose(found[:, KEEP], 1 - chances[:, 1:3].sum(axis=1), atol=1e-6)
    np.testing.assert_array_equal(found[:, 1:3], chances[:, 1:3])


def test_in_between_chances_move_in_part():
    chances = jam((CLEAN_SHARE + REHEARSAL_SHARE) / 2)
    found = calibrate_for_takes(chances)
    np.testing.assert_allclose(found[:, REPEAT], chances[:, REPEAT] / 2, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("stops", "tightness", "weight"), [(0.0, "normal", 1.0), (0.3, "normal", 0.5), (0.3, "gentle", 1.0)]
)
def test_the_pointer_leaves_a_take_to_the_score(stops, tightness, weight):
    config = PointerConfig(step_inputs=True, score_inputs=True)
    none, nothing = np.full((400, 6), -1, np.int32), np.zeros((400, 6), np.float32)
    steps = StepInputs(np.zeros((400, STEP_VALUES), np.float32), none, nothing)
    inputs = PointerInputs(np.zeros((128, 3_200), np.float32), with_chances(steps, jam(stops)))
    prices = prices_for(DecodeSettings(score_weight=0.5), inputs, config, tightness)
    assert prices.score_weight == pytest.approx(weight)


@pytest.mark.parametrize(
    ("stops", "weight"),
    [(0.0, 1.0), (CLEAN_SHARE_INSIDE, 1.0), (0.02, 0.5), (REHEARSAL_SHARE_INSIDE, 0.0), (0.3, 0.0)],
)
def test_talk_before_and_after_a_song_makes_it_no_rehearsal(stops, weight):
    assert take_weight(with_talk_around(jam(stops), 300)) == pytest.approx(weight, abs=0.06)


def test_an_empty_recording_is_nothing():
    assert calibrate_for_takes(np.zeros((0, len(CLASSES)), np.float32)).shape == (0, len(CLASSES))


@pytest.mark.parametrize("stops", [0.0, 0.3, 0.9])
def test_gentle_cuts_no_music_however_much_is_talked(stops):
    found, chances = calibrate_for_takes(jam(stops), "gentle"), jam(stops)
    classes = [CLASSES.index(name) for name in ("other_song", "bad_take", "repeat")]
    assert not found[:, classes].any()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert ((found[:, KEEP] > 0.5) == (chances[:, 1:3].sum(axis=1) < 0.5)).all()


def test_gentle_raises_what_is_taken_for_noodling():
    chances = np.array([[0.3, 0, 0.5, 0, 0.1, 0.1]], np.float32)
    assert CLASSES.index("noodling") == 2
    found = calibrate_for_takes(chances, "gentle")
    assert found[0, KEEP] == pytest.approx(0.5 * np.e / (0.5 * np.e + 0.5), abs=1e-6)
    assert found[0, 2] == pytest.approx(0.5 / (0.5 * np.e + 0.5), abs=1e-6)
