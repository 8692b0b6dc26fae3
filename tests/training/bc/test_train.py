"""Cloning: it learns, it repeats itself bit for bit, and parts of a batch add up to the whole."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from editorbot.models.checkpoint import Checkpoint
from editorbot.training.bc.config import NO_AUGMENTATION, BcTraining, TaskWeights
from editorbot.training.bc.demonstrations import normalizer_of
from editorbot.training.bc.losses import type_weights
from editorbot.training.bc.train import BcRun
from tests.training.demonstrations import TINY, demonstrations

QUICK = BcTraining(epochs=2, batch_size=16, gradient_accumulation_steps=1, learning_rate=3e-3)


def trained(config: BcTraining, recordings=None, model=TINY, found=None) -> tuple[BcRun, list[dict], list[Checkpoint]]:
    """Return the run at its end, its metrics, and a checkpoint after each epoch."""
    recordings = recordings or demonstrations()
    run, metrics, kept = BcRun(recordings, normalizer_of(recordings), model, config), [], []
    if found is not None:
        run.load(found)
    while run.epoch < config.epochs:
        metrics.append(run.train_epoch())
        training = copy.deepcopy(run.training_state())
        kept.append(Checkpoint("bc", {}, run.calibrated(), step=run.epoch, training=training))
    return run, metrics, kept


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_one_batch_is_learned_by_heart():
    config = replace(
        QUICK, epochs=60, batch_size=1000, learning_rate=2e-2, augmentation=NO_AUGMENTATION, tasks=TaskWeights.none()
    )
    _, metrics, _ = trained(config, demonstrations(2))
    assert metrics[0]["train/bc_loss"] > 1.5
    assert metrics[-1]["train/bc_loss"] < 0.05


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    first, second, other = (trained(replace(QUICK, seed=seed))[0].calibrated() for seed in (0, 0, 1))
    assert same(first, second)
    assert not same(first, other)


def test_a_run_that_goes_on_ends_as_an_unbroken_one():
    model, config = replace(TINY, dropout=0.2), replace(QUICK, epochs=3)
    whole, _, kept = trained(config, model=model)
    again, metrics, _ = trained(config, model=model, found=kept[0])
    assert len(metrics) == 2
    assert same(whole.calibrated(), again.calibrated())


def test_parts_of_a_batch_add_up_to_the_whole():
    found = []
    for parts in (1, 3):
        config = replace(QUICK, batch_size=1000, gradient_accumulation_steps=parts, augmentation=NO_AUGMENTATION)
        recordings = demonstrations()
        run = BcRun(recordings, normalizer_of(recordings), TINY, config)
        told = run.train_step(recordings)
        found.append(
            (told, {name: one.grad.clone() for name, one in run.agent.named_parameters() if one.grad is not None})
        )
    assert found[0][0]["train/bc_loss"] == pytest.approx(found[1][0]["train/bc_loss"], abs=1e-5)
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(gradient, found[1][1][name], atol=2e-6, rtol=1e-4)


def test_rare_types_count_more_and_it_is_taken_off_their_chances_again():
    recordings = demonstrations()
    kinds = np.concatenate([one.actions[:, 0] for one in recordings])
    weights = type_weights(recordings, 20)
    counts = np.bincount(kinds, minlength=20)
    assert (weights[counts.argmax()] <= weights[np.where(counts > 0, counts, 10**6).argmin()]).all()
    assert float((weights.numpy() * counts).sum() / counts.sum()) == pytest.approx(1, abs=0.2)
    run, _, _ = trained(replace(QUICK, epochs=1), recordings)
    bias = run.agent.state_dict()["policy.type_head.bias"]
    assert torch.equal(run.calibrated()["policy.type_head.bias"], bias - torch.log(weights))
