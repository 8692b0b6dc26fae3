"""The learner of the pointer network: its questions; it learns, repeats itself, and goes on where it stopped."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from editorbot.corpus.truth import Segment, Truth
from editorbot.errors import MismatchError, UsageError
from editorbot.models.pointer import to_tensors
from editorbot.models.pointer_config import PointerConfig, PointerInputs
from editorbot.timebase import FRAME_S
from editorbot.training.pointer.config import PointerTraining
from editorbot.training.pointer.data import PointerPair, PointerTargets, pointer_ops
from editorbot.training.pointer.losses import EDGE_FRAMES, RARE_SHARE, edge_loss
from editorbot.training.pointer.rows import rows_of, some_rows, truth_pointers
from editorbot.training.pointer.train import PointerNetworkTrainer
from editorbot.training.pointer.validation import cut_point_f1, validate

SHAPE = PointerConfig(mel_bands=3, hidden_dim=8, frame_dim=8, n_heads=2, n_layers=1, conv_kernel=5, dilations=(2,),
                      global_tokens=2, window=9, max_delta=16, jump_buckets=3, longest_jump=100)  # fmt: skip
HOW = PointerTraining(epochs=2, seed=3, accumulation=2)


def _pair(seed: int) -> PointerPair:
    """Return a pair whose raw frames are kept where the first band is loud."""
    rng = np.random.default_rng(seed)
    kept = np.repeat(rng.random(8) < 0.6, 12)
    kept[:12] = True
    mel = (0.1 * rng.random((3, 96))).astype(np.float32)
    mel[0] += 0.8 * kept
    pointers = np.flatnonzero(kept)
    classes = np.where(kept.reshape(-1, 8).mean(1) > 0.5, 0, -1).astype(np.int8)
    ops = np.zeros(len(pointers), np.int8)
    return PointerPair(f"p{seed}", PointerInputs(mel), PointerTargets(pointers, ops, classes), np.arange(0, 2, 0.5))


def train_network(pairs, config, shape):
    """Train to the end."""
    trainer = PointerNetworkTrainer(pairs, config, shape)
    while trainer.epoch < config.epochs:
        trainer.train_epoch()
    return trainer.network.eval()


@pytest.fixture
def pairs():
    return [_pair(seed) for seed in range(6)]


def test_questions_of_a_hand_made_edit():
    pointers = np.array([2, 3, -1, 7, 8, 2], dtype=np.int64)
    ops = np.array([0, 0, 4, 2, 0, 1], dtype=np.int8)
    rows = rows_of(pointers, ops, 10, SHAPE)
    own = rows.is_copied
    assert rows.previous[own].tolist() == [-1, 2, 3, 7, 8, 2]
    assert rows.target[own][:-1].tolist() == [2, 3, 7, 8, 2]
    assert rows.is_stop[own].tolist() == [False] * 5 + [True]
    assert rows.op[own].tolist() == [0, 0, 2, 0, 1, -1]
    assert rows.is_cut[own].tolist() == [True, False, True, False, True, False]
    off = dict(zip(rows.previous[~own].tolist(), zip(rows.target[~own].tolist(), rows.is_stop[~own].tolist())))
    assert off == {0: (2, False), 1: (2, False), 4: (7, False), 5: (7, False), 6: (7, False), 9: (0, True)}


def test_edges_have_to_stand_out_of_their_surroundings():
    scores = np.random.default_rng(0).normal(size=300)
    right = [3, 150]
    stands_out = []
    for edge in right:
        near = [np.exp(scores[at]) for at in range(max(edge - EDGE_FRAMES, 0), min(edge + EDGE_FRAMES + 1, 300))]
        hit = sum(np.exp(scores[edge - 1 : edge + 2]))
        stands_out.append(np.log(sum(near) / hit))
    rare = sum(np.log1p(np.exp(-s if at in right else s)) for at, s in enumerate(scores))
    cost = edge_loss(torch.from_numpy(scores), np.array(right))
    assert float(cost) == pytest.approx(np.mean(stands_out) + RARE_SHARE * rare / 2)
    assert float(edge_loss(torch.from_numpy(scores), np.zeros(0, np.int64))) == 0


def test_the_ratio_says_where_the_window_lies():
    pointers = np.arange(20, dtype=np.int64)
    rows = rows_of(pointers, np.zeros(20, np.int8), 40, replace(SHAPE, expected="ratio", ratio=0.5))
    assert rows.expected[:20].tolist() == list(range(0, 40, 2))
    assert rows.distance[:20].tolist() == [-k for k in range(20)]


def test_noise_moves_the_last_pointer_and_not_the_answer():
    pointers = np.arange(50, 150, dtype=np.int64)
    plain = rows_of(pointers, np.zeros(100, np.int8), 200, SHAPE)
    noisy = rows_of(pointers, np.zeros(100, np.int8), 200, SHAPE, noise=1.0, rng=np.random.default_rng(0))
    more = slice(len(plain.previous), None)
    assert noisy.target[more].tolist() == pointers.tolist()
    shift = noisy.previous[more] - plain.previous[plain.is_copied & ~plain.is_stop]
    assert np.abs(shift).max() <= 8
    assert len(np.unique(shift)) > 5


def test_some_rows_stand_for_all():
    pointers = np.concatenate([np.arange(0, 900), np.arange(1500, 3000)])
    rows = rows_of(pointers, np.zeros(len(pointers), np.int8), 4000, SHAPE)
    some = some_rows(rows, 600, np.random.default_rng(0))
    assert len(some.previous) <= 700
    assert some.weight.sum() == pytest.approx(len(rows.previous), rel=1e-3)
    assert some.is_cut.sum() == rows.is_cut.sum() == 1
    near = np.abs(rows.previous - 899) <= 24
    assert np.isin(rows.previous[near], some.previous).all()
    assert some_rows(rows, 10_000, np.random.default_rng(0)) is rows


def test_operations_follow_from_pointers():
    pointers = np.array([0, 1, 1, 2, -1, 9, 10, 1, 2])
    assert pointer_ops(pointers).tolist() == [0, 0, 0, 0, 4, 2, 0, 1, 1]


def test_cut_points_are_matched_one_to_one_within_70_ms():
    right = np.concatenate([np.arange(100, 200), np.arange(300, 400)])
    assert cut_point_f1(right, right) == 1.0
    three_off = np.concatenate([np.arange(103, 203), np.arange(303, 400)])
    assert cut_point_f1(three_off, right) == 1.0
    assert cut_point_f1(np.arange(100, 400), right) == pytest.approx(2 * 2 / (2 + 4))
    assert cut_point_f1(np.arange(104, 204), right) == 0.0


def test_pointers_past_the_recording_are_refused():
    with pytest.raises(MismatchError, match="a pointer is 10"):
        rows_of(np.array([3, 10]), np.zeros(2, np.int8), 10, SHAPE)
    with pytest.raises(MismatchError, match="nothing to learn"):
        rows_of(np.array([-1, -1]), np.zeros(2, np.int8), 10, SHAPE)


def test_pointers_follow_from_the_truth():
    frame = FRAME_S
    truth = Truth(
        60 * frame,
        40 * frame,
        (
            Segment(0.0, 10 * frame, "talk"),
            Segment(10 * frame, 30.5 * frame, "music", 0.0),
            Segment(30.5 * frame, 33 * frame, "noise"),
            Segment(33 * frame, 43 * frame, "music", 20.5 * frame, speed=1.2),
        ),
    )
    pointers = truth_pointers(truth, 40, 60)
    assert pointers[:21].tolist() == list(range(10, 31))
    naive = [round(33 + (j - 20.5) / 1.2) for j in range(21, 33)]
    assert pointers[21:33].tolist() == naive
    assert (pointers[33:] == -1).all()


def _same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    there = other.state_dict()
    return all(torch.equal(value, there[name]) for name, value in one.state_dict().items())


def test_the_same_seed_gives_the_same_weights(pairs):
    whole = train_network(pairs, HOW, SHAPE)
    assert _same(whole, train_network(pairs, HOW, SHAPE))
    assert not _same(whole, train_network(pairs, replace(HOW, seed=4), SHAPE))


def test_an_epoch_tells_losses_and_gradients_before_and_after_clipping(pairs):
    metrics = PointerNetworkTrainer(pairs, HOW, SHAPE).train_epoch()
    assert {"train/delta_loss", "train/jump_loss", "train/use_jump_loss", "train/stop_loss"} <= set(metrics)
    assert metrics["grad_norm"] <= HOW.clip_norm
    assert metrics["grad_norm"] <= metrics["grad_norm_before"]


def test_it_learns_what_is_kept(pairs):
    network = train_network(pairs[:5], replace(HOW, epochs=20, accumulation=1, learning_rate=1e-2), SHAPE)
    found = validate(network, pairs[5:])
    assert found["val_delta_accuracy"] > 0.85
    assert 0 <= found["val_next_accuracy"] <= found["val_delta_accuracy"] + 1e-9
    assert found["val_previous_plus_one"] > 0.85
    assert found["val_f1"] > 0.7
    scores = network.scores(to_tensors(pairs[5].inputs))
    kept = np.zeros(96, bool)
    kept[pairs[5].targets.pointers] = True
    # Row r asks what comes after frame r - 1: 'go on' where frames r - 1 and r are both kept.
    goes_on = scores.delta[1:96, SHAPE.max_delta] > np.log(0.5)
    assert (goes_on == (kept[:-1] & kept[1:]))[:84].mean() > 0.85


@pytest.mark.parametrize("values", [{"epochs": 0}, {"learning_rate": 0.0}, {"pointer_noise": 2.0}, {"warmup": 1.0}])
def test_impossible_training_is_refused(values):
    with pytest.raises(UsageError):
        PointerTraining(**values)
