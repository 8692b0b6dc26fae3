"""A run of PPO that takes a second."""

from __future__ import annotations

import numpy as np

from editorbot.models.policy_config import SCORE_FEATURES
from editorbot.training.ppo.config import PpoSettings, PpoTraining
from editorbot.training.ppo.run import PlayedRecordings
from tests.environment.games import song_material
from tests.training.demonstrations import TINY, demonstrations


def played() -> PlayedRecordings:
    """Return two songs to play on, and demonstrations of others."""
    materials = tuple(song_material("AB", target=0.5, seed=seed) for seed in range(2))
    score_features = tuple(np.zeros((one.beats, SCORE_FEATURES), np.float32) for one in materials)
    return PlayedRecordings(("one_x", "two_x"), materials, score_features, demonstrations(2))


def tiny_settings() -> PpoSettings:
    """Return settings of two updates."""
    return PpoSettings(
        device="cpu", model=TINY, keep_every=1,
        training=PpoTraining(
            updates=2, n_envs=4, n_steps=4, batch_size=200, gradient_accumulation_steps=1, ppo_epochs=1, value_warmup=0,
        ),
    )  # fmt: skip
