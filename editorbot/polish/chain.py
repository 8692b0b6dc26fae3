"""Polish stages by name, applied in the order that the edit list gives."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64, Shaped

from editorbot.editlist.edit_list import PolishStep
from editorbot.errors import FormatError
from editorbot.polish.learned import Learned, net_of_step
from editorbot.polish.loudness import MakeBlocks, loudness_blocks
from editorbot.polish.reference import Reference, with_tone


@runtime_checkable
class Stage(Protocol):
    """One stage on one track; it may be started more than once, and then gives the same sound again."""

    def blocks(
        self, make_blocks: MakeBlocks, sample_rate: int, channels: int
    ) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
        """Yield the changed sound, as long as the one that comes in."""


class Unchanged:
    """The stage ``none``."""

    def blocks(
        self, make_blocks: MakeBlocks, sample_rate: int, channels: int
    ) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
        """Yield the sound as it is."""
        return make_blocks()


class LoudnessStage:
    """The stage ``loudness``."""

    def __init__(self, step: PolishStep) -> None:
        self._amount = step.amount

    def blocks(
        self, make_blocks: MakeBlocks, sample_rate: int, channels: int
    ) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
        """Yield the sound at the target loudness."""
        return loudness_blocks(make_blocks, sample_rate, channels, self._amount)


LEARNED_NAMES = ("mel2mel", "reconstruct")
"""Stages that are networks."""

POLISH_NAMES: tuple[str, ...] = ("none", "loudness", "reference", *LEARNED_NAMES)
"""Every stage by the name that ``--polish`` takes, `none` first."""


def prepare_steps(steps: Sequence[PolishStep]) -> tuple[PolishStep, ...]:
    """Return polish steps with everything in them that rendering them again takes.

    Raises
    ------
    EditorbotError
        If a reference or weights cannot be read.
    """
    return tuple(_prepared(step) for step in steps)


def _prepared(step: PolishStep) -> PolishStep:
    if step.name == "reference" and not step.tone_db:
        return with_tone(step)
    if step.name in LEARNED_NAMES:
        file = None if step.file is None else os.path.abspath(step.file)
        return replace(step, checkpoint=net_of_step(step.name, step).digest, file=file)
    return step


def polish_blocks(
    make_blocks: MakeBlocks,
    sample_rate: int,
    channels: int,
    steps: Sequence[PolishStep],
    *,
    labels: Int64[np.ndarray, " frames"] | None = None,
    warnings: list[str] | None = None,
) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
    """Apply polish stages to a rendered track.

    Parameters
    ----------
    make_blocks : callable
        Starts the track anew each time; a stage may read it more than once.
    sample_rate : int [Hz]
        Samples a second.
    channels : int
        Channels of every block.
    steps : sequence of PolishStep
        Stages in order; none leaves the track as it is.
    labels : np.ndarray, shape=(frames,), optional
        What the edit did to each frame, see :mod:`editorbot.polish.edit_labels`; the reconstruction is told it.
    warnings : list of str, optional
        Is added to where a stage could not do its work.

    Returns
    -------
    blocks : iterator of np.ndarray, shape=(samples, channels)
        As many samples as the track has.

    Raises
    ------
    FormatError
        If there is no stage of such a name, or it lacks what it needs.
    EditorbotError
        If the weights of a learned stage cannot be read, or are others than those of the edit list.
    """
    for step in steps:
        make_blocks = _staged(_stage(step, labels, warnings), make_blocks, sample_rate, channels)
    return make_blocks()


def _stage(step: PolishStep, labels: Int64[np.ndarray, " frames"] | None, warnings: list[str] | None) -> Stage:
    """Return the stage of a step."""
    if step.name in LEARNED_NAMES:
        return Learned(step.name, step, labels=labels, warnings=warnings)
    if step.name == "reference":
        return Reference(step)
    if step.name == "loudness":
        return LoudnessStage(step)
    if step.name == "none":
        return Unchanged()
    raise FormatError(f"polish stage {step.name!r} is unknown; known: {', '.join(POLISH_NAMES)}")


def _staged(stage: Stage, make_blocks: MakeBlocks, sample_rate: int, channels: int) -> MakeBlocks:
    """Return the sound behind a stage, as something that can be started anew."""
    return lambda: stage.blocks(make_blocks, sample_rate, channels)
