"""Units of time, and conversions that need a rule for rounding.

The rules for single times are here, those for arrays in :mod:`editorbot.analysis.grid_times`, because this module is
also loaded without numpy. Conversions without rounding are written where they are needed, as a product or quotient with
a constant from here: ``frames * FRAME_S``. So are positions in buffers that are cut into hops.

Conventions
-----------
A name ends in its unit: ``_s`` seconds, ``_samples`` samples of the source,
``_frames`` frames of the analysis grid, ``_steps`` steps of the coarse grid.
Frame ``f`` is centred on sample ``f * HOP_SAMPLES`` of the 22,050 Hz mono
downmix. Step ``k`` covers frames ``[k * STEP_FRAMES, (k + 1) * STEP_FRAMES)``.
"""

from __future__ import annotations

import math
import re

from editorbot.errors import UsageError

ANALYSIS_RATE = 22_050
"""Sample rate of the analysis downmix [Hz]."""

N_FFT = 2_048
"""Window of the one STFT [samples at ANALYSIS_RATE]."""

HOP_SAMPLES = 512
"""Hop of the frame grid [samples at ANALYSIS_RATE], 23.2 ms."""

STEP_FRAMES = 8
"""Length of a step of the coarse grid [frames], 186 ms."""

FRAME_S = HOP_SAMPLES / ANALYSIS_RATE
"""Length of a frame [seconds]."""

STEP_S = STEP_FRAMES * FRAME_S
"""Length of a step [seconds]."""


def samples_to_s(samples: int, sample_rate: int) -> float:
    """Convert a count of samples to seconds."""
    return samples / sample_rate


def s_to_samples(time_s: float, sample_rate: int) -> int:
    """The sample nearest to a time in seconds."""
    return round(time_s * sample_rate)


def s_to_frames(time_s: float) -> int:
    """The frame with its center nearest to a time in seconds."""
    return round(time_s / FRAME_S)


def s_to_steps(length_s: float) -> int:
    """The number of steps nearest to a length in seconds; for a time, the nearest bound between steps."""
    return round(length_s / STEP_S)


def step_at(time_s: float) -> int:
    """The step that contains a time in seconds, from 0 on."""
    return int(time_s / STEP_S)


def steps_over(start_s: float, end_s: float) -> slice:
    """The steps that contain a part of a stretch [start, end) in seconds."""
    return slice(step_at(start_s), math.ceil(end_s / STEP_S))


def step_count(frames: int) -> int:
    """How many steps it takes to hold some frames; the last one may be shorter."""
    return -(-frames // STEP_FRAMES)


def frame_count(samples: int) -> int:
    """How many frames a mono downmix of `samples` samples has."""
    return 1 + samples // HOP_SAMPLES


def mono_samples(samples: int, sample_rate: int) -> int:
    """How many samples the analysis downmix of `samples` source samples has, rounded up."""
    return -(-samples * ANALYSIS_RATE // sample_rate)


def clock(time_s: float) -> str:
    """Write a time as people read it: ``3:27.18`` or ``1:02:03.00``."""
    hundredths = round(abs(time_s) * 100)
    minutes, rest = divmod(hundredths, 6_000)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if time_s < 0 else ""
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{sign}{head}:{rest // 100:02d}.{rest % 100:02d}"


def parse_clock(text: str) -> float:
    """Read ``90``, ``1:30``, ``1:30.5`` or ``1:02:03`` as seconds.

    Raises
    ------
    UsageError
        If the text is not a time.

    Examples
    --------
    >>> parse_clock("3:30")
    210.0
    """
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", text.strip()):
        raise UsageError(f"{text!r} is not a time; write seconds, 1:30 or 1:02:03")
    total_s = 0.0
    for part in text.strip().split(":"):
        total_s = total_s * 60 + float(part)
    return total_s
