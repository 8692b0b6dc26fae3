"""Looks once more for stretches of an edit that were found nowhere: by their samples.

Steady sounds (hiss, a long fade, hum under noise) leave little in fingerprints that are freed of what lasts. Their
samples still correlate with the place that they were copied from, and with no other.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.corpus.alignment.segments import Found, Sounds, likeness_along
from editorbot.corpus.alignment.time_delay import Line, sharpest_peak, whitened_correlation
from editorbot.timebase import ANALYSIS_RATE

LEAST_STRENGTH = 30.0
"""Height of a peak over the root mean square of all places at which it is no accident.

Measured: other music reaches 17, copies 60.
"""

_WINDOW, _SHORTEST = 65_536, round(0.8 * ANALYSIS_RATE)
"""Longest and shortest stretch that is looked up at a time [samples]."""
_MOST_LAGS = 2e7
"""Places that are compared in all: bounds the time where much of an edit is not from its recording."""


def with_leftovers(sounds: Sounds, found: list[Found], speed: float) -> list[Found]:
    """Return the stretches, and between them those that only their samples give away, in the order of the edit.

    Parameters
    ----------
    sounds : Sounds
        The two recordings.
    found : list of Found
        What is known, in order.
    speed : float
        Raw samples that pass while one sample of the edit does.
    """
    samples = sounds.raw.mono.samples
    windows = [window for gap in _gaps(sounds, found) for window in _windows(*gap)]
    windows = sorted(windows, key=lambda window: window[0] - window[1])[: int(_MOST_LAGS // max(samples, 1))]
    if not windows:
        return found
    raw = sounds.raw.mono.read(0, samples)
    more = [_looked_up(sounds, raw, first, end, speed) for first, end in windows]
    return sorted([*found, *(one for one in more if one is not None)], key=lambda one: one.first)


def _gaps(sounds: Sounds, found: list[Found]) -> list[tuple[int, int]]:
    """Return the stretches of the edit between what was found."""
    ends = [0, *(stretch.end for stretch in found)]
    firsts = [*(stretch.first for stretch in found), sounds.edit.mono.samples]
    return [(end, first) for end, first in zip(ends, firsts) if first - end >= _SHORTEST]


def _windows(first: int, end: int) -> list[tuple[int, int]]:
    """Return a gap in pieces of equal length."""
    bounds = np.linspace(first, end, -(-(end - first) // _WINDOW) + 1).astype(int).tolist()
    return list(zip(bounds, bounds[1:]))


def _looked_up(
    sounds: Sounds, raw: Float32[np.ndarray, " samples"], first: int, end: int, speed: float
) -> Found | None:
    """Return where a piece of the edit comes from, None where no place stands out."""
    heard = sounds.edit.mono.read(first, end)
    count = round((end - first) * speed)
    if count >= len(raw) or not np.any(heard):
        return None
    if speed != 1.0:
        heard = np.interp(np.arange(count) / speed, np.arange(len(heard)), heard).astype(np.float32)
    at, strength = sharpest_peak(whitened_correlation(raw, heard))
    if strength < LEAST_STRENGTH:
        return None
    line = Line(float(first), at, speed)
    return Found(first, end, line, strength, likeness_along(sounds, line, first, end))
