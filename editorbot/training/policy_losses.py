"""What cloning a human's edits costs, and what the encoder has to tell beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from editorbot.analysis.features import FEATURE_NAMES
from editorbot.environment.spans import LONGEST_SPAN
from editorbot.models.encoder import Encoded
from editorbot.models.policy import ActionDistribution, AuxiliaryHeads
from editorbot.models.policy_config import CEPSTRA, SCORE_FEATURE_NAMES
from editorbot.training.policy_data import UNKNOWN, Demonstration, DemonstrationBatch

LEAST_WEIGHT, MOST_WEIGHT = 0.3, 5.0
"""Bounds of what a type's samples count."""

PARTS = 3
"""Type, size, amount: losses and entropies are told as the mean over them."""

TEMPO, RMS = FEATURE_NAMES.index("local_tempo_bpm"), FEATURE_NAMES.index("rms")
SPAN_PHRASE = len(FEATURE_NAMES) + SCORE_FEATURE_NAMES.index("span_phrase")


@dataclass(frozen=True)
class TaskWeights:
    """What each auxiliary task counts beside cloning; 0 leaves it out."""

    tempo: float = 0.05
    """The local tempo, mean squared error."""
    energy: float = 0.05
    """Quiet, middling or loud within the recording, cross-entropy."""
    phrase: float = 0.05
    """Whether a phrase begins, cross-entropy."""
    mel: float = 0.05
    """The beat's mel spectrum, as cepstra, mean squared error."""
    kept: float = 0.5
    """Whether the human keeps the beat, cross-entropy."""
    keep_ratio: float = 0.5
    """The share of the recording that is kept, cross-entropy."""

    @classmethod
    def none(cls) -> TaskWeights:
        """Return weights that leave out all but the share to keep, which editing needs."""
        return cls(0.0, 0.0, 0.0, 0.0, 0.0)


def type_weights(recordings: Sequence[Demonstration], types: int) -> Tensor:
    """Return what samples of each type count: the root of how rare it is, within bounds; mean 1, shape=(types,)."""
    counts = np.bincount(np.concatenate([one.actions[:, 0] for one in recordings]), minlength=types)
    there = max(int((counts > 0).sum()), 1)
    rare = np.sqrt(counts.sum() / there / np.maximum(counts, 1))
    weights = np.where(counts > 0, np.clip(rare, LEAST_WEIGHT, MOST_WEIGHT), 1.0)
    mean = (weights * counts).sum() / max(counts.sum(), 1)
    return torch.tensor(weights / mean, dtype=torch.float32)


def cloning_losses(distribution: ActionDistribution, actions: Tensor) -> Tensor:
    """Return the loss of each sample: minus the joint log probability over PARTS, shape=(samples,)."""
    return -distribution.log_prob(actions) / PARTS


@dataclass(frozen=True)
class Totals:
    """What sums are divided by: of a whole batch, so that parts of it add up to the same."""

    beats: float
    """Beats."""
    known: float
    """Beats of which it is known whether they are kept."""
    recordings: float
    """Recordings."""
    weight: float
    """Summed weights of the samples."""

    @classmethod
    def of(cls, parts: Sequence[DemonstrationBatch], by_type: Tensor) -> Totals:
        """Return the totals of some batches together."""
        return cls(
            beats=float(sum(len(part.kept) for part in parts)),
            known=max(float(sum(int((part.kept != UNKNOWN).sum()) for part in parts)), 1.0),
            recordings=float(sum(len(part.lengths) for part in parts)),
            weight=float(sum(float((by_type[part.actions[:, 0]] * part.weights).sum()) for part in parts)),
        )


def task_losses(
    tasks: AuxiliaryHeads, encoded: Encoded, batch: DemonstrationBatch, totals: Totals
) -> dict[str, Tensor]:
    """Return the loss of each auxiliary task: this batch's part of the mean over `totals`, each a scalar.

    Notes
    -----
    The mel spectrum is told by its 13 cepstra, which are what the features hold of it.
    """
    beats = encoded.beats
    span = batch.inputs[:, SPAN_PHRASE].roll(1)
    phrase = ((span > 0) & (span <= 1 / LONGEST_SPAN + 1e-6)).to(torch.float32)
    known = batch.kept != UNKNOWN
    kept = torch.where(known, batch.kept, 0).to(torch.float32)
    each = functional.binary_cross_entropy_with_logits(encoded.kept, kept, reduction="none")
    mel = functional.mse_loss(tasks.mel(beats), batch.raw[:, CEPSTRA], reduction="none").mean(-1)
    ratio = functional.binary_cross_entropy_with_logits(
        tasks.keep_ratio(encoded.summary)[:, 0], batch.targets, reduction="sum"
    )
    phrases = functional.binary_cross_entropy_with_logits(tasks.phrase(beats)[:, 0], phrase, reduction="sum")
    return {
        "tempo": functional.mse_loss(tasks.tempo(beats)[:, 0], batch.raw[:, TEMPO], reduction="sum") / totals.beats,
        "energy": functional.cross_entropy(tasks.energy(beats), energy_classes(batch), reduction="sum") / totals.beats,
        "phrase": phrases / totals.beats,
        "mel": mel.sum() / totals.beats,
        "kept": (each * known).sum() / totals.known,
        "keep_ratio": ratio / totals.recordings,
    }


def energy_classes(batch: DemonstrationBatch) -> Tensor:
    """Return 0, 1 or 2 for the quiet, middling and loud third of each recording's beats, shape=(beats,)."""
    classes = []
    for part in torch.split(batch.raw[:, RMS], list(batch.lengths)):
        rank = part.argsort().argsort()
        classes.append(torch.clamp(rank * 3 // max(len(part), 1), max=2))
    return torch.cat(classes)


def weighted_tasks(losses: dict[str, Tensor], weights: TaskWeights) -> Tensor:
    """Return the sum of the tasks, each by its weight, a scalar."""
    return torch.stack([getattr(weights, name) * loss for name, loss in losses.items()]).sum()
