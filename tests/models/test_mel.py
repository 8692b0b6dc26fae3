"""The networks of tone: torch and NumPy say the same, and chunks leave no borders."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from editorbot.errors import UsageError
from editorbot.models.mel import build
from editorbot.models.mel_config import BANDS, SUMMARY_SIZE, Mel2MelConfig, ReconstructConfig
from editorbot.polish.mel_network import MelNet, edited_mel, mel_changes
from editorbot.polish.mel_weights import tensor_shapes

SHAPES = (ReconstructConfig(8, 12, 2, 2, 6, 32), Mel2MelConfig(8, (1, 2), 6, 32))


def random_network(shape, seed=0):
    torch.manual_seed(seed)
    network = build(shape).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape))
    return network


def net_of(network, shape):
    return MelNet({name: value.numpy() for name, value in network.state_dict().items()}, shape)


def inputs(frames, seed=0):
    rng = np.random.default_rng(seed)
    raw = rng.random((frames, BANDS), dtype=np.float32)
    return raw, rng.integers(0, 21, frames), rng.normal(0, 1, SUMMARY_SIZE).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_numpy_computes_what_torch_does(shape):
    network = random_network(shape)
    raw, labels, summary = inputs(20)
    with torch.no_grad():
        wanted = network(torch.from_numpy(raw)[None], torch.from_numpy(labels)[None], torch.from_numpy(summary)[None])
    found = edited_mel(net_of(network, shape), raw, labels, summary)
    assert np.allclose(found, wanted[0].numpy(), atol=2e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_card_knows_the_shape_of_every_tensor(shape):
    assert tensor_shapes(shape) == {name: tuple(v.shape) for name, v in build(shape).state_dict().items()}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_new_network_adds_nothing_to_the_raw_mel(shape):
    raw, labels, summary = inputs(20)
    edited = build(shape)(torch.from_numpy(raw)[None], torch.from_numpy(labels)[None], torch.from_numpy(summary)[None])
    assert torch.equal(edited[0], torch.from_numpy(raw))


def test_labels_count_in_the_reconstruction_alone():
    raw, labels, summary = inputs(20)
    for shape, counts in zip(SHAPES, (True, False)):
        net = net_of(random_network(shape), shape)
        other = edited_mel(net, raw, (labels + 1) % 21, summary)
        assert np.array_equal(other, edited_mel(net, raw, labels, summary)) != counts


@pytest.mark.parametrize("frames", [1, 5, 31, 32, 33, 48, 49, 100, 257])
@pytest.mark.parametrize("piece", [1, 7, 32, 1_000])
def test_chunks_have_as_many_frames_as_the_track(frames, piece):
    shape = SHAPES[1]
    net = net_of(random_network(shape), shape)
    raw, labels, summary = inputs(frames)
    pieces = [raw[at : at + piece] for at in range(0, frames, piece)]
    changes = np.concatenate(list(mel_changes(net, pieces, labels, summary)))
    assert changes.shape == raw.shape
    whole = np.concatenate(list(mel_changes(net, [raw], labels, summary)))
    assert np.allclose(changes, whole, atol=1e-5)


def test_inner_frames_of_chunks_are_those_of_the_whole():
    shape = dataclasses.replace(SHAPES[1], dilations=(1,), chunk_frames=64)
    net = net_of(random_network(shape), shape)
    raw, labels, summary = inputs(300)
    whole = edited_mel(net, raw, labels, summary) - raw
    # The network sees one frame to either side, and chunks have eight of context: borders cannot be told.
    chunked = np.concatenate(list(mel_changes(net, [raw], labels, summary)))
    assert np.allclose(chunked, whole, atol=1e-5)


def test_impossible_shapes_are_refused_with_the_rule():
    with pytest.raises(UsageError, match="multiple of n_heads"):
        ReconstructConfig(encoder_dim=510)
    with pytest.raises(UsageError, match="dilations"):
        Mel2MelConfig(dilations=())
