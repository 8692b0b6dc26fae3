"""What is believed of 'played again' in a recording that is no rehearsal."""

from __future__ import annotations

import numpy as np
import pytest

from editorbot.editors.scoring.clean_takes import CLEAN_SHARE, REHEARSAL_SHARE, believed
from editorbot.models.scorer_shape import CLASSES

KEEP, SOUNDS, REPEAT = (CLASSES.index(name) for name in ("keep", "sounds", "repeat"))


def jam(stops: float, seed: int = 0) -> np.ndarray:
    """Return chances of 400 steps, of which a share is surely no music."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.ones(len(CLASSES)), 400).astype(np.float32)
    chances[:, 1:3] = 0
    chances /= chances.sum(axis=1, keepdims=True)
    chances[: round(400 * stops)] = np.eye(len(CLASSES), dtype=np.float32)[SOUNDS]
    return chances


@pytest.mark.parametrize("stops", [1.1 * REHEARSAL_SHARE, 0.3, 1.0])
def test_a_rehearsal_is_believed_as_it_is(stops):
    chances = jam(stops)
    assert believed(chances) is chances


@pytest.mark.parametrize("stops", [0.0, CLEAN_SHARE / 2, CLEAN_SHARE])
def test_in_a_take_only_what_is_no_music_is_cut(stops):
    found, chances = believed(jam(stops)), jam(stops)
    np.testing.assert_allclose(found[:, KEEP], 1 - chances[:, 1:3].sum(axis=1), atol=1e-6)
    np.testing.assert_array_equal(found[:, 1:3], chances[:, 1:3])


def test_in_between_it_is_believed_in_part():
    chances = jam((CLEAN_SHARE + REHEARSAL_SHARE) / 2)
    found = believed(chances)
    np.testing.assert_allclose(found[:, REPEAT], chances[:, REPEAT] / 2, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_an_empty_recording_is_nothing():
    assert believed(np.zeros((0, len(CLASSES)), np.float32)).shape == (0, len(CLASSES))
