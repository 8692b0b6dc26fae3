"""Draws how the tone of a recording is worsened, clearly, in one to three ways.

Jams of :mod:`finishes` are recorded as most are: not badly. What changes tone has to learn from those that are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from editorbot.corpus.simulate.finishes import draw_recorded
from editorbot.corpus.simulate.plan import Recorded

WAYS = ("room", "dull", "boomy", "noisy", "clipped", "phone")
"""Ways in which tone is worsened."""


def draw_worsened(rng: np.random.Generator, ways: tuple[str, ...] = ()) -> Recorded:
    """Draw how a recording is worsened: in the ways named, or in one to three drawn.

    What is not worsened is recorded as in a jam, at a level and width of its own, without clipping or codec.
    """
    named = ways or tuple(rng.choice(WAYS, size=int(rng.integers(1, 4)), replace=False))
    how = draw_recorded(rng, ("room", "hiss", "level", "width"))
    how = replace(how, room_db=min(how.room_db, -12.0), hiss_db=min(how.hiss_db, -45.0))
    low, middle, high = (float(value) for value in rng.normal(0, 2.5, 3))
    changes: dict[str, Any] = {}
    if "room" in named:
        changes |= {"room_s": float(rng.uniform(0.4, 1.6)), "room_db": float(rng.uniform(-9, 1))}
    if "dull" in named:
        high -= float(rng.uniform(6, 18))
        changes["top_hz"] = float(rng.uniform(2500, 8000)) if rng.random() < 0.5 else 0.0
    if "boomy" in named:
        low += float(rng.uniform(5, 14))
        middle -= float(rng.uniform(0, 5))
    if "noisy" in named:
        changes["hiss_db"] = float(rng.uniform(-38, -16))
        changes["hum_db"] = float(rng.uniform(-40, -20)) if rng.random() < 0.4 else how.hum_db
    if "clipped" in named:
        changes |= {"drive_db": float(rng.uniform(8, 20))}
    if "phone" in named:
        changes["codec"] = "phone"
    return replace(how, tone_db=(low, middle, high), **changes)
