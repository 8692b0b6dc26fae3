"""Batches for the mel networks: random windows of examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from editorbot.models.mel_config import UNKNOWN_LABEL
from editorbot.timebase import HOP_SAMPLES
from editorbot.training.mel.augment import augmented
from editorbot.training.mel.examples import MelExample

LABEL_DROP = 0.3
"""Share of examples whose labels are hidden, so that the network learns to do without."""


@dataclass(frozen=True)
class MelBatch:
    """Windows of examples; of examples without sounds, those are zeros."""

    raw: Tensor
    """Raw mel in [0, 1], shape=(batch, frames, 128)."""
    edit: Tensor
    """Finished mel at the same loudness, as `raw`."""
    labels: Tensor
    """Label of each frame, UNKNOWN_LABEL where it is unknown or hidden, shape=(batch, frames)."""
    known: Tensor
    """1 where the frame came from the raw recording, 0 elsewhere and in the padding, shape=(batch, frames)."""
    summary: Tensor
    """Summary of each whole recording, shape=(batch, summary)."""
    raw_sound: Tensor
    """Raw sound at ANALYSIS_RATE, full scale 1.0: the samples of which all four frames are in the window,
    shape=(batch, samples)."""
    edit_sound: Tensor
    """Finished sound, as `raw_sound`."""

    def to(self, device: str) -> MelBatch:
        """Copy the batch to a device."""
        return MelBatch(**{name: getattr(self, name).to(device) for name in MelBatch.__dataclass_fields__})


def batch_of(
    examples: Sequence[MelExample], frames: int, rng: np.random.Generator, *, augment: bool = False
) -> MelBatch:
    """Cut a random window of `frames` frames out of each example, which is augmented first if asked for.

    Shorter examples are padded; the padding is not `known`.
    """
    windows = [_random_window(augmented(one, rng) if augment else one, frames, rng) for one in examples]
    stacked = {
        name: torch.from_numpy(np.stack([window[name] for window in windows])) for name in MelBatch.__dataclass_fields__
    }
    floats = {name: stacked[name].float() for name in stacked if name != "labels"}
    return MelBatch(labels=stacked["labels"].long(), **floats)


def _random_window(example: MelExample, frames: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Cut a window under the names of MelBatch; its labels are hidden at random."""
    at = int(rng.integers(0, max(1, len(example.raw) - frames)))
    parts: dict[str, np.ndarray] = {"summary": example.summary}
    for name in ("raw", "edit", "labels", "known"):
        values = getattr(example, name)[at : at + frames]
        parts[name] = np.pad(values, [(0, frames - len(values))] + [(0, 0)] * (values.ndim - 1))
    if rng.random() < LABEL_DROP:
        parts["labels"] = np.full(frames, UNKNOWN_LABEL, np.uint8)
    for name in ("raw_sound", "edit_sound"):
        sound = getattr(example, name)[at * HOP_SAMPLES : (at + frames - 3) * HOP_SAMPLES]
        parts[name] = np.pad(sound, (0, (frames - 3) * HOP_SAMPLES - len(sound))) / np.float32(32_768)
    return parts
