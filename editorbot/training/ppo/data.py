"""The recordings that PPO plays on, and how random play looks on them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from editorbot.corpus.splits import refuse_held_out_pairs
from editorbot.editors.policy_inference.network import beat_inputs
from editorbot.environment.material import REACH, Material, material_of
from editorbot.environment.state import Normalizer
from editorbot.errors import EditorbotError, EmptyError, NotFoundError
from editorbot.models.policy_config import SCORE_FEATURES
from editorbot.training.bc.demonstrations import (
    CHANCE,
    Demonstration,
    demonstration_dataset,
    demonstrations_of,
    materials_of,
)
from editorbot.training.policy_score_features import analysis_of, pairs_by_name, score_features_by_name
from editorbot.training.ppo.config import PpoSettings
from editorbot.training.run_folder import OnLine


@dataclass(frozen=True)
class PlayedRecordings:
    """Recordings to play on; everything but the demonstrations in the same order."""

    names: tuple[str, ...]
    """Their names."""
    materials: tuple[Material, ...]
    """What the environment reads of them."""
    score_features: tuple[np.ndarray, ...]
    """See SCORE_FEATURE_NAMES, shape=(beats, SCORE_FEATURES); zeros if there are none."""
    demonstrations: list[Demonstration]
    """Human edits to mix in."""

    @cached_property
    def digest(self) -> str:
        """Digest of names, features and worth of the beats, and score features."""
        total = hashlib.sha256()
        for name, material, score_features in zip(self.names, self.materials, self.score_features):
            total.update(name.encode())
            for part in (material.padded, material.tables.worth, score_features):
                total.update(np.ascontiguousarray(part).tobytes())
        return total.hexdigest()[:16]

    @property
    def truth_keep_ratio(self) -> dict[str, float]:
        """Share of KEEP in the humans' own steps as a metric; KEEP is the first type of every vocabulary."""
        types = [one.actions[:, 0] for one in self.demonstrations]
        return {"counters/truth_keep_ratio": float((np.concatenate(types) == 0).mean())} if types else {}

    def encoder_inputs(self, normalizer: Normalizer) -> list[torch.Tensor]:
        """What the encoder reads of each recording, shape=(beats, BEAT_INPUTS)."""
        features = (material.padded[REACH:-REACH] for material in self.materials)
        return [torch.from_numpy(beat_inputs(*each, normalizer)) for each in zip(features, self.score_features)]


def played_recordings(settings: PpoSettings, on_line: OnLine) -> PlayedRecordings:
    """Read the recordings of the samples, or all of the folder without samples.

    Raises
    ------
    EmptyError, NotFoundError, SplitError
        If there are none, or they are of test artists.
    """
    samples = settings.bc_mixed_npz or settings.bc_pretrain_npz
    if samples is None:
        return _all_recordings(settings, on_line)
    data = demonstration_dataset(samples, settings.data_dir if settings.data_dir.is_dir() else None, what="training")
    folder, known = Path(data.data_dir), {}
    if not folder.is_dir():
        raise NotFoundError(
            f"there is no such folder, nor {settings.data_dir}; name the pairs' --data-dir", path=folder
        )
    if settings.score_features:
        known = score_features_by_name(
            data.recording_names, folder, settings.cache_dir, on_line, settings.score, settings.beat_tracker
        )
    demonstrations = demonstrations_of(data, known, vocabulary=settings.model.vocabulary)
    materials = materials_of(demonstrations, folder, settings.cache_dir, on_line, settings.beat_tracker)
    played = [one for one in demonstrations if one.name in materials]
    if not played:
        raise EmptyError("no recording of the samples is in the folder of pairs", path=folder)
    on_line(f"{len(played)} recordings to play on, {sum(len(one.actions) for one in demonstrations)} samples")
    mixed = demonstrations if settings.bc_mixed_npz is not None else []
    names, score_features = zip(*((one.name, one.score_features) for one in played))
    return PlayedRecordings(names, tuple(materials[name] for name in names), score_features, mixed)


def _all_recordings(settings: PpoSettings, on_line: OnLine) -> PlayedRecordings:
    """Read all recordings of a folder, without any human's edit."""
    folder, pairs = settings.data_dir, pairs_by_name(settings.data_dir)
    if not pairs:
        raise EmptyError("there is no pair to play on; it needs input/NAME_raw.wav", path=folder)
    refuse_held_out_pairs(folder)
    known = {}
    if settings.score_features:
        known = score_features_by_name(
            pairs, folder, settings.cache_dir, on_line, settings.score, settings.beat_tracker
        )
        pairs = {name: pair for name, pair in pairs.items() if name in known}  # the others cannot be read
    found = []
    for name, pair in pairs.items():
        try:
            analysis = analysis_of(pair, settings.cache_dir, settings.beat_tracker)
            none = np.zeros((len(analysis.beats_s), SCORE_FEATURES), np.float32)
            worth = known[name][:, CHANCE].astype(np.float64) if name in known else None
            found.append((name, material_of(analysis, worth=worth), known.get(name, none)))
        except EditorbotError as error:
            on_line(str(error))
    if not found:
        raise EmptyError("none of the recordings could be used", path=folder)
    names, materials, score_features = zip(*found)
    return PlayedRecordings(names, materials, score_features, [])
