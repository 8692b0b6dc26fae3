"""Decides how far to believe the score where it calls music bad, repeated or another song.

A recording in which hardly anybody stops is no rehearsal: what comes again in it was composed. The score learned from
jams, of which half is to be cut, so in a finished song it takes for a vamp or a bad take what was only written to come
again. So the less of a recording is talk, tuning, dead air or noodling, in all of it or between its first and its last
music, the less those classes count. The limits were chosen on recordings of validation artists: 132 plain ones,
of which they keep 0.973 of the music (0.914 before, by 0.04 - 0.08 of the whole), and 96 jams (F1 0.882; 0.894 before).
A score that learned from songs as well would not need it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.editors.base import Tightness
from editorbot.models.scorer_config import CLASSES

CLEAN_SHARE, REHEARSAL_SHARE = 0.08, 0.12
"""Shares of sounds and noodling up to which a recording is a take, and from which on it is a rehearsal."""

CLEAN_SHARE_INSIDE, REHEARSAL_SHARE_INSIDE = 0.03, 0.06
"""The same, of what lies between the first and the last music: talk before and after a song says nothing about it."""

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
    if not len(chances):
        return 0.0
    stops = chances[:, _STOPS].sum(axis=1)
    music = np.flatnonzero(stops < 0.5)
    inside = stops[music[0] : music[-1] + 1] if len(music) else stops
    whole = _doubt(float(stops.mean()), CLEAN_SHARE, REHEARSAL_SHARE)
    return max(whole, _doubt(float(inside.mean()), CLEAN_SHARE_INSIDE, REHEARSAL_SHARE_INSIDE))


def _doubt(share: float, clean: float, rehearsal: float) -> float:
    """Return 1 up to the share of a clean take, 0 from that of a rehearsal on, a straight line in between."""
    return float(np.clip((rehearsal - share) / (rehearsal - clean), 0, 1))


def calibrate_for_takes(
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
    >>> calibrate_for_takes(take)[:, 0].tolist()
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
