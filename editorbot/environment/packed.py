"""Many recordings in one set of arrays, as the batch environment reads them.

Recordings follow one another with GAP unused entries between them, so that one offset serves arrays by beat, by
boundary, and by beat with neighbors on either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from editorbot.analysis.seams import REACH_BEATS
from editorbot.environment.material import REACH, Material, Tables
from editorbot.errors import MismatchError

GAP = 2 * max(REACH_BEATS, REACH)
"""Entries between two recordings: as many as the widest table has beyond its beats."""


class Recordings(NamedTuple):
    """All recordings; a named tuple, because numba takes those."""

    offset: Int64[np.ndarray, " recordings"]
    """Entry where each recording begins."""
    beats: Int64[np.ndarray, " recordings"]
    """Beats of each recording."""
    is_known: Bool[np.ndarray, " recordings"]
    """Whether the share to keep is the pair's own."""
    features: Float32[np.ndarray, " entries_times_features"]
    """Features of one beat after the other, REACH beats of zeros before the first and after the last."""
    lengths: Int64[np.ndarray, "entries 5"]
    """What each size spans from each beat on [beats]."""
    bar_phase: Float64[np.ndarray, " entries"]
    """Place of each beat in its bar, in [0, 1)."""
    human_kept: Float64[np.ndarray, " entries"]
    """Share of each beat that the human's edit plays, -1 where it is not known."""
    tables: Tables
    """Inputs of the reward."""


def pack(materials: Sequence[Material]) -> Recordings:
    """Put recordings into one set of arrays.

    Parameters
    ----------
    materials : sequence of Material
        At least one.

    Raises
    ------
    MismatchError
        If they do not describe sound in equally many numbers.
    """
    widths = {(material.padded.shape[1], material.tables.vectors.shape[1]) for material in materials}
    if len(widths) > 1:
        raise MismatchError(f"recordings with {len(widths)} different sets of features cannot be played together")
    beats = np.array([material.beats for material in materials], dtype=np.int64)
    offset = np.concatenate([[0], np.cumsum(beats + GAP)]).astype(np.int64)
    entries = int(offset[-1])

    def packed(parts: Sequence[np.ndarray]) -> np.ndarray:
        whole = np.zeros((entries, *parts[0].shape[1:]), dtype=parts[0].dtype)
        for at, part in zip(offset, parts):
            whole[at : at + len(part)] = part
        return whole

    tables = {name: packed([getattr(material.tables, name) for material in materials]) for name in Tables._fields}
    return Recordings(
        offset=offset[:-1],
        beats=beats,
        is_known=np.array([material.target_keep_ratio is not None for material in materials]),
        features=packed([material.padded for material in materials]).ravel(),
        lengths=packed([material.lengths for material in materials]),
        bar_phase=packed([material.bar_phase for material in materials]),
        human_kept=packed([material.known_human_kept for material in materials]),
        tables=Tables(**tables),
    )
