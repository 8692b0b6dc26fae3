"""Layers beside torch's own, and beside their formulas told number by number."""

import math

import numpy as np
import torch
from torch import nn

from editorbot.layers import LAYER_NORM_EPSILON, layer_norm, linear

RNG = np.random.default_rng(0)
ROWS = RNG.normal(2, 3, (7, 5)).astype(np.float32)


def random_weights(name: str, *shape: int) -> dict[str, np.ndarray]:
    shapes = {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return {key: RNG.standard_normal(size).astype(np.float32) for key, size in shapes.items()}


def by_torch(layer: nn.Module, weights: dict[str, np.ndarray]) -> np.ndarray:
    layer.load_state_dict({key.partition(".")[2]: torch.from_numpy(value) for key, value in weights.items()})
    with torch.no_grad():
        return layer(torch.from_numpy(ROWS)).numpy()


def test_a_linear_layer_is_its_sums() -> None:
    weights = random_weights("look", 3, 5)
    found = linear(ROWS, weights, "look")
    kernel, bias = weights["look.weight"], weights["look.bias"]
    naive = [[sum(float(row[k]) * float(kernel[j, k]) for k in range(5)) + bias[j] for j in range(3)] for row in ROWS]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, naive, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found, by_torch(nn.Linear(5, 3), weights), rtol=1e-5, atol=1e-5)


def test_a_layer_norm_is_its_formula() -> None:
    weights = random_weights("norm", 5)
    found = layer_norm(ROWS, weights, "norm")
    for row, told in zip(ROWS.tolist(), found):
        mean = sum(row) / 5
        spread = math.sqrt(sum((value - mean) ** 2 for value in row) / 5 + LAYER_NORM_EPSILON)
        naive = [(v - mean) / spread * w + b for v, w, b in zip(row, weights["norm.weight"], weights["norm.bias"])]
        np.testing.assert_allclose(told, naive, rtol=1e-5, atol=1e-5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_torch(nn.LayerNorm(5), weights), rtol=1e-5, atol=1e-5)
