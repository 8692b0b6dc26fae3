"""Gains and fades of a stretch, from how loud the edit is against the raw sound, frame by frame.

A span of beats is faded where the renderer's own fade explains it far better than any constant gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

FADE_BEATS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Lengths of fades that are tried [beats]."""
SAME_DB = 0.75
"""Gains closer than this are one [dB]."""

_FAR_BETTER = 0.35
"""Share of what one constant gain leaves that a fade may leave; a codec's noise is in both."""
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
    heard: Float64[np.ndarray, " frames"]
    """Power of the edit."""

    def left(self, shape: Float64[np.ndarray, " n"], first: int, gain: float | None) -> float:
        """Return the power that a gain of a shape leaves from frame `first` on; the best gain where None."""
        rows = slice(first, first + len(shape))
        cross, source = float(shape @ self.cross[rows]), float(shape**2 @ self.source[rows])
        at = max(cross, 0.0) / source if gain is None and source > 0 else gain or 0.0
        return float(self.heard[rows].sum()) - 2 * at * cross + at * at * source


def find_fades(envelope: Envelope, frames: Sequence[int], gain: float) -> list[Fade]:
    """Return the fades of a stretch, best first chosen, not overlapping.

    Parameters
    ----------
    envelope : Envelope
        The stretch.
    frames : sequence of int
        First frame of each beat, and the end.
    gain : float
        Gain of the stretch where it does not fade.
    """
    found: list[tuple[float, Fade]] = []
    beats = len(frames) - 1
    unfaded = [envelope.left(np.ones(b - a), a, None) for a, b in zip(frames, frames[1:])]
    for beats_long in FADE_BEATS:
        for first in range(beats - beats_long + 1):
            low, high = frames[first], frames[first + beats_long]
            if high - low < _LEAST_FRAMES:
                continue
            best_constant = envelope.left(np.ones(high - low), low, None)
            power = float(envelope.heard[low:high].sum())
            if best_constant <= 1e-4 * power or power <= 0:
                continue
            rising = fade_shape(high - low)
            for is_in, shape in ((True, rising), (False, rising[::-1])):
                left = envelope.left(shape, low, gain)
                if left < _FAR_BETTER * best_constant and _is_silent_end(envelope, low, high, is_in):
                    # Beats beside the fade are explained as well without it, and gain it nothing.
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
    """Tell whether the silent end of a span is much quieter, against the raw sound, than its loud end."""
    part = max(1, (high - low) // 8)
    outer, inner = (slice(low, low + part), slice(high - part, high))
    if not is_in:
        outer, inner = inner, outer
    quiet = float(envelope.heard[outer].sum()) / max(float(envelope.source[outer].sum()), 1e-30)
    loud = float(envelope.heard[inner].sum()) / max(float(envelope.source[inner].sum()), 1e-30)
    return quiet < _SILENT_SHARE * loud


def steady_gains_db(gains_db: Float64[np.ndarray, " beats"]) -> Float64[np.ndarray, " beats"]:
    """Return the gain of each beat with runs of nearly equal ones at their median [dB]."""
    steady = gains_db.copy()
    first = 0
    for beat in range(1, len(gains_db) + 1):
        if beat == len(gains_db) or abs(gains_db[beat] - np.median(gains_db[first:beat])) > SAME_DB:
            steady[first:beat] = np.median(gains_db[first:beat])
            first = beat
    return steady
