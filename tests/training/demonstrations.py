"""Recordings with human edits, made by hand, and a tiny policy."""

from __future__ import annotations

import numpy as np

from editorbot.analysis.features import FEATURE_NAMES
from editorbot.environment.state import STATE_SIZE
from editorbot.models.policy_config import SCORE_FEATURES, PolicyConfig
from editorbot.training.policy_data import TARGET, Demonstration

TINY = PolicyConfig(policy_hidden_dim=8, natten_n_heads=2, natten_n_layers=1, natten_kernel_size=5, dropout=0.0)


def demonstrations(count: int = 6, beats: int = 24, samples: int = 8, seed: int = 0) -> list[Demonstration]:
    """Recordings whose right steps depend on what is seen."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        states = rng.normal(size=(samples, STATE_SIZE)).astype(np.float32)
        states[:, TARGET] = 0.5
        kinds = (states[:, -1] > 0).astype(np.int64)
        actions = np.stack([kinds, 2 * kinds, np.zeros_like(kinds)], axis=1)
        found.append(
            Demonstration(
                name=f"band{number}_x",
                features=rng.normal(size=(beats, len(FEATURE_NAMES))).astype(np.float32),
                score_features=np.zeros((beats, SCORE_FEATURES), np.float32),
                kept=rng.integers(0, 2, beats),
                states=states,
                actions=actions,
                beat=np.sort(rng.integers(0, beats, samples)),
            )
        )
    return found
