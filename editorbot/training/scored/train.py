"""Trains the learned score: which steps of a jam are the finished music.

Cross-entropy over the classes of both passes, plus one minus the soft F1 of
'keep' over a whole jam, because F1 is what counts and no step decides alone.
The rate follows one cycle (Smith and Topin, "Super-Convergence", 2018). Inputs
are shifted by a random amount a recording, so that no room or instrument is
learned by heart, most jams of an epoch are remixed (:mod:`editorbot.training.scored.remix`), and
most are played in another key (:mod:`editorbot.training.scored.transpose`).
An epoch hears another part of the jams than the one before, where there are many.
What is kept is the running mean of the weights (Polyak and Juditsky, 1992).
Several networks of different seeds are averaged.

What its chances are worth is found on jams that were never heard (:mod:`editorbot.training.scored.calibration`).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from editorbot.models.scorer import ScorerNetwork
from editorbot.models.scorer_config import CLASSES, ScorerConfig
from editorbot.training.scored.batches import KEEP, Batch, batch_of, grouped, numbers_of_epoch
from editorbot.training.scored.examples import Example
from editorbot.training.scored.remix import remixed, without
from editorbot.training.scored.transpose import transposed

FIRST_PASS_WEIGHT = 0.4
"""What the first pass's loss counts beside the second's."""


@dataclass(frozen=True)
class ScoredTraining:
    """How the learned score is trained."""

    epochs: int = 30
    """Passes over the jams, or over a part of them each."""
    epoch_jams: int = 1500
    """Most jams of an epoch; where there are more, the next epoch hears the next part, until all were heard."""
    batch_size: int = 4
    """Jams a step."""
    learning_rate: float = 2e-3
    """Highest rate of the cycle."""
    weight_decay: float = 1e-2
    """Pull of the weights to zero."""
    input_noise: float = 0.15
    """Shift of each input, a recording at a time [standard deviations]."""
    label_smoothing: float = 0.05
    """Share of certainty given to the other classes."""
    f1_weight: float = 1.0
    """What one minus soft F1 counts beside the cross-entropy."""
    remix: float = 0.75
    """Share of the jams of an epoch that are made anew of their own and others' stretches."""
    transpose: float = 0.7
    """Share of the jams of an epoch that are played in another key (:mod:`editorbot.training.scored.transpose`)."""
    left_out: tuple[str, ...] = ()
    """Classes of junk that no training jam holds: tells how faults fare that were never heard."""
    weight_mean: float = 0.998
    """How much of the running mean of the weights a step leaves."""
    seed: int = 0
    """The same seed gives the same weights."""


def loss_of(first: Tensor, second: Tensor, batch: Batch, config: ScoredTraining) -> Tensor:
    """Return the loss of both passes, a scalar."""
    return FIRST_PASS_WEIGHT * _pass_loss(first, batch, config) + _pass_loss(second, batch, config)


def _pass_loss(scores: Tensor, batch: Batch, config: ScoredTraining) -> Tensor:
    mask = batch.mask[..., 0]
    smoothing = config.label_smoothing
    each = functional.cross_entropy(scores.transpose(1, 2), batch.classes, reduction="none", label_smoothing=smoothing)
    return (each * mask).sum() / mask.sum() + config.f1_weight * (1 - soft_f1(scores, batch)).mean()


def soft_f1(scores: Tensor, batch: Batch) -> Tensor:
    """Return F1 of 'keep' for each jam with chances in place of decisions, shape=(jams,)."""
    mask = batch.mask[..., 0]
    chance = torch.softmax(scores, dim=-1)[..., KEEP] * mask
    truth = (batch.classes == KEEP).to(chance.dtype) * mask
    return 2 * (chance * truth).sum(1) / (chance.sum(1) + truth.sum(1) + 1e-6)


@dataclass(frozen=True)
class EpochReport:
    """What one pass over the jams came to."""

    epoch: int
    loss: float
    """Mean training loss."""
    learning_rate: float


@dataclass(frozen=True)
class TrainingState:
    """Where a run stands between two epochs."""

    epoch: int
    """Epochs done."""
    weights: Mapping[str, Tensor]
    """The running mean, which is what is used."""
    raw_weights: Mapping[str, Tensor]
    """The network's own."""
    optimizer: Mapping[str, Any]
    """The optimizer's."""
    cycle: Mapping[str, Any]
    """The schedule's."""
    torch_random: Tensor
    """State of torch's generator."""
    numpy_random: str
    """State of the order's and the noise's generator, JSON."""

    def as_data(self) -> dict[str, Any]:
        """Return all but weights and epoch as plain data."""
        names = ("raw_weights", "optimizer", "cycle", "torch_random", "numpy_random")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def of_data(cls, data: Mapping[str, Any], weights: Mapping[str, Tensor], epoch: int) -> TrainingState:
        """Return the state that `as_data` has told."""
        return cls(epoch, weights, **data)


class _Run:
    """A training run's moving parts."""

    def __init__(self, examples: Sequence[Example], config: ScoredTraining, shape: ScorerConfig) -> None:
        torch.manual_seed(config.seed)
        self.network = ScorerNetwork(shape)
        set_scale(self.network, _heard_in(0, examples, config))
        self.mean = copy.deepcopy(self.network)
        self.rng = np.random.default_rng(config.seed)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        total = config.epochs * -(-min(len(examples), config.epoch_jams) // config.batch_size)
        self.cycle = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, config.learning_rate, total_steps=total, pct_start=0.15
        )

    def take_mean(self, share: float) -> None:
        """Draw the running mean to the weights; in the first steps by more."""
        # The schedule counts the steps, so that a run that goes on does as an unbroken one.
        steps = self.cycle.last_epoch
        left = min(share, steps / (steps + 20))
        with torch.no_grad():
            for mean, weight in zip(self.mean.parameters(), self.network.parameters()):
                mean.lerp_(weight, 1 - left)

    def state(self, epoch: int) -> TrainingState:
        """Return where the run stands after `epoch` epochs."""
        cycle = {name: value for name, value in self.cycle.state_dict().items() if not callable(value)}
        random = json.dumps(self.rng.bit_generator.state)
        return TrainingState(
            epoch, self.mean.state_dict(), self.network.state_dict(), self.optimizer.state_dict(), cycle,
            torch.get_rng_state(), random,
        )  # fmt: skip

    def go_to(self, state: TrainingState) -> None:
        """Stand where a state says."""
        self.mean.load_state_dict(dict(state.weights))
        self.network.load_state_dict(dict(state.raw_weights))
        self.optimizer.load_state_dict(dict(state.optimizer))
        self.cycle.load_state_dict(dict(state.cycle))
        torch.set_rng_state(state.torch_random)
        self.rng.bit_generator.state = json.loads(state.numpy_random)


def train_network(
    examples: Sequence[Example],
    config: ScoredTraining,
    shape: ScorerConfig,
    *,
    state: TrainingState | None = None,
    on_epoch: Callable[[ScorerNetwork, EpochReport, TrainingState], None] | None = None,
) -> ScorerNetwork:
    """Return a network trained on jams.

    Parameters
    ----------
    examples : sequence of Example
        At least one; validation jams stay outside.
    config : ScoredTraining
        How to train.
    shape : ScorerConfig
        The network's shape.
    state : TrainingState, optional
        Where to go on; the end is bit for bit that of an unbroken run.
    on_epoch : callable
        Is handed the network, what the epoch came to, and where the run stands.
    """
    with torch.random.fork_rng():
        run = _Run(examples, config, shape)
        if state is not None:
            run.go_to(state)
        for epoch in range(state.epoch if state else 0, config.epochs):
            loss = _train_epoch(run, _heard_in(epoch, examples, config), config)
            if on_epoch is not None:
                at = run.state(epoch + 1)
                on_epoch(run.mean, EpochReport(epoch, loss, float(run.cycle.get_last_lr()[0])), at)
        return run.mean.eval()


def _heard_in(epoch: int, examples: Sequence[Example], config: ScoredTraining) -> list[Example]:
    """Return the jams of an epoch, read into memory."""
    return [examples[number] for number in numbers_of_epoch(epoch, len(examples), config.epoch_jams, config.seed)]


def _train_epoch(run: _Run, examples: Sequence[Example], config: ScoredTraining) -> float:
    """Go over some jams once; return the mean loss."""
    run.network.train()
    losses = []
    jams = [remixed(one, examples, run.rng) if run.rng.random() < config.remix else one for one in examples]
    jams = [transposed(one, run.rng) if run.rng.random() < config.transpose else one for one in jams]
    kinds = [CLASSES.index(name) for name in config.left_out]
    jams = [left for one in jams if (left := without(one, kinds)) is not None]
    for group in grouped(jams, config.batch_size, run.rng):
        batch = batch_of(group)
        noise = run.rng.standard_normal((len(group), 1, batch.values.shape[-1])).astype(np.float32)
        noisy = batch.values + torch.from_numpy(noise * config.input_noise) * run.network.scale
        first, second = run.network(noisy, *batch.inputs[1:])
        loss = loss_of(first, second, batch, config)
        run.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
        run.optimizer.step()
        run.cycle.step()
        run.take_mean(config.weight_mean)
        losses.append(loss.item())
    return float(np.mean(losses))


def set_scale(network: ScorerNetwork, examples: Sequence[Example]) -> None:
    """Set the network's own scaling of its inputs from the training jams."""
    values = np.concatenate([one.inputs.values for one in examples])
    network.mean.copy_(torch.from_numpy(values.mean(0)))
    network.scale.copy_(torch.from_numpy(values.std(0) + 1e-3))
