"""Looks once more for stretches of an edit that were found nowhere: by their samples.

Steady prints (hiss, a long fade, hum under noise) leave little in fingerprints that are freed of what lasts. Their
samples still correlate with the place that they were copied from, and with no other.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.corpus.alignment.segments import MatchedStretch, PairFingerprints, similarity_along
from editorbot.corpus.alignment.time_delay import Line, sharpest_peak, whitened_correlation
from editorbot.timebase import ANALYSIS_RATE

LEAST_STRENGTH = 30.0
"""Height of a peak over the root mean square of all places from which it is no chance match.

Measured: other music reaches 17, copies 60.
"""

_WINDOW, _SHORTEST = 65_536, round(0.8 * ANALYSIS_RATE)
"""Longest and shortest stretch that is matched at a time [samples]."""
_MOST_LAGS = 2e7
"""Most places that are compared in all: limits the time if much of an edit is not from its recording."""


def with_waveform_matches(prints: PairFingerprints, found: list[MatchedStretch], speed: float) -> list[MatchedStretch]:
    """Add, in the order of the edit, stretches between the known ones whose waveform matches at a speed."""
    samples = prints.raw.mono.samples
    windows = [window for gap in _gaps(prints, found) for window in _windows(*gap)]
    windows = sorted(windows, key=lambda window: window[0] - window[1])[: int(_MOST_LAGS // max(samples, 1))]
    if not windows:
        return found
    raw = prints.raw.mono.read(0, samples)
    more = [_match_piece(prints, raw, first, end, speed) for first, end in windows]
    return sorted([*found, *(one for one in more if one is not None)], key=lambda one: one.first)


def _gaps(prints: PairFingerprints, found: list[MatchedStretch]) -> list[tuple[int, int]]:
    """Return the gaps of the edit between the known stretches."""
    ends = [0, *(stretch.end for stretch in found)]
    firsts = [*(stretch.first for stretch in found), prints.edit.mono.samples]
    return [(end, first) for end, first in zip(ends, firsts) if first - end >= _SHORTEST]


def _windows(first: int, end: int) -> list[tuple[int, int]]:
    """Divide a gap into pieces of equal length."""
    bounds = np.linspace(first, end, -(-(end - first) // _WINDOW) + 1).astype(int).tolist()
    return list(zip(bounds, bounds[1:]))


def _match_piece(
    prints: PairFingerprints, raw: Float32[np.ndarray, " samples"], first: int, end: int, speed: float
) -> MatchedStretch | None:
    """Find where a piece of the edit comes from; None if no place stands out."""
    heard = prints.edit.mono.read(first, end)
    count = round((end - first) * speed)
    if count >= len(raw) or not np.any(heard):
        return None
    if speed != 1.0:
        heard = np.interp(np.arange(count) / speed, np.arange(len(heard)), heard).astype(np.float32)
    at, strength = sharpest_peak(whitened_correlation(raw, heard))
    if strength < LEAST_STRENGTH:
        return None
    line = Line(float(first), at, speed)
    return MatchedStretch(first, end, line, strength, similarity_along(prints, line, first, end))
