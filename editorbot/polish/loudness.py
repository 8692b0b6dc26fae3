"""Polish stage ``loudness``: the level of a finished track.

The gain that brings the integrated loudness to -14 LUFS, the level that
streaming services play at, then a limiter that keeps true peaks below
-1 dBTP. It reads the sound twice: once to measure, once to change it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float64, Shaped

from editorbot.polish.limiter import limit_blocks
from editorbot.polish.meter import measure
from editorbot.render.samples import as_float

TARGET_LUFS = -14.0
"""Integrated loudness of the result [LUFS]."""

CEILING_DB = -1.0
"""Highest true peak of the result [dBTP]."""

MakeBlocks = Callable[[], Iterator[Shaped[np.ndarray, "samples channels"]]]
"""Starts the sound anew each time it is called."""


def loudness_blocks(
    make_blocks: MakeBlocks, sample_rate: int, channels: int, amount: float
) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
    """Yield the sound at the target loudness.

    Parameters
    ----------
    make_blocks : callable
        Starts the sound anew; called twice.
    sample_rate : int [Hz]
        Samples a second.
    channels : int
        Channels of every block.
    amount : float, in [0, 1]
        Share of the gain in dB that is applied; 0 changes nothing.

    Yields
    ------
    block : np.ndarray, shape=(samples, channels)
        float64 with full scale 1.0; the source's own samples where there is
        nothing to do: in silence, or with an amount of 0.
    """
    if amount == 0:
        yield from make_blocks()
        return
    loudness = measure(make_blocks(), sample_rate, channels)
    if math.isinf(loudness.integrated_lufs):
        yield from make_blocks()
        return
    gain_db = amount * (TARGET_LUFS - loudness.integrated_lufs)
    yield from limit_blocks(_gained(make_blocks(), gain_db), sample_rate, channels, ceiling_db=CEILING_DB)


def _gained(
    blocks: Iterator[Shaped[np.ndarray, "samples channels"]], gain_db: float
) -> Iterator[Float64[np.ndarray, "samples channels"]]:
    gain = 10 ** (gain_db / 20)
    for block in blocks:
        yield as_float(block) * gain
