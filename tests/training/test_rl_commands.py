"""The commands of the policy: the original flags word for word, whole runs on tiny sets, and what they leave."""

from __future__ import annotations

import runpy
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import tyro

import editorbot.training.ppo.run as run_ppo_module
from editorbot.cli.train.ppo import Ppo
from editorbot.editors.base import EditRequest
from editorbot.editors.policy import PolicyEditor
from editorbot.environment.actions import V3, Action
from editorbot.environment.settings import EnvironmentSettings, RewardWeights
from editorbot.errors import MismatchError, NonFiniteError, UsageError
from editorbot.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from editorbot.models.policy_config import SCORE_FEATURES
from editorbot.training.bc.run import train as train_bc
from editorbot.training.ppo.config import PpoSettings, PpoTraining
from editorbot.training.ppo.data import TrainingData
from editorbot.training.ppo.run import run_ppo
from editorbot.training.ppo.train import train_ppo
from tests.editors.factories import song_analysis
from tests.environment.games import song_material
from tests.training.demonstrations import TINY, demonstrations
from tools.policy_pictures import curves_of, picture_of_episode, picture_of_run


def told(command: str) -> Ppo:
    """Return what the flags of an original command become."""
    return tyro.cli(Ppo, args=shlex.split(command))


def test_the_original_flags_of_a_first_run():
    settings = told("--bc_mixed_npz F --bc_mixed_weight 0.5 --save_dir models/v1 --subprocess").settings()
    assert settings.bc_mixed == Path("F")
    assert settings.training.bc_weight == 0.5
    assert settings.save == Path("models/v1")
    assert settings.log == Path("logs/v1")
    assert settings.subprocess
    assert settings.data_dir == Path("training_data")
    assert settings.cache == Path("cache")


def test_the_original_flags_of_a_run_from_a_checkpoint():
    settings = told("--checkpoint models/v1/best.pt --bc-mixed F --bc-weight 0.5").settings()
    assert settings.checkpoint == Path("models/v1/best.pt")
    assert settings.save == Path("models/v1")
    assert settings.bc_mixed == Path("F")


def test_the_original_flags_of_a_run_without_cloning_and_of_cloning_first():
    alone = told("--save_dir models --epochs 30000 --steps 512 --n_envs 16 --lr 5e-5").settings()
    asked = alone.training
    assert (asked.updates, asked.n_steps, asked.n_envs, asked.learning_rate) == (30000, 512, 16, 5e-5)
    assert asked.entropy_coeff == 0.5
    assert asked.entropy_coeff_end == 0.02
    first = told("--bc-pretrain F --bc_pretrain_epochs 7").settings()
    assert first.bc_pretrain == told("--bc_pretrain_npz F").settings().bc_pretrain == Path("F")
    assert first.cloning.epochs == 7
    assert first.training.entropy_coeff == 0.02


def test_the_defaults_are_those_of_the_documents():
    asked = Ppo(checkpoint="x.pt").settings().training
    assert (asked.learning_rate, asked.entropy_coeff, asked.clip_ratio, asked.target_kl) == (1e-4, 0.02, 0.2, 0.02)
    assert (asked.batch_size, asked.gradient_accumulation_steps, asked.n_envs, asked.n_steps) == (2048, 4, 16, 512)


@pytest.mark.parametrize(
    "command",
    [
        Ppo(preset="huge"), Ppo(n_envs=6), Ppo(group=0),
        Ppo(bc_mixed_weight=-1.0),
    ],
)  # fmt: skip
def test_impossible_flags_are_refused(command):
    with pytest.raises(UsageError):
        command.settings()


def test_the_original_names_are_forwards(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr("editorbot.cli.main.main", lambda arguments: seen.append(arguments) or 0)
    for module, arguments in (
        ("rl_editor.train", ["--save_dir", "models"]),
        ("rl_editor.infer", ["input.wav", "--checkpoint", "best.pt", "--output", "output.wav"]),
    ):
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        with pytest.raises(SystemExit) as caught:
            runpy.run_module(module, run_name="__main__")
        assert caught.value.code == 0
    assert seen[0] == ["train", "ppo", "--save_dir", "models"]
    assert seen[1] == ["edit", "--editor", "policy", "input.wav", "--checkpoint", "best.pt", "--output", "output.wav"]


@pytest.mark.parametrize("flag", ["--checkpoint {}", "--checkpoint={}"])
def test_a_supervised_checkpoint_polishes_what_the_policy_edits(tmp_path, flag):
    # Not imported: runpy, which other tests run the forwards by, warns of modules that are there already.
    arguments_of = runpy.run_module("rl_editor.infer")["arguments_of"]
    path = tmp_path / "best.pt"
    given = ["jam.wav", *flag.format(path).split(), "--output", "out.wav"]
    save_checkpoint(Checkpoint(method="ppo", config={}, weights={}), path)
    assert arguments_of(given) == ["edit", "--editor", "policy", *given]
    save_checkpoint(Checkpoint(method="mel2mel", config={}, weights={}), path)
    polish = ["--polish", "mel2mel", "--polish-checkpoint", str(tmp_path / "mel2mel.safetensors")]
    assert arguments_of(given) == ["edit", "--editor", "policy", "jam.wav", *polish, "--output", "out.wav"]


@pytest.fixture
def playing(tmp_path, monkeypatch):
    materials = tuple(song_material("AB", target=0.5, seed=seed) for seed in range(2))
    score_features = tuple(np.zeros((one.beats, SCORE_FEATURES), np.float32) for one in materials)
    training_data = TrainingData(("one_x", "two_x"), materials, score_features, demonstrations(2))
    monkeypatch.setattr(run_ppo_module, "training_data_of", lambda settings, on_line: training_data)
    return PpoSettings(
        save=tmp_path / "ppo", log=tmp_path / "log", device="cpu", model=TINY, environment=EnvironmentSettings(),
        keep_every=1,
        training=PpoTraining(
            updates=2, n_envs=4, n_steps=4, batch_size=200, gradient_accumulation_steps=1, ppo_epochs=1, value_warmup=0,
        ),
    )  # fmt: skip


def test_a_ppo_run_begins_with_cloning_leaves_a_policy_and_goes_on_bit_for_bit(cloning, playing):
    train_bc(cloning)
    begun = replace(playing, checkpoint=cloning.save / "best.pt")
    whole = run_ppo(begun)
    found = load_checkpoint(begun.save / "latest.pt", method="ppo")
    assert {"train/entropy", "train/bc_loss", "approx_kl", "counters/truth_keep_ratio"} <= set(found.metrics)
    other = replace(begun, save=begun.save / "other", log=begun.log / "other")

    def stop(line: str) -> None:
        if line.startswith("update 1:"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_ppo(other, on_line=stop)
    run_ppo(other, resume=other.save / "latest.pt")
    again = load_checkpoint(other.save / "latest.pt", method="ppo")
    assert all(torch.equal(value, again.weights[name]) for name, value in found.weights.items())
    assert PolicyEditor(whole.shipped).edit(song_analysis("A"), EditRequest()).clips
    assert PolicyEditor(whole.best).name == "policy"
    curves = curves_of(begun.log)
    assert curves["train/entropy"][0] == [1, 2]
    assert picture_of_run(curves, "a run").startswith(b"\x89PNG")


def test_what_was_best_before_a_run_was_broken_off_stays_the_best(playing, monkeypatch):
    def worse_and_worse(run, on_update):
        train_ppo(run, on_update=lambda at, told: on_update(at, told | {"train/episode_reward": -float(at.update)}))

    monkeypatch.setattr(run_ppo_module, "train_ppo", worse_and_worse)

    def stop(line: str) -> None:
        if line.startswith("update 1:"):
            raise KeyboardInterrupt

    whole = run_ppo(playing)
    other = replace(playing, save=playing.save / "other", log=playing.log / "other")
    with pytest.raises(KeyboardInterrupt):
        run_ppo(other, on_line=stop)
    again = run_ppo(other, resume=other.save / "latest.pt")
    assert load_checkpoint(again.best, method="ppo").step == load_checkpoint(whole.best, method="ppo").step == 1
    assert again.shipped.read_bytes() == whole.shipped.read_bytes()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"environment": EnvironmentSettings(max_loops=1)}, "max_loops"),
        ({"environment": EnvironmentSettings(reward=RewardWeights(similarity=5.0))}, "reward"),
        ({"hints": False}, "score"),
    ],
)
def test_a_ppo_run_goes_on_only_as_it_began(playing, change, named):
    run_ppo(playing)
    with pytest.raises(MismatchError, match=named):
        run_ppo(replace(playing, **change), resume=playing.save / "latest.pt")


def test_what_a_run_with_a_broken_gradient_advises_can_be_done(playing):
    run_ppo(playing)
    broken = replace(playing, save=playing.save / "broken", training=replace(playing.training, value_loss_coeff=1e38))
    with pytest.raises(NonFiniteError) as caught:
        run_ppo(broken)
    flags = told(caught.value.message.split("run from it: ")[1]).settings()
    assert flags.training.learning_rate == playing.training.learning_rate / 2
    slower = replace(playing.training, learning_rate=flags.training.learning_rate)
    assert run_ppo(replace(playing, checkpoint=playing.save / flags.checkpoint, training=slower)).best.is_file()


def test_an_episode_is_drawn():
    material = song_material("AB", target=0.5)
    steps = [Action(V3.index(name), 1, 0) for name in ("KEEP", "CUT", "LOOP", "JUMP_BACK", "REVERSE", "SWAP_NEXT")]
    assert picture_of_episode(steps, material, V3, "an episode").startswith(b"\x89PNG")
