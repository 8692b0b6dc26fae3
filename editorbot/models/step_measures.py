"""What PPO asks of a distribution over steps: how likely a step was, how open the choice is, how far it moved."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from editorbot.models.chance_kernels import Reference, measures_of, slopes_of, softmax_of
from editorbot.models.policy import MaskTensors, StepChances, TypeLogits, closed_off


class StepMeasures(NamedTuple):
    """What is asked of some moments, each of shape=(moments,)."""

    log_prob: Tensor
    """Log P(type) + log P(size | type) + log P(amount | type) of what was done."""
    entropy: Tensor
    """Of the whole step [nats]."""
    kl: Tensor
    """KL(reference || this) of the whole step [nats]; zeros without a reference."""


def step_measures(
    logits: TypeLogits, masks: MaskTensors, actions: Tensor, reference: StepChances | None = None
) -> StepMeasures:
    """Return what :class:`StepChances` says of actions, all at once; by compiled loops on a CPU, for 32 bits.

    Parameters
    ----------
    logits : TypeLogits
        Log odds, those of what is closed of any finite value; gradients go back to them.
    masks : MaskTensors
        What is open: one type of each moment, one size and one amount of each open type.
    actions : Tensor, shape=(moments, 3), int64
        What was done; all of it open.
    reference : StepChances, optional
        Another distribution over the same moments, no gradients.
    """
    if logits.type.device.type == "cpu" and logits.type.dtype == torch.float32:
        log_prob, entropy, kl = _Measured.apply(*logits, masks, actions, reference)  # type: ignore[no-untyped-call]
        return StepMeasures(log_prob, entropy, kl)
    chances = StepChances.of(closed_off(logits, masks))
    kl = torch.zeros_like(logits.type[:, 0]) if reference is None else chances.kl_from(reference)
    return StepMeasures(chances.log_prob(actions), chances.entropy(), kl)


class _Measured(torch.autograd.Function):
    """The loops as torch knows functions."""

    @staticmethod
    def forward(
        ctx: Any,
        kinds: Tensor,
        sizes: Tensor,
        amounts: Tensor,
        masks: MaskTensors,
        actions: Tensor,
        reference: StepChances | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        odds, inner = _rows(kinds, sizes, amounts)
        softmax = softmax_of(odds, inner, *_rows(*masks))
        met, done = _met(odds, inner, reference), actions.numpy()
        ctx.told = odds, inner, done, softmax, met
        log_prob, entropy, kl = (torch.from_numpy(part) for part in measures_of(*ctx.told))
        return log_prob, entropy, kl

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *pulls: Tensor) -> tuple[Tensor | None, ...]:
        odds, inner, done, softmax, met = ctx.told
        slopes, inner_slopes = slopes_of(odds, inner, done, softmax, met, torch.stack(pulls).numpy())
        sizes, amounts = torch.from_numpy(inner_slopes).chunk(2, dim=1)
        return torch.from_numpy(slopes), sizes, amounts, None, None, None


def _met(odds: np.ndarray, inner: np.ndarray, reference: StepChances | None) -> Reference:
    """Return a distribution to hold log odds against."""
    if reference is None:
        return Reference(odds[:0], inner[:0], odds[:0], inner[:0])
    logs = _rows(reference.type, reference.size, reference.amount)
    return Reference(*logs, *(np.exp(part) for part in logs))


def _rows(kinds: Tensor, sizes: Tensor, amounts: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return what is told of types, and of the sizes and then the amounts of each."""
    return kinds.detach().contiguous().numpy(), torch.cat([sizes.detach(), amounts.detach()], dim=1).numpy()
