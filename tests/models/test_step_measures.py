"""What the compiled loops say of steps, beside the formulas: results and gradients."""

from __future__ import annotations

import pytest
import torch

from editorbot.models.policy import MaskTensors, StepChances, TypeLogits, closed_off
from editorbot.models.step_measures import StepMeasures, step_measures

MOMENTS, TYPES = 64, 20


def odds_of(generator: torch.Generator, scale: float = 3.0) -> TypeLogits:
    """Return log odds, open or not."""
    shapes = [(MOMENTS, TYPES, *more) for more in ((), (5,), (5,))]
    return TypeLogits(*(scale * torch.randn(shape, generator=generator).requires_grad_() for shape in shapes))


def some_masks(generator: torch.Generator) -> MaskTensors:
    """Return what is open: of closed types nothing, of open ones at least one size and amount."""
    shapes = [(MOMENTS, TYPES, *more) for more in ((), (5,), (5,))]
    masks = [torch.rand(shape, generator=generator) > 0.5 for shape in shapes]
    masks[0][:, 0] = True
    for mask in masks[1:]:
        mask[..., 0] = True
        mask &= masks[0][..., None]
    return MaskTensors(*masks)


def by_formulas(
    logits: TypeLogits, masks: MaskTensors, actions: torch.Tensor, reference: StepChances | None
) -> StepMeasures:
    """Return what the formulas say."""
    chances = StepChances.of(closed_off(logits, masks))
    kl = torch.zeros(len(actions)) if reference is None else chances.kl_from(reference)
    return StepMeasures(chances.log_prob(actions), chances.entropy(), kl)


@pytest.mark.parametrize("has_reference", [False, True])
@pytest.mark.parametrize("scale", [0.01, 3.0, 40.0])
def test_results_and_gradients_are_those_of_the_formulas(has_reference: bool, scale: float):
    generator = torch.Generator().manual_seed(0)
    masks = some_masks(generator)
    logits = odds_of(generator, scale)
    with torch.no_grad():
        reference = StepChances.of(closed_off(odds_of(generator), masks)) if has_reference else None
    kinds = torch.multinomial(masks[0].float(), 1, generator=generator)[:, 0]
    row = torch.arange(MOMENTS)
    within = (torch.multinomial(mask[row, kinds].float(), 1, generator=generator)[:, 0] for mask in masks[1:])
    actions = torch.stack([kinds, *within], dim=1)
    pulls = torch.randn(3, MOMENTS, generator=generator)
    found = {}
    for measured in (step_measures, by_formulas):
        results = measured(logits, masks, actions, reference)
        slopes = torch.autograd.grad(sum((pull * one).sum() for pull, one in zip(pulls, results)), logits)
        found[measured] = (*results, *slopes)
    for ours, theirs in zip(found[step_measures], found[by_formulas]):
        torch.testing.assert_close(ours, theirs, atol=2e-4 * max(1.0, scale / 3), rtol=2e-4)


def test_closed_steps_get_no_gradient_and_a_certain_step_no_entropy():
    logits = TypeLogits(*(torch.full(shape, 7.0, requires_grad=True) for shape in ((1, 3), (1, 3, 5), (1, 3, 5))))
    masks = MaskTensors(*(torch.zeros(part.shape, dtype=torch.bool) for part in logits))
    masks.type[0, 0] = masks.size[0, 0, 2] = masks.amount[0, 0, 2] = True
    found = step_measures(logits, masks, torch.tensor([[0, 2, 2]]))
    assert [one.item() for one in found] == [0.0, 0.0, 0.0]
    slopes = torch.autograd.grad(found.log_prob.sum() + found.entropy.sum(), logits)
    assert all(not one.any() for one in slopes)
