"""``editorbot pairs labels`` on the command line."""

import numpy as np
import pytest

from editorbot.cli.main import main
from editorbot.cli.pairs import augment
from editorbot.corpus.dataset import read_dataset, write_dataset
from editorbot.corpus.truth import Segment, Truth, write_truth
from editorbot.editlist.edit_list import Clip
from editorbot.errors import ExistsError
from tests.corpus.labels.label_pairs import make_pair
from tests.corpus.test_dataset import small


def test_a_folder_is_labelled_and_goes_on_after_a_failure(tmp_path, capsys):
    folder = make_pair(tmp_path / "data", [Clip(0, 8), Clip(12, 20)])
    (folder / "input" / "alone_raw.wav").write_text("text")
    command = ["pairs", "labels", "--data_dir", str(folder), "--cache-dir", str(tmp_path / "cache"), "--no-picture"]
    assert main([*command, "--out", str(tmp_path / "bc_rich.npz")]) == 7
    seen = capsys.readouterr()
    assert "it has no edit" in seen.err
    assert "blues: 2 clips," in seen.out
    assert "1 pairs labelled, 1 problems" in seen.out
    assert (folder / "pointer_sequences" / "blues_edit.json").exists()
    assert (tmp_path / "cache" / "labels" / "blues.npy").exists()


def test_workers_and_empty_folders(tmp_path, capsys):
    assert main(["pairs", "labels", "--data-dir", str(tmp_path)]) == 3
    for half in ("input", "desired_output"):
        (tmp_path / half).mkdir()
    assert main(["pairs", "labels", "--data-dir", str(tmp_path)]) == 4
    assert "no pairs are in it" in capsys.readouterr().err
    assert main(["pairs", "labels", "--data-dir", str(tmp_path), "--workers", "0"]) == 2


def test_a_data_set_needs_a_folder_before_anything_is_made(tmp_path, capsys):
    make = ["pairs", "labels", "--data-dir", str(tmp_path), "--out"]
    assert main([*make, str(tmp_path / "none" / "bc.npz")]) == 6
    assert "its folder does not exist" in capsys.readouterr().err
    assert main([*make, str(tmp_path)]) == 6
    assert "this is a folder" in capsys.readouterr().err
    assert main(["pairs", "augment", "--output", str(tmp_path / "none" / "bc.npz")]) == 6


@pytest.mark.parametrize("content", [b"RIFF precious", b"", "npz"])
def test_no_other_file_is_replaced_by_a_data_set(tmp_path, capsys, content):
    precious = tmp_path / "precious.wav"
    if content == "npz":
        with open(precious, "wb") as file:
            np.savez(file, features=np.ones(3))
    else:
        precious.write_bytes(content)
    before = precious.read_bytes()
    for command in (["labels", "--data-dir", str(tmp_path), "--out"], ["augment", "--output"]):
        assert main(["pairs", *command, str(precious)]) == 6
        assert f"error[EXISTS]: {precious}: it is there, and no data set" in capsys.readouterr().err
    with pytest.raises(ExistsError):
        write_dataset(precious, small())
    assert precious.read_bytes() == before
    write_dataset(tmp_path / "bc.npz", small())
    write_dataset(tmp_path / "bc.npz", small(seed=1))


def test_rare_types_are_added_by_corrupting_the_edits(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(augment, "PROGRESS_EVERY", 8)
    folder = make_pair(tmp_path / "data", [Clip(0, 60), Clip(72, 120)])
    few, more = tmp_path / "bc_rich.npz", tmp_path / "bc.npz"
    make = ["pairs", "labels", "--data-dir", str(folder), "--cache-dir", str(tmp_path / "cache"), "--no-picture"]
    assert main([*make, "--out", str(few)]) == 0
    capsys.readouterr()
    (folder / "truth").mkdir()
    write_truth(folder / "truth" / "blues.json", Truth(60.0, 54.0, (Segment(0.0, 60.0, "music", 0.0),), artist="us"))
    command = ["pairs", "augment", "--input", str(few), "--min-samples", "4", "--output"]
    assert main([*command, str(more)]) == 0
    assert "8 recordings made, " in capsys.readouterr().out
    before, after = read_dataset(few), read_dataset(more)
    assert (after.type_counts >= 4).all()
    assert before.type_counts.min() == 0
    assert before.artists == ("",)
    assert set(after.artists) == {"us"}
    assert len(after.artists) > 1
    assert np.array_equal(after.states[: len(before.states)], before.states)  # what was there stays, and comes first
    assert np.isfinite(after.states).all()
    (folder / "desired_output" / "blues_edit.wav").unlink()
    assert main([*command, str(tmp_path / "none.npz")]) == 3
    assert "give" in capsys.readouterr().err
