"""Polish stages by name, applied in the order that the edit list gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Shaped

from editorbot.editlist.edit_list import PolishStep
from editorbot.errors import FormatError
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

    def __init__(self, step: PolishStep) -> None:
        pass

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


STAGES: Mapping[str, Callable[[PolishStep], Stage]] = {
    "none": Unchanged,
    "loudness": LoudnessStage,
    "reference": Reference,
}
"""Every stage by the name that ``--polish`` takes."""

POLISH_NAMES: tuple[str, ...] = tuple(STAGES)
"""The names, `none` first."""


def prepare_steps(steps: Sequence[PolishStep]) -> tuple[PolishStep, ...]:
    """Return polish steps with everything in them that rendering them again takes.

    Raises
    ------
    EditorbotError
        If a reference or weights cannot be read.
    """
    return tuple(with_tone(step) if step.name == "reference" and not step.tone_db else step for step in steps)


def polish_blocks(
    make_blocks: MakeBlocks, sample_rate: int, channels: int, steps: Sequence[PolishStep]
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

    Returns
    -------
    blocks : iterator of np.ndarray, shape=(samples, channels)
        As many samples as the track has.

    Raises
    ------
    FormatError
        If there is no stage of such a name, or it lacks what it needs.
    """
    for step in steps:
        if step.name not in STAGES:
            raise FormatError(f"polish stage {step.name!r} is unknown; known: {', '.join(POLISH_NAMES)}")
        make_blocks = _staged(STAGES[step.name](step), make_blocks, sample_rate, channels)
    return make_blocks()


def _staged(stage: Stage, make_blocks: MakeBlocks, sample_rate: int, channels: int) -> MakeBlocks:
    """Return the sound behind a stage, as something that can be started anew."""
    return lambda: stage.blocks(make_blocks, sample_rate, channels)
