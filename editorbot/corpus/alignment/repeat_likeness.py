"""Places of the raw recording that sound like a given stretch, by their fingerprints."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from editorbot.corpus.alignment.fingerprint import Fingerprint

_MOST_ROWS = 96


def likeness_of_places(print_: Fingerprint, first: int, end: int, raw: Fingerprint) -> Float32[np.ndarray, " places"]:
    """Return how much the raw recording from each cell on is like cells [first, end) of a fingerprint.

    Parameters
    ----------
    print_, raw : Fingerprint
        Of equal cell distance.
    first, end : int
        The stretch; of a long one a spread of at most 96 to 192 cells is compared.

    Returns
    -------
    likeness : np.ndarray, shape=(places,), float32
        Weighted mean, in [-1, 1], of every place that holds the whole stretch; may be empty.
    """
    step = max(1, (end - first) // _MOST_ROWS)
    picked = np.arange(first, end, step)
    weight = print_.weight[picked]
    likeness = (print_.rows[picked] * weight[:, None]) @ raw.rows.T
    sums = np.zeros(max(0, len(raw.rows) - int(picked[-1] - first)), dtype=np.float32)
    for row, at in zip(likeness, picked - first):
        sums += row[at : at + len(sums)]
    return sums / np.float32(max(float(weight.sum()), 1e-3))


def highest_places(likeness: Float32[np.ndarray, " places"], *, least: float, apart: int, most: int) -> list[int]:
    """Return the places of the highest peaks, highest first, at least `apart` cells from one another."""
    left = likeness.copy()
    places: list[int] = []
    while len(left) and len(places) < most:
        at = int(np.argmax(left))
        if left[at] < least:
            break
        places.append(at)
        left[max(0, at - apart) : at + apart + 1] = -np.inf
    return places
