"""Corrects the score of recordings that are takes, not rehearsals: 'bad', 'repeat' and 'another song' count less there.

If a recording has hardly a stop, it is no rehearsal: what is repeated in it was composed. The score was trained on
jams, of which half is to be cut, so in a finished song it mistakes a composed repeat for a vamp or a bad take. So the
less of a recording is talk, tuning, dead air or noodling, in all of it or between its first and its last music, the
less those classes count. The limits were chosen on recordings of validation artists: 132 plain ones, of which they
keep 0.950 of the music (0.914 before, by 0.04 - 0.08 of the whole), and 96 jams (F1 0.888; 0.894 before). A score
trained on songs as well would not need this.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.editors.base import Tightness
from editorbot.models.scorer_config import CLASSES

CLEAN_SHARE, REHEARSAL_SHARE = 0.06, 0.10
"""A recording with a smaller share of sounds and noodling is a take; with a larger one, a rehearsal."""

CLEAN_SHARE_INSIDE, REHEARSAL_SHARE_INSIDE = 0.01, 0.03
"""The same between the first and the last music: talk before and after a song does not make it a rehearsal."""

GENTLE_KEEP_ODDS = 1.0
"""Added to the log odds of 'keep' by `gentle`: a quiet solo is easily mistaken for noodling [log odds]."""

_KEEP = CLASSES.index("keep")
_STOPS = [CLASSES.index(name) for name in ("sounds", "noodling")]
_RELATIVE = [CLASSES.index(name) for name in ("other_song", "bad_take", "repeat")]
"""Classes of music that is bad, or too much, only compared with other music of the recording."""


def take_weight(chances: Float32[np.ndarray, "steps classes"], tightness: Tightness = "normal") -> float:
    """Estimate how much a recording is a take, not a rehearsal, in [0, 1], from the chances of CLASSES; `gentle`: 1."""
    if tightness == "gentle":
        return 1.0
    if not len(chances):
        return 0.0
    stops = chances[:, _STOPS].sum(axis=1)
    music = np.flatnonzero(stops < 0.5)
    inside = stops[music[0] : music[-1] + 1] if len(music) else stops
    whole = _ramp(float(stops.mean()), CLEAN_SHARE, REHEARSAL_SHARE)
    return max(whole, _ramp(float(inside.mean()), CLEAN_SHARE_INSIDE, REHEARSAL_SHARE_INSIDE))


def _ramp(share: float, clean: float, rehearsal: float) -> float:
    """Interpolate: 1 up to the share of a clean take, 0 from that of a rehearsal on, linear in between."""
    return float(np.clip((rehearsal - share) / (rehearsal - clean), 0, 1))


def calibrate_for_takes(
    chances: Float32[np.ndarray, "steps classes"], tightness: Tightness = "normal"
) -> Float32[np.ndarray, "steps classes"]:
    """Raise the chances of 'keep' in a recording that is no rehearsal.

    Parameters
    ----------
    chances : np.ndarray, shape=(steps, classes), float32
        Chances of CLASSES at each step of the whole recording.
    tightness : Tightness
        `gentle` counts all music as 'keep', so that only sounds and noodling are cut.

    Examples
    --------
    >>> take = np.array([[0.9, 0, 0, 0, 0, 0.1], [0.2, 0, 0, 0, 0, 0.8]], np.float32)
    >>> calibrate_for_takes(take)[:, 0].tolist()
    [1.0, 1.0]
    """
    weight = take_weight(chances, tightness)
    if weight == 0:
        return chances
    moved = np.float32(weight) * chances[:, _RELATIVE]
    changed = chances.copy()
    changed[:, _RELATIVE] -= moved
    changed[:, _KEEP] += moved.sum(axis=1)
    return _with_keep_odds(changed, GENTLE_KEEP_ODDS) if tightness == "gentle" else changed


def _with_keep_odds(chances: Float32[np.ndarray, "steps classes"], odds: float) -> Float32[np.ndarray, "steps classes"]:
    """Add to the log odds of 'keep'."""
    raised = chances.copy()
    raised[:, _KEEP] *= np.float32(np.exp(odds))
    return np.asarray(raised / np.maximum(raised.sum(axis=1, keepdims=True), np.float32(1e-9)), np.float32)
