"""Sound effects of a clip, as streams that keep length and timing.

Conventions
-----------
A stream takes blocks of shape (samples, channels), float64, full scale 1.0,
and gives back as many samples. pedalboard works in float32, whose 24 bits of
precision are below what can be heard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float64

from editorbot.editlist.edit_list import Effect

LOW_SHELF_HZ = 200.0
"""Corner of EQ_LOW: bass and kick below, voices above."""

HIGH_SHELF_HZ = 4_000.0
"""Corner of EQ_HIGH: presence and air."""

HIGHEST_CORNER = 0.4
"""No corner lies above this share of the sample rate."""

DISTORTION_DRIVE_DB = 24.0
"""Drive of a distortion of strength 1."""

DISTORTION_REFERENCE = 0.5
"""Amplitude that a distortion leaves as loud as it was."""

REVERB_WET, REVERB_DRY, REVERB_ROOM = 0.3, 0.5, 0.7
"""Wet level and room size of a reverb of strength 1, and the dry level that is unity gain in pedalboard."""

Stream = Callable[[Float64[np.ndarray, "samples channels"]], Float64[np.ndarray, "samples channels"]]


def effect_stream(effect: Effect, sample_rate: int, channels: int) -> Stream:
    """Return an effect as a stream, at rest.

    Parameters
    ----------
    effect : Effect
        One of the effects that a clip may carry.
    sample_rate : int [Hz]
        Samples a second.
    channels : int
        Channels of every block; a pair shares one reverb, others have one each.
    """
    if effect.value == 0:
        return lambda block: block
    boards = [_BOARDS[effect.type](effect.value, sample_rate) for _ in _groups(channels)]
    # pedalboard tells channels from samples by which are fewer, and remembers it: silence first, longer than wide.
    for board, group in zip(boards, _groups(channels)):
        board.process(np.zeros((group.stop - group.start, 64), np.float32), float(sample_rate), reset=False)
    makeup = _distortion_makeup(effect.value) if effect.type == "DISTORTION" else 1.0

    def process(block: Float64[np.ndarray, "samples channels"]) -> Float64[np.ndarray, "samples channels"]:
        out = np.empty_like(block)
        for board, group in zip(boards, _groups(channels)):
            sound = np.ascontiguousarray(block[:, group].T, dtype=np.float32)
            out[:, group] = board.process(sound, float(sample_rate), reset=False).T
        return out * makeup

    return process


def _groups(channels: int) -> list[slice]:
    """Return channels that are processed together: pedalboard's reverb knows one or two."""
    return [slice(0, 2)] if channels == 2 else [slice(n, n + 1) for n in range(channels)]


def _corner_hz(wanted_hz: float, sample_rate: int) -> float:
    return min(wanted_hz, HIGHEST_CORNER * sample_rate)


def _low_shelf(gain_db: float, sample_rate: int) -> Any:
    from pedalboard import LowShelfFilter

    return LowShelfFilter(_corner_hz(LOW_SHELF_HZ, sample_rate), gain_db)


def _high_shelf(gain_db: float, sample_rate: int) -> Any:
    from pedalboard import HighShelfFilter

    return HighShelfFilter(_corner_hz(HIGH_SHELF_HZ, sample_rate), gain_db)


def _distortion(strength: float, sample_rate: int) -> Any:
    from pedalboard import Distortion

    return Distortion(DISTORTION_DRIVE_DB * strength)


def _distortion_makeup(strength: float) -> float:
    """Return the gain behind a distortion: tanh(drive * x) is as loud as x at the reference."""
    drive = 10 ** (DISTORTION_DRIVE_DB * strength / 20)
    return float(DISTORTION_REFERENCE / np.tanh(drive * DISTORTION_REFERENCE))


def _reverb(strength: float, sample_rate: int) -> Any:
    from pedalboard import Reverb

    return Reverb(
        room_size=REVERB_ROOM * strength, damping=0.5, wet_level=REVERB_WET * strength, dry_level=REVERB_DRY, width=1.0
    )


_BOARDS: Mapping[str, Callable[[float, int], Any]] = {
    "EQ_LOW": _low_shelf,
    "EQ_HIGH": _high_shelf,
    "DISTORTION": _distortion,
    "REVERB": _reverb,
}
