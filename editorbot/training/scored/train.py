"""Trains the learned score: which steps of a jam are the finished music.

Cross-entropy over the classes of both passes, plus one minus the soft F1 of 'keep' over a whole jam, because F1 is
what counts and no step decides alone. The learning rate follows one cycle [1]_. Against overfitting, inputs are
shifted by a random amount a recording, and most jams of an epoch are remixed and moved to another key
(:mod:`editorbot.training.scored.augment`). With many jams, each epoch takes the next part of them. What is kept is the
running mean of the weights [2]_; several networks of different seeds form an ensemble.

References
----------
.. [1] Smith and Topin, "Super-Convergence", 2018.
.. [2] Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from editorbot.models.checkpoint import Checkpoint
from editorbot.models.scorer import ScorerNetwork
from editorbot.models.scorer_config import CLASSES, ScorerConfig
from editorbot.training.run_folder import random_state, restore_random_state
from editorbot.training.scored.augment import remixed, transposed, without
from editorbot.training.scored.batches import KEEP, Batch, batch_of, grouped, numbers_of_epoch
from editorbot.training.scored.config import ScoredTraining
from editorbot.training.scored.examples import Example

FIRST_PASS_WEIGHT = 0.4
"""Weight of the first pass's loss; the second's is 1."""


class ScoredRun:
    """One network in training on jams, at least one; validation jams are not among them."""

    def __init__(self, examples: Sequence[Example], config: ScoredTraining, shape: ScorerConfig) -> None:
        torch.manual_seed(config.seed)
        self.examples, self.config, self.epoch = examples, config, 0
        self.network = ScorerNetwork(shape)
        set_scale(self.network, self._examples_of_epoch())
        self.mean = copy.deepcopy(self.network)
        self.rng = np.random.default_rng(config.seed)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        total = config.epochs * -(-min(len(examples), config.epoch_jams) // config.batch_size)
        self.cycle = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, config.learning_rate, total_steps=total, pct_start=0.15
        )

    def train_epoch(self) -> dict[str, float]:
        """Go over an epoch's jams once; return the mean loss and the learning rate."""
        self.network.train()
        losses = [self._step(group) for group in self._batches(self._examples_of_epoch())]
        self.epoch += 1
        return {"train/loss": float(np.mean(losses)), "train/learning_rate": float(self.cycle.get_last_lr()[0])}

    def _examples_of_epoch(self) -> list[Example]:
        """Read the jams of an epoch into memory."""
        config = self.config
        numbers = numbers_of_epoch(self.epoch, len(self.examples), config.epoch_jams, config.seed)
        return [self.examples[number] for number in numbers]

    def _batches(self, examples: Sequence[Example]) -> list[list[Example]]:
        """Vary the jams and put them into batches of about one length."""
        config, rng = self.config, self.rng
        jams = [remixed(one, examples, rng) if rng.random() < config.remix else one for one in examples]
        jams = [transposed(one, rng) if rng.random() < config.transpose else one for one in jams]
        kinds = [CLASSES.index(name) for name in config.left_out]
        return grouped([left for one in jams if (left := without(one, kinds)) is not None], config.batch_size, rng)

    def _step(self, group: Sequence[Example]) -> float:
        """Take one step of the optimizer; return the loss."""
        config, batch = self.config, batch_of(group)
        noise = self.rng.standard_normal((len(group), 1, batch.values.shape[-1])).astype(np.float32)
        noisy = batch.values + torch.from_numpy(noise * config.input_noise) * self.network.scale
        first, second = self.network(noisy, *batch.inputs[1:])
        loss = loss_of(first, second, batch, config)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.cycle.step()
        self._update_mean()
        return loss.item()

    def _update_mean(self) -> None:
        """Draw the running mean to the weights; in the first steps by more."""
        # The schedule counts the steps, so that a resumed run does as an unbroken one.
        steps = self.cycle.last_epoch
        decay = min(self.config.weight_mean, steps / (steps + 20))
        with torch.no_grad():
            for mean, weight in zip(self.mean.parameters(), self.network.parameters()):
                mean.lerp_(weight, 1 - decay)

    def training_state(self) -> dict[str, Any]:
        """Collect what a checkpoint holds beside the running mean of the weights."""
        cycle = {name: value for name, value in self.cycle.state_dict().items() if not callable(value)}
        states = {"raw_weights": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "cycle": cycle}
        return states | random_state(self.rng)

    def load(self, found: Checkpoint) -> None:
        """Continue from a checkpoint."""
        self.epoch = found.step
        self.mean.load_state_dict(dict(found.weights))
        self.network.load_state_dict(found.training["raw_weights"])
        self.optimizer.load_state_dict(found.training["optimizer"])
        self.cycle.load_state_dict(found.training["cycle"])
        restore_random_state(found.training, self.rng)


def loss_of(first: Tensor, second: Tensor, batch: Batch, config: ScoredTraining) -> Tensor:
    """Weigh the losses of both passes together, a scalar."""
    return FIRST_PASS_WEIGHT * _pass_loss(first, batch, config) + _pass_loss(second, batch, config)


def _pass_loss(scores: Tensor, batch: Batch, config: ScoredTraining) -> Tensor:
    mask = batch.mask[..., 0]
    smoothing = config.label_smoothing
    each = functional.cross_entropy(scores.transpose(1, 2), batch.classes, reduction="none", label_smoothing=smoothing)
    return (each * mask).sum() / mask.sum() + config.f1_weight * (1 - soft_f1(scores, batch)).mean()


def soft_f1(scores: Tensor, batch: Batch) -> Tensor:
    """F1 of 'keep' for each jam, with probabilities in place of decisions, shape=(jams,)."""
    mask = batch.mask[..., 0]
    chance = torch.softmax(scores, dim=-1)[..., KEEP] * mask
    truth = (batch.classes == KEEP).to(chance.dtype) * mask
    return 2 * (chance * truth).sum(1) / (chance.sum(1) + truth.sum(1) + 1e-6)


def set_scale(network: ScorerNetwork, examples: Sequence[Example]) -> None:
    """Set mean and spread of the network's inputs from the training jams."""
    values = np.concatenate([one.inputs.values for one in examples])
    network.mean.copy_(torch.from_numpy(values.mean(0)))
    network.scale.copy_(torch.from_numpy(values.std(0) + 1e-3))
