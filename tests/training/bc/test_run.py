"""``train bc``: whole runs on tiny sets, what they leave, resume, refuse and say."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from editorbot.cli.main import main
from editorbot.corpus.dataset import read_dataset, write_dataset
from editorbot.corpus.truth import Segment, Truth, write_truth
from editorbot.editors.base import EditRequest
from editorbot.editors.policy import PolicyEditor
from editorbot.editors.policy_inference.learned import read_policy
from editorbot.editors.scoring.learned import SHIPPED
from editorbot.errors import MismatchError, SplitError, UsageError
from editorbot.training.bc.config import Augmentation, BcTraining, stored_training
from editorbot.training.bc.run import read_demonstrations, train
from tests.editors.factories import song_analysis
from tests.training.demonstrations import dataset_of, demonstrations


def test_a_cloning_run_leaves_a_policy_that_edits(cloning):
    lines: list[str] = []
    path, best = train(cloning, on_line=lines.append), cloning.save / "best.pt"
    assert "features alone" in "\n".join(lines)
    for policy in (path, best):
        assert PolicyEditor(policy).edit(song_analysis("A"), EditRequest()).clips
    shipped, kept = read_policy(path), read_policy(best)
    assert all(np.array_equal(shipped.weights[name], kept.weights[name]) for name in shipped.weights)
    assert card_of(path)["licence"] == "GPL-3.0-or-later"


@pytest.mark.parametrize("name", ["hints", "score", "weighting", "valid_npz"])
def test_a_cloning_run_that_is_asked_otherwise_does_not_go_on(cloning, tmp_path, name):
    train(cloning)
    score = tmp_path / "score.safetensors"
    shutil.copy(SHIPPED.with_suffix(".json"), score.with_suffix(".json"))
    weights = {key: value + 1 for key, value in load_file(SHIPPED).items()}
    save_file(weights, score)
    changes = {
        "hints": {"score_features": False},
        "score": {"score": score},
        "weighting": {"weighting": "advantage"},
        "valid_npz": {"valid_npz": dataset_of(demonstrations(2, seed=1), tmp_path / "valid.npz")},
    }
    with pytest.raises(MismatchError, match=rf"inputs\.{name} .* is asked"):
        train(replace(cloning, **changes[name], resume=cloning.save / "latest.pt"))


def card_of(shipped: Path) -> dict[str, object]:
    """Return what the card beside a policy says."""
    return json.loads(shipped.with_suffix(".json").read_text())


def test_the_card_tells_the_command_that_was_typed(cloning, tmp_path, capsys):
    places = {"data": cloning.data, "save-dir": cloning.save, "log-dir": cloning.log, "cache-dir": cloning.cache_dir}
    flags = [word for name, place in places.items() for word in (f"--{name}", str(place))]
    typed = [
        "train",
        "bc",
        *flags,
        "--preset",
        "small",
        "--epochs",
        "1",
        "--no-score-features",
        "--no-aux",
        "--device",
        "cpu",
    ]
    assert main(typed) == 0
    assert card_of(cloning.save / "policy.json")["command"] == shlex.join(["editorbot", *typed])


def test_few_recordings_are_chosen_on_others_of_other_artists(cloning, tmp_path):
    artists = ("us", "us", "them", "them", "them")
    data = dataset_of(demonstrations(5), tmp_path / "bc.npz", artists=artists)
    found = read_demonstrations(replace(cloning, data=data, score_features=False), print)
    names = dict(zip((one.name for one in demonstrations(5)), artists))
    sides = [{names[one.name] for one in side} for side in (found.train, found.valid)]
    assert sorted(map(sorted, sides)) == [["them"], ["us"]]
    card = card_of(train(replace(cloning, data=data, score_features=False)))
    assert "val/bc_loss" in card["validation"]
    assert card["data"].endswith(f"chosen on {len(found.valid)} recordings of other artists")


def test_recordings_made_of_a_pair_stay_with_it(cloning, tmp_path):
    pairs = [
        replace(one, name=name)
        for one, name in zip(demonstrations(6), ("a_b", "a_b+1", "a_b+2", "a_c", "a_c+3", "a_d"))
    ]
    data = read_dataset(dataset_of(pairs, tmp_path / "bc.npz"))
    mended = replace(data, pair_ids=np.array([name.split("+")[0] for name in data.pair_ids.tolist()]))
    write_dataset(tmp_path / "bc.npz", mended)
    found = read_demonstrations(replace(cloning, data=tmp_path / "bc.npz", score_features=False), print)
    sides = [{one.name.split("+")[0] for one in side} for side in (found.train, found.valid)]
    assert len(sides[1]) == 1
    assert not sides[0] & sides[1]
    assert "whose artists are not all known" in found.chosen_on


def test_one_artist_is_learned_from_and_chosen_on_and_that_is_said(cloning, tmp_path):
    data = dataset_of(demonstrations(5), tmp_path / "bc.npz", artists=("us",) * 5)
    lines: list[str] = []
    shipped = train(replace(cloning, data=data, score_features=False), on_line=lines.append)
    assert "all recordings are of one artist" in "\n".join(lines)
    assert card_of(shipped)["data"] == "5 recordings; chosen on these too"
    valid = dataset_of(demonstrations(2, seed=1), tmp_path / "valid.npz", artists=("us", "them"))
    mixed = read_demonstrations(replace(cloning, data=data, score_features=False, valid_npz=valid), lines.append)
    assert lines[-1] == "warning: some artists are both learned from and chosen on"
    assert mixed.chosen_on == "2 recordings some of them of the same artists"


@pytest.mark.parametrize("side", ["data", "valid_npz"])
def test_samples_of_a_test_artist_are_refused_on_both_sides_wherever_their_pairs_are(cloning, tmp_path, side):
    held = dataset_of(demonstrations(2), tmp_path / "held.npz", artists=("us", "muldjord"))
    with pytest.raises(SplitError, match="muldjord is a test artist") as caught:
        train(replace(cloning, **{side: held}))
    assert caught.value.path == str(held)


@pytest.mark.parametrize("side", ["data", "valid_npz"])
def test_samples_that_tell_no_artist_are_refused_by_the_truths_of_their_pairs(cloning, tmp_path, monkeypatch, side):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nowhere" / "truth").mkdir(parents=True)
    made = (Segment(1.0, 2.0, "music", 0.0),)
    write_truth(tmp_path / "nowhere/truth/band1_x.json", Truth(2.0, 1.0, made, artist="zaz-data"))
    # The recordings of the other side tell their artists, so that its folder is not asked.
    known = dataset_of(demonstrations(2), tmp_path / "known.npz", artists=("us", "them"))
    silent = dataset_of(demonstrations(2), tmp_path / "silent.npz")
    asked = {"data": known, "valid_npz": known} | {side: silent}
    with pytest.raises(SplitError, match="zaz-data is a test artist"):
        train(replace(cloning, data_dir=None, **asked))


def test_checkpoints_and_cards_keep_the_names_that_settings_had():
    stored = stored_training(BcTraining())
    assert stored["teaching"] == {
        "target_noise": 0.2, "input_noise": 0.05, "hint_dropout": 0.1, "sight_dropout": 0.5, "slips": 0.15,
    }  # fmt: skip
    assert {"epochs", "learning_rate", "tasks"} < set(stored)


def test_old_flags_are_read_and_named(capsys):
    assert main(["train", "bc", "--slips", "0.3", "--no-hints", "--no-aux", "--lr", "0.1", "--print-config"]) == 0
    said = capsys.readouterr()
    config = json.loads(said.out)
    assert config["training"]["augmentation"]["noise"] == 0.3
    assert (config["score_features"], config["training"]["tasks"]["kept"]) == (False, 0.0)
    assert said.err.splitlines() == [
        "--slips is an old name; use --noise", "--no-hints is an old name; use --no-score-features",
    ]  # fmt: skip


def test_impossible_settings_are_refused(capsys):
    assert main(["train", "bc", "--preset", "huge"]) == UsageError.exit_code
    assert "there is no preset 'huge'" in capsys.readouterr().err
    with pytest.raises(UsageError, match=r"noise must be from 0 to below 1, but is 1"):
        Augmentation(noise=1.0)
    with pytest.raises(UsageError, match="above 0"):
        BcTraining(learning_rate=0.0)
