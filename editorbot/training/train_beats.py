"""Trains the network that hears beats and downbeats.

Cross-entropy of beats and downbeats at each frame, on windows of examples
(:mod:`editorbot.training.beat_examples`) that are changed each time they are
read: keys are turned, bands left out, numbers shaken.

A run is resumed from its folder and then gives what an unbroken run gives.

References
----------
S. Böck and M. E. P. Davies, "Deconstruct, analyse, reconstruct: how to improve
tempo, beat, and downbeat estimation", ISMIR 2020: widened targets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from editorbot.analysis.beat_net import BeatNetConfig
from editorbot.analysis.novelty import NOVELTY_COLUMNS
from editorbot.analysis.spectrum import TRACK_BANDS
from editorbot.errors import EmptyError
from editorbot.models.beat_net import BeatNetwork
from editorbot.timebase import FRAME_S
from editorbot.training.beat_examples import BeatExample

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


def targets_of(example: BeatExample) -> Float32[np.ndarray, "frames 2"]:
    """Return how much each frame is a beat and a downbeat, shape=(frames, 2), in [0, 1]."""
    frames = len(example.inputs)
    targets = np.zeros((frames, 2), dtype=np.float32)
    for column, times_s in enumerate((example.beats_s, example.downbeats_s)):
        at = np.round(times_s / FRAME_S).astype(np.int64)
        for offset, value in ((-1, NEAR_TARGET), (1, NEAR_TARGET), (0, 1.0)):
            near = at + offset
            targets[near[(near >= 0) & (near < frames)], column] = value
    return targets


def window_of(
    example: BeatExample, targets: np.ndarray, config: BeatTraining, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs, targets and mask of a drawn window, changed and padded to its length."""
    length, frames = config.window_frames, len(example.inputs)
    first = int(rng.integers(0, max(1, frames - length + 1)))
    inputs = example.inputs[first : first + length].astype(np.float32)
    wanted = targets[first : first + length]
    inputs[:, -12:] = np.roll(inputs[:, -12:], int(rng.integers(12)), axis=1)
    if rng.random() < config.band_loss:
        lost = np.flatnonzero(rng.random(TRACK_BANDS) < 0.3)
        inputs[:, lost] = 0
        inputs[:, NOVELTY_COLUMNS + lost] = 0
    inputs += config.shake * rng.standard_normal(inputs.shape).astype(np.float32)
    room = ((0, length - len(inputs)), (0, 0))
    mask = np.pad(np.ones((len(inputs), 1), dtype=np.float32), room)
    return np.pad(inputs, room), np.pad(wanted, room), mask


def loss_of(scores: Tensor, targets: Tensor, mask: Tensor, config: BeatTraining) -> Tensor:
    """Return the weighted cross-entropy of beats and downbeats, a scalar."""
    each = functional.binary_cross_entropy_with_logits(scores, targets, reduction="none") * mask
    by_output = each.sum((0, 1)) / mask.sum()
    return by_output[0] + config.downbeat_weight * by_output[1]


def train_beats(
    examples: Sequence[BeatExample],
    config: BeatTraining,
    shape: BeatNetConfig,
    *,
    on_epoch: Callable[[BeatNetwork, BeatEpoch], None] = lambda network, report: None,
    state: dict[str, object] | None = None,
    keep_state: Callable[[dict[str, object]], None] = lambda state: None,
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
    on_epoch : callable
        Is handed the network and what the epoch came to.
    state : dict, optional
        What `keep_state` was handed by a run that was broken off: goes on from there.
    keep_state : callable
        Is handed the run's whole state after each epoch.

    Raises
    ------
    EmptyError
        If there are no examples.
    """
    if not examples:
        raise EmptyError("there is nothing to train on")
    targets = [targets_of(example) for example in examples]
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        network = BeatNetwork(shape)
        optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        steps = config.epochs * -(-len(examples) // config.batch_size)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps, pct_start=0.15)
        first = 0
        if state is not None:
            first = int(state["epoch"]) + 1  # type: ignore[call-overload]
            network.load_state_dict(state["network"])  # type: ignore[arg-type]
            optimizer.load_state_dict(state["optimizer"])  # type: ignore[arg-type]
            cycle.load_state_dict(state["cycle"])  # type: ignore[arg-type]
        for epoch in range(first, config.epochs):
            # Each epoch draws from its own number, so a resumed run draws what an unbroken one would.
            rng = np.random.default_rng([config.seed, epoch])
            loss = _run_epoch(network, optimizer, cycle, examples, targets, config, rng)
            keep_state(
                {
                    "epoch": epoch,
                    "network": network.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "cycle": cycle.state_dict(),
                }
            )
            on_epoch(network, BeatEpoch(epoch, loss, float(cycle.get_last_lr()[0])))
    return network.eval()


def _run_epoch(
    network: BeatNetwork,
    optimizer: torch.optim.Optimizer,
    cycle: torch.optim.lr_scheduler.LRScheduler,
    examples: Sequence[BeatExample],
    targets: Sequence[np.ndarray],
    config: BeatTraining,
    rng: np.random.Generator,
) -> float:
    """Pass once over all examples in drawn order; the mean loss."""
    network.train()
    order, losses = rng.permutation(len(examples)), []
    for at in range(0, len(order), config.batch_size):
        windows = [window_of(examples[n], targets[n], config, rng) for n in order[at : at + config.batch_size]]
        inputs, wanted, mask = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*windows))
        loss = loss_of(network(inputs), wanted, mask, config)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        cycle.step()
        losses.append(loss.item())
    return float(np.mean(losses))
