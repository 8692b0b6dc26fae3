"""Demonstrations: the samples of human edits, recording by recording, and batches of them.

A batch is a few whole recordings, because the encoder runs once a recording. States are kept raw. The batch normalizes
them after it has varied the target length, so that the policy does not rely on knowing that exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from editorbot.analysis import BeatTracker
from editorbot.corpus.dataset import BcDataset, read_dataset, with_artists
from editorbot.corpus.splits import refuse_artist, refuse_held_out_pairs
from editorbot.editors.policy_inference.network import beat_inputs
from editorbot.environment.material import LEAST_TARGET, Material, material_of
from editorbot.environment.spans import LONGEST_SPAN
from editorbot.environment.state import BEATS_SEEN, FEATURES, SUMMARY_NAMES, Normalizer, RunningStatistics
from editorbot.errors import EditorbotError, EmptyError, VersionError
from editorbot.models.policy_config import SCORE_FEATURE_NAMES, SCORE_FEATURES
from editorbot.training.bc.config import Augmentation, PolicySettings
from editorbot.training.policy_score_features import ScoreFeatures, analysis_of, pairs_by_name, score_features_by_name
from editorbot.training.run_folder import OnLine

CONTEXT = BEATS_SEEN * FEATURES
"""Columns of a state that are features around the cursor, the first ones."""

OUTPUT_OVER_TARGET, TARGET, REMAINING = (
    CONTEXT + SUMMARY_NAMES.index(name) for name in ("output_over_target", "target_keep_ratio", "target_remaining")
)
"""Columns of a state that depend on the target length."""

CHANCE = SCORE_FEATURE_NAMES.index("chance_keep")
"""Column of the score features that is the probability to keep a beat."""

UNKNOWN = -1
"""In `kept`: it is unknown whether the beat is kept."""


@dataclass(frozen=True)
class Demonstration:
    """One recording, and how a human edited it."""

    name: str
    """Its name."""
    features: Float32[np.ndarray, "beats features"]
    """Features of its beats."""
    score_features: Float32[np.ndarray, "beats score_features"]
    """See SCORE_FEATURE_NAMES; zeros if there are none."""
    kept: Int64[np.ndarray, " beats"]
    """1 where the human keeps the beat, 0 where it is cut, UNKNOWN where no step says."""
    states: Float32[np.ndarray, "samples state"]
    """Raw states."""
    actions: Int64[np.ndarray, "samples 3"]
    """Types, sizes and amounts."""
    beat: Int64[np.ndarray, " samples"]
    """Beat at the cursor."""
    weight: float = 1.0
    """Weight of its samples; see `bc.advantage_weights`."""
    pair: str = ""
    """Pair that it was made of; empty if it is the pair itself."""
    artist: str = ""
    """Artist of the music; empty if unknown."""

    @property
    def target(self) -> float | None:
        """Share that the human keeps, None without samples."""
        return float(self.states[0, TARGET]) if len(self.states) else None


def demonstration_dataset(path: Path, folder: Path | None, *, what: str) -> BcDataset:
    """Read a data set, with the artists that are known, and refuse test artists.

    `folder` holds the pairs that they were made from, by default the one that they name; `what` they are for is said in
    a refusal.

    Raises
    ------
    SplitError
        If a test artist is in it; or in its folder, if it does not name the artist of every recording.
    UnreadableError, FormatError, VersionError
        If the samples, or the truth of one of their pairs, cannot be read.
    """
    data = read_dataset(path)
    data = replace(data, data_dir=str(folder or data.data_dir))
    data = with_artists(data, Path(data.data_dir))
    for artist in sorted(set(data.artists)):
        refuse_artist(artist, what=what, path=path)
    if "" in data.artists and Path(data.data_dir).is_dir():
        refuse_held_out_pairs(data.data_dir, what=what)
    return data


def demonstrations_of(
    data: BcDataset, score_features: Mapping[str, ScoreFeatures] | None = None, *, vocabulary: str = "v3"
) -> list[Demonstration]:
    """Group the samples of a data set by recording; recordings without samples are left out.

    Score features, by the recording's name, are ignored if they have another number of beats.

    Raises
    ------
    EmptyError
        If there is no sample.
    VersionError
        If the labels are of another vocabulary; both are named.
    """
    if data.vocabulary != vocabulary:
        raise VersionError(f"the samples are of vocabulary {data.vocabulary}, but the policy's is {vocabulary}")
    if not len(data.states):
        raise EmptyError("the data set has no samples; label some pairs first")
    order = np.argsort(data.recording_ids, kind="stable")
    firsts = np.searchsorted(data.recording_ids[order], np.arange(len(data.recording_names) + 1))
    found, pairs = [], data.recording_pairs
    for number, name in enumerate(data.recording_names):
        rows = order[firsts[number] : firsts[number + 1]]
        if not len(rows):
            continue
        features = data.features[data.offsets[number] : data.offsets[number + 1]]
        known = (score_features or {}).get(name)
        if known is None or len(known) != len(features):
            known = np.zeros((len(features), SCORE_FEATURES), np.float32)
        found.append(
            Demonstration(
                name=name,
                features=features,
                score_features=known,
                kept=kept_beats(data.beat_index[rows], data.good_bad[rows], len(features)),
                states=data.states[rows],
                actions=np.stack((data.type_labels[rows], data.size_labels[rows], data.amount_labels[rows]), axis=1),
                beat=data.beat_index[rows],
                pair=pairs[number],
                artist=data.artists[number],
            )
        )
    return found


def demonstrations_at(
    path: Path, folder: Path | None, settings: PolicySettings, on_line: OnLine, *, what: str
) -> tuple[list[Demonstration], Path]:
    """Read the recordings of a data set, with their score features; return them and the folder of their pairs.

    See `demonstration_dataset` and `demonstrations_of`.
    """
    data = demonstration_dataset(path, folder, what=what)
    names, pairs, known = data.recording_names, Path(data.data_dir), {}
    if settings.score_features:
        cache, score = settings.cache_dir, settings.score
        known = score_features_by_name(names, pairs, cache, on_line, score, settings.beat_tracker)
        if names and not known:
            on_line(f"no recording of the data set is in {pairs}; the policy learns from features alone")
    return demonstrations_of(data, known, vocabulary=settings.model.vocabulary), pairs


def kept_beats(
    beat: Int64[np.ndarray, " samples"], is_good: Int64[np.ndarray, " samples"], beats: int
) -> Int64[np.ndarray, " beats"]:
    """Find out whether each beat is kept: a sample labels the beats from its cursor to the next sample's."""
    kept = np.full(beats, UNKNOWN, np.int64)
    following = np.append(beat[1:], beats)
    for start, end, good in zip(beat, following, is_good):
        if end > start and end - start <= LONGEST_SPAN:
            kept[start:end] = good
    return kept


def materials_of(
    recordings: Sequence[Demonstration],
    data_dir: Path,
    cache: Path,
    on_line: OnLine,
    beat_tracker: BeatTracker = "embedded",
) -> dict[str, Material]:
    """Make what episodes are played on, by name, of the recordings that are in a folder of pairs.

    The worth of a beat is the learned score's probability, if it is known.
    """
    pairs = pairs_by_name(data_dir)
    found: dict[str, Material] = {}
    for one in recordings:
        if one.name not in pairs or one.target is None:
            continue
        try:
            analysis = analysis_of(pairs[one.name], cache, beat_tracker)
            if len(analysis.beats_s) != len(one.features):
                on_line(f"warning: {one.name} has other beats than its samples; it is left out")
                continue
            worth = one.score_features[:, CHANCE].astype(np.float64) if one.score_features[:, 0].any() else None
            kept = np.where(one.kept == UNKNOWN, 0, one.kept).astype(np.float64)
            target = min(max(one.target, LEAST_TARGET), 1.0)
            found[one.name] = material_of(analysis, worth=worth, target_keep_ratio=target, human_kept=kept)
        except EditorbotError as error:
            on_line(str(error))
    return found


def normalizer_of(recordings: Sequence[Demonstration]) -> Normalizer:
    """Fit the normalizer to all states; cloning and rollouts share it."""
    statistics = RunningStatistics()
    for one in recordings:
        statistics.update(one.states)
    return statistics.normalizer()


@dataclass(frozen=True)
class DemonstrationBatch:
    """Some recordings as tensors."""

    inputs: Tensor
    """Inputs of the encoder, shape=(beats, BEAT_INPUTS)."""
    lengths: tuple[int, ...]
    """Beats of each recording."""
    kept: Tensor
    """Shape=(beats,), 1, 0 or UNKNOWN."""
    raw: Tensor
    """Normalized features without augmentation, the targets of auxiliary tasks, shape=(beats, features)."""
    states: Tensor
    """Normalized states, shape=(samples, STATE_SIZE)."""
    actions: Tensor
    """Shape=(samples, 3)."""
    rows: Tensor
    """Row of the beat at the cursor, shape=(samples,)."""
    recordings: Tensor
    """Recording of each sample, shape=(samples,)."""
    weights: Tensor
    """Weight of each sample, shape=(samples,)."""
    targets: Tensor
    """Share that is kept of each recording, shape=(recordings,)."""

    def to(self, device: torch.device) -> DemonstrationBatch:
        """Copy the batch to a device."""
        copied: dict[str, Any] = {
            name: value.to(device) if isinstance(value, Tensor) else value for name, value in vars(self).items()
        }
        return DemonstrationBatch(**copied)


def batch_of(
    recordings: Sequence[Demonstration], normalizer: Normalizer, augmentation: Augmentation, rng: np.random.Generator
) -> DemonstrationBatch:
    """Concatenate recordings, augmented."""
    inputs, raw, states, rows, offset = [], [], [], [], 0
    for one in recordings:
        plain = beat_inputs(one.features, one.score_features, normalizer)
        raw.append(plain[:, :FEATURES])
        changed = plain.copy()
        changed[:, :FEATURES] += rng.standard_normal(FEATURES).astype(np.float32) * np.float32(augmentation.input_noise)
        if rng.random() < augmentation.score_feature_dropout:
            changed[:, FEATURES:] = 0.0
        inputs.append(changed)
        seen = normalizer.apply(with_other_target(one.states, augmentation.target_noise, rng))
        seen[rng.random(len(seen)) < augmentation.context_dropout, :CONTEXT] = 0.0
        states.append(seen)
        rows.append(one.beat + offset)
        offset += len(one.features)
    counts = [len(one.states) for one in recordings]
    return DemonstrationBatch(
        inputs=torch.from_numpy(np.concatenate(inputs)),
        lengths=tuple(len(one.features) for one in recordings),
        kept=torch.from_numpy(np.concatenate([one.kept for one in recordings])),
        raw=torch.from_numpy(np.concatenate(raw)),
        states=torch.from_numpy(np.concatenate(states)),
        actions=torch.from_numpy(np.concatenate([one.actions for one in recordings])),
        rows=torch.from_numpy(np.concatenate(rows)),
        recordings=torch.from_numpy(np.repeat(np.arange(len(recordings)), counts)),
        weights=torch.from_numpy(np.repeat([one.weight for one in recordings], counts).astype(np.float32)),
        targets=torch.tensor([one.target or 0.0 for one in recordings], dtype=torch.float32),
    )


def with_other_target(
    states: Float32[np.ndarray, "samples state"], noise: float, rng: np.random.Generator
) -> Float32[np.ndarray, "samples state"]:
    """Change the raw states of an episode to what they would be with another target, drawn around its own."""
    factor = float(np.exp(rng.normal(0.0, noise))) if noise > 0 else 1.0
    if factor == 1.0 or not len(states):
        return states
    changed = states.copy()
    target = states[:, TARGET]
    other = np.clip(target * np.float32(factor), LEAST_TARGET, 1.0)
    output = target - states[:, REMAINING]
    changed[:, TARGET] = other
    changed[:, REMAINING] = other - output
    changed[:, OUTPUT_OVER_TARGET] = output / other
    return changed


def grouped(
    recordings: Sequence[Demonstration], batch_size: int, rng: np.random.Generator
) -> list[list[Demonstration]]:
    """Shuffle recordings into groups of at least `batch_size` samples (the last may have fewer)."""
    groups: list[list[Demonstration]] = [[]]
    count = 0
    for index in rng.permutation(len(recordings)):
        if count >= batch_size:
            groups.append([])
            count = 0
        groups[-1].append(recordings[index])
        count += len(recordings[index].states)
    return groups
