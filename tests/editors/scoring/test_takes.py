"""Takes that broke off, and the sums and peaks that find them."""

from __future__ import annotations

import numpy as np
import pytest

from editorbot.editors.scoring.repetition import (
    step_vectors,
)
from editorbot.editors.scoring.takes import diagonal_sums, find_retakes, peak_offset
from tests.editors.step_grids import quiet_steps, song_steps


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
