"""Training examples of the mel networks: a stretch of music, raw and finished, frame by frame.

There are two sources: finished tracks, degraded as a device in a room would record them (:mod:`.degrade`), and pairs,
each frame of the edit beside the raw frame that it was made from (:mod:`.pair_examples`). Both sides of an example have
the same loudness: level is another polish stage's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float16, Float32, Float64, Int16, UInt8

from editorbot.analysis.filterbanks import mel_edges_hz
from editorbot.analysis.spectrum import MEL_BANDS
from editorbot.corpus.cache_files import read_entry, write_entry
from editorbot.errors import DamagedError, SilentError
from editorbot.models.mel_config import SUMMARY_SIZE
from editorbot.polish.average_spectrum import SpectrumMeter, band_total, band_widths
from editorbot.polish.mel_stft import mel_power_blocks, mel_stft
from editorbot.polish.mel_summary import SummaryMeter, power_db, scaled
from editorbot.polish.meter import k_weighting
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES

LEVEL = 0.1
"""Level at which sounds are kept [full scale]; quantizing to 16 bits then leaves 70 dB."""

MOST_CACHED = 4096
"""Examples that are cached in memory without their sounds, 0.5 MB each."""

KEEP = 0
"""Label of unchanged frames; the first of ACTIONS."""


@dataclass(frozen=True)
class MelExample:
    """A stretch of music, raw and finished."""

    raw: Float16[np.ndarray, "frames 128"]
    """Raw mel in [0, 1]."""
    edit: Float16[np.ndarray, "frames 128"]
    """Mel of the finished side at the same loudness, relative to the raw mel's reference."""
    labels: UInt8[np.ndarray, " frames"]
    """Index in ACTIONS of what was done to each frame, or UNKNOWN_LABEL."""
    known: UInt8[np.ndarray, " frames"]
    """1 where the frame came from the raw recording."""
    summary: Float32[np.ndarray, " summary"]
    """Of the raw side."""
    raw_sound: Int16[np.ndarray, " samples"]
    """The raw side as one channel at ANALYSIS_RATE; frame k covers samples [(k - 3) * 512, (k + 1) * 512)."""
    edit_sound: Int16[np.ndarray, " samples"]
    """The finished side."""


def example_of(
    raw: Float32[np.ndarray, "channels samples"],
    edit: Float32[np.ndarray, "channels samples"],
    labels: UInt8[np.ndarray, " frames"] | None = None,
    known: UInt8[np.ndarray, " frames"] | None = None,
    *,
    rate: int = ANALYSIS_RATE,
) -> MelExample:
    """Make an example of two sounds of the same length and rate; without labels all frames are known and kept.

    The mels are computed at that rate, as a track's are. A resampler would take off the highest bands; done to
    finished music before noise is added, that would tell raw from finished, but in the examples alone.

    Raises
    ------
    SilentError
        If a side is silent.
    """
    raw_power, edit_power = (mel_power_of(side, rate) for side in (raw, edit))
    louder_db = level_db(raw_power) - level_db(edit_power)
    raw_db, edit_db = power_db(raw_power), power_db(edit_power) + np.float32(louder_db)
    matched = edit * np.float32(10 ** (louder_db / 20))
    meter = SummaryMeter()
    meter.add(raw_db)
    gain = np.float32(LEVEL / max(1e-9, float(np.sqrt(np.mean(raw**2)))))
    return MelExample(
        scaled(raw_db, meter.reference_db).astype(np.float16),
        scaled(edit_db, meter.reference_db).astype(np.float16),
        np.full(len(raw_db), KEEP, np.uint8) if labels is None else labels,
        np.ones(len(raw_db), np.uint8) if known is None else known,
        meter.summary(),
        *(_as_int16(at_analysis_rate(side.mean(axis=0), rate) * gain) for side in (raw, matched)),
    )


def mel_power_of(
    sound: Float32[np.ndarray, "channels samples"], rate: int = ANALYSIS_RATE
) -> Float32[np.ndarray, "frames 128"]:
    """Compute the power of all mel bands and frames of a sound."""
    return np.concatenate(list(mel_power_blocks([sound.T.astype(np.float64)], mel_stft(rate), len(sound))))


def at_analysis_rate(sound: Float32[np.ndarray, " samples"], rate: int) -> Float32[np.ndarray, " resampled"]:
    """Resample a sound so that each hop at its own rate becomes one of HOP_SAMPLES, in line with its frames."""
    hop = mel_stft(rate).hop
    if hop == HOP_SAMPLES:
        return sound
    import soxr

    return np.asarray(soxr.resample(sound, hop, HOP_SAMPLES, quality="HQ"), dtype=np.float32)


def level_db(power: Float32[np.ndarray, "frames 128"]) -> float:
    """Measure the K-weighted level of a sound while it plays [dB].

    Raises
    ------
    SilentError
        If it is silent.
    """
    meter = SpectrumMeter()
    meter.add(power)
    spectrum_db = meter.spectrum_db()
    if spectrum_db is None:
        raise SilentError("a stretch is silent")
    return 10 * float(np.log10(band_total(10 ** ((spectrum_db + k_weighting_db()) / 10))))


@cache
def k_weighting_db() -> Float64[np.ndarray, " 128"]:
    """K-weighting of BS.1770 at the center of each band [dB]."""
    response = np.ones(MEL_BANDS, dtype=complex)
    turn = np.exp(-2j * np.pi * mel_edges_hz(MEL_BANDS)[1:-1] / ANALYSIS_RATE)
    for section in k_weighting(ANALYSIS_RATE):
        response = response * np.polyval(section[2::-1], turn) / np.polyval(section[5:2:-1], turn)
    return np.asarray(20 * np.log10(np.abs(response)))


@cache
def loudness_weights() -> Float64[np.ndarray, " 128"]:
    """Weights of the bands' power in loudness: K-weighting times bandwidth."""
    return np.asarray(10 ** (k_weighting_db() / 10) * band_widths())


def _as_int16(sound: np.ndarray) -> Int16[np.ndarray, " samples"]:
    return np.asarray(np.clip(np.rint(sound * 32_767), -32_768, 32_767), dtype=np.int16)


def write_example(path: Path, example: MelExample) -> None:
    """Write an example into the cache; raises OutputError or NoSpaceError if that fails."""
    write_entry(path, dict(vars(example)))


def read_example(path: Path) -> MelExample | None:
    """Read a cached example; None if there is no whole one."""
    arrays = read_entry(path)
    names = MelExample.__dataclass_fields__
    if arrays is None or set(names) - set(arrays):
        return None
    example = MelExample(**{name: arrays[name] for name in names})
    whole = example.raw.ndim == 2 and example.raw.shape == example.edit.shape and len(example.raw) > 0
    whole = whole and example.labels.shape == example.known.shape == (len(example.raw),)
    return example if whole and example.summary.shape == (SUMMARY_SIZE,) else None


def load_example(path: Path) -> MelExample:
    """Read an example that must be there; raises DamagedError if it is not whole."""
    example = read_example(path)
    if example is None:
        raise DamagedError("this cached example is damaged; delete it, and it is made again", path=path)
    return example


@lru_cache(maxsize=MOST_CACHED)
def load_mels(path: Path) -> MelExample:
    """Read an example without its sounds, cached in memory; raises as :func:`load_example`."""
    nothing = np.zeros(0, dtype=np.int16)
    return replace(load_example(path), raw_sound=nothing, edit_sound=nothing)
