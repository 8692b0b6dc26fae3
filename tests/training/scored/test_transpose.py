"""Jams in other keys: what is heard again stays so, and only tone and harmony change."""

import numpy as np

from editorbot.editors.scoring.inputs import INPUT_COUNT, with_repeat_features
from editorbot.training.scored.examples import Example
from editorbot.training.scored.transpose import FARTHEST_BANDS, HARMONY, transposed


def jam() -> Example:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, INPUT_COUNT)).astype(np.float32)
    return Example(with_repeat_features(values), np.zeros(300, np.int8), np.arange(300, dtype=np.float32))


def test_there_are_twelve_pitch_classes():
    assert HARMONY.stop - HARMONY.start == 12


def test_every_step_changes_alike_and_nothing_but_tone_and_harmony():
    before = jam()
    after = transposed(before, np.random.default_rng(1))
    one, other = before.inputs.values, after.inputs.values
    np.testing.assert_array_equal(one[:, HARMONY.stop :], other[:, HARMONY.stop :])
    np.testing.assert_array_equal(np.sort(one[:, HARMONY], axis=1), np.sort(other[:, HARMONY], axis=1))
    np.testing.assert_array_equal(before.inputs.nearest_repeats, after.inputs.nearest_repeats)
    np.testing.assert_array_equal(before.inputs.lag_matrix, after.inputs.lag_matrix)
    np.testing.assert_array_equal(before.classes, after.classes)
    np.testing.assert_array_equal(one, jam().inputs.values)  # the jam itself stays as it was
    # One factor and one distance explain all bands that were not moved in from outside.
    found = [
        up
        for up in range(-FARTHEST_BANDS, FARTHEST_BANDS + 1)
        if np.ptp(other[:, 5:35] / one[:, 5 - up : 35 - up]) < 1e-3
    ]
    assert len(found) == 1


def test_keys_differ_and_the_same_seed_plays_the_same():
    made = [transposed(jam(), np.random.default_rng(seed)).inputs.values for seed in range(12)]
    harmony = jam().inputs.values[:, HARMONY]
    keys = [[k for k in range(12) if np.array_equal(np.roll(harmony, k, 1), one[:, HARMONY])] for one in made]
    assert all(len(one) == 1 for one in keys)
    assert len({one[0] for one in keys}) > 4
    again = transposed(jam(), np.random.default_rng(3)).inputs.values
    np.testing.assert_array_equal(made[3], again)
