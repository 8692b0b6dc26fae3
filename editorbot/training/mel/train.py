"""The one loop that trains both networks of tone.

A batch is windows of examples, a window of random place from each example once
an epoch. Everything random is drawn anew from the seed and the epoch's number,
so a run that is broken off goes on bit for bit. A loss that is no number stops
the run at the last epoch that ended well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from editorbot.errors import NonFiniteError
from editorbot.models.mel import Mel2Mel, Reconstruct, build
from editorbot.training.mel.batches import MelBatch, batch_of, read_all, read_mels, read_one
from editorbot.training.mel.losses import losses_of
from editorbot.training.mel.settings import MelTraining
from editorbot.training.mel.tone_stage import ToneTraining, learn_tone, tells_apart, tone_rows

VALID_WINDOWS = 3
"""Windows of each validation example that are looked at."""

PATIENCE = 5
"""Epochs of a rising validation loss after which overfitting is warned of."""


@dataclass(frozen=True)
class MelEpoch:
    """What an epoch came to."""

    epoch: int
    """Its number, from 0."""
    metrics: Mapping[str, float]
    """By TensorBoard's names."""


@dataclass
class MelState:
    """Where a run stands between two epochs."""

    epoch: int
    """Epochs done."""
    network: dict[str, Tensor]
    """Parameters."""
    optimizer: dict[str, Any]
    """The optimizer's state."""
    history: list[float]
    """Validation losses so far."""

    def as_data(self) -> dict[str, Any]:
        """Return what a checkpoint keeps beside the weights."""
        return {"optimizer": self.optimizer, "history": self.history}


def train_mel(
    train: Sequence[Path],
    valid: Sequence[Path],
    config: MelTraining,
    *,
    state: MelState | None = None,
    on_epoch: Callable[[MelEpoch, MelState], None] = lambda epoch, state: None,
    on_line: Callable[[str], None] = lambda line: None,
) -> Reconstruct | Mel2Mel:
    """Return a network trained on kept examples.

    Parameters
    ----------
    train, valid : sequence of Path
        Files of examples to learn from, and of other artists to choose on.
    config : MelTraining
        How to train.
    state : MelState, optional
        Where to go on; on a CPU the end is bit for bit that of an unbroken run.
    on_epoch : callable
        Is handed what the epoch came to, and where the run stands.
    on_line : callable
        Is handed warnings.

    Raises
    ------
    NonFiniteError
        If a loss is no number; the last state that was handed out is good.
    """
    network = _network_before(train, config, state, on_line).to(config.device)
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.05)
    history: list[float] = []
    if state is not None:
        network.load_state_dict(state.network)
        optimizer.load_state_dict(state.optimizer)
        history = list(state.history)
    for epoch in range(state.epoch if state else 0, config.epochs):
        metrics = _train_epoch(network, optimizer, train, config, epoch)
        metrics.update(validate(network, valid, config))
        history.append(metrics.get("val/total_loss", metrics["train/total_loss"]))
        if is_overfitting(history):
            on_line(
                f"OVERFITTING: the validation loss has risen for {PATIENCE} epochs; "
                "best.pt holds the best one, more pairs or a smaller network help"
            )
        on_epoch(MelEpoch(epoch, metrics), _state_of(epoch + 1, network, optimizer, history))
    return network.eval()


def _network_before(
    train: Sequence[Path], config: MelTraining, state: MelState | None, on_line: Callable[[str], None]
) -> Reconstruct | Mel2Mel:
    """Return the network before its first epoch, curve and gate held where they were learned first."""
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        network = build(config.shape)
    if state is not None:
        network.summary.requires_grad_(_is_summary_learned(state, network))
    elif config.tone is not None:
        learned = _learned_tone(train, config, config.tone, on_line)
        if learned is not None:
            network.summary.load_state_dict(learned)
            network.summary.requires_grad_(False)
    return network


def _learned_tone(
    train: Sequence[Path], config: MelTraining, tone: ToneTraining, on_line: Callable[[str], None]
) -> dict[str, Tensor] | None:
    """Return curve and gate that were learned first; None where the gate could not."""
    on_line(f"curve and gate: {tone.members} networks, {tone.passes} passes each")
    # Where sounds count, the epochs read examples with them; then these are not held in memory beside.
    read = read_one if config.needs_sound else read_mels
    tone = tone if config.changes_tone else replace(tone, draws=0)
    rows = tone_rows(map(read, train), tone.draws, np.random.default_rng([config.seed, 1_000_033]))
    learned = learn_tone(rows, config.shape.summary_dim, tone, config.seed)
    if tells_apart(learned, rows):
        return learned
    on_line(
        "what is finished could not be learned from so few examples; curve and gate are learned along with the rest"
    )
    return None


def _is_summary_learned(state: MelState, network: nn.Module) -> bool:
    """Tell whether curve and gate were learned along with the rest: whether the optimizer holds all parameters."""
    held = sum(len(group["params"]) for group in state.optimizer["param_groups"])
    return held == len(list(network.parameters()))


def _state_of(epoch: int, network: nn.Module, optimizer: torch.optim.Optimizer, history: list[float]) -> MelState:
    weights = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
    return MelState(epoch, weights, optimizer.state_dict(), list(history))


def is_overfitting(history: Sequence[float]) -> bool:
    """Tell whether the loss has just risen for the PATIENCE-th time in a row: it is told of once."""
    rises = [False, *(later > sooner for sooner, later in zip(history, history[1:]))]
    return len(rises) > PATIENCE and all(rises[-PATIENCE:]) and not rises[-PATIENCE - 1]


def _train_epoch(
    network: Reconstruct | Mel2Mel,
    optimizer: torch.optim.Optimizer,
    train: Sequence[Path],
    config: MelTraining,
    epoch: int,
) -> dict[str, float]:
    """Go over all examples once; return the means of what was measured."""
    network.train()
    rng = np.random.default_rng([config.seed, epoch])
    order = rng.permutation(len(train))
    sums: dict[str, float] = {}
    starts = range(0, len(order), config.batch_size)
    for number, start in enumerate(starts):
        rate = learning_rate(config, epoch + number / len(starts))
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = [train[index] for index in order[start : start + config.batch_size]]
        # Sounds are not changed along with their mels.
        batch = _drawn(chosen, config, rng, change=config.changes_tone and not config.needs_sound)
        losses = losses_of(network, batch, config.weights, with_sound=config.needs_sound)
        if not torch.isfinite(losses["total_loss"]):
            raise NonFiniteError(
                f"the loss is no number in epoch {epoch}; the last good state is in latest.pt: "
                f"resume it with less than --learning-rate {config.learning_rate:g}"
            )
        norm = _step(network, optimizer, losses["total_loss"])
        for name, value in {**losses, "grad_norm": norm}.items():
            sums[f"train/{name}"] = sums.get(f"train/{name}", 0.0) + float(value.detach()) / len(starts)
    return {**sums, "train/learning_rate": rate}


def _drawn(paths: Sequence[Path], config: MelTraining, rng: np.random.Generator, *, change: bool = False) -> MelBatch:
    """Return a window of each of these examples, on the device."""
    examples = read_all(paths, with_sound=config.needs_sound)
    return batch_of(examples, config.window_frames, rng, change=change).to(config.device)


def _step(network: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> Tensor:
    """Go a step down a loss; return the norm of its gradient before it was clipped."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    return norm


def learning_rate(config: MelTraining, epoch: float) -> float:
    """Return the learning rate at a fraction of the run: up over its first twentieth, then down a cosine."""
    share = epoch / config.epochs
    return config.learning_rate * min((share + 0.002) / 0.05, 0.5 + 0.5 * math.cos(math.pi * share) + 0.01)


def validate(network: Reconstruct | Mel2Mel, valid: Sequence[Path], config: MelTraining) -> dict[str, float]:
    """Return the mean losses on validation examples, always the same windows of them."""
    network.eval()
    rng = np.random.default_rng([config.seed, 1_000_003])
    sums: dict[str, float] = {}
    looked_at = list(valid) * VALID_WINDOWS
    for start in range(0, len(looked_at), config.batch_size):
        paths = looked_at[start : start + config.batch_size]
        with torch.no_grad():
            losses = losses_of(network, _drawn(paths, config, rng), config.weights, with_sound=config.needs_sound)
        for name, value in losses.items():
            sums[f"val/{name}"] = sums.get(f"val/{name}", 0.0) + float(value) * len(paths) / len(looked_at)
    return sums
