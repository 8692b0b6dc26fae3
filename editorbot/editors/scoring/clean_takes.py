"""Decides how far to believe the score where it calls music bad, repeated or another song.

The score learned from jams, of which half is to be cut, so in a finished track it takes for a vamp or a bad take what
was only written to come again. Of 36 jams of training artists, talk, tuning, dead air and noodling fill 11 % or more;
of 71 of their 72 finished tracks, 7 % at most. There, what was 'played again' is believed less, and not at all where
next to nothing else is to be cut. A score that learned from takes of this kind as well would not need it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.editors.base import Tightness
from editorbot.models.scorer_shape import CLASSES

REHEARSAL_SHARE = 0.08
"""From this share of sounds and noodling on, a recording is a rehearsal."""

CLEAN_SHARE = 0.04
"""Up to this share it is a take without anything to be cut but them."""

GENTLE_KEEP_ODDS = 1.0
"""Added to the log odds of 'keep' by `gentle`: a quiet solo is easily taken for noodling [log odds]."""

_KEEP = CLASSES.index("keep")
_STOPS = [CLASSES.index(name) for name in ("sounds", "noodling")]
_JUDGED_BY_OTHERS = [CLASSES.index(name) for name in ("other_song", "bad_take", "repeat")]
"""Classes of music that is only bad, or too much, beside other music of the recording."""


def doubt_of(chances: Float32[np.ndarray, "steps classes"], tightness: Tightness = "normal") -> float:
    """Return how little a recording with these chances of CLASSES looks like a rehearsal, in [0, 1]; `gentle`: 1."""
    if tightness == "gentle":
        return 1.0
    stops = float(chances[:, _STOPS].sum(axis=1).mean()) if len(chances) else 1.0
    return float(np.clip((REHEARSAL_SHARE - stops) / (REHEARSAL_SHARE - CLEAN_SHARE), 0, 1))


def believed(
    chances: Float32[np.ndarray, "steps classes"], tightness: Tightness = "normal"
) -> Float32[np.ndarray, "steps classes"]:
    """Return the chances of CLASSES of a whole recording, those of 'keep' higher where it is no rehearsal.

    Parameters
    ----------
    chances : np.ndarray, shape=(steps, classes), float32
        What the score says of each step.
    tightness : Tightness
        `gentle` believes no class of music, so that only sounds and noodling are cut.

    Examples
    --------
    >>> take = np.array([[0.9, 0, 0, 0, 0, 0.1], [0.2, 0, 0, 0, 0, 0.8]], np.float32)
    >>> believed(take)[:, 0].tolist()
    [1.0, 1.0]
    """
    doubt = doubt_of(chances, tightness)
    if doubt == 0:
        return chances
    moved = np.float32(doubt) * chances[:, _JUDGED_BY_OTHERS]
    changed = chances.copy()
    changed[:, _JUDGED_BY_OTHERS] -= moved
    changed[:, _KEEP] += moved.sum(axis=1)
    return _keeping_more(changed, GENTLE_KEEP_ODDS) if tightness == "gentle" else changed


def _keeping_more(chances: Float32[np.ndarray, "steps classes"], odds: float) -> Float32[np.ndarray, "steps classes"]:
    """Return chances with so much added to the log odds of 'keep'."""
    raised = chances.copy()
    raised[:, _KEEP] *= np.float32(np.exp(odds))
    return np.asarray(raised / np.maximum(raised.sum(axis=1, keepdims=True), np.float32(1e-9)), np.float32)
