"""The commands of the policy: the original flags word for word, whole runs on tiny sets, and what they leave."""

from __future__ import annotations

import runpy
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from editorbot.cli.main import main
from editorbot.cli.train import Train
from editorbot.editors.base import EditRequest
from editorbot.editors.policy import PolicyEditor
from editorbot.environment.actions import V3, Action
from editorbot.environment.settings import RewardWeights
from editorbot.errors import MismatchError, NonFiniteError
from editorbot.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from editorbot.training.bc.config import TaskWeights
from editorbot.training.bc.run import train as train_bc
from editorbot.training.ppo import run as ppo
from editorbot.training.ppo.config import PpoSettings
from editorbot.training.ppo.train import PpoRun
from tests.editors.factories import song_analysis
from tests.environment.games import song_material
from tests.training.ppo.tiny_runs import played, tiny_settings
from tools.policy_pictures import curves_of, picture_of_episode, picture_of_run


def settings_of(command: str) -> PpoSettings:
    """Return what the flags of a command become."""
    return Train.parse(["ppo", *shlex.split(command)]).training.settings


def test_the_original_flags_of_a_first_run():
    settings = settings_of("--bc_mixed_npz F --bc_mixed_weight 0.5 --save_dir models/v1 --subprocess")
    assert settings.bc_mixed_npz == Path("F")
    assert settings.training.bc_weight == 0.5
    assert settings.save == Path("models/v1")
    assert settings.log == Path("logs/v1")
    assert settings.subprocess
    assert settings.data_dir == Path("training_data")
    assert settings.cache_dir == Path("cache")


def test_the_original_flags_of_a_run_from_a_checkpoint():
    settings = settings_of("--checkpoint models/v1/best.pt --bc-mixed F --bc-weight 0.5")
    assert settings.checkpoint == Path("models/v1/best.pt")
    assert settings.save == Path("models/v1")
    assert settings.bc_mixed_npz == Path("F")


def test_the_original_flags_of_a_run_without_cloning_and_of_cloning_first():
    training = settings_of("--save_dir models --epochs 30000 --steps 512 --n_envs 16 --lr 5e-5").learning
    assert (training.updates, training.n_steps, training.n_envs, training.learning_rate) == (30000, 512, 16, 5e-5)
    assert training.entropy_coeff == 0.5
    assert training.entropy_coeff_end == 0.02
    first = settings_of("--bc-pretrain F --bc_pretrain_epochs 7")
    assert first.bc_pretrain_npz == settings_of("--bc_pretrain_npz F").bc_pretrain_npz == Path("F")
    assert first.cloning.epochs == 7
    assert first.learning.entropy_coeff == 0.02
    assert settings_of("--entropy-coeff 0.1").learning.entropy_coeff_end is None


def test_old_names_of_flags_work_and_say_so(capsys):
    settings = settings_of("--similarity-weight 5 --no-hints")
    assert settings.reward.similarity == 5.0
    assert not settings.score_features
    assert capsys.readouterr().err.splitlines() == [
        "--similarity-weight is an old name; use --similarity",
        "--no-hints is an old name; use --no-score-features",
    ]


def test_the_defaults_are_those_of_the_documents():
    asked = settings_of("--checkpoint x.pt").learning
    assert (asked.learning_rate, asked.entropy_coeff, asked.clip_ratio, asked.target_kl) == (1e-4, 0.02, 0.2, 0.02)
    assert (asked.batch_size, asked.gradient_accumulation_steps, asked.n_envs, asked.n_steps) == (2048, 4, 16, 512)
    assert settings_of("").reward.similarity == 3.0


def test_the_small_preset_and_switched_off_tasks():
    small = settings_of("--preset small --no-aux --vocabulary v2")
    assert (small.training.n_envs, small.training.learning_rate, small.cloning.learning_rate) == (32, 3e-4, 1e-3)
    assert small.learning.tasks == small.cloning.tasks == TaskWeights.none()
    assert small.environment.vocabulary == small.model.vocabulary == "v2"


@pytest.mark.parametrize("flags", ["--n-envs 6", "--group 0", "--bc-weight -1", "--updates 0", "--rest-weight -1"])
def test_impossible_flags_are_refused(flags, capsys):
    assert main(["train", "ppo", *flags.split()]) == 2
    assert capsys.readouterr().err.startswith("error[USAGE]")


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
    monkeypatch.setattr(ppo, "played_recordings", lambda settings, on_line: played())
    return replace(tiny_settings(), save_dir=tmp_path / "ppo", log_dir=tmp_path / "log")


def test_a_ppo_run_begins_with_cloning_and_leaves_a_policy(cloning, playing):
    train_bc(cloning)
    begun = replace(playing, checkpoint=cloning.save / "best.pt")
    shipped = ppo.train(begun)
    found = load_checkpoint(begun.save / "latest.pt", method="ppo")
    assert {"train/entropy", "train/bc_loss", "approx_kl", "counters/truth_keep_ratio"} <= set(found.metrics)
    assert found.training["reference"]
    for path in (shipped, begun.save / "best.pt"):
        assert PolicyEditor(path).edit(song_analysis("A"), EditRequest()).clips
    curves = curves_of(begun.log)
    assert curves["train/entropy"][0] == [1, 2]
    assert picture_of_run(curves, "a run").startswith(b"\x89PNG")


def test_samples_are_cloned_first_where_that_is_asked(cloning, playing):
    lines: list[str] = []
    ppo.train(replace(playing, bc_pretrain_npz=cloning.data, bc_pretrain_epochs=2), on_line=lines.append)
    assert [line.split(":")[0] for line in lines if line.startswith("cloning")] == [
        "cloning, epoch 1", "cloning, epoch 2",
    ]  # fmt: skip
    assert load_checkpoint(playing.save / "latest.pt", method="ppo").training["reference"]


def test_without_demonstrations_states_are_normalized_by_random_play(playing, monkeypatch):
    monkeypatch.setattr(ppo, "played_recordings", lambda settings, on_line: replace(played(), demonstrations=[]))
    ppo.train(playing)
    found = load_checkpoint(playing.save / "latest.pt", method="ppo")
    assert "counters/truth_keep_ratio" not in found.metrics
    assert found.config["training"]["entropy_coeff"] == 0.5
    assert not found.training["reference"]
    assert min(found.config["normalizer"]["std"]) > 0


def test_what_was_best_before_a_run_was_broken_off_stays_the_best(playing, monkeypatch):
    class Worse(PpoRun):
        def run_update(self) -> dict[str, float]:
            return super().run_update() | {"train/episode_reward": -float(self.update)}

    monkeypatch.setattr(ppo, "PpoRun", Worse)

    def stop(line: str) -> None:
        if line.startswith("update 1:"):
            raise KeyboardInterrupt

    whole = ppo.train(playing)
    other = replace(playing, save_dir=playing.save / "other", log_dir=playing.log / "other")
    with pytest.raises(KeyboardInterrupt):
        ppo.train(other, on_line=stop)
    again = ppo.train(replace(other, resume=other.save / "latest.pt"))
    assert [load_checkpoint(run.save / "best.pt", method="ppo").step for run in (playing, other)] == [1, 1]
    assert again.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"max_loops": 1}, "max_loops"),
        ({"reward": RewardWeights(similarity=5.0)}, "reward.similarity 3.0, but 5.0"),
        ({"score_features": False}, "score"),
        ({"group": 2}, "group 4, but 2"),
    ],
)
def test_a_ppo_run_resumes_only_as_it_began(playing, change, named):
    ppo.train(playing)
    with pytest.raises(MismatchError, match=named):
        ppo.train(replace(playing, **change, resume=playing.save / "latest.pt"))


def test_what_a_run_with_a_broken_gradient_advises_can_be_done(playing):
    ppo.train(playing)
    training = replace(playing.training, value_loss_coeff=1e38)
    with pytest.raises(NonFiniteError) as caught:
        ppo.train(replace(playing, save_dir=playing.save / "broken", training=training))
    advised = settings_of(caught.value.message.split("run from it: ")[1])
    assert advised.training.learning_rate == playing.training.learning_rate / 2
    slower = replace(playing.training, learning_rate=advised.training.learning_rate)
    assert ppo.train(replace(playing, checkpoint=playing.save / advised.checkpoint, training=slower)).is_file()


def test_an_episode_is_drawn():
    material = song_material("AB", target=0.5)
    steps = [Action(V3.index(name), 1, 0) for name in ("KEEP", "CUT", "LOOP", "JUMP_BACK", "REVERSE", "SWAP_NEXT")]
    assert picture_of_episode(steps, material, V3, "an episode").startswith(b"\x89PNG")
