"""Applies polish stages by name, in the order of the edit list.

A stage is a function of what starts the sound's blocks, its rate and its channels. It returns the blocks of the changed
sound, and the same again each time it is called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Int64

from editorbot.editlist.edit_list import PolishStep
from editorbot.errors import FormatError
from editorbot.polish.blocks import Blocks, MakeBlocks
from editorbot.polish.learned import LearnedTone, net_of_step
from editorbot.polish.loudness import loudness_blocks
from editorbot.polish.reference import MatchReference, with_tone

Stage = Callable[[MakeBlocks, int, int], Blocks]

LEARNED_NAMES = ("mel2mel", "reconstruct")
"""Stages that are networks."""

POLISH_NAMES: tuple[str, ...] = ("none", "loudness", "reference", *LEARNED_NAMES)
"""Every stage by the name that ``--polish`` takes, `none` first."""


def prepare_steps(steps: Sequence[PolishStep]) -> tuple[PolishStep, ...]:
    """Complete polish steps with all that rendering them again takes: a reference's spectrum, a network's digest.

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
) -> Blocks:
    """Apply polish stages to a rendered track.

    Parameters
    ----------
    make_blocks, sample_rate, channels
        The track, see :mod:`editorbot.polish.blocks`; a stage may read it more than once.
    steps : sequence of PolishStep
        Stages in order; without any, the track stays as it is.
    labels : np.ndarray, shape=(frames,), optional
        What the edit did to each frame, see :func:`editorbot.polish.learned.frame_labels`; input of `reconstruct`.
    warnings : list of str, optional
        Gets a line where a stage could not do its work.

    Raises
    ------
    FormatError
        If there is no stage of such a name, or it lacks what it needs.
    EditorbotError
        If the weights of a learned stage cannot be read, or differ from those of the edit list.
    """
    for step in steps:
        make_blocks = partial(_stage(step, labels, warnings), make_blocks, sample_rate, channels)
    return make_blocks()


def _stage(step: PolishStep, labels: Int64[np.ndarray, " frames"] | None, warnings: list[str] | None) -> Stage:
    if step.name in LEARNED_NAMES:
        return LearnedTone(step.name, step, labels=labels, warnings=warnings).blocks
    if step.name == "reference":
        return MatchReference(step).blocks
    if step.name == "loudness":
        return partial(loudness_blocks, amount=step.amount)
    if step.name == "none":
        return lambda make_blocks, sample_rate, channels: make_blocks()
    raise FormatError(f"polish stage {step.name!r} is unknown; known: {', '.join(POLISH_NAMES)}")
