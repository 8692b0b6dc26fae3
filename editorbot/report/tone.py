"""Tone before and after polish: two excerpts to compare by ear, two average spectra to compare by eye."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from editorbot.report.sounds import encode_mp3

RANGE_DB = 70.0
"""Range of levels in the picture, below the loudest band [dB]."""

MARKS_HZ = (100, 300, 1_000, 3_000, 10_000)
"""Frequencies that are labelled."""


@dataclass(frozen=True)
class ToneCompared:
    """The track without and with its polish."""

    bands_hz: Float[np.ndarray, " bands"]
    """Frequencies of the spectra's bands, increasing [Hz]."""
    before_db: Float[np.ndarray, " bands"]
    """Average spectrum without polish [dB]."""
    after_db: Float[np.ndarray, " bands"]
    """Average spectrum with polish [dB]."""
    before: Float[np.ndarray, "samples channels"]
    """Excerpt without polish."""
    after: Float[np.ndarray, "samples channels"]
    """The same excerpt with polish, at the same loudness."""
    sample_rate: int
    """Rate of the excerpts [Hz]."""


@dataclass(frozen=True)
class ToneView:
    """The comparison as the page shows it."""

    before_path: str
    """SVG path of the spectrum before, in a box of 1000 x 100."""
    after_path: str
    """SVG path of the spectrum after."""
    marks: tuple[tuple[float, str], ...]
    """Named frequencies: place in percent, and text."""
    before_mp3: str
    """Excerpt before, base64."""
    after_mp3: str
    """Excerpt after, base64."""


def tone_view(tone: ToneCompared) -> ToneView:
    """Draw the spectra on one scale, and encode the excerpts."""
    top_db = float(max(tone.before_db.max(), tone.after_db.max()))
    octaves = np.log2(np.maximum(tone.bands_hz, 1.0))
    low, high = float(octaves[0]), float(octaves[-1])
    across = (octaves - low) / max(high - low, 1e-9)
    names = [(hz, f"{hz} Hz" if hz < 1_000 else f"{hz // 1_000} kHz") for hz in MARKS_HZ]
    marks = tuple((100 * (np.log2(hz) - low) / (high - low), name) for hz, name in names if low <= np.log2(hz) <= high)
    before, after = (spectrum_path(across, level_db, top_db) for level_db in (tone.before_db, tone.after_db))
    before_mp3, after_mp3 = (_encoded(sound, tone.sample_rate) for sound in (tone.before, tone.after))
    return ToneView(before, after, marks, before_mp3, after_mp3)


def _encoded(sound: Float[np.ndarray, "samples channels"], sample_rate: int) -> str:
    if len(sound) == 0:
        return ""
    return encode_mp3(lambda start, end: sound[start:end], 0, len(sound), sample_rate, sound.shape[1])


def spectrum_path(across: Float[np.ndarray, " bands"], level_db: Float[np.ndarray, " bands"], top_db: float) -> str:
    """Draw a line over a box of 1000 x 100 whose top is `top_db` and whose bottom is RANGE_DB below."""
    down = np.clip((top_db - level_db) / RANGE_DB, 0, 1)
    return "M" + "L".join(f"{1000 * x:.1f} {100 * y:.1f}" for x, y in zip(across, down))
