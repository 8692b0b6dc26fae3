"""The shape, classes and inputs of the learned score's network; without torch.

Torch (:mod:`editorbot.models.scorer`) and NumPy (:mod:`editorbot.editors.scoring.network`) compute the same with these
constants. The shipped weights were trained with them: changing one requires new weights. The pointer network reads
steps in the same way and uses them too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Int32

CLASSES = ("keep", "sounds", "noodling", "other_song", "bad_take", "repeat")
"""Classes of a step: finished music; talk, noise or silence; playing that is no music yet; a bit of another song;
a false start, breakdown or sloppy take; music that was already played."""

SONG_CLASSES = tuple(CLASSES.index(name) for name in ("keep", "bad_take", "repeat"))
"""Classes of the band's music, played well or not."""

STOPPED = slice(CLASSES.index("sounds"), CLASSES.index("other_song") + 1)
"""Classes that stop the music: their chances, summed along the steps, are how much was stopped so far [steps]."""

LOG_STOPPED = 3
"""Logarithms of steps stopped in between are divided by this: 1 means 19 steps, 3.5 s."""

INPUT_LIMIT = 5
"""Scaled inputs are clipped to this in both directions [spreads of the input]."""

TOKEN_STEPS = 16
"""Steps per token: 3 s."""

LAG_TOKENS = 160
"""Largest distance of attention [tokens], eight minutes: tokens farther apart do not see each other."""

PAIR_FEATURES = 8
"""Features of a pair of tokens: similarity over 1.5 and 6 s, the latter above ALIKE_FROM and above SAME_FROM,
direction, distance twice, and how much was stopped or talked in between."""

ALIKE_FROM, ALIKE_TIMES = 0.6, 3
"""Similarity over 6 s (a mean cosine) counts above this alone, times a factor: 1.2 at a similarity of 1."""

SAME_FROM, SAME_TIMES = 0.85, 8
"""The same for music that is almost certainly the same, also 1.2 at most."""

LOG_DISTANCE = 4
"""Logarithms of distances are divided by this: 1 means 54 tokens, 2.7 minutes."""

NEAR_SHARE = 0.152
"""Value of a distance of one token, up to 1: it distinguishes distances up to 6.6 tokens, 20 s."""

SHORT_STOP_STEPS = 3
"""Steps stopped between two tokens are counted in this unit [steps], 0.6 s, before the logarithm."""

CLOSED_BY = 1e4
"""Subtracted from the log odds of tokens that are out of reach, so that their chance is 0."""


@dataclass(frozen=True)
class ScorerConfig:
    """The shape of the network."""

    inputs: int
    """Inputs per step."""
    twins: int
    """Nearest repeats per step."""
    width: int = 64
    """Channels inside."""
    told: int = 16
    """Channels of the message that each step sends to its repeats."""
    first_dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    """Dilations of the first pass [steps], a block each."""
    second_dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128)
    """Dilations of the second pass [steps], a block each."""
    lag_layers: tuple[int, ...] = (0, 4, 8)
    """Before which blocks of the second pass a layer of attention comes; 8 is after the last."""
    heads: int = 4
    """Heads of the attention, of width / heads channels each."""
    pair_width: int = 16
    """Hidden channels between pair features and attention biases."""
    dropout: float = 0.2
    """Share of channels that training drops."""

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width must be divisible by heads, but they are {self.width} and {self.heads}")


@dataclass(frozen=True)
class StepInputs:
    """What the learned score and the pointer network read of each step of a recording.

    See :mod:`editorbot.editors.scoring.inputs`.
    """

    values: Float32[np.ndarray, "steps inputs"]
    """One row a step."""
    nearest_repeats: Int32[np.ndarray, "steps repeats"]
    """Steps where the same is played again, later ones first; -1 if there is none."""
    similarity: Float32[np.ndarray, "steps repeats"]
    """How similar each of them is, a mean cosine; 0 if there is none."""
    lag_matrix: Float32[np.ndarray, "lengths tokens lags"] = field(
        default_factory=lambda: np.zeros((2, 0, LAG_TOKENS), np.float32)
    )
    """How similar each token is to every later one; empty for the pointer network, which does not read it."""
