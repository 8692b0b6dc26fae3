"""The policy's networks: shapes that are refused, the distribution over steps, and the way without torch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from editorbot.config import changed
from editorbot.editors.policy_inference.network import encode, step_logits, weight_shapes
from editorbot.environment.masks import Masks
from editorbot.environment.state import STATE_SIZE
from editorbot.errors import UsageError
from editorbot.models.policy import ActionDistribution, ActionLogits, ActionMasks, EditingAgent, masked, policy_inputs
from editorbot.models.policy_config import BEAT_INPUTS, PolicyConfig

TINY = PolicyConfig(policy_hidden_dim=8, natten_n_heads=2, natten_n_layers=2, natten_kernel_size=5, dropout=0.0)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"policy_hidden_dim": 10, "natten_n_heads": 4}, "divisible by natten_n_heads"),
        ({"natten_kernel_size": 32}, "must be odd, but is 32"),
        ({"vocabulary": "v9"}, "no vocabulary"),
        ({"natten_n_layers": 0}, "at least 1"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_impossible_shapes_are_refused(values, told):
    with pytest.raises(UsageError, match=told):
        PolicyConfig(**values)


def test_unknown_keys_are_refused():
    with pytest.raises(UsageError, match="unknown keys hiden"):
        changed(PolicyConfig(), {"hiden": 3}, "model")


def some_distribution(steps: int = 3, types: int = 4, seed: int = 0) -> tuple[ActionDistribution, ActionMasks]:
    generator = torch.Generator().manual_seed(seed)
    logits = [torch.randn(steps, types, *more, generator=generator) for more in ((), (5,), (5,))]
    masks = [torch.rand(one.shape, generator=generator) > 0.4 for one in logits]
    for mask in masks:
        mask[..., 0] = True
    closed = masked(ActionLogits(*logits), ActionMasks(*masks))
    return ActionDistribution(closed), ActionMasks(*masks)


def joint(distribution: ActionDistribution, step: int) -> dict[tuple[int, int, int], float]:
    """Every combination's probability, as the definition says."""
    types = distribution.type.logits.shape[1]
    return {
        (t, s, a): float(
            distribution.type.probs[step, t].double()
            * distribution.size.probs[step, t, s].double()
            * distribution.amount.probs[step, t, a].double()
        )
        for t, s, a in itertools.product(range(types), range(5), range(5))
    }


def test_the_joint_log_probability_is_the_sum_of_three_and_sums_to_one():
    distribution, _ = some_distribution()
    for step in range(3):
        each = joint(distribution, step)
        assert sum(each.values()) == pytest.approx(1, abs=1e-5)
        action = max(each, key=each.get)
        told = distribution.log_prob(torch.tensor([list(action)] * 3))[step]
        assert float(told) == pytest.approx(np.log(each[action]), abs=1e-5)


def test_entropy_is_that_of_the_joint():
    distribution, _ = some_distribution()
    naive = [-sum(p * np.log(p) for p in joint(distribution, step).values() if p > 0) for step in range(3)]
    assert distribution.entropy().tolist() == pytest.approx(naive, abs=1e-5)


def test_a_uniform_policy_has_a_third_of_its_entropy_near_two():
    logits = ActionLogits(torch.zeros(1, 20), torch.zeros(1, 20, 5), torch.zeros(1, 20, 5))
    assert float(ActionDistribution(logits).entropy()[0]) / 3 == pytest.approx(2.07, abs=0.01)


def test_kl_is_that_of_the_joint():
    ours, masks = some_distribution(seed=1)
    logits = [torch.randn(part.shape, generator=torch.Generator().manual_seed(5)) for part in masks]
    theirs = ActionDistribution(masked(ActionLogits(*logits), masks))
    for step in range(3):
        p, q = joint(theirs, step), joint(ours, step)
        naive = sum(p[key] * np.log(p[key] / q[key]) for key in p if p[key] > 0)
        assert float(ours.kl_from(theirs)[step]) == pytest.approx(naive, abs=1e-4)


def test_masked_actions_get_no_gradient_and_a_certain_action_has_no_entropy():
    logits = ActionLogits(*(torch.full(shape, 7.0, requires_grad=True) for shape in ((1, 3), (1, 3, 5), (1, 3, 5))))
    masks = ActionMasks(*(torch.zeros(part.shape, dtype=torch.bool) for part in logits))
    masks.type[0, 0] = masks.size[0, 0, 2] = masks.amount[0, 0, 2] = True
    distribution = ActionDistribution(masked(logits, masks))
    log_prob, entropy = distribution.log_prob(torch.tensor([[0, 2, 2]])), distribution.entropy()
    assert (log_prob.item(), entropy.item(), distribution.kl_from(distribution).item()) == (0.0, 0.0, 0.0)
    gradients = torch.autograd.grad(log_prob.sum() + entropy.sum(), logits)
    assert all(not one.any() for one in gradients)


def test_samples_are_allowed_and_as_frequent_as_the_distribution_says():
    (distribution, masks), samples = some_distribution(steps=1, types=3), 4000
    logits = ActionLogits(*(part.repeat(samples, *[1] * (part.ndim - 1)) for part in distribution.logits))
    actions = ActionDistribution(logits).sample(torch.Generator().manual_seed(0))
    types, sizes, amounts = actions.unbind(-1)
    assert masks.type[0, types].all()
    assert masks.size[0, types, sizes].all()
    assert masks.amount[0, types, amounts].all()
    for action, probability in joint(distribution, 0).items():
        share = float((actions == torch.tensor(action)).all(dim=1).float().mean())
        assert share == pytest.approx(probability, abs=0.03), action


def agent() -> EditingAgent:
    torch.manual_seed(0)
    made = EditingAgent(TINY).eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made


@pytest.mark.parametrize("beats", [1, 2, 4, 23])
def test_the_way_without_torch_says_the_same(beats):
    made, rng = agent(), np.random.default_rng(0)
    weights = {name: value.numpy() for name, value in made.state_dict().items()}
    assert {name: weights[name].shape for name in weight_shapes(TINY)} == weight_shapes(TINY)
    inputs = rng.normal(size=(beats, BEAT_INPUTS)).astype(np.float32)
    state = rng.normal(size=STATE_SIZE).astype(np.float32)
    size, amount = rng.random((20, 5)) > 0.5, rng.random((20, 5)) > 0.5
    masks = Masks(rng.random(20) > 0.3, size, amount)
    encoded = encode(inputs, weights, TINY)
    seen = np.concatenate([encoded.beats[-1], encoded.ahead[-1], encoded.summary, state])
    found = step_logits(seen, masks, weights, TINY)
    with torch.no_grad():
        told = made.encoder(torch.from_numpy(inputs), [beats])
        here = policy_inputs(told, torch.tensor([beats - 1]), torch.tensor([0]), torch.from_numpy(state)[None])
        tensors = ActionMasks(*(torch.from_numpy(one)[None] for one in (masks.type, size, amount)))
        wanted = made.policy(here, tensors)
        ratio = torch.sigmoid(made.tasks.keep_ratio(told.summary))
    np.testing.assert_allclose(encoded.beats, told.beats.numpy(), atol=2e-5)
    np.testing.assert_allclose(found.type, wanted.type[0].numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.size, wanted.size[0].numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.amount, wanted.amount[0].numpy(), rtol=1e-4, atol=1e-4)
    assert encoded.keep_ratio == pytest.approx(float(ratio), abs=1e-5)
