"""Gains and fades of a stretch, from the level of the edit relative to the raw sound, frame by frame.

A span of beats is a fade if the renderer's fade leaves a far smaller residual than any constant gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

FADE_BEATS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Lengths of fades that are tried [beats]."""
SAME_DB = 0.75
"""Gains closer than this are the same [dB]."""

_FAR_BETTER = 0.35
"""Largest residual of a fade, as a share of that of a constant gain; a codec's noise is in both."""
_LEAST_FRAMES = 4
_SILENT_SHARE = 0.05
"""A fade's outer eighth must hold at most this share of its power."""


@dataclass(frozen=True)
class Fade:
    """A faded span."""

    first: int
    """First beat of the stretch."""
    end: int
    """End beat."""
    is_in: bool
    """Whether it rises."""


@dataclass(frozen=True)
class Envelope:
    """Whitened cross power and powers of each frame of a stretch, shape=(frames,)."""

    cross: Float64[np.ndarray, " frames"]
    """Real part of the cross power."""
    source: Float64[np.ndarray, " frames"]
    """Power of the raw sound."""
    target: Float64[np.ndarray, " frames"]
    """Power of the edit."""

    def residual(self, shape: Float64[np.ndarray, " n"], first: int, gain: float | None) -> float:
        """Return the residual power for a gain of a shape from frame `first` on; the best gain if None."""
        rows = slice(first, first + len(shape))
        cross, source = float(shape @ self.cross[rows]), float(shape**2 @ self.source[rows])
        at = max(cross, 0.0) / source if gain is None and source > 0 else gain or 0.0
        return float(self.target[rows].sum()) - 2 * at * cross + at * at * source


def find_fades(envelope: Envelope, frames: Sequence[int], gain: float) -> list[Fade]:
    """Find the fades of a stretch; of overlapping ones the better is taken.

    `frames` are the first frames of the beats and the end, `gain` that of the stretch without fades.
    """
    found: list[tuple[float, Fade]] = []
    beats = len(frames) - 1
    unfaded = [envelope.residual(np.ones(b - a), a, None) for a, b in zip(frames, frames[1:])]
    for beats_long in FADE_BEATS:
        for first in range(beats - beats_long + 1):
            low, high = frames[first], frames[first + beats_long]
            if high - low < _LEAST_FRAMES:
                continue
            best_constant = envelope.residual(np.ones(high - low), low, None)
            power = float(envelope.target[low:high].sum())
            if best_constant <= 1e-4 * power or power <= 0:
                continue
            rising = fade_shape(high - low)
            for is_in, shape in ((True, rising), (False, rising[::-1])):
                left = envelope.residual(shape, low, gain)
                if left < _FAR_BETTER * best_constant and _is_silent_end(envelope, low, high, is_in):
                    # Beats that fit as well without the fade add nothing to its gain.
                    gained = sum(unfaded[first : first + beats_long]) - left
                    found.append((gained, Fade(first, first + beats_long, is_in)))
    chosen: list[Fade] = []
    for _, fade in sorted(found, key=lambda entry: -entry[0]):
        if all(fade.end <= other.first or fade.first >= other.end for other in chosen):
            chosen.append(fade)
    return sorted(chosen, key=lambda fade: fade.first)


def fade_shape(frames: int) -> Float64[np.ndarray, " frames"]:
    """Return the renderer's fade from silence, at the middle of each frame."""
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(frames) + 0.5) / frames)


def _is_silent_end(envelope: Envelope, low: int, high: int, is_in: bool) -> bool:
    """Whether the silent end of a span is much quieter, relative to the raw sound, than its loud end."""
    part = max(1, (high - low) // 8)
    outer, inner = (slice(low, low + part), slice(high - part, high))
    if not is_in:
        outer, inner = inner, outer
    quiet = float(envelope.target[outer].sum()) / max(float(envelope.source[outer].sum()), 1e-30)
    loud = float(envelope.target[inner].sum()) / max(float(envelope.source[inner].sum()), 1e-30)
    return quiet < _SILENT_SHARE * loud


def steady_gains_db(gains_db: Float64[np.ndarray, " beats"]) -> Float64[np.ndarray, " beats"]:
    """Replace runs of nearly equal gains by their median [dB]."""
    steady = gains_db.copy()
    first = 0
    for beat in range(1, len(gains_db) + 1):
        if beat == len(gains_db) or abs(gains_db[beat] - np.median(gains_db[first:beat])) > SAME_DB:
            steady[first:beat] = np.median(gains_db[first:beat])
            first = beat
    return steady
