"""Spans: how many beats each size means at each beat of a recording.

BEAT is one beat, BAR the meter's bar, TWO_BARS two of them from the cursor on.
PHRASE and TWO_PHRASES end on the next phrase boundaries where those are known,
at most 8 and 16 beats on. No span reaches beyond the end.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, Int64

from editorbot.analysis.analysis import Analysis
from editorbot.environment.actions import SIZES, Size

LONGEST_PHRASE = 8
"""Beats of PHRASE where no boundary comes earlier."""

LONGEST_SPAN = 16
"""Beats of TWO_PHRASES where no boundary comes earlier; no span is longer."""


def span_lengths(analysis: Analysis) -> Int64[np.ndarray, "beats 5"]:
    """Count the beats that each size spans from each beat on, shape=(beats, 5); see `lengths_of`."""
    has_bars = analysis.has_beat and len(analysis.downbeats) > 0
    return lengths_of(len(analysis.beats_s), analysis.beats_per_bar if has_bars else 4, analysis.phrases)


def lengths_of(beats: int, beats_per_bar: int, phrases: Int[np.ndarray, " phrases"]) -> Int64[np.ndarray, "beats 5"]:
    """Count the beats that each size spans from each beat on.

    Parameters
    ----------
    beats : int
        Beats of the recording.
    beats_per_bar : int
        The meter.
    phrases : np.ndarray, shape=(phrases,)
        First beats of phrases, increasing; may be empty.

    Returns
    -------
    lengths : np.ndarray, shape=(beats, 5), int64
        In index order of `Size`, at least 1, at most what is left and LONGEST_SPAN.

    Examples
    --------
    >>> lengths_of(40, 3, np.array([0, 6, 12]))[4].tolist()
    [1, 3, 2, 6, 8]
    """
    beat = np.arange(beats)
    lengths = np.empty((beats, SIZES), dtype=np.int64)
    lengths[:, Size.BEAT] = 1
    lengths[:, Size.BAR] = beats_per_bar
    lengths[:, Size.TWO_BARS] = 2 * beats_per_bar
    # Without a boundary ahead a far one is assumed; limits are applied below.
    bounds = np.concatenate([phrases, np.full(2, beats + LONGEST_SPAN)]).astype(np.int64)
    following = np.searchsorted(phrases, beat, side="right")
    lengths[:, Size.PHRASE] = np.minimum(bounds[following] - beat, LONGEST_PHRASE)
    lengths[:, Size.TWO_PHRASES] = bounds[following + 1] - beat
    return np.minimum(lengths, np.minimum(beats - beat, LONGEST_SPAN)[:, None])
