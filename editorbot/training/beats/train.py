"""Trains the network that finds beats and downbeats.

Binary cross-entropy of beats and downbeats at each frame, with targets widened to the frames beside [1]_, on windows of
examples (:mod:`editorbot.training.beats.examples`) that are varied each time they are read: transposed, some bands
masked, noise added. The learning rate follows one cycle.

References
----------
.. [1] S. Böck and M. E. P. Davies, "Deconstruct, analyse, reconstruct: how to improve tempo, beat, and downbeat
   estimation", ISMIR 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

from editorbot.analysis.beat_net import BeatNetConfig
from editorbot.analysis.grid_times import nearest_frames
from editorbot.analysis.novelty import NOVELTY_COLUMNS
from editorbot.analysis.spectrum import TRACK_BANDS
from editorbot.models.beat_net import BeatNetwork
from editorbot.models.checkpoint import Checkpoint
from editorbot.timebase import FRAME_S
from editorbot.training.beats.config import BeatTraining
from editorbot.training.beats.examples import BeatExample

NEAR_TARGET = 0.5
"""Target of the frames beside a beat's."""


def targets_of(
    beats_s: Float[np.ndarray, " beats"], downbeats_s: Float[np.ndarray, " bars"], frames: int
) -> Float32[np.ndarray, "frames 2"]:
    """Return how much each frame is a beat and a downbeat, shape=(frames, 2), in [0, 1]."""
    targets = np.zeros((frames, 2), dtype=np.float32)
    for column, times_s in enumerate((beats_s, downbeats_s)):
        at = nearest_frames(times_s)
        for offset, value in ((-1, NEAR_TARGET), (1, NEAR_TARGET), (0, 1.0)):
            near = at + offset
            targets[near[(near >= 0) & (near < frames)], column] = value
    return targets


@dataclass(frozen=True)
class Window:
    """What the network is shown at a time."""

    inputs: Float32[np.ndarray, "frames inputs"]
    """See `analysis.beat_net.inputs_of`; zeros beyond the example's end."""
    targets: Float32[np.ndarray, "frames 2"]
    """See `targets_of`."""
    mask: Float32[np.ndarray, "frames 1"]
    """1 inside the example, 0 beyond."""


def window_of(example: BeatExample, config: BeatTraining, rng: np.random.Generator) -> Window:
    """Return a drawn window of an example, a little faster or slower, in another key, some bands left out."""
    length, frames = config.window_frames, len(example.inputs)
    speed = float(np.exp(rng.uniform(-config.stretch, config.stretch)))
    first = int(rng.integers(0, max(1, int(frames - length * speed) + 1)))
    at = first + speed * np.arange(length)
    at = at[at < frames - 1]
    below = at.astype(np.int64)
    share: np.ndarray = (at - below).astype(np.float32)[:, None]
    read = example.inputs.astype(np.float32)
    inputs: np.ndarray = read[below] * (1 - share) + read[below + 1] * share
    inputs[:, -12:] = np.roll(inputs[:, -12:], int(rng.integers(12)), axis=1)
    if rng.random() < config.band_loss:
        lost = np.flatnonzero(rng.random(TRACK_BANDS) < 0.3)
        inputs[:, lost] = 0
        inputs[:, NOVELTY_COLUMNS + lost] = 0
    inputs += config.shake * rng.standard_normal(inputs.shape).astype(np.float32)
    beats_s, downbeats_s = ((x - first * FRAME_S) / speed for x in (example.beats_s, example.downbeats_s))
    room = ((0, length - len(inputs)), (0, 0))
    mask = np.pad(np.ones((len(inputs), 1), dtype=np.float32), room)
    return Window(np.pad(inputs, room), targets_of(beats_s, downbeats_s, length), mask)


def loss_of(scores: Tensor, targets: Tensor, mask: Tensor, config: BeatTraining) -> Tensor:
    """Return the weighted cross-entropy of beats and downbeats, a scalar."""
    each = functional.binary_cross_entropy_with_logits(scores, targets, reduction="none") * mask
    by_output = each.sum((0, 1)) / mask.sum()
    return by_output[0] + config.downbeat_weight * by_output[1]


class BeatsRun:
    """The network in training on examples, at least one."""

    def __init__(self, examples: Sequence[BeatExample], config: BeatTraining, shape: BeatNetConfig) -> None:
        torch.manual_seed(config.seed)
        self.examples, self.config, self.epoch = examples, config, 0
        self.network = BeatNetwork(shape)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        steps = config.epochs * -(-len(examples) // config.batch_size)
        self.cycle = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, config.learning_rate, total_steps=steps, pct_start=0.15
        )

    def train_epoch(self) -> dict[str, float]:
        """Go over all examples once, in random order; return the mean loss and the learning rate."""
        self.network.train()
        config = self.config
        # Each epoch draws from its own number, so a resumed run draws what an unbroken one would.
        rng = np.random.default_rng([config.seed, self.epoch])
        order, losses = rng.permutation(len(self.examples)), []
        for at in range(0, len(order), config.batch_size):
            windows = [window_of(self.examples[n], config, rng) for n in order[at : at + config.batch_size]]
            inputs, targets, mask = (
                torch.from_numpy(np.stack([getattr(window, name) for window in windows]))
                for name in ("inputs", "targets", "mask")
            )
            loss = loss_of(self.network(inputs), targets, mask, config)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.cycle.step()
            losses.append(loss.item())
        self.epoch += 1
        return {"train/loss": float(np.mean(losses)), "train/learning_rate": float(self.cycle.get_last_lr()[0])}

    def training_state(self) -> dict[str, Any]:
        """Collect what a checkpoint holds beside the weights."""
        return {"optimizer": self.optimizer.state_dict(), "cycle": self.cycle.state_dict()}

    def load(self, found: Checkpoint) -> None:
        """Continue from a checkpoint."""
        self.epoch = found.step
        self.network.load_state_dict(dict(found.weights))
        self.optimizer.load_state_dict(found.training["optimizer"])
        self.cycle.load_state_dict(found.training["cycle"])
