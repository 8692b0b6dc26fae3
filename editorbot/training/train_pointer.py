"""Trains the pointer network on whole pairs, teacher-forced.

Each step hears one pair: the recording is encoded once, and all rows of `pointer_rows` are asked. Nearly every frame
of an edit is 'previous + 1', so rows at cuts weigh `jump_weight` times as much: saying 'go on' for ever is no solution.
The rate follows a cosine after a short rise; gradients of `accumulation` pairs are added and clipped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int8, Int64
from torch import Tensor
from torch.nn import functional

from editorbot.errors import UsageError
from editorbot.models.pointer import Heads, Memory, PointerNetwork, input_of
from editorbot.models.pointer_shape import PointerConfig
from editorbot.training.pointer_rows import PointerRows, rows_of


@dataclass(frozen=True)
class PointerTraining:
    """How the pointer network is trained."""

    epochs: int = 50
    """Passes over all pairs."""
    learning_rate: float = 1e-3
    """Highest learning rate."""
    weight_decay: float = 1e-2
    """Pull of the weights to zero."""
    warmup: float = 0.05
    """Share of the updates in which the rate rises."""
    accumulation: int = 1
    """Pairs an update."""
    clip_norm: float = 1.0
    """Longest gradient."""
    jump_weight: float = 20.0
    """What a row at a cut counts beside one that goes on."""
    pointer_noise: float = 0.1
    """Share of the rows that are asked once more with a wrong last pointer."""
    op_weight: float = 0.2
    """What the edit operations count."""
    stop_weight: float = 1.0
    """What the end counts."""
    arrive_weight: float = 1.0
    """What the starts of plays count."""
    input_noise: float = 0.05
    """Random level of the whole mel [of its range]."""
    seed: int = 0
    """The same seed gives the same weights."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.accumulation < 1:
            raise UsageError("epochs and accumulation must be at least 1")
        if not (self.learning_rate > 0 and self.clip_norm > 0 and self.jump_weight > 0):
            raise UsageError("learning_rate, clip_norm and jump_weight must be positive")
        if not (0 <= self.pointer_noise <= 1 and 0 <= self.warmup < 1):
            raise UsageError("pointer_noise must lie in [0, 1], warmup in [0, 1)")


@dataclass(frozen=True)
class PointerPair:
    """A pair as the pointer network hears it."""

    sample: str
    """Its name."""
    mel: Float32[np.ndarray, "inputs frames"]
    """The raw recording's mel, with those of the stems below it where they are used."""
    pointers: Int64[np.ndarray, " edit_frames"]
    """Raw frame of each frame of the edit, -1 = not from the raw recording."""
    ops: Int8[np.ndarray, " edit_frames"]
    """Edit operations."""
    beats_s: Float[np.ndarray, " beats"]
    """Beats of the raw recording [seconds]."""


@dataclass(frozen=True)
class Losses:
    """The parts of the loss, and their sum."""

    delta: Tensor
    jump: Tensor
    use_jump: Tensor
    stop: Tensor
    op: Tensor
    arrive: Tensor
    total: Tensor


def heads_at(network: PointerNetwork, memory: Memory, rows: PointerRows) -> Heads:
    """Return the heads at the rows; with ``expected: previous`` each raw frame is computed once."""
    device = memory.frames.device
    previous = torch.from_numpy(rows.previous).to(device)
    if network.config.expected == "ratio":
        return network.decode(memory, previous, torch.from_numpy(rows.expected).to(device))
    heads, at = network.all_rows(memory), previous + 1
    op = None if heads.op is None else heads.op[at]
    return Heads(heads.delta[at], heads.jump[at], heads.use_jump[at], heads.stop[at], op)


def losses_of(heads: Heads, arrive: Tensor, rows: PointerRows, config: PointerConfig, how: PointerTraining) -> Losses:
    """Return the loss of one pair and its parts."""
    device = heads.delta.device

    def tensor(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    distance, goes_on = rows.distance, ~rows.is_stop
    is_small = np.abs(distance) <= config.max_delta
    weight = tensor(np.where(rows.is_cut, how.jump_weight, 1.0).astype(np.float32))
    small, far, on = tensor(goes_on & is_small), tensor(goes_on & ~is_small), tensor(goes_on)
    deltas = tensor(np.clip(distance, -config.max_delta, config.max_delta) + config.max_delta)
    delta = _mean(functional.cross_entropy(heads.delta, deltas, reduction="none"), weight * small)
    jump = _mean(
        functional.cross_entropy(heads.jump, tensor(config.bucket_of(distance)), reduction="none"), weight * far
    )
    use_jump = _mean(_binary(heads.use_jump, far), weight * on)
    stop = _mean(_binary(heads.stop, ~on), weight)
    op = heads.delta.new_zeros(())
    if heads.op is not None:
        known = tensor(rows.op >= 0)
        each = functional.cross_entropy(heads.op, tensor(np.maximum(rows.op, 0)), reduction="none")
        op = _mean(each, weight * known)
    starts = np.zeros(len(arrive), bool)
    starts[rows.target[rows.is_cut | ((rows.previous < 0) & goes_on)]] = True
    arrive_loss = _mean(_binary(arrive, tensor(starts)), torch.ones_like(arrive))
    total = delta + jump + use_jump + how.stop_weight * stop + how.op_weight * op + how.arrive_weight * arrive_loss
    return Losses(delta, jump, use_jump, stop, op, arrive_loss, total)


def _binary(scores: Tensor, truth: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(scores, truth.to(scores), reduction="none")


def _mean(each: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean, 0 where nothing weighs."""
    return (each * weight).sum() / weight.sum().clamp(min=1.0)


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
    rows = rows_of(pair.pointers, pair.ops, pair.mel.shape[1], shape, noise=config.pointer_noise, rng=run.rng)
    mel = input_of(pair.mel) + float(run.rng.normal()) * config.input_noise
    is_gpu = run.device != "cpu"
    with torch.autocast("cuda" if is_gpu else "cpu", torch.bfloat16, enabled=is_gpu):
        memory = run.network.encode(mel.to(run.device))
        heads = heads_at(run.network, memory, rows)
        losses = losses_of(heads, memory.arrive, rows, shape, config)
    (losses.total / share).backward()  # type: ignore[no-untyped-call]
    names = ("delta", "jump", "use_jump", "stop", "op", "arrive", "total")
    return {f"{name}_loss": float(getattr(losses, name).detach()) for name in names}


@torch.no_grad()
def delta_accuracy(network: PointerNetwork, pairs: Sequence[PointerPair]) -> dict[str, float]:
    """Return how often the small distance is right on the edits' own rows, beside what 'previous + 1' gets.

    Accuracy at the cuts alone stands beside them: it is what the frames that go on hide.
    """
    right = trivial = count = cuts = cuts_right = 0
    for pair in pairs:
        rows = rows_of(pair.pointers, pair.ops, pair.mel.shape[1], network.config)
        memory = network.encode(input_of(pair.mel).to(next(network.parameters()).device))
        heads = heads_at(network, memory, rows)
        own = rows.is_copied & ~rows.is_stop
        said = heads.delta.argmax(-1).cpu().numpy() - network.config.max_delta
        hit = (said == rows.distance) & ~(heads.use_jump.cpu().numpy() > 0)
        right, count = right + int(hit[own].sum()), count + int(own.sum())
        trivial += int((rows.target == rows.previous + 1)[own].sum())
        cuts, cuts_right = cuts + int(rows.is_cut.sum()), cuts_right + int(hit[rows.is_cut].sum())
    return {
        "val_delta_accuracy": right / max(count, 1),
        "val_previous_plus_one": trivial / max(count, 1),
        "val_cut_delta_accuracy": cuts_right / max(cuts, 1),
    }
