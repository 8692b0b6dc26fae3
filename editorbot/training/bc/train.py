"""Behavioral cloning: the policy learns to step as humans did.

The loss of a step is minus its joint log probability over three, weighted so
that rare types count more; in the end the types' log odds are shifted back by
the log of these weights, so that the policy tells chances as they are. With
returns known, samples of better edits count more (advantage-weighted
regression [1]_), which is offline reinforcement learning.

References
----------
.. [1] Peng et al., "Advantage-Weighted Regression", 2019.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from editorbot.environment.material import Material
from editorbot.environment.state import Normalizer
from editorbot.errors import UsageError
from editorbot.models.policy import ActionDistribution, EditingAgent
from editorbot.models.policy_config import PolicyConfig
from editorbot.training.bc.noise_injection import with_noise_injection
from editorbot.training.policy_data import (
    NO_VARIATION,
    Demonstration,
    DemonstrationAugmentation,
    DemonstrationBatch,
    batch_of,
    grouped,
)
from editorbot.training.policy_losses import (
    PARTS,
    TaskWeights,
    Totals,
    cloning_losses,
    task_losses,
    type_weights,
    weighted_tasks,
)

WARMUP = 0.05
"""Share of the steps in which the learning rate rises."""

TICKS = 10_000
"""Parts that a run's way is told in to the learning rate; epochs may differ in their number of steps."""


@dataclass(frozen=True)
class BcTraining:
    """How a policy is cloned."""

    epochs: int = 30
    """Passes over all recordings."""
    learning_rate: float = 1e-4
    """Highest learning rate; it falls by a cosine."""
    batch_size: int = 2048
    """Samples a step, in whole recordings."""
    gradient_accumulation_steps: int = 4
    """Parts that a batch is computed in, to save memory; the result is the same."""
    weight_decay: float = 1e-2
    """Pull of the weights to zero."""
    bc_entropy_coeff: float = 0.0
    """What the policy's entropy counts against the loss."""
    grad_clip: float = 1.0
    """Longest gradient."""
    use_mixed_precision: bool = True
    """bf16 on a GPU; nothing on a CPU."""
    seed: int = 0
    """The same seed gives the same weights."""
    teaching: DemonstrationAugmentation = field(default_factory=DemonstrationAugmentation)
    """How samples are varied."""
    tasks: TaskWeights = field(default_factory=TaskWeights)
    """What the auxiliary tasks count."""

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size, self.gradient_accumulation_steps) < 1:
            raise UsageError("epochs, batch_size and gradient_accumulation_steps must be at least 1")
        if not (self.learning_rate > 0 and self.grad_clip > 0):
            raise UsageError("learning_rate and grad_clip must be above 0")


@dataclass(frozen=True)
class BcState:
    """Where a run stands between two epochs."""

    epoch: int
    """Epochs done."""
    step: int
    """Batches done."""
    weights: Mapping[str, Tensor]
    """The network's own weights, the types' log odds as they are trained."""
    optimizer: Mapping[str, Any]
    """The optimizer's."""
    torch_random: Tensor
    """State of torch's generator."""
    numpy_random: str
    """State of the order's and the noise's generator, JSON."""


class BcRun:
    """The moving parts of a cloning run.

    Parameters
    ----------
    recordings : sequence of Demonstration
        What is taught.
    normalizer : Normalizer
        Of states and features.
    shape : PolicyConfig
        The networks.
    config : BcTraining
        How to train.
    device : str
        ``cpu`` or ``cuda``.
    materials : mapping
        What episodes that slip are played on, by the recordings' names (`bc.noise_injection`); none where left out.
    """

    def __init__(
        self,
        recordings: Sequence[Demonstration],
        normalizer: Normalizer,
        shape: PolicyConfig,
        config: BcTraining,
        device: str = "cpu",
        materials: Mapping[str, Material] | None = None,
    ) -> None:
        from editorbot.training.machine import fabric_on

        self.recordings, self.normalizer, self.config = list(recordings), normalizer, config
        self.materials, self.vocabulary = materials or {}, shape.action_vocabulary
        self.fabric = fabric_on(device, mixed=config.use_mixed_precision)
        torch.manual_seed(config.seed)
        self.rng = np.random.default_rng(config.seed)
        self.agent = EditingAgent(shape)
        optimizer = torch.optim.AdamW(self.agent.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        self.module, self.optimizer = self.fabric.setup(self.agent, optimizer)
        self.by_type = type_weights(recordings, shape.action_vocabulary.types)
        self.epoch = self.step = 0

    def train_epoch(self) -> dict[str, float]:
        """Go over all recordings once; return the means of what is watched."""
        self.module.train()
        recordings = with_noise_injection(
            self.recordings, self.materials, self.config.teaching.slips, self.vocabulary, self.rng
        )
        groups = grouped(recordings, self.config.batch_size, self.rng)
        told = []
        for number, group in enumerate(groups):
            done = (self.epoch + number / len(groups)) / self.config.epochs
            for parameters in self.optimizer.param_groups:
                parameters["lr"] = self.config.learning_rate * rate_share(round(done * TICKS), TICKS)
            told.append(self.train_step(group))
        self.epoch += 1
        return {name: float(np.mean([one[name] for one in told])) for name in told[0]}

    def train_step(self, group: Sequence[Demonstration]) -> dict[str, float]:
        """Take one step on some recordings; return what is watched."""
        config = self.config
        most = max(1, math.ceil(len(group) / config.gradient_accumulation_steps))
        parts = [group[at : at + most] for at in range(0, len(group), most)]
        batches = [batch_of(part, self.normalizer, config.teaching, self.rng) for part in parts]
        totals = Totals.of(batches, self.by_type)
        samples = sum(len(batch.actions) for batch in batches)
        self.optimizer.zero_grad()
        watched: dict[str, float] = {}
        for batch in batches:
            loss, told = bc_loss(self.module, batch.to(self.fabric.device), self.by_type, config, totals)
            self.fabric.backward(loss)
            for name, value in told.items():
                share = len(batch.actions) / samples if name.startswith("train/bc") else 1.0
                watched[name] = watched.get(name, 0.0) + value * share
        norm = torch.nn.utils.clip_grad_norm_(self.agent.parameters(), config.grad_clip)
        self.optimizer.step()
        self.step += 1
        return watched | {"train/grad_norm": float(norm)}

    @torch.no_grad()
    def validate(self, recordings: Sequence[Demonstration], batch_size: int = 2048) -> dict[str, float]:
        """Return how well other recordings' steps are foretold; nothing where there are none."""
        self.module.eval()
        losses, hits, counts = 0.0, 0, 0
        for group in grouped(recordings, batch_size, np.random.default_rng(0)) if recordings else []:
            batch = batch_of(group, self.normalizer, NO_VARIATION, np.random.default_rng(0)).to(self.fabric.device)
            out = self.module(batch.inputs, batch.lengths, batch.rows, batch.recordings, batch.states)
            logits = out.logits._replace(type=out.logits.type.float() - torch.log(self.by_type.to(out.values.device)))
            distribution = ActionDistribution(logits)
            losses += float(cloning_losses(distribution, batch.actions).sum())
            hits += int((distribution.mode()[:, 0] == batch.actions[:, 0]).sum())
            counts += len(batch.actions)
        return {} if not counts else {"val/bc_loss": losses / counts, "val/type_accuracy": hits / counts}

    def calibrated(self) -> dict[str, Tensor]:
        """Return the weights for use: what rare types counted more is taken off their log odds."""
        weights = {name: value.detach().cpu().clone() for name, value in self.agent.state_dict().items()}
        weights["policy.type_head.bias"] -= torch.log(self.by_type)
        return weights

    def state(self) -> BcState:
        """Return where the run stands."""
        weights = {name: value.detach().cpu().clone() for name, value in self.agent.state_dict().items()}
        random = json.dumps(self.rng.bit_generator.state)
        optimizer = copy.deepcopy(self.optimizer.state_dict())  # the run writes into these tensors as it goes on
        return BcState(self.epoch, self.step, weights, optimizer, torch.get_rng_state(), random)

    def go_to(self, state: BcState) -> None:
        """Stand where a state says."""
        self.agent.load_state_dict(dict(state.weights))
        self.optimizer.load_state_dict(dict(state.optimizer))
        torch.set_rng_state(state.torch_random)
        self.rng.bit_generator.state = json.loads(state.numpy_random)
        self.epoch, self.step = state.epoch, state.step


def train_bc(
    run: BcRun,
    *,
    valid: Sequence[Demonstration] = (),
    on_epoch: Callable[[BcRun, dict[str, float]], None] | None = None,
) -> None:
    """Train to the end of the run's epochs; `on_epoch` is told what was measured."""
    while run.epoch < run.config.epochs:
        metrics = run.train_epoch() | run.validate(valid)
        if on_epoch is not None:
            on_epoch(run, metrics)


def bc_loss(
    module: Any, batch: DemonstrationBatch, by_type: Tensor, config: BcTraining, totals: Totals
) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of a part of a batch, a scalar, and what is watched.

    Parameters
    ----------
    module : EditingAgent
        The networks, set up or not.
    batch : DemonstrationBatch
        The part.
    by_type : Tensor, shape=(types,)
        What samples of each type count.
    config : BcTraining
        What entropy and tasks count.
    totals : Totals
        Of the whole batch.
    """
    by_type = by_type.to(batch.states.device)
    out = module(batch.inputs, batch.lengths, batch.rows, batch.recordings, batch.states)
    distribution = ActionDistribution(out.logits)
    losses = cloning_losses(distribution, batch.actions)
    weights = by_type[batch.actions[:, 0]] * batch.weights
    entropy = distribution.entropy() / PARTS
    tasks = task_losses(unwrapped(module).tasks, out.encoded, batch, totals)
    loss = (weights * losses).sum() / totals.weight + weighted_tasks(tasks, config.tasks)
    loss = loss - config.bc_entropy_coeff * (weights * entropy).sum() / totals.weight
    told = {"train/bc_loss": losses.mean().item(), "train/bc_entropy": entropy.mean().item()}
    told |= {f"train/task_{name}": value.item() for name, value in tasks.items()}
    return loss, told


def unwrapped(module: Any) -> EditingAgent:
    """Return the networks behind what fabric has set up."""
    agent: EditingAgent = getattr(module, "_original_module", module)
    return agent


def rate_share(step: int, total: int) -> float:
    """Return the share of the highest learning rate at a step: a short rise, then a cosine."""
    rise = max(1, round(WARMUP * total))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * min((step - rise) / max(total - rise, 1), 1.0)))
