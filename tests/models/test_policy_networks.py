"""The policy's networks: shapes that are refused, the distribution over steps, and the way without torch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from editorbot.editors.policy_inference.network import encode, step_logits, weight_shapes
from editorbot.environment.masks import Masks
from editorbot.errors import UsageError
from editorbot.models.policy import EditingAgent, MaskTensors, StepChances, TypeLogits, policy_inputs
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
        PolicyConfig.of_data({"hiden": 3})


def some_chances(moments: int = 3, types: int = 4, seed: int = 0) -> tuple[StepChances, MaskTensors]:
    generator = torch.Generator().manual_seed(seed)
    logits = [torch.randn(moments, types, *more, generator=generator) for more in ((), (5,), (5,))]
    masks = [torch.rand(one.shape, generator=generator) > 0.4 for one in logits]
    for mask in masks:
        mask[..., 0] = True
    masked = [one.masked_fill(~mask, -1e9) for one, mask in zip(logits, masks)]
    return StepChances.of(TypeLogits(*masked)), MaskTensors(*masks)


def joint(chances: StepChances, moment: int) -> dict[tuple[int, int, int], float]:
    """Every combination's probability, as the definition says."""
    types = chances.type.shape[1]
    return {
        (t, s, a): float(
            chances.type[moment, t].double().exp()
            * chances.size[moment, t, s].double().exp()
            * chances.amount[moment, t, a].double().exp()
        )
        for t, s, a in itertools.product(range(types), range(5), range(5))
    }


def test_the_joint_log_probability_is_the_sum_of_three_and_sums_to_one():
    chances, _ = some_chances()
    for moment in range(3):
        each = joint(chances, moment)
        assert sum(each.values()) == pytest.approx(1, abs=1e-5)
        action = max(each, key=each.get)
        told = chances.log_prob(torch.tensor([list(action)] * 3))[moment]
        assert float(told) == pytest.approx(np.log(each[action]), abs=1e-5)


def test_entropy_is_that_of_the_joint():
    chances, _ = some_chances()
    naive = [-sum(p * np.log(p) for p in joint(chances, moment).values() if p > 0) for moment in range(3)]
    assert chances.entropy().tolist() == pytest.approx(naive, abs=1e-5)


def test_a_uniform_policy_has_a_third_of_its_entropy_near_two():
    logits = TypeLogits(torch.zeros(1, 20), torch.zeros(1, 20, 5), torch.zeros(1, 20, 5))
    assert float(StepChances.of(logits).entropy()[0]) / 3 == pytest.approx(2.07, abs=0.01)


def test_kl_is_that_of_the_joint():
    ours, masks = some_chances(seed=1)
    logits = [torch.randn(part.shape, generator=torch.Generator().manual_seed(5)) for part in masks]
    theirs = StepChances.of(TypeLogits(*(one.masked_fill(~mask, -1e9) for one, mask in zip(logits, masks))))
    for moment in range(3):
        p, q = joint(theirs, moment), joint(ours, moment)
        naive = sum(p[key] * np.log(p[key] / q[key]) for key in p if p[key] > 0)
        assert float(ours.kl_from(theirs)[moment]) == pytest.approx(naive, abs=1e-4)


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
    state = rng.normal(size=861).astype(np.float32)
    size, amount = rng.random((20, 5)) > 0.5, rng.random((20, 5)) > 0.5
    masks = Masks(rng.random(20) > 0.3, size, amount)
    encoded = encode(inputs, weights, TINY)
    seen = np.concatenate([encoded.beats[-1], encoded.ahead[-1], encoded.summary, state])
    found = step_logits(seen, masks, weights, TINY)
    with torch.no_grad():
        told = made.encoder(torch.from_numpy(inputs), [beats])
        here = policy_inputs(told, torch.tensor([beats - 1]), torch.tensor([0]), torch.from_numpy(state)[None])
        tensors = MaskTensors(*(torch.from_numpy(one)[None] for one in (masks.type, size, amount)))
        wanted = made.policy(here, tensors)
        ratio = torch.sigmoid(made.tasks.keep_ratio(told.summary))
    np.testing.assert_allclose(encoded.beats, told.beats.numpy(), atol=2e-5)
    np.testing.assert_allclose(found.type, wanted.type[0].numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.size, wanted.size[0].numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.amount, wanted.amount[0].numpy(), rtol=1e-4, atol=1e-4)
    assert encoded.keep_ratio == pytest.approx(float(ratio), abs=1e-5)
