"""Polish stages by name, applied in the order that the edit list gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Shaped

from editorbot.editlist.edit_list import PolishStep
from editorbot.errors import FormatError
from editorbot.polish.loudness import MakeBlocks, loudness_blocks

Stage = Callable[[MakeBlocks, int, int, float], Iterator[Shaped[np.ndarray, "samples channels"]]]
"""Sound, sample rate [Hz], channels and amount in; changed sound of the same length out."""


def _unchanged(
    make_blocks: MakeBlocks, sample_rate: int, channels: int, amount: float
) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
    return make_blocks()


STAGES: Mapping[str, Stage] = {"none": _unchanged, "loudness": loudness_blocks}
"""Every stage by the name that ``--polish`` takes."""

POLISH_NAMES: tuple[str, ...] = tuple(STAGES)
"""The names, `none` first."""


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
        If there is no stage of such a name.
    """
    for step in steps:
        if step.name not in STAGES:
            raise FormatError(f"polish stage {step.name!r} is unknown; known: {', '.join(POLISH_NAMES)}")
        make_blocks = _staged(STAGES[step.name], make_blocks, sample_rate, channels, step.amount)
    return make_blocks()


def _staged(stage: Stage, make_blocks: MakeBlocks, sample_rate: int, channels: int, amount: float) -> MakeBlocks:
    """Return the sound behind a stage, as something that can be started anew."""
    return lambda: stage(make_blocks, sample_rate, channels, amount)
