"""Polish stage ``reference``: the tone and level of a finished track of the user's own.

The average spectra of track and reference are laid beside each other, and
their difference, smoothed and held within limits, is the track's equalizer;
then its level becomes the reference's, and a limiter keeps true peaks below
-1 dBTP. A ``loudness`` stage behind it sets another level.

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
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Shaped

from editorbot.analysis.spectrum import MEL_BANDS
from editorbot.editlist.edit_list import PolishStep
from editorbot.errors import FormatError, SilentError, UsageError
from editorbot.polish.limiter import limit_blocks
from editorbot.polish.loudness import CEILING_DB, MakeBlocks
from editorbot.polish.tone import LIMITS, ToneLimits, tone_blocks
from editorbot.polish.track_tone import FLOOR_DB, band_total, tone_of
from editorbot.recording import open_recording
from editorbot.render.render import BLOCK_SAMPLES
from editorbot.render.samples import as_float

MATCH_LIMITS = ToneLimits(max_boost_db=12.0, max_cut_db=15.0, smooth_bands=6, smooth_frames=0)
"""What the equalizer is held to: a mix's balance, not its single notes."""

MAX_LEVEL_DB = 30.0
"""Most that the level is moved in either direction [dB]."""

EMPTY_BELOW_DB = 70.0
"""Bands this far below a track's strongest hold nothing that could be matched [dB]."""


class Reference:
    """The stage for one reference; it measures its track once."""

    def __init__(self, step: PolishStep) -> None:
        if len(step.tone_db) != MEL_BANDS:
            raise FormatError(f"polish reference needs tone_db of {MEL_BANDS} numbers, but has {len(step.tone_db)}")
        self._tone_db = np.array(step.tone_db)
        self._amount = step.amount
        self._gain_db: Float64[np.ndarray, " 128"] | None = None

    def blocks(
        self, make_blocks: MakeBlocks, sample_rate: int, channels: int
    ) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
        """Yield the sound with the reference's tone and level; silence stays as it is."""
        if self._amount == 0:
            return make_blocks()
        if self._gain_db is None:
            tone_db = tone_of(make_blocks(), sample_rate, channels)
            self._gain_db = np.zeros(MEL_BANDS) if tone_db is None else match_db(tone_db, self._tone_db)
        if not self._gain_db.any():
            return make_blocks()
        gain_db = self._amount * self._gain_db
        level_db = float(gain_db.mean())
        gains = (gain_db - level_db).astype(np.float32)[None]
        # The curve is within its limits already; only the level may lie beyond them.
        curve = tone_blocks(make_blocks(), sample_rate, channels, [gains], replace(LIMITS, smooth_bands=0))
        level = 10 ** (level_db / 20)
        return limit_blocks((as_float(block) * level for block in curve), sample_rate, channels, ceiling_db=CEILING_DB)


def match_db(
    tone_db: Float64[np.ndarray, " 128"],
    wanted_db: Float64[np.ndarray, " 128"],
    limits: ToneLimits = MATCH_LIMITS,
) -> Float64[np.ndarray, " 128"]:
    """Return the gain of each band that turns one average tone into another, level included [dB].

    Parameters
    ----------
    tone_db, wanted_db : np.ndarray, shape=(128,) [dB]
        Tone that is there, and tone that is wanted.
    limits : ToneLimits
        What the curve is held to; the level is held to MAX_LEVEL_DB.
    """
    both = (tone_db > max(FLOOR_DB, tone_db.max() - EMPTY_BELOW_DB)) & (
        wanted_db > max(FLOOR_DB, wanted_db.max() - EMPTY_BELOW_DB)
    )
    if not both.any():
        return np.zeros(MEL_BANDS)
    bands = np.arange(MEL_BANDS)
    curve = np.interp(bands, bands[both], (wanted_db - tone_db)[both])
    reach = limits.smooth_bands
    weights = 1.0 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1)
    curve = np.convolve(np.pad(curve, reach, mode="edge"), weights / weights.sum(), mode="valid")
    middle = float(np.median(curve))
    curve = np.clip(curve - middle, -limits.max_cut_db, limits.max_boost_db)
    there = band_total(10 ** ((tone_db + curve) / 10))
    level_db = 10 * np.log10(band_total(10 ** (wanted_db / 10)) / there)
    return np.asarray(curve + np.clip(level_db, -MAX_LEVEL_DB, MAX_LEVEL_DB))


def with_tone(step: PolishStep) -> PolishStep:
    """Return the step with its reference's tone read from the file that it names.

    Raises
    ------
    UsageError
        If it names no file.
    SilentError
        If nothing can be heard in the reference.
    EditorbotError
        If the reference cannot be read.
    """
    if step.file is None:
        raise UsageError("--polish reference needs --reference TRACK, a finished track whose tone you like")
    with open_recording(step.file) as track:
        starts = range(0, track.samples, BLOCK_SAMPLES)
        blocks = (track.read_native(at, min(at + BLOCK_SAMPLES, track.samples)) for at in starts)
        tone_db = tone_of(blocks, track.sample_rate, track.channels)
    if tone_db is None:
        raise SilentError("nothing can be heard in the reference; name a finished track", path=step.file)
    return replace(step, file=os.path.abspath(step.file), tone_db=tuple(round(float(value), 2) for value in tone_db))
