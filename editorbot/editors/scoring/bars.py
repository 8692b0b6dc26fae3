"""Where the bar nearest to a join begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from editorbot.analysis.analysis import Analysis

NEAR_BEATS, NEAR_S = 1.2, 0.8
"""A bar is near a join within this many beats, and seconds."""

NO_MOVE_S = 0.03
"""A join this near to the bar stays where it is [seconds]."""


@dataclass(frozen=True)
class Bars:
    """Where the bars of a recording begin."""

    starts_s: Float[np.ndarray, " bars"]
    """Their first beats [seconds]."""
    beat_s: float
    """A usual beat [seconds]."""

    def later_s(self, at_s: float) -> float:
        """Return how much later than a moment the nearest bar begins [seconds]; 0 where none is near."""
        if not len(self.starts_s):
            return 0.0
        late_s = float(self.starts_s[np.abs(self.starts_s - at_s).argmin()] - at_s)
        return late_s if NO_MOVE_S < abs(late_s) <= min(NEAR_BEATS * self.beat_s, NEAR_S) else 0.0


NO_BARS = Bars(np.zeros(0), 0.0)
"""No bar is known."""


def bars_of(analysis: Analysis) -> Bars:
    """Return where the bars begin; none where no beat was heard."""
    beats_s = analysis.beats_s
    if not analysis.has_beat or len(beats_s) < 2:
        return NO_BARS
    return Bars(beats_s[analysis.downbeats], float(np.median(np.diff(beats_s))))
