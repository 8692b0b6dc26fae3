"""Plays a jam in another key and on other instruments, in the rows of sound that the network reads.

Which key a band plays in, and where its tone lies, says nothing of what to keep; a network that has heard a track in
one key alone may learn it by heart. Twins and lags stay as they are: all steps change alike.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from editorbot.analysis.spectrum import STEP_MEL_BANDS
from editorbot.editors.scoring.inputs import LEVEL
from editorbot.training.scored.examples import Example

HARMONY = slice(2 * STEP_MEL_BANDS, LEVEL)
"""Columns of the twelve pitch classes."""

FARTHEST_BANDS = 2
"""How far the bands may move up or down; two are about a third."""

STRENGTHS = (0.75, 1.25)
"""Factor of what the bands say: least and most."""


def transposed(example: Example, rng: np.random.Generator) -> Example:
    """Return a jam in another key, its bands moved and more or less marked.

    Parameters
    ----------
    example : Example
        The jam.
    rng : np.random.Generator
        Decides everything.
    """
    values = np.array(example.inputs.values, np.float32)
    values[:, HARMONY] = np.roll(values[:, HARMONY], int(rng.integers(12)), axis=1)
    up = int(rng.integers(-FARTHEST_BANDS, FARTHEST_BANDS + 1))
    for first in (0, STEP_MEL_BANDS):
        bands = slice(first, first + STEP_MEL_BANDS)
        values[:, bands] = _moved(values[:, bands], up) * np.float32(rng.uniform(*STRENGTHS))
    return replace(example, inputs=replace(example.inputs, values=values))


def _moved(bands: Float32[np.ndarray, "steps bands"], up: int) -> Float32[np.ndarray, "steps bands"]:
    """Return bands moved up by some places; the outermost ones are played on."""
    return bands[:, np.clip(np.arange(bands.shape[1]) - up, 0, bands.shape[1] - 1)]
