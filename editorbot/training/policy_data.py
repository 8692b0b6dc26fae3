"""What a policy is taught with: the samples of human edits, recording by recording, with hints and kept beats.

A batch is a few whole recordings, because the encoder runs once a recording. States are kept raw; the batch
normalizes them, after the wanted length was varied, so that the policy does not lean on knowing it exactly.
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

from editorbot.corpus.dataset import BcDataset, read_dataset, with_artists
from editorbot.corpus.splits import refuse_artist, refuse_held_out_pairs
from editorbot.editors.policy_inference.network import beat_inputs
from editorbot.environment.material import LEAST_TARGET
from editorbot.environment.spans import LONGEST_SPAN
from editorbot.environment.state import BEATS_SEEN, FEATURES, SUMMARY_NAMES, Normalizer, RunningStatistics
from editorbot.errors import EmptyError, UsageError, VersionError
from editorbot.models.policy_config import SCORE_FEATURES

_FIRST = BEATS_SEEN * FEATURES
OUTPUT_OVER_TARGET, TARGET, REMAINING = (
    _FIRST + SUMMARY_NAMES.index(name) for name in ("output_over_target", "target_keep_ratio", "target_remaining")
)
"""Columns of a state that tell of the wanted length."""

UNKNOWN = -1
"""Beats of which nobody said whether they are kept."""


@dataclass(frozen=True)
class Demonstration:
    """One recording, and what was done to it."""

    name: str
    """Its name."""
    features: Float32[np.ndarray, "beats features"]
    """Features of its beats."""
    score_features: Float32[np.ndarray, "beats score_features"]
    """See SCORE_FEATURE_NAMES; zeros where nobody asked."""
    kept: Int64[np.ndarray, " beats"]
    """1 where the human keeps the beat, 0 where it is cut, UNKNOWN where no step tells."""
    states: Float32[np.ndarray, "samples state"]
    """Raw states."""
    actions: Int64[np.ndarray, "samples 3"]
    """Types, sizes and amounts."""
    beat: Int64[np.ndarray, " samples"]
    """Beat at the cursor."""
    weight: float = 1.0
    """What its samples count; more for edits that were worth more, with --weighting advantage."""
    pair: str = ""
    """Pair that it was made of; empty where it is the pair itself."""
    artist: str = ""
    """Who made the music; empty where nobody says."""

    @property
    def target(self) -> float | None:
        """Share that the human keeps, None without samples."""
        return float(self.states[0, TARGET]) if len(self.states) else None


def demonstration_dataset(path: Path, folder: Path | None, *, what: str) -> BcDataset:
    """Return a data set with the artists that are known, and the folder of its pairs: the one named, or its own.

    Parameters
    ----------
    path : Path
        The samples.
    folder : Path, optional
        Folder of the pairs that they were made from; the one that they name where left out.
    what : str
        What they are for, as a refusal says it.

    Raises
    ------
    SplitError
        If a test artist is in it; or in its folder, where it does not tell the artist of every recording.
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
    data: BcDataset,
    score_features: Mapping[str, Float32[np.ndarray, "beats score_features"]] | None = None,
    *,
    vocabulary: str = "v3",
) -> list[Demonstration]:
    """Return the recordings of a data set that have samples.

    Parameters
    ----------
    data : BcDataset
        Samples and features.
    score_features : mapping, optional
        Hints by the recording's name; those of another number of beats are passed over.
    vocabulary : str
        The one that is to be learned.

    Raises
    ------
    EmptyError
        If there is no sample.
    VersionError
        If the labels count in another vocabulary; both are named.
    """
    if data.vocabulary != vocabulary:
        raise VersionError(f"the samples are of vocabulary {data.vocabulary}, but {vocabulary} is to be learned")
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
        labels = (data.type_labels[rows], data.size_labels[rows], data.amount_labels[rows])
        found.append(
            Demonstration(
                name=name,
                features=features,
                score_features=known,
                kept=kept_beats(data.beat_index[rows], data.good_bad[rows], len(features)),
                states=data.states[rows],
                actions=np.stack(labels, axis=1),
                beat=data.beat_index[rows],
                pair=pairs[number],
                artist=data.artists[number],
            )
        )
    return found


def kept_beats(
    beat: Int64[np.ndarray, " samples"], is_good: Int64[np.ndarray, " samples"], beats: int
) -> Int64[np.ndarray, " beats"]:
    """Return whether each beat is kept, from one sample's cursor to the next one's, shape=(beats,)."""
    kept = np.full(beats, UNKNOWN, np.int64)
    following = np.append(beat[1:], beats)
    for start, end, good in zip(beat, following, is_good):
        if end > start and end - start <= LONGEST_SPAN:
            kept[start:end] = good
    return kept


def normalizer_of(recordings: Sequence[Demonstration]) -> Normalizer:
    """Return the normalizer of all states, for cloning and for rollouts alike."""
    statistics = RunningStatistics()
    for one in recordings:
        statistics.update(one.states)
    return statistics.normalizer()


@dataclass(frozen=True)
class DemonstrationAugmentation:
    """How samples are varied while training."""

    target_noise: float = 0.2
    """Spread of the wanted length [log]; what was kept is seldom exactly what was wanted."""
    input_noise: float = 0.05
    """Shift of each input of the encoder, a recording at a time [standard deviations]."""
    hint_dropout: float = 0.1
    """Share of recordings whose hints are held back."""
    sight_dropout: float = 0.5
    """Share of samples that are blind to the features around the cursor, so that songs are not learned by heart."""
    slips: float = 0.15
    """Share of wrong steps on ways through the recordings that are taught beside the humans' own; 0 leaves them out."""

    def __post_init__(self) -> None:
        if min(self.target_noise, self.input_noise) < 0:
            raise UsageError("target_noise and input_noise must not be negative")
        if not (0 <= self.hint_dropout <= 1 and 0 <= self.sight_dropout <= 1):
            raise UsageError("hint_dropout and sight_dropout must lie in [0, 1]")
        if not 0 <= self.slips < 1:
            raise UsageError(f"slips must lie in [0, 1), but is {self.slips}")


NO_VARIATION = DemonstrationAugmentation(0.0, 0.0, 0.0, 0.0, 0.0)
"""Samples as they are."""


@dataclass(frozen=True)
class DemonstrationBatch:
    """Some recordings as tensors."""

    inputs: Tensor
    """What the encoder reads, shape=(beats, BEAT_INPUTS)."""
    lengths: tuple[int, ...]
    """Beats of each recording."""
    kept: Tensor
    """Shape=(beats,), 1, 0 or UNKNOWN."""
    raw: Tensor
    """Features as they are, shape=(beats, features), normalized; what the auxiliary tasks are about."""
    states: Tensor
    """Normalized states, shape=(samples, STATE_SIZE)."""
    actions: Tensor
    """Shape=(samples, 3)."""
    rows: Tensor
    """Row of the beat at the cursor, shape=(samples,)."""
    recordings: Tensor
    """Recording of each sample, shape=(samples,)."""
    weights: Tensor
    """What each sample's recording counts, shape=(samples,)."""
    targets: Tensor
    """Share that is kept of each recording, shape=(recordings,)."""

    def to(self, device: torch.device) -> DemonstrationBatch:
        """Return the batch on a device."""
        moved: dict[str, Any] = {
            name: value.to(device) if isinstance(value, Tensor) else value for name, value in self.__dict__.items()
        }
        return DemonstrationBatch(**moved)


def batch_of(
    recordings: Sequence[Demonstration],
    normalizer: Normalizer,
    teaching: DemonstrationAugmentation,
    rng: np.random.Generator,
) -> DemonstrationBatch:
    """Return recordings end to end, varied."""
    inputs, raw, states, rows, offset = [], [], [], [], 0
    for one in recordings:
        known = beat_inputs(one.features, one.score_features, normalizer)
        raw.append(known[:, :FEATURES])
        inputs.append(_varied(known, teaching, rng))
        seen = normalizer.apply(with_other_target(one.states, teaching.target_noise, rng))
        seen[rng.random(len(seen)) < teaching.sight_dropout, :_FIRST] = 0.0
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


def _varied(
    inputs: Float32[np.ndarray, "beats inputs"], teaching: DemonstrationAugmentation, rng: np.random.Generator
) -> Float32[np.ndarray, "beats inputs"]:
    noise = rng.standard_normal(FEATURES).astype(np.float32) * np.float32(teaching.input_noise)
    varied = inputs.copy()
    varied[:, :FEATURES] += noise
    if rng.random() < teaching.hint_dropout:
        varied[:, FEATURES:] = 0.0
    return varied


def with_other_target(
    states: Float32[np.ndarray, "samples state"], noise: float, rng: np.random.Generator
) -> Float32[np.ndarray, "samples state"]:
    """Return raw states of one episode as they would be if another share were wanted, drawn around its own."""
    factor = float(np.exp(rng.normal(0.0, noise))) if noise > 0 else 1.0
    if factor == 1.0 or not len(states):
        return states
    changed = states.copy()
    target = states[:, TARGET]
    other = np.clip(target * np.float32(factor), LEAST_TARGET, 1.0)
    heard = target - states[:, REMAINING]
    changed[:, TARGET] = other
    changed[:, REMAINING] = other - heard
    changed[:, OUTPUT_OVER_TARGET] = heard / other
    return changed


def grouped(
    recordings: Sequence[Demonstration], batch_size: int, rng: np.random.Generator
) -> list[list[Demonstration]]:
    """Return the recordings in random order, in groups of at least `batch_size` samples (the last may have fewer)."""
    groups: list[list[Demonstration]] = [[]]
    count = 0
    for index in rng.permutation(len(recordings)):
        if count >= batch_size:
            groups.append([])
            count = 0
        groups[-1].append(recordings[index])
        count += len(recordings[index].states)
    return groups
