"""Batches of jams for the learned score, and which of many jams an epoch takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from editorbot.editors.scoring.self_similarity import square_of
from editorbot.models.scorer_config import CLASSES, TOKEN_STEPS
from editorbot.training.scored.examples import Example

KEEP = CLASSES.index("keep")
"""The class that is kept."""


@dataclass(frozen=True)
class Batch:
    """Some jams, padded to one length."""

    values: Tensor
    nearest_repeats: Tensor
    similarity: Tensor
    mask: Tensor
    lag_matrix: Tensor
    classes: Tensor

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Arguments of the network."""
        return self.values, self.nearest_repeats, self.similarity, self.mask, self.lag_matrix


def batch_of(examples: Sequence[Example]) -> Batch:
    """Stack jams as tensors, padded at the end."""
    longest = max(len(one.classes) for one in examples)

    def padded(arrays: Sequence[np.ndarray], fill: int, dtype: torch.dtype) -> Tensor:
        whole = torch.full((len(arrays), longest, *arrays[0].shape[1:]), fill, dtype=dtype)
        for row, array in enumerate(arrays):
            whole[row, : len(array)] = torch.from_numpy(array).to(dtype)
        return whole

    return Batch(
        values=padded([one.inputs.values for one in examples], 0, torch.float32),
        nearest_repeats=padded([one.inputs.nearest_repeats for one in examples], -1, torch.int64),
        similarity=padded([one.inputs.similarity for one in examples], 0, torch.float32),
        mask=padded([np.ones((len(one.classes), 1), np.float32) for one in examples], 0, torch.float32),
        lag_matrix=_squares([one.inputs.lag_matrix for one in examples], -(-longest // TOKEN_STEPS)),
        classes=padded([one.classes for one in examples], KEEP, torch.int64),
    )


def _squares(lag_matrix: Sequence[np.ndarray], tokens: int) -> Tensor:
    """Similarity of all tokens to all, shape=(jams, lengths, tokens, tokens)."""
    whole = torch.zeros((len(lag_matrix), lag_matrix[0].shape[0], tokens, tokens))
    for row, one in enumerate(lag_matrix):
        own = range(one.shape[1])
        whole[row, :, : len(own), : len(own)] = torch.from_numpy(square_of(one, own, own))
    return whole


def numbers_of_epoch(epoch: int, count: int, most: int, seed: int) -> list[int]:
    """Choose which of `count` jams an epoch takes, `most` at most: each comes once before any comes again."""
    if count <= most:
        return list(range(count))
    places = range(epoch * most, (epoch + 1) * most)
    rounds = {place // count for place in places}
    orders = {turn: np.random.default_rng([seed, turn]).permutation(count) for turn in rounds}
    return [int(orders[place // count][place % count]) for place in places]


def grouped(examples: Sequence[Example], size: int, rng: np.random.Generator) -> list[list[Example]]:
    """Put jams into batches of similar length, in random order."""
    lengths = np.array([len(one.classes) for one in examples]) + rng.normal(0, 200, len(examples))
    order = np.argsort(lengths)
    groups = [[examples[number] for number in order[at : at + size]] for at in range(0, len(order), size)]
    return [groups[number] for number in rng.permutation(len(groups))]
