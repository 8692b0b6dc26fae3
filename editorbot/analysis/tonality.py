"""The key of a recording, from its pitch classes.

References
----------
Krumhansl, "Cognitive Foundations of Musical Pitch", 1990 (the profiles of listeners' ratings).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

UNKNOWN_KEY = "unknown"
"""Result of `estimate_key` where no key stands out."""

PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
"""Names of the pitch classes, in the order of the chroma."""
_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
_MIN_CORRELATION = 0.5
"""Below this the best key is no key."""


def estimate_key(chroma: Float[np.ndarray, "frames pitches"], level_db: Float[np.ndarray, " frames"]) -> str:
    """Estimate the key that fits the loud frames best, ``A minor`` for example, or ``unknown``."""
    loud = level_db > max(float(np.max(level_db, initial=-120.0)) - 30.0, -80.0)
    if not loud.any():
        return UNKNOWN_KEY
    profile = chroma[loud].mean(axis=0, dtype=np.float64)
    if np.ptp(profile) < 1e-6:
        return UNKNOWN_KEY
    scores = [
        np.corrcoef(np.roll(template, tonic), profile)[0, 1] for template in (_MAJOR, _MINOR) for tonic in range(12)
    ]
    best = int(np.argmax(scores))
    if scores[best] < _MIN_CORRELATION:
        return UNKNOWN_KEY
    return f"{PITCHES[best % 12]} {'major' if best < 12 else 'minor'}"
