"""The one loop that trains both networks of tone.

A batch is windows of examples, a window of random place from each example once
an epoch. Everything random is drawn anew from the seed and the epoch's number,
so a run that is broken off goes on bit for bit. A loss that is no number stops
the run at the last epoch that ended well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from editorbot.errors import DamagedError, NonFiniteError, UsageError
from editorbot.models.mel import Mel2Mel, Reconstruct, build
from editorbot.models.mel_shape import FLOOR, MEL_SPAN_DB, UNKNOWN_LABEL, MelNetShape, ReconstructShape
from editorbot.timebase import HOP_SAMPLES
from editorbot.training.mel_augment import changed_example
from editorbot.training.mel_examples import KEEP, MelExample, read_example
from editorbot.training.mel_losses import (
    LossWeights,
    at_loudness_of,
    edit_consistency_loss,
    feature_loss,
    gate_loss,
    l1_loss,
    multiscale_stft_loss,
    sound_under_gain,
)
from editorbot.training.mel_tone_stage import ToneTraining, check_width, learn_tone, tells_apart, tone_rows

UNMATCHED_WEIGHT = 0.1
"""What the distance counts before the loudness is made the same: little, so that the network's own level is kept."""

LABEL_DROP = 0.3
"""Share of examples whose labels are hidden, so that the network can do without."""

MOST_HELD = 4096
"""Examples that are held in memory without their sounds, 0.5 MB each."""

VALID_WINDOWS = 3
"""Windows of each validation example that are looked at."""

PATIENCE = 5
"""Epochs of a rising validation loss after which overfitting is warned of."""


@dataclass(frozen=True)
class MelTraining:
    """How to train."""

    shape: MelNetShape = field(default_factory=ReconstructShape)
    """The network."""
    weights: LossWeights = field(default_factory=LossWeights)
    """What the losses count."""
    epochs: int = 100
    """Passes over the examples."""
    batch_size: int = 8
    """Windows a step."""
    learning_rate: float = 1e-4
    """Highest learning rate."""
    window_frames: int = 256
    """Frames of a window."""
    tone: ToneTraining | None = None
    """How curve and gate are learned before all else, and then held. Left out, or where the gate could not learn from
    so few what is finished, they are learned along with the rest."""
    changes_tone: bool = True
    """Whether examples get another equalizer and noise each time; in the epochs, not where the loss on the waveform
    counts."""
    seed: int = 0
    """The same seed gives the same weights."""
    device: str = "cpu"
    """Where it is trained."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or self.window_frames < 16 or not self.learning_rate > 0:
            raise UsageError("epochs and batch size must be at least 1, window_frames 16, the learning rate above 0")
        if self.tone is not None:
            check_width(self.shape.summary_dim, self.tone)
        if isinstance(self.shape, ReconstructShape) and self.window_frames > self.shape.chunk_frames:
            raise UsageError(
                f"window_frames {self.window_frames} must not be more than chunk_frames {self.shape.chunk_frames}"
            )


@dataclass(frozen=True)
class MelBatch:
    """Windows of examples."""

    raw: Tensor
    edit: Tensor
    labels: Tensor
    known: Tensor
    summary: Tensor
    raw_sound: Tensor
    edit_sound: Tensor


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


def read_all(paths: Sequence[Path], *, with_sound: bool) -> list[MelExample]:
    """Return kept examples; without their sounds where these are not needed.

    Raises
    ------
    DamagedError
        If one is damaged.
    """
    return [read_one(path) if with_sound else read_mels(path) for path in paths]


@lru_cache(maxsize=MOST_HELD)
def read_mels(path: Path) -> MelExample:
    """Return a kept example without its sounds, held in memory; errors as for :func:`read_all`."""
    nothing = np.zeros(0, dtype=np.int16)
    return replace(read_one(path), raw_sound=nothing, edit_sound=nothing)


def read_one(path: Path) -> MelExample:
    """Return a kept example; errors as for :func:`read_all`."""
    example = read_example(path)
    if example is None:
        raise DamagedError("this kept example is damaged; delete it, it is made again", path=path)
    return example


def window_of(example: MelExample, frames: int, at: int) -> tuple[slice, slice]:
    """Return a window's frames, and the samples that lie under all four of theirs."""
    return slice(at, at + frames), slice(at * HOP_SAMPLES, (at + frames - 3) * HOP_SAMPLES)


def batch_of(
    examples: Sequence[MelExample], config: MelTraining, rng: np.random.Generator, *, change: bool = False
) -> MelBatch:
    """Return a window of each example, its place drawn; shorter ones are padded and the padding masked.

    With `change`, each gets another equalizer and noise first.
    """
    frames = config.window_frames
    parts: dict[str, list[np.ndarray]] = {name: [] for name in MelBatch.__dataclass_fields__}
    for kept in examples:
        example = changed_example(kept, rng) if change else kept
        at = int(rng.integers(0, max(1, len(example.raw) - frames)))
        inside, samples = window_of(example, frames, at)
        for name in ("raw", "edit", "labels", "known"):
            values = getattr(example, name)[inside]
            width = [(0, frames - len(values))] + [(0, 0)] * (values.ndim - 1)
            parts[name].append(np.pad(values, width))
        if rng.random() < LABEL_DROP:
            parts["labels"][-1] = np.full(frames, UNKNOWN_LABEL, np.uint8)
        parts["summary"].append(example.summary)
        for name in ("raw_sound", "edit_sound"):
            sound = getattr(example, name)[samples]
            parts[name].append(np.pad(sound, (0, (frames - 3) * HOP_SAMPLES - len(sound))) / np.float32(32_768))
    joined = {name: torch.from_numpy(np.stack(values)) for name, values in parts.items()}
    floats = {name: joined[name].float() for name in joined if name != "labels"}
    return MelBatch(labels=joined["labels"].long(), **floats)


def losses_of(
    network: Reconstruct | Mel2Mel, batch: MelBatch, weights: LossWeights, *, with_sound: bool
) -> dict[str, Tensor]:
    """Return every loss of a batch by name; `total_loss` is their weighted sum."""
    edited = network(batch.raw, batch.labels, batch.summary)
    mask = batch.known
    kept = mask * (batch.labels == KEEP)
    losses = {
        "l1_loss": l1_loss(at_loudness_of(edited, batch.raw), batch.edit, mask)
        + UNMATCHED_WEIGHT * l1_loss(edited, batch.edit, mask),
        "consistency_loss": edit_consistency_loss(edited, batch.raw, kept),
    }
    total = weights.l1_weight * losses["l1_loss"] + weights.edit_consistency_weight * losses["consistency_loss"]
    if weights.gate_weight and network.summary.gate.weight.requires_grad:
        losses["gate_loss"] = gate_loss(network.summary(batch.summary)[2], batch.raw, batch.edit)
        total = total + weights.gate_weight * losses["gate_loss"]
    if weights.feature_weight:
        losses["feature_loss"] = feature_loss(edited, batch.edit, mask)
        total = total + weights.feature_weight * losses["feature_loss"]
    if with_sound:
        # What is not known is left as it is on both sides.
        change = (edited - batch.raw) * mask[:, :, None]
        sound = sound_under_gain(batch.raw_sound, change.clamp(-30 / MEL_SPAN_DB, 18 / MEL_SPAN_DB))
        heard = mask[:, 1:-2].repeat_interleave(HOP_SAMPLES, dim=1)
        losses["msstft_loss"] = multiscale_stft_loss(sound * heard, batch.edit_sound * heard)
        total = total + weights.multiscale_stft_weight * losses["msstft_loss"]
    sides = (batch.raw, at_loudness_of(edited, batch.raw), batch.edit)
    floored = [side.clamp(FLOOR, 1.0) for side in sides]
    losses["raw_db"] = MEL_SPAN_DB * l1_loss(floored[0], floored[2], mask).detach()
    losses["edited_db"] = MEL_SPAN_DB * l1_loss(floored[1], floored[2], mask).detach()
    losses["total_loss"] = total
    return losses


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
    network.to(config.device)
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


def _learned_tone(
    train: Sequence[Path], config: MelTraining, tone: ToneTraining, on_line: Callable[[str], None]
) -> dict[str, Tensor] | None:
    """Return curve and gate that were learned first; None where the gate could not."""
    on_line(f"curve and gate: {tone.members} networks, {tone.passes} passes each")
    # Where sounds count, the epochs read examples with them; then these are not held in memory beside.
    read = read_one if config.weights.multiscale_stft_weight > 0 else read_mels
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
    with_sound = config.weights.multiscale_stft_weight > 0
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
        drawn = batch_of(
            read_all(chosen, with_sound=with_sound), config, rng, change=config.changes_tone and not with_sound
        )
        batch = _on(drawn, config.device)
        losses = losses_of(network, batch, config.weights, with_sound=with_sound)
        if not torch.isfinite(losses["total_loss"]):
            raise NonFiniteError(
                f"the loss is no number in epoch {epoch}; the last good state is in latest.pt: "
                f"resume it with less than --learning-rate {config.learning_rate:g}"
            )
        optimizer.zero_grad()
        losses["total_loss"].backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        for name, value in {**losses, "grad_norm": norm}.items():
            sums[f"train/{name}"] = sums.get(f"train/{name}", 0.0) + float(value.detach()) / len(starts)
    return {**sums, "train/learning_rate": rate}


def learning_rate(config: MelTraining, epoch: float) -> float:
    """Return the learning rate at a fraction of the run: up over its first twentieth, then down a cosine."""
    share = epoch / config.epochs
    return config.learning_rate * min((share + 0.002) / 0.05, 0.5 + 0.5 * math.cos(math.pi * share) + 0.01)


def validate(network: Reconstruct | Mel2Mel, valid: Sequence[Path], config: MelTraining) -> dict[str, float]:
    """Return the mean losses on validation examples, always the same windows of them."""
    network.eval()
    with_sound = config.weights.multiscale_stft_weight > 0
    rng = np.random.default_rng([config.seed, 1_000_003])
    sums: dict[str, float] = {}
    looked_at = list(valid) * VALID_WINDOWS
    for start in range(0, len(looked_at), config.batch_size):
        paths = looked_at[start : start + config.batch_size]
        batch = _on(batch_of(read_all(paths, with_sound=with_sound), config, rng), config.device)
        with torch.no_grad():
            losses = losses_of(network, batch, config.weights, with_sound=with_sound)
        for name, value in losses.items():
            sums[f"val/{name}"] = sums.get(f"val/{name}", 0.0) + float(value) * len(paths) / len(looked_at)
    return sums


def _on(batch: MelBatch, device: str) -> MelBatch:
    return MelBatch(**{name: getattr(batch, name).to(device) for name in MelBatch.__dataclass_fields__})
