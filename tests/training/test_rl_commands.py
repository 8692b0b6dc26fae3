"""The commands of the policy: the original flags word for word, whole runs on tiny sets, and what they leave."""

from __future__ import annotations

import json
import runpy
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import tyro
from safetensors.numpy import load_file, save_file

import editorbot.training.ppo.run as run_ppo_module
from editorbot.cli.command_line import remember_command
from editorbot.cli.main import main
from editorbot.cli.train.bc import Bc
from editorbot.cli.train.ppo import Ppo
from editorbot.corpus.dataset import BcDataset, read_dataset, write_dataset
from editorbot.corpus.truth import Segment, Truth, write_truth
from editorbot.editors.base import EditRequest
from editorbot.editors.policy import PolicyEditor
from editorbot.editors.policy_inference.learned import read_policy
from editorbot.editors.scoring.learned import SHIPPED
from editorbot.environment.actions import V3, Action
from editorbot.environment.settings import EnvironmentSettings, RewardWeights
from editorbot.errors import MismatchError, NonFiniteError, SplitError, UsageError
from editorbot.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from editorbot.models.policy_config import SCORE_FEATURES
from editorbot.training.bc.run import BcSettings, read_demonstrations, run_bc
from editorbot.training.bc.train import BcTraining
from editorbot.training.policy_data import DemonstrationAugmentation
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
        Bc(preset="huge"), Bc(weighting="some"), Ppo(preset="huge"), Ppo(n_envs=6), Ppo(group=0),
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


def dataset_of(recordings, path: Path, *, artists: tuple[str, ...] = ()) -> Path:
    """Write recordings as a data set."""
    counts = [len(one.features) for one in recordings]
    ids = np.repeat(np.arange(len(recordings)), [len(one.states) for one in recordings])
    labels = np.concatenate([one.actions for one in recordings])
    data = BcDataset(
        states=np.concatenate([one.states for one in recordings]),
        type_labels=labels[:, 0], size_labels=labels[:, 1], amount_labels=labels[:, 2], good_bad=1 - labels[:, 0],
        pair_ids=np.array([recordings[number].name for number in ids]), recording_ids=ids,
        beat_index=np.concatenate([one.beat for one in recordings]),
        features=np.concatenate([one.features for one in recordings]), offsets=np.concatenate([[0], np.cumsum(counts)]),
        recording_names=tuple(one.name for one in recordings), data_dir="nowhere", vocabulary="v3",
        artists=artists,
    )  # fmt: skip
    write_dataset(path, data)
    return path


@pytest.fixture
def cloning(tmp_path):
    return BcSettings(
        data=dataset_of(demonstrations(6), tmp_path / "bc.npz"),
        data_dir=tmp_path / "nowhere",
        cache=tmp_path / "cache",
        save=tmp_path / "bc",
        log=tmp_path / "log",
        device="cpu",
        model=TINY,
        training=BcTraining(
            epochs=2,
            batch_size=16,
            gradient_accumulation_steps=1,
            learning_rate=1e-2,
            teaching=DemonstrationAugmentation(),
        ),
    )


def test_a_cloning_run_leaves_a_policy_that_edits_and_goes_on_bit_for_bit(cloning):
    lines: list[str] = []
    whole = run_bc(cloning, on_line=lines.append)
    assert "features alone" in "\n".join(lines)
    weights = load_checkpoint(cloning.save / "latest.pt", method="bc").weights
    halved = []

    def stop(line: str) -> None:
        halved.append(line)
        if line.startswith("epoch 1:"):
            raise KeyboardInterrupt

    other = replace(cloning, save=cloning.save / "other", log=cloning.log / "other")
    with pytest.raises(KeyboardInterrupt):
        run_bc(other, on_line=stop)
    run_bc(other, resume=other.save / "latest.pt")
    again = load_checkpoint(other.save / "latest.pt", method="bc").weights
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    for path in (whole.shipped, whole.best):
        assert PolicyEditor(path).edit(song_analysis("A"), EditRequest()).clips
    shipped, kept = read_policy(whole.shipped), read_policy(whole.best)
    assert all(np.array_equal(shipped.weights[name], kept.weights[name]) for name in shipped.weights)
    assert json.loads(whole.shipped.with_suffix(".json").read_text())["licence"] == "GPL-3.0-or-later"
    changed = replace(other, training=replace(other.training, seed=5))
    with pytest.raises(MismatchError, match=r"training\.seed"):
        run_bc(changed, resume=other.save / "latest.pt")


def with_loss(path: Path, loss: float) -> None:
    """Make a checkpoint say that its loss was another."""
    save_checkpoint(replace(load_checkpoint(path, method="bc"), metrics={"val/bc_loss": loss}), path)


def test_a_fresh_cloning_run_never_ships_what_an_older_one_left_behind(cloning):
    run_bc(cloning)
    with_loss(cloning.save / "best.pt", -1.0)
    shipped = run_bc(cloning)
    assert shipped.metrics.get("val/bc_loss", 0.0) >= 0
    assert load_checkpoint(shipped.best, method="bc").metrics == shipped.metrics


def test_a_resumed_cloning_run_keeps_the_best_that_it_had_wherever_it_is_kept(cloning):
    run_bc(cloning)
    with_loss(cloning.save / "best.pt", -1.0)
    elsewhere = replace(cloning, save=cloning.save / "elsewhere")
    assert run_bc(elsewhere, resume=cloning.save / "latest.pt").metrics == {"val/bc_loss": -1.0}
    assert (elsewhere.save / "best.pt").is_file()


def test_a_resumed_cloning_run_takes_no_best_of_another_run(cloning):
    run_bc(cloning)
    other = replace(cloning, save=cloning.save / "other", training=replace(cloning.training, seed=5))
    run_bc(other)
    (other.save / "best.pt").replace(cloning.save / "best.pt")
    with pytest.raises(MismatchError, match=r"training\.seed 5, but 0 is asked"):
        run_bc(cloning, resume=cloning.save / "latest.pt")


@pytest.mark.parametrize("name", ["hints", "score", "weighting", "valid_npz"])
def test_a_cloning_run_that_is_asked_otherwise_does_not_go_on(cloning, tmp_path, name):
    run_bc(cloning)
    score = tmp_path / "score.safetensors"
    shutil.copy(SHIPPED.with_suffix(".json"), score.with_suffix(".json"))
    weights = {key: value + 1 for key, value in load_file(SHIPPED).items()}
    save_file(weights, score)
    changes = {
        "hints": {"hints": False},
        "score": {"score": score},
        "weighting": {"weighting": "advantage"},
        "valid_npz": {"valid": dataset_of(demonstrations(2, seed=1), tmp_path / "valid.npz")},
    }
    with pytest.raises(MismatchError, match=rf"inputs\.{name} .* is asked"):
        run_bc(replace(cloning, **changes[name]), resume=cloning.save / "latest.pt")


def card_of(shipped: Path) -> dict[str, object]:
    """Return what the card beside a policy says."""
    return json.loads(shipped.with_suffix(".json").read_text())


def test_the_card_tells_the_command_that_was_typed(cloning, tmp_path, capsys):
    places = {"data": cloning.data, "save-dir": cloning.save, "log-dir": cloning.log, "cache-dir": cloning.cache}
    flags = [word for name, place in places.items() for word in (f"--{name}", str(place))]
    typed = ["train", "bc", *flags, "--preset", "small", "--epochs", "1", "--no-hints", "--no-aux", "--device", "cpu"]
    assert main(typed) == 0
    assert card_of(cloning.save / "policy.json")["command"] == shlex.join(["editorbot", *typed])
    remember_command(())
    assert Bc().settings().command == ""


def test_few_recordings_are_chosen_on_others_of_other_artists(cloning, tmp_path):
    artists = ("us", "us", "them", "them", "them")
    data = dataset_of(demonstrations(5), tmp_path / "bc.npz", artists=artists)
    found_demonstrations = read_demonstrations(replace(cloning, data=data, hints=False), print)
    names = dict(zip((one.name for one in demonstrations(5)), artists))
    sides = [{names[one.name] for one in side} for side in (found_demonstrations.train, found_demonstrations.valid)]
    assert sorted(map(sorted, sides)) == [["them"], ["us"]]
    shipped = run_bc(replace(cloning, data=data, hints=False))
    assert "val/bc_loss" in shipped.metrics
    assert (
        f"chosen on {len(found_demonstrations.valid)} recordings of other artists" in card_of(shipped.shipped)["data"]
    )


def test_recordings_made_of_a_pair_stay_with_it(cloning, tmp_path):
    pairs = [
        replace(one, name=name)
        for one, name in zip(demonstrations(6), ("a_b", "a_b+1", "a_b+2", "a_c", "a_c+3", "a_d"))
    ]
    data = read_dataset(dataset_of(pairs, tmp_path / "bc.npz"))
    mended = replace(data, pair_ids=np.array([name.split("+")[0] for name in data.pair_ids.tolist()]))
    write_dataset(tmp_path / "bc.npz", mended)
    found_demonstrations = read_demonstrations(replace(cloning, data=tmp_path / "bc.npz", hints=False), print)
    sides = [
        {one.name.split("+")[0] for one in side} for side in (found_demonstrations.train, found_demonstrations.valid)
    ]
    assert len(sides[1]) == 1
    assert not sides[0] & sides[1]
    assert "whose artists are not all known" in found_demonstrations.chosen_on


def test_one_artist_is_learned_from_and_chosen_on_and_that_is_said(cloning, tmp_path):
    data = dataset_of(demonstrations(5), tmp_path / "bc.npz", artists=("us",) * 5)
    lines: list[str] = []
    shipped = run_bc(replace(cloning, data=data, hints=False), on_line=lines.append)
    assert "all recordings are of one artist" in "\n".join(lines)
    assert card_of(shipped.shipped)["data"] == "5 recordings; chosen on these too"
    valid = dataset_of(demonstrations(2, seed=1), tmp_path / "valid.npz", artists=("us", "them"))
    told_of = read_demonstrations(replace(cloning, data=data, hints=False, valid=valid), lines.append)
    assert lines[-1] == "warning: some artists are both learned from and chosen on"
    assert told_of.chosen_on == "2 recordings some of them of the same artists"


@pytest.mark.parametrize("side", ["data", "valid"])
def test_samples_of_a_test_artist_are_refused_on_both_sides_wherever_their_pairs_are(cloning, tmp_path, side):
    held = dataset_of(demonstrations(2), tmp_path / "held.npz", artists=("us", "muldjord"))
    with pytest.raises(SplitError, match="muldjord is a test artist") as caught:
        run_bc(replace(cloning, **{side: held}))
    assert caught.value.path == str(held)


@pytest.mark.parametrize("side", ["data", "valid"])
def test_samples_that_tell_no_artist_are_refused_by_the_truths_of_their_pairs(cloning, tmp_path, monkeypatch, side):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nowhere" / "truth").mkdir(parents=True)
    made = (Segment(1.0, 2.0, "music", 0.0),)
    write_truth(tmp_path / "nowhere/truth/band1_x.json", Truth(2.0, 1.0, made, artist="zaz-data"))
    # The recordings of the other side tell their artists, so that its folder is not asked.
    known = dataset_of(demonstrations(2), tmp_path / "known.npz", artists=("us", "them"))
    silent = dataset_of(demonstrations(2), tmp_path / "silent.npz")
    asked = {"data": known, "valid": known} | {side: silent}
    with pytest.raises(SplitError, match="zaz-data is a test artist"):
        run_bc(replace(cloning, data_dir=None, **asked))


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
    run_bc(cloning)
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
