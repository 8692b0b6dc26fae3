"""Curve and gate, learned from a row a stretch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from editorbot.errors import UsageError
from editorbot.models.mel import Summary
from editorbot.models.mel_config import BANDS, GATE_ODDS, SUMMARY_SIZE, Mel2MelConfig
from editorbot.training.mel.config import ToneTraining
from editorbot.training.mel.curve_and_gate import ToneRows, learn_tone, side_by_side, tone_rows
from editorbot.training.mel.examples import load_mels
from tests.training.mel.mel_runs import trained, training

QUICK = ToneTraining(
    members=2, draws=0, passes=300, least_steps=1, batch_size=16, noise=0.0, dropout=0.0, gate_shift=0.0
)


def dull_and_finished(count: int) -> ToneRows:
    """Return rows: the first of the summary's numbers say how dull a stretch is, and so what it lacks."""
    rng = np.random.default_rng(0)
    is_raw = np.arange(count) % 2 == 0
    dullness = np.where(is_raw, rng.uniform(0.1, 0.3, count), 0.0).astype(np.float32)
    summary = np.zeros((count, SUMMARY_SIZE), np.float32)
    summary[:, :BANDS] = -3 * dullness[:, None]
    return ToneRows(summary, np.repeat(dullness[:, None], BANDS, axis=1), is_raw)


def test_what_a_stretch_lacks_is_learned_and_finished_ones_are_left_alone():
    rows = dull_and_finished(64)
    network = Summary(32)
    network.load_state_dict(learn_tone(rows, 32, QUICK, seed=0))
    with torch.no_grad():
        _, curve, gate = network(torch.from_numpy(rows.summary))
    said = (curve * gate)[:, 0].numpy()
    assert np.abs(said - rows.curve)[rows.is_raw].mean() < 0.2 * rows.curve[rows.is_raw].mean()
    assert np.abs(said)[~rows.is_raw].mean() < 0.1 * rows.curve[rows.is_raw].mean()


def test_the_same_seed_gives_the_same_weights_and_leaves_torchs_own_draws_alone():
    rows = dull_and_finished(16)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, again, other = (
        learn_tone(rows, 8, ToneTraining(members=2, passes=3, least_steps=1), seed) for seed in (1, 1, 2)
    )
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["curve.weight"], other["curve.weight"])
    assert torch.equal(before, torch.random.get_rng_state())


def test_side_by_side_networks_say_the_mean_of_what_each_says():
    torch.manual_seed(0)
    members = [Summary(8) for _ in range(3)]
    for member in members:
        for layer in (member.curve, member.gate):
            torch.nn.init.normal_(layer.weight)
    joined = Summary(24)
    joined.load_state_dict(side_by_side([member.state_dict() for member in members]))
    summary = torch.randn(5, SUMMARY_SIZE)
    with torch.no_grad():
        found, each = joined(summary), [member(summary) for member in members]
    torch.testing.assert_close(found[1], sum(one[1] for one in each) / 3)
    odds, of_each = torch.logit(found[2]), [torch.logit(one[2]) for one in each]
    torch.testing.assert_close(odds, sum(of_each) / 3, atol=1e-4, rtol=1e-4)


def test_a_moved_gate_opens_later_and_a_steeper_one_faster():
    rows = dull_and_finished(16)
    plain, moved = (
        learn_tone(rows, 8, ToneTraining(members=1, passes=2, least_steps=1, gate_steepness=steep, gate_shift=shift), 0)
        for steep, shift in ((1.0, 0.0), (3.0, 2.0))
    )
    heard = torch.randn(4, 8)
    odds = [heard @ one["gate.weight"].T + one["gate.bias"] + GATE_ODDS for one in (plain, moved)]
    torch.testing.assert_close(odds[1], 3 * (odds[0] - 2.0))


def test_rows_are_the_examples_their_finished_sides_and_what_they_are_changed_into(files):
    rows = tone_rows(map(load_mels, files), 3, np.random.default_rng(0))
    assert rows.summary.shape == (5 * len(files), SUMMARY_SIZE)
    assert rows.is_raw[::5].all()
    assert not rows.is_raw[1::5].any()
    assert np.ptp(rows.curve[::5], axis=1).min() > 0.01  # what was dulled lacks its highs beside its lows
    assert not rows.curve[1::5].any()


def test_frames_that_came_from_nowhere_tell_nothing(files):
    example = load_mels(files[0])
    raw, known = example.raw.copy(), example.known.copy()
    raw[: len(raw) // 2], known[: len(raw) // 2] = 0, 0
    torn = replace(example, raw=raw, known=known)
    whole = tone_rows([replace(example, known=known)], 0, np.random.default_rng(0))
    np.testing.assert_array_equal(tone_rows([torn], 0, np.random.default_rng(0)).curve[0], whole.curve[0])
    with pytest.raises(UsageError, match="no frame"):
        tone_rows([replace(example, known=np.zeros_like(known))], 0, np.random.default_rng(0))


TONE = ToneTraining(members=2, draws=4, passes=20, least_steps=500, batch_size=8, gate_shift=0.0)
SHAPE = Mel2MelConfig(16, (1, 2), 32, 64)


def networks_of(files, tone, found=None):
    """Return a checkpoint after each epoch, and what was said."""
    lines = []
    _, _, kept = trained(files, SHAPE, training(epochs=3, tone=tone), found=found, on_line=lines.append)
    return kept, lines


def same(one, other):
    return all(torch.equal(value, other.weights[name]) for name, value in one.weights.items())


def test_a_run_learns_curve_and_gate_first_and_holds_them_and_is_resumed_bit_for_bit(files):
    kept, lines = networks_of(files, TONE)
    assert len(lines) == 1
    first, last = kept[0].weights, kept[2].weights
    assert first["summary.curve.weight"].abs().max() > 0
    assert all(torch.equal(first[name], last[name]) for name in first if name.startswith("summary."))
    assert not torch.equal(first["leave.weight"], last["leave.weight"])
    resumed, lines = networks_of(files, TONE, kept[0])
    assert lines == []
    assert same(resumed[-1], kept[2])


def test_where_the_gate_learns_nothing_it_is_learned_with_the_rest(files):
    tone = replace(TONE, least_steps=1, passes=1, batch_size=64)
    kept, lines = networks_of(files, tone)
    assert "with the rest" in lines[1]
    assert not torch.equal(kept[0].weights["summary.gate.weight"], kept[2].weights["summary.gate.weight"])
    resumed, _ = networks_of(files, tone, kept[0])
    assert same(resumed[-1], kept[2])


@pytest.mark.parametrize("count", [1, 4])
def test_a_handful_of_examples_is_learned_from_by_the_presets_own_settings(files, count):
    config = training(epochs=25, learning_rate=4e-3, tone=ToneTraining())
    _, metrics, _ = trained(files[:count], replace(SHAPE, summary_dim=64), config)
    assert metrics[-1]["val/edited_db"] < 0.9 * metrics[-1]["val/raw_db"]


def test_impossible_widths_and_rows_are_refused():
    rows = dull_and_finished(8)
    with pytest.raises(UsageError, match="cannot share a summary_dim of 9"):
        learn_tone(rows, 9, QUICK, 0)
    with pytest.raises(UsageError, match="one kind is missing"):
        learn_tone(ToneRows(rows.summary, rows.curve, np.ones(8, bool)), 8, QUICK, 0)
