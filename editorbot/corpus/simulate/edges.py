"""Where takes and junk begin and end, and how far each reaches into the one before."""

from __future__ import annotations

import numpy as np

from editorbot.corpus.simulate.track import Track


def place_near(track: Track, at_s: float, rng: np.random.Generator) -> float:
    """Return a bar at or after a place, sometimes a beat or nowhere in particular [seconds]."""
    grid = track.bars_s if rng.random() < 0.8 else track.beats_s
    if rng.random() < 0.12 or len(grid) == 0:
        return min(at_s, track.duration_s)
    later = grid[grid >= at_s - 1e-9]
    found = float(later[0]) if len(later) else track.duration_s
    return found if track.duration_s - found > 2.0 else track.duration_s


def bars_before(track: Track, at_s: float, count: int) -> float:
    """Return where the bar starts that lies some bars earlier [seconds]; the start of the track at the least."""
    bars = track.bars_s
    index = int(np.searchsorted(bars, at_s - 1e-6))
    return min(at_s, float(bars[index - count])) if 0 <= index - count < len(bars) else 0.0


def usual_bar_s(track: Track) -> float:
    """Return the length of a bar, 1 s at the least [seconds]."""
    return max(1.0, float(np.median(np.diff(track.bars_s))) if len(track.bars_s) > 1 else 2.0)


def soft_overlap(rng: np.random.Generator) -> float:
    """Draw how far a part reaches into the one before [seconds]; negative leaves a gap."""
    if rng.random() < 0.25:
        return -float(rng.exponential(0.5))
    return float(min(rng.exponential(0.25), 1.2))


def seam(rng: np.random.Generator) -> float:
    """Draw the overlap of two takes that follow without a stop [seconds]."""
    return float(rng.uniform(0.008, 0.05))
