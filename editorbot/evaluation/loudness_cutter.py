"""The loudness cutter: keeps what is loud, the baseline of every comparison.

It is what most people would write in an hour, and what free tools do: measure the level in tenths of a second, keep
what is above a threshold, with some padding. It does not distinguish talk from music.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from editorbot.analysis.grid_times import runs_of
from editorbot.editlist.edit_list import Clip, EditList, MadeBy, Source
from editorbot.editlist.operations import edit_list_of, union
from editorbot.recording import Recording
from editorbot.timebase import s_to_samples

WINDOW_S = 0.1
"""Window of the level [seconds] (specification, section 13)."""

PADDING_S = 0.5
"""Padding before and after everything loud [seconds] (specification, section 13)."""

LOUD_QUANTILE = 0.95
"""This quantile of the levels is the loud level; a single crash does not change it."""

_BLOCK_WINDOWS = 600
"""Windows that are read at a time."""


@dataclass(frozen=True)
class LoudnessCut:
    """Settings of the cutter."""

    threshold_db: float = -18.0
    """Windows are kept if their level is above the loud level plus this [dB]; tuned on training artists."""
    padding_s: float = PADDING_S
    """Padding around them [seconds]."""


def window_levels_db(recording: Recording) -> Float[np.ndarray, " windows"]:
    """Measure the level of each 0.1 s window over all channels, shape=(windows,) [dBFS], -120 in silence."""
    window = max(1, s_to_samples(WINDOW_S, recording.sample_rate))
    powers = []
    for start in range(0, recording.samples, window * _BLOCK_WINDOWS):
        block = recording.read(start, min(start + window * _BLOCK_WINDOWS, recording.samples))
        power = (block**2).mean(axis=1)
        powers += [float(power[at : at + window].mean()) for at in range(0, len(power), window)]
    return np.array([10 * math.log10(max(power, 1e-12)) for power in powers])


def cut_by_levels(
    levels_db: Float[np.ndarray, " windows"], source: Source, settings: LoudnessCut | None = None
) -> EditList:
    """Make the edit that keeps what is loud.

    Parameters
    ----------
    levels_db : np.ndarray, shape=(windows,) [dBFS]
        Level of each window, from `window_levels_db`.
    source : Source
        The recording.
    settings : LoudnessCut, optional
        Threshold and padding.

    Returns
    -------
    edit_list : EditList
        At least one clip: the loudest window is always kept.
    """
    settings = settings or LoudnessCut()
    loud_db = float(np.quantile(levels_db, LOUD_QUANTILE))
    keep = levels_db >= min(loud_db + settings.threshold_db, float(levels_db.max()))
    window = max(1, s_to_samples(WINDOW_S, source.sample_rate))
    padding = round(settings.padding_s * source.sample_rate)
    ranges = [
        (max(0, first * window - padding), min(source.samples, last * window + padding))
        for first, last in runs_of(keep)
    ]
    clips = [Clip(start, end, reason="loud") for start, end in union(ranges)]
    return edit_list_of(source, clips, made_by=MadeBy("loudness-cutter"))


def cut_by_loudness(recording: Recording, settings: LoudnessCut | None = None) -> EditList:
    """Make the edit of an open recording that keeps what is loud."""
    return cut_by_levels(window_levels_db(recording), recording.source, settings)
