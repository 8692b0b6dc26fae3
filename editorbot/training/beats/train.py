"""Trains the network that hears beats and downbeats.

Cross-entropy of beats and downbeats at each frame, on windows of examples
(:mod:`editorbot.training.beats.examples`) that are changed each time they are
read: keys are turned, bands left out, numbers shaken.

A run is resumed from its folder and then gives what an unbroken run gives.

References
----------
S. Böck and M. E. P. Davies, "Deconstruct, analyse, reconstruct: how to improve
tempo, beat, and downbeat estimation", ISMIR 2020: widened targets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from editorbot.errors import EmptyError
from editorbot.models.beat_net import BeatNetwork
from editorbot.timebase import FRAME_S
from editorbot.training.beats.examples import BeatExample

NEAR_TARGET = 0.5
"""Target of the frames beside a beat's."""


@dataclass(frozen=True)
class BeatTraining:
    """How the beat network is trained."""

    epochs: int = 24
    """Passes over all examples."""
    batch_size: int = 8
    """Windows a step."""
    window_frames: int = 2_048
    """Length of a window [frames], a multiple of the network's stride."""
    learning_rate: float = 2e-3
    """Highest rate of the cycle."""
    weight_decay: float = 1e-3
    """Pull of the weights to zero."""
    downbeat_weight: float = 1.0
    """What downbeats count beside beats."""
    shake: float = 0.1
    """Noise added to the inputs."""
    band_loss: float = 0.25
    """Chance that some bands are left out of a window."""
    stretch: float = 0.15
    """Windows are read up to this much faster or slower [log]."""
    seed: int = 0
    """The same seed and examples give the same weights."""


@dataclass(frozen=True)
class BeatEpoch:
    """What one pass came to."""

    epoch: int
    """Counted from 0."""
    loss: float
    """Mean training loss."""
    learning_rate: float
    """At its end."""


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


@dataclass(frozen=True)
class BeatState:
    """Where a run stands after an epoch."""

    epoch: int
    """The last one done."""
    weights: Mapping[str, Tensor]
    """The network's."""
    optimizer: dict[str, Any]
    """Its state."""
    cycle: dict[str, Any]
    """State of the learning rate's schedule."""


def train_beats(
    examples: Sequence[BeatExample],
    config: BeatTraining,
    shape: BeatNetConfig,
    *,
    state: BeatState | None = None,
    on_epoch: Callable[[BeatEpoch, BeatState], None] = lambda report, state: None,
) -> BeatNetwork:
    """Return a network trained on examples.

    Parameters
    ----------
    examples : sequence of BeatExample
        At least one.
    config : BeatTraining
        How to train.
    shape : BeatNetConfig
        The network's shape.
    state : BeatState, optional
        Where a run of the same examples and configuration was broken off; goes on from there.
    on_epoch : callable
        Is handed what each epoch came to, and where the run stands.

    Raises
    ------
    EmptyError
        If there are no examples.
    """
    if not examples:
        raise EmptyError("there are no examples to train on")
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        network = BeatNetwork(shape)
        optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        steps = config.epochs * -(-len(examples) // config.batch_size)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps, pct_start=0.15)
        if state is not None:
            network.load_state_dict(state.weights)
            optimizer.load_state_dict(state.optimizer)
            cycle.load_state_dict(state.cycle)
        for epoch in range(0 if state is None else state.epoch + 1, config.epochs):
            # Each epoch draws from its own number, so a resumed run draws what an unbroken one would.
            rng = np.random.default_rng([config.seed, epoch])
            loss = _run_epoch(network, optimizer, cycle, examples, config, rng)
            reached = BeatState(epoch, network.state_dict(), optimizer.state_dict(), cycle.state_dict())
            on_epoch(BeatEpoch(epoch, loss, float(cycle.get_last_lr()[0])), reached)
    return network.eval()


def _run_epoch(
    network: BeatNetwork,
    optimizer: torch.optim.Optimizer,
    cycle: torch.optim.lr_scheduler.LRScheduler,
    examples: Sequence[BeatExample],
    config: BeatTraining,
    rng: np.random.Generator,
) -> float:
    """Pass once over all examples in drawn order; the mean loss."""
    network.train()
    order, losses = rng.permutation(len(examples)), []
    for at in range(0, len(order), config.batch_size):
        windows = [window_of(examples[n], config, rng) for n in order[at : at + config.batch_size]]
        inputs, targets, mask = (
            torch.from_numpy(np.stack([getattr(window, name) for window in windows]))
            for name in ("inputs", "targets", "mask")
        )
        loss = loss_of(network(inputs), targets, mask, config)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        cycle.step()
        losses.append(loss.item())
    return float(np.mean(losses))
