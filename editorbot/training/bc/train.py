"""Behavioral cloning: trains the policy to predict the human's next step.

The loss of a step is its negative joint log probability over three, weighted so that rare types weigh more; in the end
the log of these weights is subtracted from the types' log odds, so that the policy's probabilities are unbiased.

References
----------
D. Pomerleau, "Efficient Training of Artificial Neural Networks for Autonomous Navigation", 1991. Deviations: class
weights, auxiliary tasks of the encoder, DART (:mod:`.noise_injection`) and, if asked for, advantage-weighted regression
(:mod:`.advantage_weights`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from editorbot.environment.material import Material
from editorbot.environment.state import Normalizer
from editorbot.models.checkpoint import Checkpoint
from editorbot.models.policy import ActionDistribution, EditingAgent
from editorbot.models.policy_config import PolicyConfig
from editorbot.training.bc.config import NO_AUGMENTATION, BcTraining
from editorbot.training.bc.demonstrations import Demonstration, batch_of, grouped
from editorbot.training.bc.losses import Totals, bc_loss, cloning_losses, type_weights
from editorbot.training.bc.noise_injection import with_noise_injection
from editorbot.training.machine import fabric_on
from editorbot.training.run_folder import cpu_weights, random_state, restore_random_state

WARMUP = 0.05
"""Share of the steps in which the learning rate rises."""

TICKS = 10_000
"""Resolution of a run's progress for the learning rate; epochs may differ in their number of steps."""


class BcRun:
    """A cloning run between two epochs.

    `materials` is what episodes of noise injection are played on, by the recordings' names; no noise is injected into
    others.
    """

    def __init__(
        self,
        demonstrations: Sequence[Demonstration],
        normalizer: Normalizer,
        model: PolicyConfig,
        config: BcTraining,
        device: str = "cpu",
        materials: Mapping[str, Material] | None = None,
    ) -> None:
        self.demonstrations, self.normalizer, self.config = list(demonstrations), normalizer, config
        self.materials, self.vocabulary = materials or {}, model.action_vocabulary
        self.fabric = fabric_on(device, mixed=config.use_mixed_precision)
        torch.manual_seed(config.seed)
        self.rng = np.random.default_rng(config.seed)
        self.agent = EditingAgent(model)
        optimizer = torch.optim.AdamW(self.agent.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        self.module, self.optimizer = self.fabric.setup(self.agent, optimizer)
        self.by_type = type_weights(demonstrations, model.action_vocabulary.types)
        self.epoch = 0

    def train_epoch(self) -> dict[str, float]:
        """Go over all recordings once; return the mean metrics."""
        self.module.train()
        noise = self.config.augmentation.noise
        played = with_noise_injection(self.demonstrations, self.materials, noise, self.vocabulary, self.rng)
        groups = grouped(played, self.config.batch_size, self.rng)
        metrics = []
        for number, group in enumerate(groups):
            progress = (self.epoch + number / len(groups)) / self.config.epochs
            for parameters in self.optimizer.param_groups:
                parameters["lr"] = self.config.learning_rate * rate_share(round(progress * TICKS), TICKS)
            metrics.append(self.train_step(group))
        self.epoch += 1
        return {name: float(np.mean([one[name] for one in metrics])) for name in metrics[0]}

    def train_step(self, group: Sequence[Demonstration]) -> dict[str, float]:
        """Take one step on some recordings; return its metrics."""
        config = self.config
        most = max(1, math.ceil(len(group) / config.gradient_accumulation_steps))
        parts = [group[at : at + most] for at in range(0, len(group), most)]
        batches = [batch_of(part, self.normalizer, config.augmentation, self.rng) for part in parts]
        totals = Totals.of(batches, self.by_type)
        samples = sum(len(batch.actions) for batch in batches)
        self.optimizer.zero_grad()
        sums: dict[str, float] = {}
        for batch in batches:
            loss, metrics = bc_loss(self.module, batch.to(self.fabric.device), self.by_type, config, totals)
            self.fabric.backward(loss)
            for name, value in metrics.items():
                share = len(batch.actions) / samples if name.startswith("train/bc") else 1.0
                sums[name] = sums.get(name, 0.0) + value * share
        norm = torch.nn.utils.clip_grad_norm_(self.agent.parameters(), config.grad_clip)
        self.optimizer.step()
        return sums | {"train/grad_norm": float(norm)}

    @torch.no_grad()
    def validate(self, demonstrations: Sequence[Demonstration], batch_size: int = 2048) -> dict[str, float]:
        """Measure how well other recordings' steps are predicted; no metrics without any."""
        self.module.eval()
        losses, hits, counts = 0.0, 0, 0
        for group in grouped(demonstrations, batch_size, np.random.default_rng(0)) if demonstrations else []:
            batch = batch_of(group, self.normalizer, NO_AUGMENTATION, np.random.default_rng(0)).to(self.fabric.device)
            out = self.module(batch.inputs, batch.lengths, batch.rows, batch.recordings, batch.states)
            logits = out.logits._replace(type=out.logits.type.float() - torch.log(self.by_type.to(out.values.device)))
            distribution = ActionDistribution(logits)
            losses += float(cloning_losses(distribution, batch.actions).sum())
            hits += int((distribution.mode()[:, 0] == batch.actions[:, 0]).sum())
            counts += len(batch.actions)
        return {} if not counts else {"val/bc_loss": losses / counts, "val/type_accuracy": hits / counts}

    def calibrated(self) -> dict[str, Tensor]:
        """Copy the weights for use: the log of the type weights is subtracted from the types' log odds."""
        weights = cpu_weights(self.agent)
        weights["policy.type_head.bias"] -= torch.log(self.by_type)
        return weights

    def training_state(self) -> dict[str, Any]:
        """What a checkpoint needs to resume; its own weights are the calibrated ones."""
        state = {"raw_weights": cpu_weights(self.agent), "optimizer": self.optimizer.state_dict()}
        return {**state, **random_state(self.rng)}

    def load(self, found: Checkpoint) -> None:
        """Resume from a checkpoint."""
        self.agent.load_state_dict(dict(found.training["raw_weights"]))
        self.optimizer.load_state_dict(dict(found.training["optimizer"]))
        restore_random_state(found.training, self.rng)
        self.epoch = found.step


def rate_share(step: int, total: int) -> float:
    """Share of the highest learning rate at a step: a short linear warmup, then a cosine."""
    rise = max(1, round(WARMUP * total))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * min((step - rise) / max(total - rise, 1), 1.0)))


def linear_schedule(start: float, end: float | None, step: int, total: int) -> float:
    """Value at a step on the line from `start` to `end`; `start` throughout if there is no end."""
    return start if end is None else start + (end - start) * min(step / max(total - 1, 1), 1.0)
