"""Sound effects of a clip, as streams that keep length and timing.

Conventions
-----------
A stream takes blocks of shape (samples, channels), float64, full scale 1.0,
and returns as many samples. pedalboard works in float32, whose 24 bits of
precision are finer than what can be heard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float64

from editorbot.editlist.edit_list import Effect

LOW_SHELF_HZ = 200.0
"""Corner of EQ_LOW: bass and kick below, voices above."""

HIGH_SHELF_HZ = 4_000.0
"""Corner of EQ_HIGH: presence and air."""

HIGHEST_CORNER = 0.4
"""No corner is above this share of the sample rate."""

DISTORTION_DRIVE_DB = 24.0
"""Drive of a distortion of strength 1."""

DISTORTION_REFERENCE = 0.5
"""Amplitude that a distortion keeps at its level."""

REVERB_WET, REVERB_DRY, REVERB_ROOM = 0.3, 0.5, 0.7
"""Wet level and room size of a reverb of strength 1, and the dry level that is unity gain in pedalboard."""

Stream = Callable[[Float64[np.ndarray, "samples channels"]], Float64[np.ndarray, "samples channels"]]


def effect_stream(effect: Effect, sample_rate: int, channels: int) -> Stream:
    """Make an effect a stream, at rest.

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
    # pedalboard's reverb takes one channel or two
    groups = [slice(0, 2)] if channels == 2 else [slice(n, n + 1) for n in range(channels)]
    plugins = [_plugin(effect, sample_rate) for _ in groups]
    # pedalboard tells channels from samples by which are fewer, and remembers it: silence first, longer than wide.
    for plugin, group in zip(plugins, groups):
        plugin.process(np.zeros((group.stop - group.start, 64), np.float32), float(sample_rate), reset=False)
    makeup = _distortion_makeup(effect.value) if effect.type == "DISTORTION" else 1.0

    def process(block: Float64[np.ndarray, "samples channels"]) -> Float64[np.ndarray, "samples channels"]:
        out = np.empty_like(block)
        for plugin, group in zip(plugins, groups):
            sound = np.ascontiguousarray(block[:, group].T, dtype=np.float32)
            out[:, group] = plugin.process(sound, float(sample_rate), reset=False).T
        return out * makeup

    return process


def _plugin(effect: Effect, sample_rate: int) -> Any:
    """Make the pedalboard plug-in of an effect."""
    from pedalboard import Distortion, HighShelfFilter, LowShelfFilter, Reverb

    highest_hz = HIGHEST_CORNER * sample_rate
    if effect.type == "EQ_LOW":
        return LowShelfFilter(min(LOW_SHELF_HZ, highest_hz), effect.value)
    if effect.type == "EQ_HIGH":
        return HighShelfFilter(min(HIGH_SHELF_HZ, highest_hz), effect.value)
    if effect.type == "DISTORTION":
        return Distortion(DISTORTION_DRIVE_DB * effect.value)
    room, wet = REVERB_ROOM * effect.value, REVERB_WET * effect.value
    return Reverb(room_size=room, damping=0.5, wet_level=wet, dry_level=REVERB_DRY, width=1.0)


def _distortion_makeup(strength: float) -> float:
    """Gain behind a distortion: tanh(drive * x) is as loud as x at the reference."""
    drive = 10 ** (DISTORTION_DRIVE_DB * strength / 20)
    return float(DISTORTION_REFERENCE / np.tanh(drive * DISTORTION_REFERENCE))
