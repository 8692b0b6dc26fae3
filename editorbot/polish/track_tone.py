"""The average tone of a track: what its bands hold while it plays.

Quiet stretches say nothing about a mix, so frames far below the others do not
count, as in the gates of BS.1770. Frames are sorted by level as they come, so
a track of hours is heard once and needs 300 kB.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float32, Float64, Shaped

from editorbot.analysis.filterbanks import mel_edges_hz
from editorbot.analysis.spectrum import MEL_BANDS
from editorbot.polish.tone_grid import grid_of, mel_power_blocks

LOWEST_DB, HIGHEST_DB = -120, 180
"""Levels of frames that are told apart [dB]; what is lower counts as silence."""

GATE_DB = 15.0
"""Frames this far below the mean power do not count [dB]."""

FLOOR_DB = -150.0
"""Tone of a band that holds nothing [dB]."""


class ToneMeter:
    """Takes mel power, and tells the average tone of all of it."""

    def __init__(self) -> None:
        self._sums = np.zeros((HIGHEST_DB - LOWEST_DB, MEL_BANDS))
        self._counts = np.zeros(HIGHEST_DB - LOWEST_DB)

    def add(self, power: Float32[np.ndarray, "frames 128"]) -> None:
        """Take the next frames."""
        level = frame_levels(power)
        heard = level > 10 ** (LOWEST_DB / 10)
        rows = np.log10(np.maximum(level, 1e-300)) * 10 - LOWEST_DB
        rows = np.clip(rows, 0, len(self._counts) - 1).astype(np.int64)[heard]
        np.add.at(self._counts, rows, 1)
        np.add.at(self._sums, rows, power[heard].astype(np.float64))

    def tone_db(self) -> Float64[np.ndarray, " 128"] | None:
        """Return the mean power of each band while the track plays [dB], None for silence."""
        if self._counts.sum() == 0:
            return None
        mean = band_total(self._sums.sum(axis=0)) / self._counts.sum()
        levels_db = np.arange(LOWEST_DB, HIGHEST_DB) + 0.5
        counted = levels_db > min(10 * np.log10(mean), levels_db[np.flatnonzero(self._counts)[-1]]) - GATE_DB
        power = self._sums[counted].sum(axis=0) / self._counts[counted].sum()
        return np.asarray(10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10))))


def band_widths() -> Float64[np.ndarray, " 128"]:
    """Return what each band's density stands for in a level: half its width, as neighbors overlap [Hz]."""
    edges_hz = mel_edges_hz(MEL_BANDS)
    return np.asarray((edges_hz[2:] - edges_hz[:-2]) / 2)


def band_total(power: Float64[np.ndarray, " 128"]) -> float:
    """Return the level that the power of all bands makes up."""
    return float(power @ band_widths())


def frame_levels(power: Float32[np.ndarray, "frames 128"]) -> Float64[np.ndarray, " frames"]:
    """Return the level of each frame."""
    return np.asarray(power.astype(np.float64) @ band_widths())


def tone_of(
    blocks: Iterable[Shaped[np.ndarray, "samples channels"]], sample_rate: int, channels: int
) -> Float64[np.ndarray, " 128"] | None:
    """Return the average tone of a sound, shape=(128,) [dB], None for silence."""
    meter = ToneMeter()
    for power in mel_power_blocks(blocks, grid_of(sample_rate), channels):
        meter.add(power)
    return meter.tone_db()
