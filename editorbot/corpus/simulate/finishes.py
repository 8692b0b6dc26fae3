"""Draws how a jam is recorded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from editorbot.corpus.simulate.plan import SILENT_DB, Recorded


def draw_recorded(rng: np.random.Generator, finishes: Sequence[str]) -> Recorded:
    """Draw how a jam is recorded; each finish is left out in some jams."""

    def on(name: str, share: float) -> bool:
        return bool(rng.random() < share) and name in finishes

    room, hiss, dull, clipping = on("room", 0.85), on("hiss", 1.0), on("dull", 0.6), on("clipping", 0.3)
    tone = tuple(float(v) for v in rng.normal(0, 3.5, 3))
    return Recorded(
        room_s=float(rng.uniform(0.1, 1.4)) if room else 0.0,
        room_db=float(rng.uniform(-24, -3)),
        hiss_db=float(rng.uniform(-75, -24)) if hiss else SILENT_DB,
        hiss_slope_db=float(rng.uniform(-6, 0)),
        hum_db=float(rng.uniform(-60, -30)) if hiss and rng.random() < 0.3 else SILENT_DB,
        tone_db=(tone[0], tone[1], tone[2]) if dull else (0.0, 0.0, 0.0),
        top_hz=float(rng.uniform(2500, 12000)) if dull and rng.random() < 0.5 else 0.0,
        width=float(rng.choice([0.0, rng.uniform(0, 1.3)], p=[0.35, 0.65])) if on("width", 0.7) else 1.0,
        squeeze_db=float(rng.uniform(2, 14)) if on("level", 0.35) else 0.0,
        drive_db=float(rng.uniform(3, 18)) if clipping else 0.0,
        clips_hard=bool(rng.random() < 0.5),
        codec=str(rng.choice(["phone", "mu-law", "mp3"], p=[0.3, 0.2, 0.5])) if on("codec", 0.3) else "",
        level_db=float(rng.uniform(-32, -12)) if on("level", 0.9) else -18.0,
        seed=int(rng.integers(2**31)),
    )
