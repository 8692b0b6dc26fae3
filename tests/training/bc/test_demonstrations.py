"""Demonstrations from a data set, and batches of them."""

from __future__ import annotations

import numpy as np
import pytest

from editorbot.analysis.features import FEATURE_NAMES
from editorbot.corpus.dataset import BcDataset
from editorbot.environment.state import STATE_SIZE, Normalizer
from editorbot.errors import EmptyError, MismatchError, VersionError
from editorbot.training.bc.config import NO_AUGMENTATION
from editorbot.training.bc.demonstrations import (
    OUTPUT_OVER_TARGET,
    REMAINING,
    TARGET,
    batch_of,
    demonstrations_of,
    kept_beats,
    normalizer_of,
    with_other_target,
)
from tests.training.demonstrations import demonstrations


def test_one_normalizer_serves_cloning_and_rollouts():
    recordings = demonstrations(1)
    ours = normalizer_of(recordings)
    batch = batch_of(recordings, ours, NO_AUGMENTATION, np.random.default_rng(0))
    np.testing.assert_array_equal(batch.states.numpy(), ours.apply(recordings[0].states))
    swapped = Normalizer(tuple(value + 1 for value in ours.mean), ours.std)
    other = batch_of(recordings, swapped, NO_AUGMENTATION, np.random.default_rng(0))
    assert not np.array_equal(other.states.numpy(), batch.states.numpy())
    with pytest.raises(MismatchError, match="normalizer"):
        ours.check_same(swapped)


def test_another_target_length_changes_the_three_columns_together():
    states = np.zeros((2, STATE_SIZE), np.float32)
    states[:, TARGET], states[:, REMAINING] = 0.5, [0.5, 0.2]
    states[:, OUTPUT_OVER_TARGET] = [0.0, 0.6]
    changed = with_other_target(states, 0.3, np.random.default_rng(1))
    target, heard = changed[:, TARGET], changed[:, TARGET] - changed[:, REMAINING]
    assert target[0] == target[1] != 0.5
    np.testing.assert_allclose(heard, [0.0, 0.3], atol=1e-6)
    np.testing.assert_allclose(changed[:, OUTPUT_OVER_TARGET], heard / target, atol=1e-6)


def test_kept_beats_are_those_between_the_steps():
    kept = kept_beats(np.array([0, 4, 6]), np.array([1, 0, 1]), 30)
    assert kept[:6].tolist() == [1, 1, 1, 1, 0, 0]
    assert (kept[6:] == -1).all()  # the last step cannot have spanned so much


def dataset(samples: int, vocabulary: str = "v3") -> BcDataset:
    zeros = np.zeros(samples, np.int64)
    return BcDataset(
        states=np.zeros((samples, STATE_SIZE), np.float32), type_labels=zeros, size_labels=zeros, amount_labels=zeros,
        good_bad=zeros, pair_ids=np.full(samples, "a"), recording_ids=zeros, beat_index=zeros,
        features=np.zeros((4, len(FEATURE_NAMES)), np.float32), offsets=np.array([0, 4]), recording_names=("a",),
        data_dir="", vocabulary=vocabulary,
    )  # fmt: skip


def test_empty_sets_and_other_vocabularies_are_refused():
    with pytest.raises(EmptyError, match="no samples"):
        demonstrations_of(dataset(0))
    with pytest.raises(VersionError, match="v2, but the policy's is v3"):
        demonstrations_of(dataset(3, "v2"))
