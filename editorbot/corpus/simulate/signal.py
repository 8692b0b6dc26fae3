"""Sound as the simulation handles it: levels, fades, channels, filters.

Conventions
-----------
A sound has shape (channels, samples), float32, full scale 1.0; nothing is
changed in place. Rates are Hz, lengths samples unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft
from jaxtyping import Float32
from scipy.ndimage import uniform_filter1d

Sound = Float32[np.ndarray, "_channels _samples"]
"""A sound."""

SILENT = 1e-6
"""A level under this is silence [full scale]."""


def silence(channels: int, samples: int) -> Sound:
    """Return silence."""
    return np.zeros((channels, max(0, samples)), dtype=np.float32)


def level(sound: np.ndarray) -> float:
    """Return the root mean square of a sound, 0 for an empty one."""
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float32)))) if sound.size else 0.0


def loud_level(sound: np.ndarray, rate: int) -> float:
    """Return how loud a sound is while it plays: the RMS of its louder half, in tenths of a second."""
    window = max(1, rate // 10)
    count = sound.shape[-1] // window
    if count < 2:
        return level(sound)
    powers = np.square(sound[..., : count * window]).reshape(-1, count, window).mean(axis=(0, 2))
    return float(np.sqrt(np.mean(np.sort(powers)[count // 2 :])))


def scaled_to(sound: Sound, wanted: float, rate: int) -> Sound:
    """Return a sound at a wanted loudness (see `loud_level`); silence stays silence."""
    now = loud_level(sound, rate)
    return sound * np.float32(wanted / now) if now > SILENT else sound


def gain(decibels: float) -> np.float32:
    """Return decibels as a factor."""
    return np.float32(10 ** (decibels / 20))


def faded(sound: Sound, fade_in: int, fade_out: int) -> Sound:
    """Return a sound with raised-cosine fades at its ends."""
    sound = sound.copy()
    length = sound.shape[1]
    fade_in, fade_out = min(fade_in, length), min(fade_out, length)
    if fade_in > 0:
        sound[:, :fade_in] *= _ramp(fade_in)
    if fade_out > 0:
        sound[:, length - fade_out :] *= _ramp(fade_out)[::-1]
    return sound


def _ramp(length: int) -> Float32[np.ndarray, " samples"]:
    return np.sin(np.linspace(0, np.pi / 2, length, dtype=np.float32)) ** 2


def as_channels(sound: np.ndarray, channels: int) -> Sound:
    """Return a sound with one or two channels, whatever it had."""
    sound = np.atleast_2d(np.asarray(sound, dtype=np.float32))
    if sound.shape[0] == channels:
        return sound
    mono = sound.mean(axis=0, keepdims=True)
    return mono if channels == 1 else np.repeat(mono, channels, axis=0)


def placed(sound: np.ndarray, channels: int, pan: float) -> Sound:
    """Return a mono sound at a place between left (-1) and right (1)."""
    mono = np.asarray(sound, dtype=np.float32).reshape(1, -1)
    if channels == 1:
        return mono
    angle = (pan + 1) * np.pi / 4
    return np.concatenate([mono * np.float32(np.cos(angle)), mono * np.float32(np.sin(angle))]) * np.float32(2**0.5)


def with_width(sound: Sound, width: float) -> Sound:
    """Return a stereo sound at another width, 0 for mono; mono stays as it is."""
    if sound.shape[0] != 2 or width == 1:
        return sound
    middle, side = (sound[0] + sound[1]) / 2, (sound[0] - sound[1]) / 2 * np.float32(width)
    return np.stack([middle + side, middle - side])


def cut(sound: Sound, start: int, end: int) -> Sound:
    """Return samples [start, end), silence where there are none."""
    length = sound.shape[1]
    inside = sound[:, max(0, min(start, length)) : max(0, min(end, length))]
    before, after = max(0, min(-start, end - start)), max(0, min(end - length, end - start))
    return np.pad(inside, ((0, 0), (before, after))) if before or after else inside


def add_into(base: Sound, other: Sound, start: int) -> None:
    """Add a sound to `base` in place, from `start` on; what is beyond its ends is lost."""
    low, high = max(0, start), min(base.shape[1], start + other.shape[1])
    if low < high:
        base[:, low:high] += other[:, low - start : high - start]


# Filters ------------------------------------------------------------------------------------------------------------


def through(plugins: Sequence[Any], sound: Sound, rate: int) -> Sound:
    """Return a sound through pedalboard's plugins, one after another, from rest."""
    if sound.shape[1] < 64:
        return sound  # pedalboard tells channels from samples by which are fewer
    sound = np.ascontiguousarray(sound)
    for plugin in plugins:
        sound = np.asarray(plugin(sound, float(rate)), dtype=np.float32)
    return sound


def bands(sound: Sound, rate: int, edges_hz: tuple[float, ...]) -> list[Sound]:
    """Return a sound as bands that add up to it again, split at the given frequencies."""
    size = scipy.fft.next_fast_len(sound.shape[1] + rate // 10, real=True)
    spectrum = scipy.fft.rfft(sound, size, axis=1)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(size, 1 / rate), 1.0))
    below, parts = np.zeros(len(octaves), dtype=np.float32), []
    for edge in (*edges_hz, None):
        steep = 6.0
        upto = np.ones_like(below) if edge is None else 1 / (1 + np.exp(steep * (octaves - np.log2(edge))))
        mask = (upto - below).astype(np.float32)
        below = upto.astype(np.float32)
        parts.append(scipy.fft.irfft(spectrum * mask, size, axis=1)[:, : sound.shape[1]].astype(np.float32))
    return parts


def smoothed(values: np.ndarray, length: int) -> np.ndarray:
    """Return a running mean along time."""
    return uniform_filter1d(values, max(1, length), axis=-1, mode="nearest")
