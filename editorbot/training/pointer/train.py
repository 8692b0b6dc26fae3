"""Trains the pointer network on whole pairs, teacher-forced.

Each step hears one pair: the recording is encoded once, and all rows of `pointer_rows` are asked. The rate follows a
cosine after a short rise; gradients of `accumulation` pairs are added and clipped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from editorbot.models.pointer import PointerNetwork, heard
from editorbot.models.pointer_config import PointerConfig, PointerInputs
from editorbot.training.pointer.data import PointerPair
from editorbot.training.pointer.losses import PointerTraining, heads_at, losses_of
from editorbot.training.pointer.rows import rows_of, some_rows

SCALED_ON = 100
"""Pairs from which the usual value and spread of the steps' numbers are taken."""

TONE_POINTS = 6
"""Points of the smooth random tone over the bands of a mel."""


@dataclass(frozen=True)
class EpochReport:
    """What one pass over the pairs came to."""

    epoch: int
    metrics: Mapping[str, float]
    """Means over the epoch under the names of TensorBoard."""


@dataclass(frozen=True)
class TrainingState:
    """Where a run stands between two epochs."""

    epoch: int
    weights: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]
    torch_random: Tensor
    numpy_random: str

    def as_data(self) -> dict[str, Any]:
        """Return all but weights and epoch as plain data."""
        return {name: getattr(self, name) for name in ("optimizer", "torch_random", "numpy_random")}

    @classmethod
    def of_data(cls, data: Mapping[str, Any], weights: Mapping[str, Tensor], epoch: int) -> TrainingState:
        """Return the state that `as_data` has told."""
        return cls(epoch, weights, **data)


class _Run:
    """A training run's moving parts."""

    def __init__(self, count: int, config: PointerTraining, shape: PointerConfig, device: str) -> None:
        torch.manual_seed(config.seed)
        self.network = PointerNetwork(shape).to(device)
        self.rng = np.random.default_rng(config.seed)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self.updates = config.epochs * -(-count // config.accumulation)
        self.config, self.device = config, device

    def set_rate(self, update: int) -> float:
        """Set the learning rate of an update and return it."""
        share, warmup = update / max(self.updates, 1), self.config.warmup
        factor = share / warmup if share < warmup else 0.5 + 0.5 * math.cos(math.pi * (share - warmup) / (1 - warmup))
        rate = self.config.learning_rate * max(factor, 1e-3)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def state(self, epoch: int) -> TrainingState:
        """Return where the run stands after `epoch` epochs."""
        random = json.dumps(self.rng.bit_generator.state)
        return TrainingState(
            epoch, self.network.state_dict(), self.optimizer.state_dict(), torch.get_rng_state(), random
        )

    def go_to(self, state: TrainingState) -> None:
        """Stand where a state says."""
        self.network.load_state_dict(dict(state.weights))
        self.optimizer.load_state_dict(dict(state.optimizer))
        torch.set_rng_state(state.torch_random.cpu())
        self.rng.bit_generator.state = json.loads(state.numpy_random)


def train_network(
    pairs: Sequence[PointerPair],
    config: PointerTraining,
    shape: PointerConfig,
    *,
    device: str = "cpu",
    state: TrainingState | None = None,
    on_epoch: Callable[[PointerNetwork, EpochReport, TrainingState], None] | None = None,
) -> PointerNetwork:
    """Return a network trained on pairs.

    Parameters
    ----------
    pairs : sequence of PointerPair
        At least one; may read each pair when it is asked for.
    config : PointerTraining
        How to train.
    shape : PointerConfig
        The network's shape.
    device : str
        Where to train; in bf16 where that is a GPU.
    state : TrainingState, optional
        Where to go on; on a CPU the end is bit for bit that of an unbroken run.
    on_epoch : callable
        Is handed the network, what the epoch came to, and where the run stands.
    """
    with torch.random.fork_rng():
        run = _Run(len(pairs), config, shape, device)
        if state is not None:
            run.go_to(state)
        elif shape.step_inputs:
            _scale_steps(run.network, pairs)
        for epoch in range(state.epoch if state else 0, config.epochs):
            metrics = _train_epoch(run, pairs, epoch)
            if on_epoch is not None:
                on_epoch(run.network, EpochReport(epoch, metrics), run.state(epoch + 1))
        return run.network.eval()


def _train_epoch(run: _Run, pairs: Sequence[PointerPair], epoch: int) -> dict[str, float]:
    """Go over all pairs once; return the means."""
    run.network.train()
    order = run.rng.permutation(len(pairs))
    groups = [order[at : at + run.config.accumulation] for at in range(0, len(order), run.config.accumulation)]
    found: list[dict[str, float]] = []
    for number, group in enumerate(groups):
        rate = run.set_rate(epoch * len(groups) + number)
        run.optimizer.zero_grad()
        for index in group:
            losses = _backward(run, pairs[int(index)], len(group))
            found.append({f"train/{name}": value for name, value in losses.items()})
        norm = torch.nn.utils.clip_grad_norm_(run.network.parameters(), run.config.clip_norm)
        found[-1] |= {"grad_norm_before": float(norm), "grad_norm": min(float(norm), run.config.clip_norm)}
        found[-1]["train/learning_rate"] = rate
        run.optimizer.step()
    names = {name: None for one in found for name in one}
    return {name: float(np.mean([one[name] for one in found if name in one])) for name in names}


def _backward(run: _Run, pair: PointerPair, share: int) -> dict[str, float]:
    """Add the gradient of one pair; return its losses by name."""
    shape, config = run.network.config, run.config
    rows = rows_of(pair.pointers, pair.ops, pair.inputs.frames, shape, noise=config.pointer_noise, rng=run.rng)
    rows = some_rows(rows, config.rows or len(rows.previous), run.rng)
    recording = heard(noisy(pair.inputs, config, run.rng)).to(run.device)
    is_gpu = run.device != "cpu"
    with torch.autocast("cuda" if is_gpu else "cpu", torch.bfloat16, enabled=is_gpu):
        memory = run.network.encode(recording)
        heads = heads_at(run.network, memory, rows)
        losses = losses_of(heads, memory, rows, pair.classes, shape, config)
    (losses.total / share).backward()  # type: ignore[no-untyped-call]
    names = ("delta", "jump", "use_jump", "stop", "op", "arrive", "kind", "total")
    return {f"{name}_loss": float(getattr(losses, name).detach()) for name in names}


def noisy(inputs: PointerInputs, config: PointerTraining, rng: np.random.Generator) -> PointerInputs:
    """Return a recording at another level and with another tone, its steps' numbers blurred."""
    bands = inputs.mel.shape[0]
    points = rng.normal(0, config.input_noise, TONE_POINTS) + rng.normal(0, config.input_noise)
    tone = np.interp(np.linspace(0, TONE_POINTS - 1, bands), np.arange(TONE_POINTS), points).astype(np.float32)
    mel, steps = inputs.mel + tone[:, None], inputs.steps
    if steps is not None:
        # The numbers are about 1 in spread, by how they are made.
        noise = rng.standard_normal(steps.values.shape, dtype=np.float32) * np.float32(config.step_noise)
        steps = replace(steps, values=steps.values + noise)
    return PointerInputs(mel, steps)


def _scale_steps(network: PointerNetwork, pairs: Sequence[PointerPair]) -> None:
    """Set the usual value and spread of the steps' numbers from some of the pairs."""
    picked = np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), SCALED_ON)).astype(int))
    found = [pairs[int(number)].inputs.steps for number in picked]
    values = np.concatenate([steps.values for steps in found if steps is not None])
    network.mean.copy_(torch.from_numpy(values.mean(0)))
    network.scale.copy_(torch.from_numpy(values.std(0) + 0.05))
