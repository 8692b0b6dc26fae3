"""Batches for the networks of tone: kept examples, and windows of random place from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from editorbot.errors import DamagedError
from editorbot.models.mel_config import UNKNOWN_LABEL
from editorbot.timebase import HOP_SAMPLES
from editorbot.training.mel.augment import changed_example
from editorbot.training.mel.examples import MelExample, read_example

LABEL_DROP = 0.3
"""Share of examples whose labels are hidden, so that the network can do without."""

MOST_HELD = 4096
"""Examples that are held in memory without their sounds, 0.5 MB each."""


@dataclass(frozen=True)
class MelBatch:
    """Windows of examples; where they hold no sounds, those are zeros."""

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
    """Raw sound at ANALYSIS_RATE, of the samples of `window_of`, full scale 1.0, shape=(batch, samples)."""
    edit_sound: Tensor
    """Finished sound, as `raw_sound`."""

    def to(self, device: str) -> MelBatch:
        """Return the batch on a device."""
        return MelBatch(**{name: getattr(self, name).to(device) for name in MelBatch.__dataclass_fields__})


def read_all(paths: Sequence[Path], *, with_sound: bool) -> list[MelExample]:
    """Return kept examples; without their sounds where these are not needed.

    Raises
    ------
    DamagedError
        If one is damaged.
    """
    return [read_one(path) if with_sound else read_mels(path) for path in paths]


@lru_cache(maxsize=MOST_HELD)
def read_mels(path: Path) -> MelExample:
    """Return a kept example without its sounds, held in memory; errors as for :func:`read_all`."""
    nothing = np.zeros(0, dtype=np.int16)
    return replace(read_one(path), raw_sound=nothing, edit_sound=nothing)


def read_one(path: Path) -> MelExample:
    """Return a kept example; errors as for :func:`read_all`."""
    example = read_example(path)
    if example is None:
        raise DamagedError("this kept example is damaged; delete it, it is made again", path=path)
    return example


def window_of(example: MelExample, frames: int, at: int) -> tuple[slice, slice]:
    """Return a window's frames, and the samples that lie under all four of theirs."""
    return slice(at, at + frames), slice(at * HOP_SAMPLES, (at + frames - 3) * HOP_SAMPLES)


def batch_of(
    examples: Sequence[MelExample], frames: int, rng: np.random.Generator, *, change: bool = False
) -> MelBatch:
    """Return a window of so many frames of each example, its place drawn; padding of shorter ones is masked.

    With `change`, each gets another equalizer and noise first.
    """
    windows = [_drawn_window(changed_example(kept, rng) if change else kept, frames, rng) for kept in examples]
    joined = {
        name: torch.from_numpy(np.stack([window[name] for window in windows])) for name in MelBatch.__dataclass_fields__
    }
    floats = {name: joined[name].float() for name in joined if name != "labels"}
    return MelBatch(labels=joined["labels"].long(), **floats)


def _drawn_window(example: MelExample, frames: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return a window of an example under the names of MelBatch; its labels are hidden by chance."""
    inside, samples = window_of(example, frames, int(rng.integers(0, max(1, len(example.raw) - frames))))
    parts: dict[str, np.ndarray] = {"summary": example.summary}
    for name in ("raw", "edit", "labels", "known"):
        values = getattr(example, name)[inside]
        parts[name] = np.pad(values, [(0, frames - len(values))] + [(0, 0)] * (values.ndim - 1))
    if rng.random() < LABEL_DROP:
        parts["labels"] = np.full(frames, UNKNOWN_LABEL, np.uint8)
    for name in ("raw_sound", "edit_sound"):
        sound = getattr(example, name)[samples]
        parts[name] = np.pad(sound, (0, (frames - 3) * HOP_SAMPLES - len(sound))) / np.float32(32_768)
    return parts
