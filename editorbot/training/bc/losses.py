"""Losses of behavioral cloning, and of the auxiliary tasks of the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from editorbot.analysis.features import FEATURE_NAMES
from editorbot.environment.spans import LONGEST_SPAN
from editorbot.models.encoder import Encoded
from editorbot.models.policy import ActionDistribution, AuxiliaryHeads
from editorbot.models.policy_config import CEPSTRA, SCORE_FEATURE_NAMES
from editorbot.training.bc.config import BcTraining
from editorbot.training.bc.demonstrations import UNKNOWN, Demonstration, DemonstrationBatch

LEAST_WEIGHT, MOST_WEIGHT = 0.3, 5.0
"""Bounds of the weight of a type's samples."""

PARTS = 3
"""Type, size, amount: losses and entropies are means over them."""

TEMPO, RMS = FEATURE_NAMES.index("local_tempo_bpm"), FEATURE_NAMES.index("rms")
SPAN_PHRASE = len(FEATURE_NAMES) + SCORE_FEATURE_NAMES.index("span_phrase")


def type_weights(recordings: Sequence[Demonstration], types: int) -> Tensor:
    """Weight samples by type: one over the root of its frequency, within bounds; mean 1, shape=(types,)."""
    counts = np.bincount(np.concatenate([one.actions[:, 0] for one in recordings]), minlength=types)
    occurring = max(int((counts > 0).sum()), 1)
    rare = np.sqrt(counts.sum() / occurring / np.maximum(counts, 1))
    weights = np.where(counts > 0, np.clip(rare, LEAST_WEIGHT, MOST_WEIGHT), 1.0)
    mean = (weights * counts).sum() / max(counts.sum(), 1)
    return torch.tensor(weights / mean, dtype=torch.float32)


@dataclass(frozen=True)
class Totals:
    """Denominators of the losses' means: of a whole batch, so that its parts add up to the same."""

    beats: float
    """Beats."""
    known: float
    """Beats of which it is known whether they are kept."""
    recordings: float
    """Recordings."""
    weight: float
    """Sum of the samples' weights."""

    @classmethod
    def of(cls, parts: Sequence[DemonstrationBatch], by_type: Tensor) -> Totals:
        """Add up the parts of a batch."""
        return cls(
            beats=float(sum(len(part.kept) for part in parts)),
            known=max(float(sum(int((part.kept != UNKNOWN).sum()) for part in parts)), 1.0),
            recordings=float(sum(len(part.lengths) for part in parts)),
            weight=float(sum(float((by_type[part.actions[:, 0]] * part.weights).sum()) for part in parts)),
        )


def bc_loss(
    module: Any, batch: DemonstrationBatch, by_type: Tensor, config: BcTraining, totals: Totals
) -> tuple[Tensor, dict[str, float]]:
    """Compute the loss of a part of a batch, a scalar, and its metrics.

    `module` is an EditingAgent, wrapped by fabric or not; `by_type` are the :func:`type_weights`, and `totals` those of
    the whole batch.
    """
    by_type = by_type.to(batch.states.device)
    out = module(batch.inputs, batch.lengths, batch.rows, batch.recordings, batch.states)
    distribution = ActionDistribution(out.logits)
    losses = cloning_losses(distribution, batch.actions)
    weights = by_type[batch.actions[:, 0]] * batch.weights
    entropy = distribution.entropy() / PARTS
    tasks = task_losses(getattr(module, "_original_module", module).tasks, out.encoded, batch, totals)
    weighted = torch.stack([getattr(config.tasks, name) * value for name, value in tasks.items()])
    loss = (weights * losses).sum() / totals.weight + weighted.sum()
    loss = loss - config.bc_entropy_coeff * (weights * entropy).sum() / totals.weight
    metrics = {"train/bc_loss": losses.mean().item(), "train/bc_entropy": entropy.mean().item()}
    return loss, metrics | {f"train/task_{name}": value.item() for name, value in tasks.items()}


def cloning_losses(distribution: ActionDistribution, actions: Tensor) -> Tensor:
    """Negative joint log probability of each sample, divided by PARTS, shape=(samples,)."""
    return -distribution.log_prob(actions) / PARTS


def task_losses(
    tasks: AuxiliaryHeads, encoded: Encoded, batch: DemonstrationBatch, totals: Totals
) -> dict[str, Tensor]:
    """Compute the loss of each auxiliary task, a scalar: this part's share of the mean over the whole batch.

    Notes
    -----
    The mel spectrum is predicted as 13 cepstra, the form that the features have of it.
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
    """Label the quiet, medium and loud third of each recording's beats 0, 1 and 2, shape=(beats,)."""
    classes = []
    for part in torch.split(batch.raw[:, RMS], list(batch.lengths)):
        rank = part.argsort().argsort()
        classes.append(torch.clamp(rank * 3 // max(len(part), 1), max=2))
    return torch.cat(classes)
