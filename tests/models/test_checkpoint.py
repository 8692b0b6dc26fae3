"""Checkpoints are plain data, and anything else is refused."""

import pickle

import pytest
import torch

from editorbot.errors import FormatError, MismatchError, NotFoundError, VersionError
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
