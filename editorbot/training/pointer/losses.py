"""The losses of the pointer network on the rows of one pair.

Nearly every frame of an edit is 'previous + 1', so rows at cuts weigh `jump_weight` times as much, or the network would
learn to go on always. The class of each moment (talk, a sloppy take, ...) is an auxiliary task, where a truth is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int8, Int64
from torch import Tensor
from torch.nn import functional

from editorbot.models.pointer import Heads, PointerNetwork
from editorbot.models.pointer_config import PointerConfig
from editorbot.models.pointer_layers import GONE, Memory
from editorbot.timebase import STEP_FRAMES
from editorbot.training.pointer.config import PointerTraining
from editorbot.training.pointer.rows import PointerRows

LABEL_SMOOTHING = 0.05
"""Label smoothing of the classes: no truth is that sure."""

EDGE_FRAMES = 64
"""Each start and end is contrasted with the frames this near to it [frames], 1.5 s."""

EDGE_SLACK = 1
"""Distance from the right frame at which an edge costs nothing [frames]."""

RARE_SHARE = 0.1
"""Weight of the cross-entropy of all frames, which says that edges are rare."""

GUESS_SHARE = 0.3
"""Weight of the first guess of the classes; the last weighs 1."""


@dataclass(frozen=True)
class Losses:
    """The losses, and their weighted sum."""

    delta: Tensor
    jump: Tensor
    use_jump: Tensor
    stop: Tensor
    op: Tensor
    arrive: Tensor
    kind: Tensor
    total: Tensor


def heads_at(network: PointerNetwork, memory: Memory, rows: PointerRows) -> Heads:
    """Compute the heads at some rows."""
    device = memory.frames.device
    return network.decode(
        memory, torch.from_numpy(rows.previous).to(device), torch.from_numpy(rows.expected).to(device)
    )


def losses_of(
    heads: Heads,
    memory: Memory,
    rows: PointerRows,
    classes: Int8[np.ndarray, " steps"],
    config: PointerConfig,
    how: PointerTraining,
) -> Losses:
    """Compute the losses of one pair.

    `classes` are those of the steps, -1 if unknown; `how` holds the weights.
    """
    device = heads.delta.device

    def tensor(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    distance, goes_on = rows.distance, ~rows.is_stop
    is_small = np.abs(distance) <= config.max_delta
    weight = tensor(np.where(rows.is_cut, how.jump_weight, 1.0).astype(np.float32) * rows.weight)
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
    is_first, is_last = (rows.previous < 0) & goes_on, rows.is_stop & rows.is_copied & (rows.previous >= 0)
    arrive_loss = edge_loss(memory.arrive, rows.target[rows.is_cut | is_first])
    arrive_loss = arrive_loss + edge_loss(memory.leave, rows.previous[(rows.is_cut & ~is_first) | is_last])
    kind = _kind_loss(memory, tensor(classes.astype(np.int64)), config.stride)
    total = delta + jump + use_jump + how.stop_weight * stop + how.op_weight * op
    total = total + how.arrive_weight * arrive_loss + how.kind_weight * kind
    return Losses(delta, jump, use_jump, stop, op, arrive_loss, kind, total)


def edge_loss(scores: Tensor, right: Int64[np.ndarray, " edges"]) -> Tensor:
    """Contrastive loss of log odds of edges: each right one against its surroundings; all others are to be rare.

    If all frames weighed alike, 'never' would be nearly right, and nothing would be learned of where.
    """
    right = np.unique(right)
    if not len(right):
        return scores.sum() * 0
    away = torch.arange(-EDGE_FRAMES, EDGE_FRAMES + 1, device=scores.device)
    at = torch.from_numpy(right).to(scores.device)[:, None] + away
    near = scores[at.clamp(0, len(scores) - 1)].masked_fill((at < 0) | (at >= len(scores)), GONE)
    hit = torch.logsumexp(near[:, (away.abs() <= EDGE_SLACK)], dim=1)
    stands_out = (torch.logsumexp(near, dim=1) - hit).mean()
    is_edge = torch.zeros_like(scores)
    is_edge[torch.from_numpy(right).to(scores.device)] = 1
    return stands_out + RARE_SHARE * _binary(scores, is_edge).sum() / len(right)


def _kind_loss(memory: Memory, classes: Tensor, stride: int) -> Tensor:
    """Cross-entropy of both guesses of the classes, 0 if none is known."""
    total = memory.arrive.new_zeros(())
    for share, kinds in zip((GUESS_SHARE, 1.0), memory.kinds):
        moment = torch.arange(len(kinds), device=kinds.device)
        right = classes[(moment * stride // STEP_FRAMES).clamp(max=len(classes) - 1)]
        each = functional.cross_entropy(kinds, right.clamp(min=0), reduction="none", label_smoothing=LABEL_SMOOTHING)
        total = total + share * _mean(each, (right >= 0).to(each))
    return total


def _binary(scores: Tensor, truth: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(scores, truth.to(scores), reduction="none")


def _mean(each: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean, 0 if all weights are 0."""
    return (each * weight).sum() / weight.sum().clamp(min=1.0)
