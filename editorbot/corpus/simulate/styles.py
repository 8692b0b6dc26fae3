"""Draws how takes are played: no two are alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from editorbot.corpus.simulate.plan import SILENT_DB, Style


class Styles:
    """How one band plays on one day.

    Parameters
    ----------
    rng : np.random.Generator
        Draws everything.
    end_s : float [seconds]
        Length of the finished track.
    drifts, must_drift : bool
        Whether the tempo may, or has to, go up and down.
    """

    def __init__(self, rng: np.random.Generator, end_s: float, *, drifts: bool, must_drift: bool) -> None:
        self.rng, self.end_s, self.drifts, self.must_drift = rng, end_s, drifts, must_drift
        self.plays_along = float(rng.choice([0.0, rng.uniform(0.05, 0.4)]))
        self.base = self._draw_base()
        """What all takes of the day have in common."""

    def _draw_base(self) -> Style:
        """Draw how the band plays today."""
        rng = self.rng
        drift: tuple[float, ...] = ()
        if self.drifts and (rng.random() < 0.4 or self.must_drift):
            walk = np.cumsum(rng.normal(0, 1, max(3, int(self.end_s / rng.uniform(8, 25)))))
            walk = (walk - walk.mean()) / max(1e-6, float(np.abs(walk - walk.mean()).max()))
            drift = tuple(float(v) for v in 1 + walk * rng.uniform(0.004, 0.025))
        return Style(
            speed=float(1 + rng.choice([0.0, rng.normal(0, 0.008)])),
            drift=drift,
            bends_pitch=bool(rng.random() < 0.3),
            balance_db=float(rng.uniform(0, 3)),
            looseness_s=float(rng.choice([0.0, rng.uniform(0.001, 0.02)])),
            width=float(rng.uniform(0.6, 1.1)),
        )

    def other(self) -> Style:
        """Draw a take after a stop: another tempo, another knob."""
        rng = self.rng
        tone = rng.normal(0, 1.5, 3)
        return replace(
            self.base,
            speed=float(self.base.speed * (1 + np.clip(rng.normal(0, 0.006), -0.02, 0.02))),
            cents=float(rng.choice([0.0, rng.normal(0, 8)], p=[0.7, 0.3])),
            gain_db=float(rng.normal(0, 1.5)),
            tone_db=(float(tone[0]), float(tone[1]), float(tone[2])),
            overlay_db=self._overlay_db(),
            width=float(self.base.width * rng.uniform(0.85, 1.15)),
            seed=int(rng.integers(2**31)),
        )

    def _overlay_db(self) -> float:
        """Draw how loud somebody plays along; mostly nobody does."""
        return float(self.rng.uniform(-22, -5)) if self.rng.random() < self.plays_along else SILENT_DB

    def near(self, style: Style) -> Style:
        """Draw a pass that follows without a stop: nearly the same, never quite."""
        rng = self.rng
        tone = np.array(style.tone_db) + rng.normal(0, 0.7, 3)
        return replace(
            style,
            speed=float(style.speed * (1 + np.clip(rng.normal(0, 0.002), -0.006, 0.006))),
            cents=float(style.cents + rng.choice([0.0, rng.normal(0, 3)])),
            gain_db=float(style.gain_db + rng.normal(0, 0.6)),
            tone_db=(float(tone[0]), float(tone[1]), float(tone[2])),
            overlay_db=self._overlay_db(),
            seed=int(rng.integers(2**31)),
        )
