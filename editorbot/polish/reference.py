"""Polish stage ``reference``: match EQ, the tone and level of a finished track that the user names.

The difference of the average spectra of track and reference, smoothed and
bounded, is the track's equalizer; then its level becomes the reference's, and a
limiter keeps true peaks below -1 dBTP. A ``loudness`` stage after it sets
another level.

The edit list keeps the reference's spectrum, so a track is rendered again
without the reference.

References
----------
S. Grishakov, Matchering 2.0, https://github.com/sergree/matchering (the idea).
Deviations: one curve for all channels instead of middle and side; mel bands;
limits; the level by the mean power of what is not quiet.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from editorbot.analysis.spectrum import MEL_BANDS
from editorbot.editlist.edit_list import PolishStep
from editorbot.errors import FormatError, SilentError, UsageError
from editorbot.polish.average_spectrum import FLOOR_DB, average_spectrum_db, band_total
from editorbot.polish.blocks import BandValues, Blocks, MakeBlocks
from editorbot.polish.equalizer import LIMITS, GainLimits, equalize_blocks, triangle
from editorbot.polish.limiter import limit_blocks
from editorbot.polish.loudness import CEILING_DB
from editorbot.recording import as_float, open_recording

MATCH_LIMITS = GainLimits(max_boost_db=12.0, max_cut_db=15.0, smooth_bands=6, smooth_frames=0)
"""Limits of the equalizer: it follows a mix's balance, not its single notes."""

MAX_LEVEL_DB = 30.0
"""Largest change of level in either direction [dB]."""

EMPTY_BELOW_DB = 70.0
"""Bands this far below a track's strongest count as empty [dB]."""


class MatchReference:
    """The stage for one reference; it measures its track once."""

    def __init__(self, step: PolishStep) -> None:
        if len(step.tone_db) != MEL_BANDS:
            raise FormatError(f"polish reference needs tone_db of {MEL_BANDS} numbers, but has {len(step.tone_db)}")
        self._reference_db = np.array(step.tone_db)
        self._amount = step.amount
        self._gain_db: BandValues | None = None

    def blocks(self, make_blocks: MakeBlocks, sample_rate: int, channels: int) -> Blocks:
        """Yield the sound with the reference's tone and level; silence stays as it is."""
        if self._amount == 0:
            return make_blocks()
        if self._gain_db is None:
            track_db = average_spectrum_db(make_blocks(), sample_rate, channels)
            self._gain_db = np.zeros(MEL_BANDS) if track_db is None else match_db(track_db, self._reference_db)
        if not self._gain_db.any():
            return make_blocks()
        gain_db = self._amount * self._gain_db
        level_db = float(gain_db.mean())
        gains = (gain_db - level_db).astype(np.float32)[None]
        # The curve is bounded already; only the level may be beyond the equalizer's limits.
        curve = equalize_blocks(make_blocks(), sample_rate, channels, [gains], replace(LIMITS, smooth_bands=0))
        level = 10 ** (level_db / 20)
        return limit_blocks((as_float(block) * level for block in curve), sample_rate, channels, ceiling_db=CEILING_DB)


def match_db(
    track_db: BandValues,
    reference_db: BandValues,
    limits: GainLimits = MATCH_LIMITS,
) -> BandValues:
    """Compute the gain of each band that turns the track's average spectrum into the reference's [dB].

    The curve is held within the limits, the level, which is part of the gain, within MAX_LEVEL_DB.
    """
    both = (track_db > max(FLOOR_DB, track_db.max() - EMPTY_BELOW_DB)) & (
        reference_db > max(FLOOR_DB, reference_db.max() - EMPTY_BELOW_DB)
    )
    if not both.any():
        return np.zeros(MEL_BANDS)
    bands = np.arange(MEL_BANDS)
    curve = np.interp(bands, bands[both], (reference_db - track_db)[both])
    curve = np.convolve(np.pad(curve, limits.smooth_bands, mode="edge"), triangle(limits.smooth_bands), mode="valid")
    curve = np.clip(curve - float(np.median(curve)), -limits.max_cut_db, limits.max_boost_db)
    matched = band_total(10 ** ((track_db + curve) / 10))
    level_db = 10 * np.log10(band_total(10 ** (reference_db / 10)) / matched)
    return np.asarray(curve + np.clip(level_db, -MAX_LEVEL_DB, MAX_LEVEL_DB))


def with_tone(step: PolishStep) -> PolishStep:
    """Measure the spectrum of the reference that a step names, and keep it in the step.

    Raises
    ------
    UsageError
        If it names no file.
    SilentError
        If the reference is silent.
    EditorbotError
        If the reference cannot be read.
    """
    if step.file is None:
        raise UsageError("--polish reference needs --reference TRACK, a finished track whose tone you like")
    with open_recording(step.file) as track:
        tone_db = average_spectrum_db(track.blocks(), track.sample_rate, track.channels)
    if tone_db is None:
        raise SilentError("the reference is silent; name a finished track", path=step.file)
    return replace(step, file=os.path.abspath(step.file), tone_db=tuple(round(float(value), 2) for value in tone_db))
