"""Dense layers, by oneDNN instead of MKL, which takes twice as long for a product on AMD's processors.

oneDNN compiles code for each shape that it meets, which takes longer than a small product itself. So it is given round
numbers of rows, which come again and again; what is left over goes to MKL, as small batches do.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

LEAST_ROWS = 256
"""Rows from which on oneDNN is asked: for fewer, calling it takes longer than it saves."""

LEAST_UNIT = 64
"""Rows of which it is given multiples; of more for more rows, so that there are eight shapes to an octave."""


class Dense(nn.Linear):
    """A linear layer with the weights of :class:`torch.nn.Linear` and the same result, up to rounding."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (rows, in_features) to (rows, out_features)."""
        if inputs.shape[0] < LEAST_ROWS or not _is_for_onednn(inputs, self.weight):
            return super().forward(inputs)
        outputs: Tensor = _Product.apply(inputs, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return outputs


def _is_for_onednn(inputs: Tensor, weight: Tensor) -> bool:
    return (
        inputs.ndim == 2
        and inputs.dtype == weight.dtype == torch.float32
        and inputs.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    )


class _Product(torch.autograd.Function):
    """A linear layer and its gradient, product by product."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        return _row_by_row(inputs, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        inputs, weight = ctx.saved_tensors
        to_inputs, to_weight, to_bias = ctx.needs_input_grad
        return (
            _row_by_row(gradient, weight.t()) if to_inputs else None,
            _over_rows(gradient, inputs) if to_weight else None,
            gradient.sum(0) if to_bias else None,
        )


def _row_by_row(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return rows @ weight.T + bias."""
    most = _most(rows)
    found = _product(rows[:most], weight, bias)
    return found if most == len(rows) else torch.cat([found, functional.linear(rows[most:], weight, bias)])


def _over_rows(left: Tensor, right: Tensor) -> Tensor:
    """Return left.T @ right."""
    most = _most(left)
    found = _product(left[:most].t(), right[:most].t())
    return found if most == len(left) else torch.addmm(found, left[most:].t(), right[most:])


def _most(rows: Tensor) -> int:
    """Return how many of the rows oneDNN is given."""
    unit = max(LEAST_UNIT, 1 << (len(rows).bit_length() - 4))
    return len(rows) - len(rows) % unit


def _product(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return found
