"""Trains the pointer network on whole pairs, teacher-forced.

In each step the recording of one pair is encoded once, and the heads are trained on the rows of
:mod:`editorbot.training.pointer.rows`. The learning rate follows a cosine after a short rise; gradients of
`accumulation` pairs are added and clipped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from editorbot.models.checkpoint import Checkpoint
from editorbot.models.pointer import PointerNetwork, to_tensors
from editorbot.models.pointer_config import PointerConfig, PointerInputs
from editorbot.training.pointer.config import PointerTraining
from editorbot.training.pointer.data import PointerPair
from editorbot.training.pointer.losses import heads_at, losses_of
from editorbot.training.pointer.rows import rows_of, some_rows
from editorbot.training.run_folder import random_state, restore_random_state

SCALED_ON = 100
"""Pairs from which mean and spread of the step inputs are taken."""

TONE_POINTS = 6
"""Points of the smooth random tone over the bands of a mel."""

LOSSES = ("delta", "jump", "use_jump", "stop", "op", "arrive", "kind", "total")
"""Losses that are logged."""


class PointerNetworkTrainer:
    """The network in training on pairs, which may each be read when indexed; in bf16 on a GPU."""

    def __init__(
        self, pairs: Sequence[PointerPair], config: PointerTraining, shape: PointerConfig, device: str = "cpu"
    ) -> None:
        torch.manual_seed(config.seed)
        self.pairs, self.config, self.device, self.epoch = pairs, config, device, 0
        self.network = PointerNetwork(shape).to(device)
        self.rng = np.random.default_rng(config.seed)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self.updates = config.epochs * -(-len(pairs) // config.accumulation)

    def train_epoch(self) -> dict[str, float]:
        """Go over all pairs once; return the mean losses by TensorBoard's names."""
        if self.epoch == 0 and self.network.config.step_inputs:
            self._scale_steps()
        self.network.train()
        config, order = self.config, self.rng.permutation(len(self.pairs))
        groups = [order[at : at + config.accumulation] for at in range(0, len(order), config.accumulation)]
        found: list[dict[str, float]] = []
        for number, group in enumerate(groups):
            rate = self._set_rate(self.epoch * len(groups) + number)
            self.optimizer.zero_grad()
            found += [self._backward(self.pairs[int(index)], len(group)) for index in group]
            norm = float(torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.clip_norm))
            found[-1] |= {"grad_norm_before": norm, "grad_norm": min(norm, config.clip_norm)}
            found[-1]["train/learning_rate"] = rate
            self.optimizer.step()
        self.epoch += 1
        names = {name: None for one in found for name in one}
        return {name: float(np.mean([one[name] for one in found if name in one])) for name in names}

    def _set_rate(self, update: int) -> float:
        """Set the learning rate of an update and return it."""
        share, warmup = update / max(self.updates, 1), self.config.warmup
        factor = share / warmup if share < warmup else 0.5 + 0.5 * math.cos(math.pi * (share - warmup) / (1 - warmup))
        rate = self.config.learning_rate * max(factor, 1e-3)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def _backward(self, pair: PointerPair, share: int) -> dict[str, float]:
        """Add the gradient of one pair; return its losses by name."""
        shape, config, is_gpu = self.network.config, self.config, self.device != "cpu"
        targets, frames = pair.targets, pair.inputs.frames
        rows = rows_of(targets.pointers, targets.ops, frames, shape, noise=config.pointer_noise, rng=self.rng)
        rows = some_rows(rows, config.rows or len(rows.previous), self.rng)
        recording = to_tensors(noisy(pair.inputs, config, self.rng), self.device)
        with torch.autocast("cuda" if is_gpu else "cpu", torch.bfloat16, enabled=is_gpu):
            memory = self.network.encode(recording)
            losses = losses_of(heads_at(self.network, memory, rows), memory, rows, targets.classes, shape, config)
        (losses.total / share).backward()  # type: ignore[no-untyped-call]
        return {f"train/{name}_loss": float(getattr(losses, name).detach()) for name in LOSSES}

    def _scale_steps(self) -> None:
        """Set mean and spread of the step inputs from some of the pairs."""
        picked = np.unique(np.linspace(0, len(self.pairs) - 1, min(len(self.pairs), SCALED_ON)).astype(int))
        found = [self.pairs[int(number)].inputs.steps for number in picked]
        values = np.concatenate([steps.values for steps in found if steps is not None])
        self.network.mean.copy_(torch.from_numpy(values.mean(0)))
        self.network.scale.copy_(torch.from_numpy(values.std(0) + 0.05))

    def training_state(self) -> dict[str, Any]:
        """Collect what a checkpoint holds beside the weights."""
        return {"optimizer": self.optimizer.state_dict(), **random_state(self.rng)}

    def load(self, found: Checkpoint) -> None:
        """Continue from a checkpoint."""
        self.epoch = found.step
        self.network.load_state_dict(dict(found.weights))
        self.optimizer.load_state_dict(found.training["optimizer"])
        restore_random_state(found.training, self.rng)


def noisy(inputs: PointerInputs, config: PointerTraining, rng: np.random.Generator) -> PointerInputs:
    """Vary a recording: another level and tone of its mel, noise on its step inputs."""
    bands = inputs.mel.shape[0]
    points = rng.normal(0, config.input_noise, TONE_POINTS) + rng.normal(0, config.input_noise)
    tone = np.interp(np.linspace(0, TONE_POINTS - 1, bands), np.arange(TONE_POINTS), points).astype(np.float32)
    mel, steps = inputs.mel + tone[:, None], inputs.steps
    if steps is not None:
        # The numbers are about 1 in spread, by how they are made.
        noise = rng.standard_normal(steps.values.shape, dtype=np.float32) * np.float32(config.step_noise)
        steps = replace(steps, values=steps.values + noise)
    return PointerInputs(mel, steps)
