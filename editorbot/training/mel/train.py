"""Trains either mel network.

A batch is random windows of examples, one of each example in an epoch. All randomness is drawn from the seed and the
epoch's number, so a resumed run ends bit for bit as an unbroken one. A loss that is NaN stops the run at the last good
epoch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from editorbot.errors import NonFiniteError
from editorbot.models.checkpoint import Checkpoint
from editorbot.models.mel import build
from editorbot.models.mel_config import MelNetConfig
from editorbot.training.mel.batches import MelBatch, batch_of
from editorbot.training.mel.config import MelTraining
from editorbot.training.mel.curve_and_gate import learn_tone, separates, tone_rows
from editorbot.training.mel.examples import load_example, load_mels
from editorbot.training.mel.losses import losses_of
from editorbot.training.run_folder import OnLine, silent

VALID_WINDOWS = 3
"""Windows of each validation example."""

PATIENCE = 5
"""Epochs of a rising validation loss after which the user is warned of overfitting."""


class MelRun:
    """A training run between two epochs.

    `train` and `valid` are files of examples, to learn from and to choose on; `found` is the checkpoint to resume.
    """

    def __init__(
        self,
        train: Sequence[Path],
        valid: Sequence[Path],
        shape: MelNetConfig,
        config: MelTraining,
        *,
        device: str = "cpu",
        found: Checkpoint | None = None,
        on_line: OnLine = silent,
    ) -> None:
        self.train, self.valid, self.config, self.device, self.on_line = train, valid, config, device, on_line
        self.load = load_example if config.needs_sound else load_mels
        self.epoch, self.history = 0, list[float]()
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            self.network = build(shape)
        if found is not None:
            learned_with_the_rest = _parameters_in(found.training) == len(list(self.network.parameters()))
            self.network.summary.requires_grad_(learned_with_the_rest)
        elif config.tone.members and (learned := self._learned_tone(shape)) is not None:
            self.network.summary.load_state_dict(learned)
            self.network.summary.requires_grad_(False)
        self.network.to(device)
        parameters = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.05)
        if found is not None:
            self.network.load_state_dict(dict(found.weights))
            self.optimizer.load_state_dict(dict(found.training["optimizer"]))
            self.epoch, self.history = found.step, list(found.training["history"])

    def training_state(self) -> dict[str, Any]:
        """What a checkpoint needs beside the weights."""
        return {"optimizer": self.optimizer.state_dict(), "history": list(self.history)}

    def _learned_tone(self, shape: MelNetConfig) -> dict[str, Tensor] | None:
        """Learn curve and gate first; None if the gate could not."""
        config, tone = self.config, self.config.tone
        self.on_line(f"curve and gate: {tone.members} networks, {tone.passes} passes each")
        draws = tone.draws if config.augment else 0
        rows = tone_rows(map(self.load, self.train), draws, np.random.default_rng([config.seed, 1_000_033]))
        learned = learn_tone(rows, shape.summary_dim, tone, config.seed)
        if separates(learned, rows):
            return learned
        self.on_line("the examples are too few to learn a gate from; curve and gate are learned with the rest")
        return None

    def train_epoch(self) -> dict[str, float]:
        """Go over all examples once, then validate; return the means of all metrics.

        Raises
        ------
        NonFiniteError
            If a loss is NaN or infinite.
        """
        config, sums = self.config, dict[str, float]()
        self.network.train()
        rng = np.random.default_rng([config.seed, self.epoch])
        order = rng.permutation(len(self.train))
        starts = range(0, len(order), config.batch_size)
        for number, start in enumerate(starts):
            rate = learning_rate(config, self.epoch + number / len(starts))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            chosen = [self.train[index] for index in order[start : start + config.batch_size]]
            # Augmentation changes mels, not sounds.
            losses = self._step(self._batch(chosen, rng, augment=config.augment and not config.needs_sound))
            for name, value in losses.items():
                sums[f"train/{name}"] = sums.get(f"train/{name}", 0.0) + float(value.detach()) / len(starts)
        metrics = {**sums, "train/learning_rate": rate, **self.validate()}
        self.epoch += 1
        self.history.append(metrics.get("val/total_loss", metrics["train/total_loss"]))
        if is_overfitting(self.history):
            self.on_line(
                f"OVERFITTING: the validation loss has risen for {PATIENCE} epochs; "
                "best.pt holds the best one, more pairs or a smaller network help"
            )
        return metrics

    def _batch(self, paths: Sequence[Path], rng: np.random.Generator, *, augment: bool = False) -> MelBatch:
        examples = [self.load(path) for path in paths]
        return batch_of(examples, self.config.window_frames, rng, augment=augment).to(self.device)

    def _step(self, batch: MelBatch) -> dict[str, Tensor]:
        """Take one step down the gradient; return the losses and the gradient's norm before clipping."""
        config = self.config
        losses = losses_of(self.network, batch, config.weights, with_sound=config.needs_sound)
        if not torch.isfinite(losses["total_loss"]):
            raise NonFiniteError(
                f"the loss is NaN or infinite in epoch {self.epoch + 1}; best.pt holds the best epoch before it; train "
                f"again with a --learning-rate below {config.learning_rate:g}"
            )
        self.optimizer.zero_grad()
        losses["total_loss"].backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        return {**losses, "grad_norm": norm}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean losses on validation examples, always on the same windows."""
        self.network.eval()
        rng, sums = np.random.default_rng([self.config.seed, 1_000_003]), dict[str, float]()
        windows = list(self.valid) * VALID_WINDOWS
        for start in range(0, len(windows), self.config.batch_size):
            paths = windows[start : start + self.config.batch_size]
            batch = self._batch(paths, rng)
            losses = losses_of(self.network, batch, self.config.weights, with_sound=self.config.needs_sound)
            for name, value in losses.items():
                sums[f"val/{name}"] = sums.get(f"val/{name}", 0.0) + float(value) * len(paths) / len(windows)
        return sums


def _parameters_in(training: Any) -> int:
    """Count the parameters that a checkpoint's optimizer trains."""
    return sum(len(group["params"]) for group in training["optimizer"]["param_groups"])


def is_overfitting(history: Sequence[float]) -> bool:
    """Check whether the loss has just risen for the PATIENCE-th time in a row; True once in a row of rises."""
    rises = [False, *(later > sooner for sooner, later in zip(history, history[1:]))]
    return len(rises) > PATIENCE and all(rises[-PATIENCE:]) and not rises[-PATIENCE - 1]


def learning_rate(config: MelTraining, epoch: float) -> float:
    """Rate at a fraction of the run: up over its first twentieth, then down a cosine."""
    share = epoch / config.epochs
    return config.learning_rate * min((share + 0.002) / 0.05, 0.5 + 0.5 * math.cos(math.pi * share) + 0.01)
