"""Steps drawn from log odds: what is closed never comes, the rest as often as the distribution says."""

from __future__ import annotations

import pytest
import torch

from editorbot.models.policy import MaskTensors, StepChances, TypeLogits
from editorbot.training.ppo.draws import Drawn, OpenArrays, draw_steps

MOMENTS = 4000


def some_odds(moments: int, types: int = 3, seed: int = 0) -> tuple[TypeLogits, MaskTensors, StepChances]:
    """Return log odds, what is open, and the distribution that they make."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(moments, types, *more) for more in ((), (5,), (5,))]
    logits = [3 * torch.randn(shape, generator=generator) for shape in shapes]
    masks = [torch.rand(shape, generator=generator) > 0.4 for shape in shapes]
    for mask in masks:
        mask[..., 0] = True
    masked = [one.masked_fill(~mask, -1e9) for one, mask in zip(logits, masks)]
    return TypeLogits(*logits), MaskTensors(*masks), StepChances.of(TypeLogits(*masked))


def drawn(logits: TypeLogits, masks: MaskTensors, seed: int = 0) -> Drawn:
    return draw_steps(logits, OpenArrays(*(mask.numpy() for mask in masks)), torch.Generator().manual_seed(seed))


def naively_drawn(chances: StepChances, seed: int = 0) -> torch.Tensor:
    generator, row = torch.Generator().manual_seed(seed), torch.arange(len(chances.type))
    kinds = torch.multinomial(chances.type.exp(), 1, generator=generator)[:, 0]
    within = (
        torch.multinomial(part[row, kinds].exp(), 1, generator=generator) for part in (chances.size, chances.amount)
    )
    return torch.cat([kinds[:, None], *within], dim=1)


def test_the_draws_are_those_of_multinomial_and_their_log_probabilities_those_of_the_distribution():
    logits, masks, chances = some_odds(MOMENTS)
    found = drawn(logits, masks)
    is_same = (torch.from_numpy(found.actions) == naively_drawn(chances)).all(dim=1)
    assert is_same.float().mean() > 0.999  # a tie may be broken by rounding
    wanted = chances.log_prob(torch.from_numpy(found.actions))
    torch.testing.assert_close(torch.from_numpy(found.log_prob), wanted, atol=1e-5, rtol=1e-5)


def test_what_is_closed_is_never_drawn_and_the_rest_as_often_as_it_should_be():
    logits, masks, chances = some_odds(1)
    many = [type(one)(*(part.repeat(MOMENTS, *[1] * (part.ndim - 1)) for part in one)) for one in (logits, masks)]
    actions = torch.from_numpy(drawn(*many).actions)
    kinds, sizes, amounts = actions.unbind(-1)
    assert masks.type[0, kinds].all()
    assert masks.size[0, kinds, sizes].all()
    assert masks.amount[0, kinds, amounts].all()
    for action in torch.cartesian_prod(torch.arange(3), torch.arange(5), torch.arange(5)):
        share = float((actions == action).all(dim=1).float().mean())
        assert share == pytest.approx(float(chances.log_prob(action[None]).exp()[0]), abs=0.04)
