"""A tiny cloning run."""

from __future__ import annotations

import pytest

from editorbot.training.bc.config import BcSettings, BcTraining
from tests.training.demonstrations import TINY, dataset_of, demonstrations


@pytest.fixture
def cloning(tmp_path):
    return BcSettings(
        data=dataset_of(demonstrations(6), tmp_path / "bc.npz"),
        data_dir=tmp_path / "nowhere",
        cache_dir=tmp_path / "cache",
        save_dir=tmp_path / "bc",
        log_dir=tmp_path / "log",
        device="cpu",
        model=TINY,
        training=BcTraining(epochs=2, batch_size=16, gradient_accumulation_steps=1, learning_rate=1e-2),
    )
