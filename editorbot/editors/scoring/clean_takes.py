"""A recording in which hardly anybody stops is no rehearsal: what comes again in it was composed.

The score learned from jams, of which half is to be cut, so in a finished track it takes for a vamp or a bad take what
was only written to come again. Of 36 jams of training artists, talk, tuning, dead air and noodling fill 11 % or more;
of 71 of their 72 finished tracks, 7 % at most. There, what was 'played again' is believed less, and not at all where
next to nothing else is to be cut. A score that learned from takes of this kind as well would not need it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.models.scorer_shape import CLASSES

REHEARSAL_SHARE = 0.08
"""From this share of sounds and noodling on, a recording is a rehearsal."""

CLEAN_SHARE = 0.04
"""Up to this share it is a take without anything to be cut but them."""

_KEEP = CLASSES.index("keep")
_STOPS = [CLASSES.index(name) for name in ("sounds", "noodling")]
_JUDGED_BY_OTHERS = [CLASSES.index(name) for name in ("other_song", "bad_take", "repeat")]
"""Classes of music that is only bad, or too much, beside other music of the recording."""


def doubt_of(chances: Float32[np.ndarray, "steps classes"]) -> float:
    """Return how little a recording with these chances of CLASSES looks like a rehearsal, in [0, 1]."""
    stops = float(chances[:, _STOPS].sum(axis=1).mean()) if len(chances) else 1.0
    return float(np.clip((REHEARSAL_SHARE - stops) / (REHEARSAL_SHARE - CLEAN_SHARE), 0, 1))


def believed(chances: Float32[np.ndarray, "steps classes"]) -> Float32[np.ndarray, "steps classes"]:
    """Return the chances of CLASSES of a whole recording, those of 'keep' higher where it is no rehearsal.

    Examples
    --------
    >>> take = np.array([[0.9, 0, 0, 0, 0, 0.1], [0.2, 0, 0, 0, 0, 0.8]], np.float32)
    >>> believed(take)[:, 0].tolist()
    [1.0, 1.0]
    """
    doubt = doubt_of(chances)
    if doubt == 0:
        return chances
    moved = np.float32(doubt) * chances[:, _JUDGED_BY_OTHERS]
    changed = chances.copy()
    changed[:, _JUDGED_BY_OTHERS] -= moved
    changed[:, _KEEP] += moved.sum(axis=1)
    return changed
