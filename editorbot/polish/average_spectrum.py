"""Measures the average spectrum of a track over mel bands, while it plays.

Quiet stretches say nothing about a mix, so frames far below the others do not
count, as in the gates of BS.1770. Frames are sorted by level as they come, so
a track of hours is read once and needs 300 kB.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from editorbot.analysis.filterbanks import mel_edges_hz
from editorbot.analysis.spectrum import MEL_BANDS
from editorbot.polish.blocks import BandValues, Block, MelFrames
from editorbot.polish.mel_stft import mel_power_blocks, mel_stft

LOWEST_DB, HIGHEST_DB = -120, 180
"""Range of frame levels [dB]; lower ones count as silence."""

GATE_DB = 15.0
"""Frames this far below the mean power do not count [dB]."""

FLOOR_DB = -150.0
"""Level of an empty band [dB]."""


class SpectrumMeter:
    """Accumulates mel power by frame level, then averages what is above the gate."""

    def __init__(self) -> None:
        self._sums = np.zeros((HIGHEST_DB - LOWEST_DB, MEL_BANDS))
        self._counts = np.zeros(HIGHEST_DB - LOWEST_DB)

    def add(self, power: MelFrames) -> None:
        """Take the next frames."""
        level = power.astype(np.float64) @ band_widths()
        audible = level > 10 ** (LOWEST_DB / 10)
        rows = np.log10(np.maximum(level, 1e-300)) * 10 - LOWEST_DB
        rows = np.clip(rows, 0, len(self._counts) - 1).astype(np.int64)[audible]
        np.add.at(self._counts, rows, 1)
        np.add.at(self._sums, rows, power[audible].astype(np.float64))

    def spectrum_db(self) -> BandValues | None:
        """Mean power of each band while the track plays [dB], None for silence."""
        if self._counts.sum() == 0:
            return None
        mean = band_total(self._sums.sum(axis=0)) / self._counts.sum()
        levels_db = np.arange(LOWEST_DB, HIGHEST_DB) + 0.5
        counted = levels_db > min(10 * np.log10(mean), levels_db[np.flatnonzero(self._counts)[-1]]) - GATE_DB
        power = self._sums[counted].sum(axis=0) / self._counts[counted].sum()
        return np.asarray(10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10))))


def band_widths() -> BandValues:
    """Bandwidths that turn the density of each band into power: half of its span, as neighbors overlap [Hz]."""
    edges_hz = mel_edges_hz(MEL_BANDS)
    return np.asarray((edges_hz[2:] - edges_hz[:-2]) / 2)


def band_total(power: BandValues) -> float:
    """Add up the power of all bands."""
    return float(power @ band_widths())


def average_spectrum_db(blocks: Iterable[Block], sample_rate: int, channels: int) -> BandValues | None:
    """Measure the average spectrum of a sound, shape=(128,) [dB], None for silence."""
    meter = SpectrumMeter()
    for power in mel_power_blocks(blocks, mel_stft(sample_rate), channels):
        meter.add(power)
    return meter.spectrum_db()
