"""Where a run trains: one rule for all commands."""

from __future__ import annotations

import pytest
import torch

from editorbot.errors import UsageError
from editorbot.training.machine import device_of
from editorbot.training.mel.config import ReconstructSettings
from editorbot.training.mel.run import train as train_mel
from editorbot.training.pointer.config import PointerSettings
from editorbot.training.pointer.run import train as train_pointer


@pytest.mark.parametrize("has_gpu", [False, True])
def test_auto_takes_a_gpu_where_there_is_one(monkeypatch, has_gpu):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert device_of("auto") == ("cuda" if has_gpu else "cpu")
    assert device_of("cpu") == "cpu"


def test_a_gpu_that_is_not_there_is_refused_in_the_same_words_everywhere(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    asked = (
        lambda: device_of("cuda"),
        lambda: train_pointer(PointerSettings(device="cuda", save_dir=tmp_path)),
        lambda: train_mel(ReconstructSettings(data_dir=tmp_path, device="cuda")),
    )
    for ask in asked:
        with pytest.raises(UsageError, match="there is no CUDA device here; use --device cpu"):
            ask()


def test_other_devices_are_refused():
    with pytest.raises(UsageError, match="must be auto, cpu or cuda, but is 'tpu'"):
        device_of("tpu")
