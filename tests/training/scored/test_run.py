"""`editorbot train scored` whole: jams made, a network trained, the score that it writes can be used."""

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest

from editorbot.cli.main import main
from editorbot.corpus.truth import Segment, Truth, read_truth, write_truth
from editorbot.editors.scoring.inputs import INPUTS_VERSION
from editorbot.editors.scoring.learned import read_score
from editorbot.models.checkpoint import load_checkpoint
from editorbot.training.scored import run as run_module
from editorbot.training.scored.examples import read_example, write_example
from editorbot.training.scored.jams import examples_of_pairs
from tests.sounds import band, write

RATE = 22_050


@pytest.fixture
def artists(tmp_path):
    for name in ("band", "others"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "song.wav", band(30, RATE), RATE)
    return tmp_path


def train(folder, *more: str) -> int:
    """Run the command on two artists' songs, with the jams in a cache."""
    return main(typed(folder, *more))


def typed(folder, *more: str) -> list[str]:
    """Return what stands after ``editorbot``."""
    told = {"tracks": "band", "valid-tracks": "others", "cache-dir": "cache", "save-dir": "m", "log-dir": "logs"}
    flags = [word for flag, name in told.items() for word in (f"--{flag}", str(folder / name))]
    sizes = ["--count", "3", "--valid-count", "1", "--held-back", "1", "--members", "1", "--workers", "1"]
    return ["train", "scored", *flags, *sizes, *more]


def test_a_whole_run_writes_a_score_that_can_be_read(artists, capsys):
    assert train(artists, "--epochs", "2", "--epoch-jams", "1") == 0
    said = capsys.readouterr().out
    assert "2 training jams, 2 validation jams" in said
    card = json.loads((artists / "m" / "scored.json").read_text())
    assert card["data"].endswith("2 jams to choose on, 1 of them of the same tracks, 1 of other artists")
    assert card["command"] == shlex.join(["editorbot", *typed(artists, "--epochs", "2", "--epoch-jams", "1")])
    score = read_score(artists / "m" / "scored.safetensors")
    assert (score.scale, score.shift, score.switch_cost) == (card["scale"], card["shift"], card["switch_cost"])
    first = (artists / "m" / "scored.safetensors").read_bytes()
    assert train(artists, "--epochs", "2", "--epoch-jams", "1") == 0
    assert "epoch" not in capsys.readouterr().out.replace("epochs", "")
    assert (artists / "m" / "scored.safetensors").read_bytes() == first


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--held-back", "3"), "held_back must be from 0 to below count, 3"),
        (("--epoch-jams", "0"), "epoch_jams must be at least 1, but is 0"),
        (("--left-out", "jokes"), "left_out must name classes of keep,"),
    ],
)
def test_sizes_that_leave_nothing_are_refused(artists, capsys, more, said):
    assert train(artists, *more) == 2
    assert said in capsys.readouterr().err


def write_jam(folder, *, seed=0, kept_until_s=10.0):
    """Write a raw recording and its truth."""
    for name in ("input", "truth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write(folder / "input" / "one_raw.wav", band(14, RATE, seed=seed), RATE)
    music = Segment(2.0, kept_until_s, "music", 0.0)
    write_truth(folder / "truth" / "one.json", Truth(14.0, 12.0, (Segment(0.0, 2.0, "talk"), music)))


def test_examples_of_pairs_are_kept_until_recording_or_truth_changes(tmp_path):
    made = []

    def example():
        before = set(tmp_path.rglob("*.npz"))
        (path,) = examples_of_pairs(tmp_path, tmp_path / "cache")
        made.append(path not in before)
        return read_example(path)

    write_jam(tmp_path)
    example()
    first = example()
    write_jam(tmp_path, kept_until_s=6.0)
    second = example()
    assert np.count_nonzero(second.classes != first.classes) > 2
    write_jam(tmp_path, seed=5, kept_until_s=6.0)
    assert not np.array_equal(example().inputs.values, second.inputs.values)
    assert made == [True, False, True, True]


def test_a_pair_without_a_recording_is_told(tmp_path):
    write_jam(tmp_path)
    (tmp_path / "input" / "one_raw.wav").unlink()
    lines = []
    assert examples_of_pairs(tmp_path, tmp_path / "cache", on_line=lines.append) == []
    assert "one_raw.* is missing" in lines[0]


def test_pairs_of_the_validation_artist_are_told_on_the_card(artists):
    write_jam(artists / "pairs")
    truth = read_truth(artists / "pairs" / "truth" / "one.json")
    write_truth(artists / "pairs" / "truth" / "one.json", replace(truth, artist="others"))
    assert train(artists, "--epochs", "1", "--data-dir", str(artists / "pairs")) == 0
    card = json.loads((artists / "m" / "scored.json").read_text())
    assert "3 jams: simulated from tracks of 1 folders and of pairs;" in card["data"]
    assert card["data"].endswith("1 some of them of the same artists")


def checkpoint(folder):
    return load_checkpoint(folder / "m" / "member_0" / "latest.pt", method="scored")


def test_a_run_on_other_examples_or_inputs_begins_anew(artists, monkeypatch, capsys):
    def epochs_done() -> int:
        assert train(artists, "--epochs", "1") == 0
        return capsys.readouterr().out.count("member 0, epoch 1")

    assert epochs_done() == 1
    assert epochs_done() == 0
    assert checkpoint(artists).features == f"score inputs {INPUTS_VERSION}"
    assert len(checkpoint(artists).data) == 16
    for path in (artists / "cache" / "scored").rglob("*.npz"):
        example = read_example(path)
        write_example(replace(example, source_s=example.source_s + 1), path)
    before = checkpoint(artists).data
    assert epochs_done() == 1
    assert checkpoint(artists).data != before
    monkeypatch.setattr(run_module, "FEATURES", "score inputs of another version")
    assert epochs_done() == 1
    assert epochs_done() == 0
