"""Dense layers are linear layers, whoever computes them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from editorbot.models.dense import LEAST_ROWS, Dense


@pytest.mark.parametrize("rows", [1, 7, LEAST_ROWS - 1, LEAST_ROWS, 2 * LEAST_ROWS + 3])
def test_results_and_gradients_are_those_of_a_linear_layer(rows: int):
    generator = torch.Generator().manual_seed(rows)
    ours, theirs = Dense(37, 11), nn.Linear(37, 11)
    theirs.load_state_dict(ours.state_dict())
    inputs = torch.randn(rows, 37, generator=generator, requires_grad=True)
    pull = torch.randn(rows, 11, generator=generator)
    found = [
        (layer(inputs), *torch.autograd.grad((layer(inputs) * pull).sum(), [inputs, *layer.parameters()]))
        for layer in (ours, theirs)
    ]
    for one, other in zip(*found):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert ("_Product" in found[0][0].grad_fn.name()) == (rows >= LEAST_ROWS)


def test_rows_that_do_not_lie_side_by_side_give_the_same():
    layer, inputs = Dense(37, 11), torch.randn(2 * LEAST_ROWS, 74)
    wanted = nn.functional.linear(inputs[::2, ::2].contiguous(), layer.weight, layer.bias)
    torch.testing.assert_close(layer(inputs[::2, ::2]), wanted, atol=1e-4, rtol=1e-4)


def test_half_the_bits_are_torchs_own_affair():
    layer = Dense(37, 11)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.randn(LEAST_ROWS, 37)).dtype == torch.bfloat16


def test_rows_without_a_gradient_and_doubles_go_the_same_way():
    layer = Dense(4, 3)
    inputs = torch.randn(LEAST_ROWS, 4)
    with torch.no_grad():
        assert not layer(inputs).requires_grad
    assert layer.double()(inputs.double()).dtype == torch.float64
    assert layer(inputs[:0].double()).shape == (0, 3)
