"""Recordings with human edits, made by hand, and a tiny policy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from editorbot.analysis.features import FEATURE_NAMES
from editorbot.corpus.dataset import BcDataset, write_dataset
from editorbot.environment.state import STATE_SIZE
from editorbot.models.policy_config import SCORE_FEATURES, PolicyConfig
from editorbot.training.bc.config import BcSettings, BcTraining
from editorbot.training.bc.demonstrations import TARGET, Demonstration

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


def cloning_settings(folder: Path) -> BcSettings:
    """Return a run on a tiny data set."""
    return BcSettings(
        data=dataset_of(demonstrations(6), folder / "bc.npz"),
        data_dir=folder / "nowhere",
        cache_dir=folder / "cache",
        save_dir=folder / "bc",
        log_dir=folder / "log",
        device="cpu",
        model=TINY,
        training=BcTraining(epochs=2, batch_size=16, gradient_accumulation_steps=1, learning_rate=1e-2),
    )
