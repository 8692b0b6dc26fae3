"""Checkpoints are plain data, and anything else is refused."""

import contextlib
import pickle
import random

import pytest
import torch

from editorbot.errors import (
    EditorbotError,
    FormatError,
    MismatchError,
    NotFoundError,
    UnreadableError,
    VersionError,
)
from editorbot.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint


def _checkpoint(**changes):
    fields = {"method": "scored", "config": {"width": 4}, "weights": {"a": torch.arange(3.0)}, "step": 2}
    return Checkpoint(**{**fields, **changes})


def test_what_is_saved_comes_back(tmp_path):
    path = tmp_path / "models" / "best.pt"
    save_checkpoint(_checkpoint(metrics={"val/f1": 0.5}, training={"rng": "x"}), path)
    found = load_checkpoint(path, method="scored")
    assert torch.equal(found.weights["a"], torch.arange(3.0))
    assert (found.step, dict(found.metrics), dict(found.training)) == (2, {"val/f1": 0.5}, {"rng": "x"})
    assert torch.load(path, weights_only=True)["format"] == "editorbot.checkpoint"
    assert [entry.name for entry in path.parent.iterdir()] == ["best.pt"]


class _Evil:
    def __reduce__(self):
        return print, ("code of the file's ran",)


def test_code_in_a_file_never_runs(tmp_path, capsys):
    path = tmp_path / "evil.pt"
    torch.save({"format": "editorbot.checkpoint", "weights": _Evil()}, path)
    with pytest.raises(FormatError, match="more than data"):
        load_checkpoint(path, method="scored")
    path.write_bytes(pickle.dumps(_Evil()))
    with pytest.raises(FormatError):
        load_checkpoint(path, method="scored")
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 half a zip"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(FormatError):
        load_checkpoint(path, method="scored")


def test_another_method_version_or_vocabulary_is_refused(tmp_path):
    path = tmp_path / "x.pt"
    save_checkpoint(_checkpoint(vocabulary="one"), path)
    with pytest.raises(MismatchError, match="method"):
        load_checkpoint(path, method="pointer")
    with pytest.raises(MismatchError, match="vocabulary"):
        load_checkpoint(path, method="scored", vocabulary="two")
    content = torch.load(path, weights_only=True)
    torch.save({**content, "version": 99}, path)
    with pytest.raises(VersionError, match="99"):
        load_checkpoint(path, method="scored")
    torch.save({**content, "surprise": 1}, path)
    with pytest.raises(FormatError, match="surprise"):
        load_checkpoint(path, method="scored")
    with pytest.raises(NotFoundError):
        load_checkpoint(tmp_path / "none.pt", method="scored")


def test_one_of_several_methods_is_taken_and_a_folder_is_none(tmp_path):
    path = tmp_path / "x.pt"
    save_checkpoint(_checkpoint(method="ppo"), path)
    assert load_checkpoint(path, method=("bc", "ppo")).method == "ppo"
    with pytest.raises(MismatchError, match="its method is 'ppo', but 'bc' or 'scored' is needed"):
        load_checkpoint(path, method=("bc", "scored"))
    with pytest.raises(NotFoundError, match="a folder; name the checkpoint in it"):
        load_checkpoint(tmp_path, method="ppo")


def test_the_refusal_repeats_no_advice_to_load_it_anyway(tmp_path):
    path = tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps(_Evil()))
    with pytest.raises(FormatError) as caught:
        load_checkpoint(path, method="scored")
    assert "weights_only" not in str(caught.value)


def test_a_cut_file_is_refused_wherever_it_ends(tmp_path):
    path = tmp_path / "best.pt"
    # More than torch looks back for the end of a zip: it seeks before the start of shorter rests.
    save_checkpoint(_checkpoint(weights={"a": torch.arange(30_000.0)}), path)
    whole = path.read_bytes()
    for share in range(20):
        path.write_bytes(whole[: len(whole) * share // 20])
        with pytest.raises(FormatError, match="damaged"):
            load_checkpoint(path, method="scored")


def test_flipped_bytes_give_no_other_error_than_ours(tmp_path):
    path = tmp_path / "best.pt"
    save_checkpoint(_checkpoint(training={"rng": [1, "x"]}), path)
    whole, chance = path.read_bytes(), random.Random(0)
    for _ in range(500):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[chance.randrange(len(whole))] = chance.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(EditorbotError):
            load_checkpoint(path, method="scored")


def test_a_file_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    path = tmp_path / "best.pt"
    save_checkpoint(_checkpoint(), path)

    def refused(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", refused)
    with pytest.raises(UnreadableError, match="Permission denied"):
        load_checkpoint(path, method="scored")
