"""The parts of the pointer network against naive implementations."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from editorbot.config import changed
from editorbot.editors.pointer_inference import network as in_numpy
from editorbot.editors.scoring.inputs import INPUT_COUNT, REPEAT_COUNT
from editorbot.errors import UsageError
from editorbot.models.pointer import PointerNetwork, RepeatReader, steps_at, to_tensors
from editorbot.models.pointer_config import STEP_REPEATS, STEP_VALUES, PointerConfig, PointerInputs
from editorbot.models.pointer_layers import EncoderLayer, attended, banded, gathered, linear_attention
from editorbot.models.scorer_config import CLASSES, StepInputs

TINY = PointerConfig(mel_bands=6, hidden_dim=8, n_heads=2, n_layers=2, conv_kernel=3, global_tokens=4, window=9)


def _network(config=TINY, seed=0):
    torch.manual_seed(seed)
    network = PointerNetwork(config).eval()
    with torch.no_grad():
        network.window_bias.normal_()
        network.before.normal_()
    return network


def _inputs(frames, config=TINY, seed=1):
    rng = np.random.default_rng(seed)
    steps = None
    if config.step_inputs:
        count = -(-frames // 8)
        nearest_repeats = rng.integers(-1, count, (count, STEP_REPEATS)).astype(np.int32)
        similarity = rng.random((count, STEP_REPEATS)).astype(np.float32)
        steps = StepInputs(rng.normal(0, 1, (count, STEP_VALUES)).astype(np.float32), nearest_repeats, similarity)
    return PointerInputs(rng.random((config.inputs, frames)).astype(np.float32), steps)


def _mel(frames, config=TINY, seed=1):
    return to_tensors(_inputs(frames, config, seed))


def test_steps_are_what_the_learned_score_reads():
    assert (STEP_VALUES, STEP_REPEATS) == (INPUT_COUNT, REPEAT_COUNT)


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
    torch.testing.assert_close(gathered(queries, expected, memory, network.window_bias), naive)
    torch.testing.assert_close(banded(queries, memory, network.window_bias), naive)


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


def test_attention_to_tokens_is_the_naive_one():
    torch.manual_seed(0)
    queries, keys, values = torch.randn(5, 8), torch.randn(3, 8), torch.randn(3, 8)
    naive = torch.zeros(5, 8)
    for row in range(5):
        for part in (slice(0, 4), slice(4, 8)):
            chances = torch.softmax(torch.stack([queries[row, part] @ key[part] / 2 for key in keys]), 0)
            naive[row, part] = sum(c * value[part] for c, value in zip(chances, values))
    torch.testing.assert_close(attended(queries, keys, values, 2), naive)
    assert not attended(queries, keys[:0], values[:0], 2).any()


@torch.no_grad()
def test_a_layer_is_the_naive_one():
    torch.manual_seed(0)
    layer = EncoderLayer(TINY, 2).eval()
    x = torch.randn(9, 8)
    normed = layer.attention_norm(x)
    q, k, v = (part.view(9, 2, 4).transpose(0, 1) for part in layer.qkv(normed).split(8, dim=1))
    mid = x + layer.out(linear_attention(q, k, v).transpose(0, 1).reshape(9, 8))
    normed, near = layer.conv_norm(mid), torch.zeros(9, 8)
    for frame in range(9):
        for tap, at in enumerate((frame - 2, frame, frame + 2)):
            if 0 <= at < 9:
                near[frame] += layer.depthwise.weight[:, 0, tap] * normed[at]
    mid = mid + layer.pointwise(torch.nn.functional.gelu(near + layer.depthwise.bias))
    torch.testing.assert_close(layer(x), mid + layer.feed(layer.feed_norm(mid)))


def test_repeats_are_read_at_their_places():
    torch.manual_seed(0)
    config = replace(TINY, step_inputs=True, told=3)
    reader, classes = RepeatReader(config), len(CLASSES)
    x, guess = torch.randn(5, 8), torch.randn(5, classes)
    nearest_repeats = torch.tensor([[4, -1, 0, 2, -1, 3]] * 5)
    steps = type(_mel(40, config).steps)(torch.zeros(5, STEP_VALUES), nearest_repeats, torch.rand(5, 6))
    chances = torch.softmax(guess, -1)
    stopped = [float(chances[: n + 1, 1:4].sum()) for n in range(5)]
    for row in range(5):
        parts = [chances[row]]
        for number, repeat in enumerate(nearest_repeats[row].tolist()):
            if repeat < 0:
                parts.append(torch.zeros(3 + classes + 3))
                continue
            between = np.log1p(abs(stopped[repeat] - stopped[row])) / 3
            parts += [torch.tanh(reader.tell(x[repeat])), chances[repeat], steps.similarity[row, number : number + 1]]
            parts.append(torch.tensor([1.0, between], dtype=torch.float32))
        torch.testing.assert_close(reader(x, guess, steps)[row], reader.read(torch.cat(parts)))


@pytest.mark.parametrize(("stride", "frames"), [(8, 61), (4, 61), (1, 20), (16, 61)])
def test_steps_are_found_at_every_moment(stride, frames):
    config = replace(TINY, step_inputs=True, stride=stride)
    steps = _mel(frames, config).steps
    count = -(-frames // stride)
    found = steps_at(steps, count, stride)
    for moment in range(count):
        step = moment * stride // 8
        torch.testing.assert_close(found.values[moment], steps.values[step])
        for there, repeat in zip(found.nearest_repeats[moment].tolist(), steps.nearest_repeats[step].tolist()):
            if repeat < 0:
                assert there == -1
            else:  # a moment inside the step that is meant, as far into it
                assert there == min(repeat * 8 // stride + (moment - step * 8 // stride), count - 1)


FORMS = [
    {"global_tokens": 0},
    {"window": 0},
    {"use_stems": True},
    {"op_head": False},
    {"expected": "ratio"},
    {"window": 1},
    {"stride": 4},
    {"stride": 8, "step_inputs": True, "n_layers": 3},
    {"stride": 1, "step_inputs": True},
]


@pytest.mark.parametrize("change", FORMS)
@pytest.mark.parametrize("frames", [1, 37, 200])
def test_every_form_gives_finite_scores_the_same_without_torch(change, frames, monkeypatch):
    monkeypatch.setattr(in_numpy, "BLOCK_ROWS", 64)
    config = replace(TINY, **change)
    network, inputs = _network(config), _inputs(frames, config)
    scores = network.scores(to_tensors(inputs))
    assert scores.delta.shape == (frames + 1, 129)
    assert scores.jump.shape == (frames + 1, 32)
    assert scores.arrive.shape == scores.leave.shape == (frames,)
    assert all(np.isfinite(value).all() for value in vars(scores).values())
    np.testing.assert_allclose(np.exp(scores.delta).sum(1), 1, atol=1e-5)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    plain = in_numpy.row_scores(inputs, weights, config)
    for name, value in vars(scores).items():
        np.testing.assert_allclose(getattr(plain, name), value, atol=2e-4, err_msg=name)


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
        ({"stride": 0}, "stride"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_impossible_shapes_are_refused_by_name(values, said):
    with pytest.raises(UsageError, match=said):
        changed(PointerConfig(), values, "model")
