from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from editorbot.analysis.beat_net import INPUT_COUNT, BeatNetConfig, log_odds, read_beat_net
from editorbot.errors import NotFoundError, UsageError
from editorbot.models.beat_net import BeatNetwork
from editorbot.timebase import FRAME_S
from editorbot.training.beats import examples as beat_examples
from editorbot.training.beats import run as beats_run
from editorbot.training.beats.config import BeatsSettings, BeatTraining
from editorbot.training.beats.examples import BeatExample, keep_example, kept_example, make_example, roughened
from editorbot.training.beats.run import midi_files, train
from editorbot.training.beats.train import BeatsRun, targets_of, window_of
from tests.corpus.band.soundfonts import sine_soundfont

TINY = BeatNetConfig(width=8, context=8, dilations=(1, 2, 4))
QUICK = BeatTraining(epochs=3, batch_size=2, window_frames=128)
RNG = np.random.default_rng


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def clicks(seed: int, frames: int = 300) -> BeatExample:
    """One input jumps at each beat, another at each first of four."""
    rng = RNG(seed)
    period = int(rng.integers(16, 28))
    beats = np.arange(int(rng.integers(3, period)), frames, period)
    inputs = 0.1 * rng.standard_normal((frames, INPUT_COUNT))
    inputs[beats, 8] += 2.0
    inputs[beats[::4], 0] += 2.0
    return BeatExample(inputs.astype(np.float16), beats * FRAME_S, beats[::4] * FRAME_S)


def train_network(examples: list[BeatExample], config: BeatTraining, shape: BeatNetConfig) -> BeatNetwork:
    """Train to the end."""
    run = BeatsRun(examples, config, shape)
    while run.epoch < config.epochs:
        run.train_epoch()
    return run.network.eval()


def same_weights(one: BeatNetwork, other: BeatNetwork) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values()))


def test_targets_are_widened_by_a_frame() -> None:
    targets = targets_of(np.array([5.0, 9.0]) * FRAME_S, np.array([5.0]) * FRAME_S, 12)
    assert targets[:, 0].tolist() == [0, 0, 0, 0, 0.5, 1, 0.5, 0, 0.5, 1, 0.5, 0]
    assert targets[:, 1].tolist() == [0, 0, 0, 0, 0.5, 1, 0.5, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("seed", range(5))
def test_windows_keep_beats_on_their_sound(seed: int) -> None:
    config = replace(QUICK, shake=0.0, band_loss=0.0, stretch=0.2)
    window = window_of(clicks(seed), config, RNG(seed))
    assert window.inputs.shape == (128, INPUT_COUNT)
    struck = np.flatnonzero(window.inputs[:, 8] > 1.2)
    assert len(struck) > 2
    assert (window.targets[struck, 0] >= 0.5).all()


def test_short_examples_are_padded_and_masked() -> None:
    window = window_of(clicks(0, frames=60), replace(QUICK, stretch=0.0), RNG(0))
    assert window.mask.sum() == 59
    assert not window.inputs[59:].any()


def test_a_tiny_network_learns_clicks() -> None:
    config = BeatTraining(
        epochs=25, batch_size=4, window_frames=128, learning_rate=1e-2, shake=0.0, band_loss=0.0, seed=0
    )
    run = BeatsRun([clicks(s) for s in range(8)], config, TINY)
    losses = [run.train_epoch()["train/loss"] for _ in range(config.epochs)]
    network = run.network.eval()
    assert losses[-1] < 0.5 * losses[0]
    fresh = clicks(99)
    with torch.no_grad():
        scores = network(torch.from_numpy(fresh.inputs[:300].astype(np.float32))[None])[0].numpy()
    beats = np.round(fresh.beats_s / FRAME_S).astype(int)
    assert scores[beats, 0].min() > np.delete(scores[:, 0], np.concatenate([beats - 1, beats, beats + 1]) % 300).max()


def test_same_seed_same_weights() -> None:
    examples = [clicks(seed) for seed in range(4)]
    whole = train_network(examples, QUICK, TINY)
    assert same_weights(whole, train_network(examples, QUICK, TINY))
    assert not same_weights(whole, train_network(examples, replace(QUICK, seed=2), TINY))


def test_impossible_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="count must be at least 1"):
        BeatsSettings(count=0)
    with pytest.raises(UsageError, match="there is no MIDI file at"):
        midi_files((tmp_path,))


@pytest.mark.parametrize("frames", [1, 3, 4, 127, 128])
def test_numpy_and_torch_hear_the_same(frames: int) -> None:
    torch.manual_seed(frames)
    network = BeatNetwork(TINY).eval()
    inputs = RNG(frames).standard_normal((frames, INPUT_COUNT)).astype(np.float32)
    padded = np.pad(inputs, ((0, -frames % TINY.stride), (0, 0)))
    with torch.no_grad():
        expected = network(torch.from_numpy(padded)[None])[0, :frames].numpy()
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    assert np.abs(log_odds(inputs, weights, TINY) - expected).max() < 1e-5


def test_examples_are_the_same_each_time_and_survive_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tinysoundfont")
    monkeypatch.setattr(beat_examples, "EXAMPLE_S", 6.0)
    one, again = (make_example(2, 7, [], sine_soundfont()) for _ in range(2))
    assert np.array_equal(one.inputs, again.inputs)
    assert np.isfinite(one.inputs.astype(np.float32)).all()
    path = tmp_path / "a" / "00002.npz"
    keep_example(path, one)
    kept = kept_example(path)
    assert kept is not None
    assert np.array_equal(kept.inputs, one.inputs)
    path.write_bytes(path.read_bytes()[:1000])
    assert kept_example(path) is None


@pytest.mark.parametrize("seed", range(6))
def test_roughened_sound_is_finite_and_as_long(seed: int) -> None:
    sound = np.sin(np.arange(30_000) / 20).astype(np.float32)
    rough = roughened(sound, RNG(seed))
    assert rough.shape == sound.shape
    assert np.isfinite(rough).all()
    assert np.abs(rough).max() < 1.0


def test_a_run_goes_on_where_it_was_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tinysoundfont")
    monkeypatch.setattr(beat_examples, "EXAMPLE_S", 6.0)
    soundfont = tmp_path / "sine.sf2"
    soundfont.write_bytes(sine_soundfont())
    monkeypatch.setattr(beats_run, "SHAPE", TINY)
    places = {"cache_dir": tmp_path / "cache", "save_dir": tmp_path / "whole", "log_dir": tmp_path / "log"}
    settings = BeatsSettings(soundfont=soundfont, count=2, workers=1, training=replace(QUICK, epochs=2), **places)
    lines: list[str] = []
    path = train(settings, command="editorbot train beats --count 2", on_line=lines.append)
    assert sum(line.startswith("epoch") for line in lines) == 2
    net = read_beat_net(path)
    assert net.config == TINY
    assert json.loads(path.with_suffix(".json").read_text())["command"] == "editorbot train beats --count 2"
    # All done already: nothing is made or trained again, and the weights are the same.
    again: list[str] = []
    content = path.read_bytes()
    train(settings, command="editorbot train beats --count 2", on_line=again.append)
    assert not any(line.startswith(("epoch", "making")) for line in again)
    assert path.read_bytes() == content
    with pytest.raises(NotFoundError):
        read_beat_net(tmp_path / "none.safetensors")
