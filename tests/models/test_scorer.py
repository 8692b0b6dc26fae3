"""The learned score's network: torch and NumPy compute the same."""

import numpy as np
import pytest
import torch

from editorbot.editors.scoring.network import log_odds
from editorbot.editors.scoring.self_similarity import square_of
from editorbot.models.scorer import ScorerNetwork, pair_features
from editorbot.models.scorer_config import CLASSES, LAG_TOKENS, TOKEN_STEPS, ScorerConfig, StepInputs

SMALL = ScorerConfig(
    inputs=5, twins=2, width=6, told=3, first_dilations=(1, 4), second_dilations=(1, 2, 64),
    lag_layers=(0, 3), heads=2, pair_width=4,
)  # fmt: skip


def small_inputs(rng: np.random.Generator, count: int) -> StepInputs:
    nearest_repeats = rng.integers(-1, count, (count, 2)).astype(np.int32)
    similarity = rng.random((count, 2)).astype(np.float32)
    tokens = -(-count // TOKEN_STEPS)
    lag_matrix = rng.random((2, tokens, LAG_TOKENS)).astype(np.float32)
    lag_matrix[:, np.add.outer(np.arange(tokens), np.arange(LAG_TOKENS)) >= tokens] = 0
    return StepInputs(rng.standard_normal((count, 5)).astype(np.float32), nearest_repeats, similarity, lag_matrix)


def as_tensors(inputs: StepInputs):
    mask = torch.ones(1, len(inputs.values), 1)
    nearest_repeats = torch.from_numpy(inputs.nearest_repeats.astype(np.int64))[None]
    all_tokens = range(inputs.lag_matrix.shape[1])
    lag_matrix = torch.from_numpy(square_of(inputs.lag_matrix, all_tokens, all_tokens))[None]
    return (
        torch.from_numpy(inputs.values)[None],
        nearest_repeats,
        torch.from_numpy(inputs.similarity)[None],
        mask,
        lag_matrix,
    )


@pytest.mark.parametrize("count", [1, 3, 50, 200, 3000])
def test_numpy_and_torch_agree(count):
    torch.manual_seed(0)
    network = ScorerNetwork(SMALL).eval()
    network.mean.normal_()
    network.scale.uniform_(0.5, 2)
    inputs = small_inputs(np.random.default_rng(count), count)
    with torch.no_grad():
        _, wanted = network(*as_tensors(inputs))
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    np.testing.assert_allclose(log_odds(inputs, weights, SMALL), wanted[0].numpy(), atol=2e-4)


def test_pair_features_equal_naive_ones():
    rng = np.random.default_rng(0)
    lag_matrix, stopped = rng.random((2, 170, 170)).astype(np.float32), np.cumsum(rng.random(170)).astype(np.float32)
    features, near = pair_features(torch.from_numpy(lag_matrix)[None], torch.from_numpy(stopped)[None])
    for row, column in rng.integers(0, 170, (200, 2)).tolist() + [[0, 160], [0, 159], [169, 9], [5, 5]]:
        short, long, tokens = lag_matrix[0, row, column], lag_matrix[1, row, column], abs(column - row)
        wanted = [
            short, long, max(long - 0.6, 0) * 3, max(long - 0.85, 0) * 8, np.sign(column - row), np.log1p(tokens) / 4,
            np.log1p(abs(stopped[column] - stopped[row]) / 3) / 3, min(tokens * 0.152, 1),
        ]  # fmt: skip
        np.testing.assert_allclose(features[0, :, row, column].numpy(), wanted, rtol=1e-5, atol=1e-6)
        assert near[row, column] == (tokens < 160)


@pytest.mark.parametrize("block", [7, 64, 130])
def test_block_by_block_is_the_same(block, monkeypatch):
    network = ScorerNetwork(SMALL).eval()
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    inputs = small_inputs(np.random.default_rng(block), 200)
    whole = log_odds(inputs, weights, SMALL)
    monkeypatch.setattr("editorbot.editors.scoring.network._BLOCK_STEPS", block)
    np.testing.assert_allclose(log_odds(inputs, weights, SMALL), whole, atol=1e-5)


def test_padding_changes_nothing():
    torch.manual_seed(1)
    network = ScorerNetwork(SMALL).eval()
    values, nearest_repeats, similarity, mask, lag_matrix = as_tensors(small_inputs(np.random.default_rng(0), 40))
    padding = (0, 0, 0, 30)
    padded = [
        torch.nn.functional.pad(values, padding, value=9.0),
        torch.nn.functional.pad(nearest_repeats, padding, value=-1),
    ]
    padded += [torch.nn.functional.pad(similarity, padding), torch.nn.functional.pad(mask, padding)]
    # 40 steps are 3 tokens, 70 are 5.
    padded += [torch.nn.functional.pad(lag_matrix, (0, 2, 0, 2))]
    with torch.no_grad():
        _, short = network(values, nearest_repeats, similarity, mask, lag_matrix)
        _, long = network(*padded)
    torch.testing.assert_close(long[:, :40], short)
    assert short.shape == (1, 40, len(CLASSES))
