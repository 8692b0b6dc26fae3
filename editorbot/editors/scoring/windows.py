"""Windows over a long session, so that what is usual is judged song by song."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from editorbot.timebase import s_to_steps

WINDOW_STEPS = s_to_steps(300.0)
"""What is usual is judged over this [steps], five minutes: about a song with its takes."""


def windows_of(count: int) -> list[tuple[int, int]]:
    """Return windows [first, last) that cover `count` steps: one where that is enough, else overlapping by half."""
    if count <= WINDOW_STEPS * 3 // 2:
        return [(0, count)]
    starts = np.linspace(0, count - WINDOW_STEPS, 1 + -(-2 * (count - WINDOW_STEPS) // WINDOW_STEPS)).astype(int)
    return [(int(start), int(start) + WINDOW_STEPS) for start in starts]


def window_weights(length: int) -> Float[np.ndarray, " steps"]:
    """Return how much a window counts at each of its steps: most in the middle, never nothing."""
    return np.asarray(np.minimum(np.arange(length) + 1.0, np.arange(length, 0, -1.0)))
