"""Jams made of jams, and in other keys: steps keep their class, nothing is kept twice, a seed repeats itself."""

import numpy as np
import pytest

from editorbot.editors.scoring.inputs import INPUT_COUNT, SOUND_COUNT, step_inputs, with_repeat_features
from editorbot.timebase import STEP_S
from editorbot.training.scored.augment import (
    BAD_TAKE,
    FARTHEST_BANDS,
    HARMONY,
    KEEP,
    REPEAT,
    SOUNDS,
    remixed,
    stretches_of,
    transposed,
    without,
)
from editorbot.training.scored.examples import Example
from tests.editors.step_grids import jam_analysis, quiet_steps, song_steps, talk_steps


@pytest.fixture(scope="module")
def jam():
    """Talk, a start that breaks off, silence, the song, one part of it again, talk."""
    parts = [
        ("talk", talk_steps(60), SOUNDS, None), ("music", song_steps(0, 120), BAD_TAKE, 0),
        ("silence", quiet_steps(40), SOUNDS, None), ("music", song_steps(0, 400), KEEP, 0),
        ("music", song_steps(200, 400), REPEAT, 200), ("talk", talk_steps(50), SOUNDS, None),
    ]  # fmt: skip
    analysis = jam_analysis([(kind, steps) for kind, steps, _, _ in parts])
    classes = np.concatenate([np.full(len(steps), number, np.int8) for _, steps, number, _ in parts])
    nowhere = np.nan
    source = [(nowhere if at is None else at) + np.arange(len(steps)) for _, steps, _, at in parts]
    source_s = (np.concatenate(source) * STEP_S).astype(np.float32)
    return Example(with_repeat_features(step_inputs(analysis.steps, analysis.activity).values), classes, source_s)


def test_stretches_are_the_parts(jam):
    assert [(part.kind, len(part)) for part in stretches_of(jam)] == [
        (SOUNDS, 60), (BAD_TAKE, 120), (SOUNDS, 40), (KEEP, 400), (REPEAT, 200), (SOUNDS, 50),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_music_stays_music_and_is_kept_once(jam, seed):
    made = remixed(jam, [jam], np.random.default_rng(seed))
    assert len(made.inputs.values) == len(made.classes) == len(made.source_s)
    kept = np.round(made.source_s[made.classes == KEEP] / STEP_S)
    assert len(np.unique(kept)) >= 0.97 * len(kept)
    assert not np.isnan(kept).any()
    # What is kept is the song's own rows, at their places.
    places = zip(jam.source_s.tolist(), jam.classes.tolist())
    first = {round(at / STEP_S): row for row, (at, number) in enumerate(places) if at == at and number != BAD_TAKE}
    rows = [first[int(place)] for place in kept]
    there = made.inputs.values[made.classes == KEEP][:, :SOUND_COUNT]
    there_before = jam.inputs.values[rows][:, :SOUND_COUNT]
    again = jam.classes[rows] == REPEAT
    np.testing.assert_array_equal(there[~again], there_before[~again])


def test_the_same_seed_makes_the_same_jam_and_another_another(jam):
    one, again, other = (remixed(jam, [jam], np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.inputs.values, again.inputs.values)
    assert one.inputs.values.shape != other.inputs.values.shape or (one.classes != other.classes).any()


def test_some_jams_become_the_music_alone(jam):
    made = [remixed(jam, [jam], np.random.default_rng(seed)) for seed in range(60)]
    alone = [one for one in made if {KEEP} == set(one.classes.tolist())]
    assert 1 <= len(alone) <= 12
    assert all(len(one.classes) == 400 for one in alone)


def test_a_class_can_be_left_out(jam):
    left = without(jam, [BAD_TAKE, REPEAT])
    assert left is not None
    assert [(part.kind, len(part)) for part in stretches_of(left)] == [(SOUNDS, 100), (KEEP, 400), (SOUNDS, 50)]
    np.testing.assert_array_equal(with_repeat_features(left.inputs.values).nearest_repeats, left.inputs.nearest_repeats)
    assert without(jam, []) is jam
    assert without(jam, [KEEP]) is None


def test_what_is_heard_again_is_true_of_the_new_jam(jam):
    made = remixed(jam, [jam], np.random.default_rng(5))
    np.testing.assert_array_equal(with_repeat_features(made.inputs.values).nearest_repeats, made.inputs.nearest_repeats)


def test_a_jam_of_which_too_little_is_left_stays(jam):
    short = Example(with_repeat_features(jam.inputs.values[:60]), jam.classes[:60], jam.source_s[:60])
    assert remixed(short, [short], np.random.default_rng(0)) is short


def random_jam() -> Example:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, INPUT_COUNT)).astype(np.float32)
    return Example(with_repeat_features(values), np.zeros(300, np.int8), np.arange(300, dtype=np.float32))


def test_there_are_twelve_pitch_classes():
    assert HARMONY.stop - HARMONY.start == 12


def test_every_step_changes_alike_and_nothing_but_tone_and_harmony():
    before = random_jam()
    after = transposed(before, np.random.default_rng(1))
    one, other = before.inputs.values, after.inputs.values
    np.testing.assert_array_equal(one[:, HARMONY.stop :], other[:, HARMONY.stop :])
    np.testing.assert_array_equal(np.sort(one[:, HARMONY], axis=1), np.sort(other[:, HARMONY], axis=1))
    np.testing.assert_array_equal(before.inputs.nearest_repeats, after.inputs.nearest_repeats)
    np.testing.assert_array_equal(before.inputs.lag_matrix, after.inputs.lag_matrix)
    np.testing.assert_array_equal(before.classes, after.classes)
    np.testing.assert_array_equal(one, random_jam().inputs.values)  # the jam itself stays as it was
    # One factor and one distance explain all bands that were not moved in from outside.
    found = [
        up
        for up in range(-FARTHEST_BANDS, FARTHEST_BANDS + 1)
        if np.ptp(other[:, 5:35] / one[:, 5 - up : 35 - up]) < 1e-3
    ]
    assert len(found) == 1


def test_keys_differ_and_the_same_seed_plays_the_same():
    made = [transposed(random_jam(), np.random.default_rng(seed)).inputs.values for seed in range(12)]
    harmony = random_jam().inputs.values[:, HARMONY]
    keys = [[k for k in range(12) if np.array_equal(np.roll(harmony, k, 1), one[:, HARMONY])] for one in made]
    assert all(len(one) == 1 for one in keys)
    assert len({one[0] for one in keys}) > 4
    again = transposed(random_jam(), np.random.default_rng(3)).inputs.values
    np.testing.assert_array_equal(made[3], again)
