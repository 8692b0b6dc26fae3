"""The parts of the pointer network against naive twins."""

import numpy as np
import pytest
import torch

from editorbot.errors import UsageError
from editorbot.models.pointer import PointerNetwork, _banded, _gathered, input_of, linear_attention
from editorbot.models.pointer_shape import PointerConfig

TINY = PointerConfig(mel_bands=6, hidden_dim=8, n_heads=2, n_layers=2, conv_kernel=3, global_tokens=4, window=9)


def _network(config=TINY, seed=0):
    torch.manual_seed(seed)
    network = PointerNetwork(config).eval()
    with torch.no_grad():
        network.window_bias.normal_()
        network.before.normal_()
    return network


def _mel(frames, config=TINY, seed=1):
    return torch.from_numpy(np.random.default_rng(seed).random((config.inputs, frames)).astype(np.float32))


def test_linear_attention_is_the_sum_over_all_pairs():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 11, 4)
    phi = lambda x: torch.where(x > 0, x + 1, torch.exp(x))  # noqa: E731
    naive = torch.zeros(2, 11, 4)
    for head in range(2):
        for row in range(11):
            weights = torch.stack([(phi(q[head, row]) * phi(k[head, at])).sum() for at in range(11)])
            naive[head, row] = (weights[:, None] * v[head]).sum(0) / weights.sum()
    torch.testing.assert_close(linear_attention(q, k, v), naive, atol=1e-4, rtol=1e-4)


def _naive_window(network, memory, queries, expected):
    """Return windowed attention, a row, a head and a key at a time."""
    heads, window = network.window_bias.shape
    size = queries.shape[1] // heads
    out = torch.zeros_like(queries)
    for row, center in enumerate(expected):
        center = min(max(int(center), 0), len(memory.frames) - 1)
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            keys = [f for f in range(center - window // 2, center + window // 2 + 1) if 0 <= f < len(memory.frames)]
            scores = [
                queries[row, part] @ memory.window_keys[f, part] * size**-0.5
                + network.window_bias[head, f - center + window // 2]
                for f in keys
            ]
            chances = torch.softmax(torch.stack(scores), 0)
            out[row, part] = sum(c * memory.window_values[f, part] for c, f in zip(chances, keys))
    return out


@pytest.mark.parametrize("frames", [1, 3, 63, 64, 65, 130])
@torch.no_grad()
def test_both_ways_of_windowed_attention_are_the_naive_one(frames):
    network = _network()
    memory = network.encode(_mel(frames))
    expected = torch.arange(frames + 1)
    queries = network._queries(memory, expected - 1)
    naive = _naive_window(network, memory, queries, expected)
    torch.testing.assert_close(_gathered(queries, expected, memory, network.window_bias), naive)
    torch.testing.assert_close(_banded(queries, memory, network.window_bias, TINY), naive)


@torch.no_grad()
def test_asking_all_frames_at_once_is_asking_each_alone():
    network = _network()
    memory = network.encode(_mel(90))
    together = network.all_rows(memory)
    for row in (0, 1, 40, 90):
        alone = network.decode(memory, torch.tensor([row - 1]), torch.tensor([row]))
        for name in ("delta", "jump", "use_jump", "stop", "op"):
            torch.testing.assert_close(getattr(alone, name)[0], getattr(together, name)[row])


@torch.no_grad()
def test_the_window_is_where_it_is_expected_and_nowhere_else():
    network = _network()
    memory = network.encode(_mel(200))
    changed = torch.clone(memory.window_values)
    changed[150] += 5.0
    other = type(memory)(**{**memory.__dict__, "window_values": changed})
    previous = torch.tensor([10, 10])
    expected = torch.tensor([11, 148])
    one, two = network.decode(memory, previous, expected), network.decode(other, previous, expected)
    torch.testing.assert_close(one.delta[0], two.delta[0])
    assert not torch.allclose(one.delta[1], two.delta[1])


@pytest.mark.parametrize(
    "change",
    [
        {"global_tokens": 0},
        {"window": 0},
        {"use_stems": True},
        {"op_head": False},
        {"expected": "ratio"},
        {"window": 1},
    ],
)
def test_every_form_gives_finite_scores(change):
    from dataclasses import replace

    config = replace(TINY, **change)
    scores = _network(config).scores(_mel(37, config))
    assert scores.delta.shape == (38, 129)
    assert scores.jump.shape == (38, 32)
    assert scores.arrive.shape == (37,)
    assert all(np.isfinite(value).all() for value in scores.__dict__.values())
    np.testing.assert_allclose(np.exp(scores.delta).sum(1), 1, atol=1e-5)


def test_stems_lie_below_the_mel():
    mel, stems = np.zeros((2, 3), np.float32), np.ones((4, 2, 3), np.float32)
    assert input_of(mel, stems).sum(1).tolist() == [0, 0] + [3] * 8


def test_buckets_hold_every_distance_once():
    config = PointerConfig(max_delta=5, jump_buckets=4, longest_jump=60)
    found = {d: int(config.bucket_of(np.array([d]))[0]) for d in [*range(-59, -5), *range(6, 60)]}
    for bucket in range(8):
        first, end = config.bucket_range(bucket)
        assert [d for d, b in found.items() if b == bucket] == list(range(first, end))
    assert config.bucket_of(np.array([-10_000, 10_000])).tolist() == [3, 7]


def test_the_usual_buckets_grow_by_a_constant_factor():
    widths = np.diff(PointerConfig().bucket_edges)
    assert (np.diff(widths) > 0).all()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"hidden_dim": 30, "n_heads": 4}, "divisible"),
        ({"window": 8}, "odd"),
        ({"conv_kernel": 4}, "odd"),
        ({"conv_kernel": 0}, "odd"),
        ({"expected": "next"}, "expected"),
        ({"ratio": 0.0}, "ratio"),
        ({"dilations": []}, "dilations"),
        ({"nheads": 3}, "unknown keys nheads"),
        ({"longest_jump": 10}, "longest_jump"),
    ],
)
def test_impossible_shapes_are_refused_by_name(values, said):
    with pytest.raises(UsageError, match=said):
        PointerConfig.of_data(values)
