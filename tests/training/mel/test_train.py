"""Training learns, resumes bit for bit, and stops where a loss is NaN."""

from __future__ import annotations

import pytest
import torch

from editorbot.errors import NonFiniteError
from editorbot.training.mel.config import LossWeights
from editorbot.training.mel.train import MelRun, is_overfitting
from tests.training.mel.mel_runs import SHAPES, trained, training


@pytest.mark.parametrize("shape", SHAPES)
def test_it_learns_that_finished_tracks_are_brighter(files, shape):
    _, metrics, _ = trained(files, shape, training(epochs=25, learning_rate=4e-3, augment=False))
    assert metrics[-1]["val/edited_db"] < 0.8 * metrics[-1]["val/raw_db"]


def test_every_loss_trains(files):
    config = training(epochs=4, learning_rate=3e-3, weights=LossWeights(1.0, 1.0, 0.5, 0.1))
    _, metrics, _ = trained(files, SHAPES[1], config, valid=files[:1])
    assert {"train/l1_loss", "train/msstft_loss", "val/total_loss", "train/feature_loss"} <= set(metrics[0])
    assert metrics[-1]["train/total_loss"] < metrics[0]["train/total_loss"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_resumed_run_ends_with_the_same_weights(files, shape):
    whole, _, kept = trained(files, shape, training())
    resumed, metrics, _ = trained(files, shape, training(), found=kept[1])
    assert len(metrics) == 2
    for one, other in zip(whole.network.parameters(), resumed.network.parameters()):
        assert torch.equal(one, other)


def test_a_loss_that_is_nan_stops_the_run(files):
    run = MelRun(files, files, SHAPES[1], training())
    run.train_epoch()
    for value in run.network.parameters():
        value.data.fill_(float("nan"))
    with pytest.raises(NonFiniteError, match="epoch 2"):
        run.train_epoch()


def test_overfitting_is_told_of_once():
    falling, rising = [5.0, 4.0, 3.0], [3.1, 3.2, 3.3, 3.4, 3.5, 3.6]
    told = [is_overfitting([*falling, *rising][:end]) for end in range(1, 10)]
    assert told == [False] * 7 + [True, False]
