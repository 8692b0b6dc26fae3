"""The recordings that PPO plays on, with what is known of each, and what play on them looks like."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from editorbot.corpus.splits import refuse_held_out_pairs
from editorbot.editors.policy_inference.network import beat_inputs
from editorbot.environment.actions import Vocabulary
from editorbot.environment.gym_env import EditingEnv
from editorbot.environment.material import REACH, Material, material_of
from editorbot.environment.state import Normalizer, RunningStatistics
from editorbot.errors import EditorbotError, EmptyError, NotFoundError
from editorbot.models.policy_config import SCORE_FEATURE_NAMES
from editorbot.training.bc.demonstrations import (
    CHANCE,
    Demonstration,
    demonstration_dataset,
    demonstrations_of,
    materials_of,
)
from editorbot.training.policy_score_features import ScoreFeatures, analysis_of, pairs_by_name, score_features_by_name
from editorbot.training.ppo.config import PpoSettings

OnLine = Callable[[str], None]


@dataclass(frozen=True)
class TrainingData:
    """Everything that a run plays on."""

    names: tuple[str, ...]
    """Recordings."""
    materials: tuple[Material, ...]
    """To play on."""
    score_features: tuple[np.ndarray, ...]
    """Of their beats."""
    demonstrations: list[Demonstration]
    """Human edits to mix in."""

    @cached_property
    def digest(self) -> str:
        """Digest of what is played on: names, what is heard at each beat, what it is worth, and the hints."""
        total = hashlib.sha256()
        for name, material, score_features in zip(self.names, self.materials, self.score_features):
            total.update(name.encode())
            for part in (material.padded, material.tables.worth, score_features):
                total.update(np.ascontiguousarray(part).tobytes())
        return total.hexdigest()[:16]

    def encoder_inputs(self, normalizer: Normalizer) -> tuple[torch.Tensor, ...]:
        """What the encoder reads of each recording, shape=(beats, BEAT_INPUTS)."""
        return tuple(
            torch.from_numpy(beat_inputs(material.padded[REACH:-REACH], score_features, normalizer))
            for material, score_features in zip(self.materials, self.score_features)
        )


def training_data_of(settings: PpoSettings, on_line: OnLine) -> TrainingData:
    """Return what is played on: the recordings of the samples, or all of the folder where there are none.

    Raises
    ------
    EmptyError, NotFoundError, SplitError
        If there are none, or they are of test artists.
    """
    samples = settings.bc_mixed or settings.bc_pretrain
    if samples is None:
        return _training_data_of_folder(settings, on_line)
    data = demonstration_dataset(samples, settings.data_dir if settings.data_dir.is_dir() else None, what="training")
    folder = Path(data.data_dir)
    if not folder.is_dir():
        raise NotFoundError(
            f"there is no such folder, nor {settings.data_dir}; name the pairs' --data-dir", path=folder
        )
    score_features = _score_features(data.recording_names, folder, settings, on_line)
    demonstrations = demonstrations_of(data, score_features, vocabulary=settings.model.vocabulary)
    materials = materials_of(demonstrations, folder, settings.cache, on_line)
    played = [one for one in demonstrations if one.name in materials]
    if not played:
        raise EmptyError("no recording of the samples lies in the folder of pairs", path=folder)
    on_line(f"{len(played)} recordings to play on, {sum(len(one.actions) for one in demonstrations)} samples")
    return TrainingData(
        tuple(one.name for one in played),
        tuple(materials[one.name] for one in played),
        tuple(one.score_features for one in played),
        demonstrations if settings.bc_mixed is not None else [],
    )


def _score_features(
    names: Iterable[str], folder: Path, settings: PpoSettings, on_line: OnLine
) -> dict[str, ScoreFeatures]:
    """Return the hints of recordings in a folder; none where none are wanted."""
    return score_features_by_name(names, folder, settings.cache, on_line, settings.score) if settings.hints else {}


def _training_data_of_folder(settings: PpoSettings, on_line: OnLine) -> TrainingData:
    """Return all recordings of a folder, without any human's edit."""
    pairs = pairs_by_name(settings.data_dir)
    if not pairs:
        raise EmptyError("there is no pair to play on; it needs input/NAME_raw.wav", path=settings.data_dir)
    refuse_held_out_pairs(settings.data_dir)
    heard_by = _score_features(pairs, settings.data_dir, settings, on_line)
    names, materials, score_features = [], [], []
    for name, pair in pairs.items():
        if settings.hints and name not in heard_by:
            continue  # it could not be read, which was told
        try:
            analysis = analysis_of(pair, settings.cache)
            known = heard_by.get(name, np.zeros((len(analysis.beats_s), len(SCORE_FEATURE_NAMES)), np.float32))
            worth = known[:, CHANCE].astype(np.float64) if settings.hints else None
            materials.append(material_of(analysis, worth=worth))
        except EditorbotError as error:
            on_line(str(error))
            continue
        names.append(name)
        score_features.append(known)
    if not names:
        raise EmptyError("none of the recordings could be used", path=settings.data_dir)
    return TrainingData(tuple(names), tuple(materials), tuple(score_features), [])


def normalizer_by_play(training_data: TrainingData, settings: PpoSettings, episodes: int = 16) -> Normalizer:
    """Return the normalizer of states that random play meets, where no human's states are known."""
    rng = np.random.default_rng(settings.training.seed)
    env = EditingEnv(training_data.materials, settings.environment)
    statistics = RunningStatistics()
    for number in range(episodes):
        state, _ = env.reset(
            seed=int(rng.integers(2**31)), options={"recording": number % len(training_data.materials)}
        )
        seen, is_over = [state], False
        while not is_over:
            action = env.masks().sample(rng)
            state, _, ended, truncated, _ = env.step(np.array([action.type, action.size, action.amount]))
            seen.append(state)
            is_over = ended or truncated
        statistics.update(np.stack(seen))
    return statistics.normalizer()


def truth_keep_share(demonstrations: Sequence[Demonstration], vocabulary: Vocabulary) -> float | None:
    """Return the share of KEEP among the humans' own steps, None without any."""
    if not demonstrations:
        return None
    kinds = np.concatenate([one.actions[:, 0] for one in demonstrations])
    return float((kinds == vocabulary.index("KEEP")).mean())
