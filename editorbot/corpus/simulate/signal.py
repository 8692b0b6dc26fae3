"""Sound as the simulation handles it: cut, filtered, pulled, shifted.

Conventions
-----------
A sound has shape (channels, samples), float32, full scale 1.0; nothing is
changed in place. Rates are Hz, lengths samples unless a name says otherwise.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft
from jaxtyping import Float, Float32
from scipy.ndimage import uniform_filter1d

from editorbot.corpus.simulate.kernels import find_splices, read_between, sinc_table, splice

Sound = Float32[np.ndarray, "_channels _samples"]
"""A sound."""

CHECK_S, WINDOW_S, FADE_S = 0.01, 0.02, 0.012
"""How often a splice is considered, how much of the sound is compared, and how long it is crossfaded [seconds]."""

SILENT = 1e-6
"""A level under this is silence [full scale]."""


@functools.cache
def _table() -> np.ndarray:
    return sinc_table()


def silence(channels: int, samples: int) -> Sound:
    """Return silence."""
    return np.zeros((channels, max(0, samples)), dtype=np.float32)


def level(sound: np.ndarray) -> float:
    """Return the root mean square of a sound, 0 for an empty one."""
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float32)))) if sound.size else 0.0


def loud_level(sound: np.ndarray, rate: int) -> float:
    """Return how loud a sound is while it sounds: the RMS of its louder half, in tenths of a second."""
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


def cut(sound: Sound, start: int, end: int) -> Sound:
    """Return samples [start, end), silence where there are none."""
    length = sound.shape[1]
    inside = sound[:, max(0, min(start, length)) : max(0, min(end, length))]
    before, after = max(0, min(-start, end - start)), max(0, min(end - length, end - start))
    return np.pad(inside, ((0, 0), (before, after))) if before or after else inside


def mixed(base: Sound, other: Sound, start: int) -> Sound:
    """Return a sound with another added from `start` on; what lies beyond its ends is lost."""
    out = base.copy()
    add_into(out, other, start)
    return out


def add_into(base: Sound, other: Sound, start: int) -> None:
    """Add a sound to `base` in place, from `start` on; what lies beyond its ends is lost."""
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


# Time and pitch -----------------------------------------------------------------------------------------------------


def read_at(sound: Sound, positions: Float[np.ndarray, " samples"]) -> Sound:
    """Return what a sound holds at fractional samples; faster reading is higher, as tape is."""
    out = np.empty((sound.shape[0], len(positions)), dtype=np.float32)
    read_between(np.ascontiguousarray(sound), np.asarray(positions, dtype=np.float64), _table(), out)
    return out


def follow(
    sound: Sound,
    rate: int,
    knots_out: Float[np.ndarray, " knots"],
    knots_source: Float[np.ndarray, " knots"],
    *,
    bends_pitch: bool,
    tolerance_s: float = 0.006,
) -> Sound:
    """Return a sound along a time map of straight lines.

    Parameters
    ----------
    sound : np.ndarray, shape=(channels, samples), float32
        The source.
    rate : int [Hz]
        Its rate.
    knots_out, knots_source : np.ndarray, shape=(knots,) [samples]
        Source sample that each output sample holds; the first output is 0, the last the new length.
    bends_pitch : bool
        Read faster and slower, so that pitch goes along and the map holds to a fraction of a sample; or keep pitch by
        splices at places that are alike, so that it holds to about `tolerance_s` + 5 ms.
    tolerance_s : float [seconds]
        How far spliced sound may stray before it is spliced.
    """
    length = max(0, round(float(knots_out[-1])))
    if bends_pitch:
        return read_at(sound, np.interp(np.arange(length), knots_out, knots_source))
    check = max(1, round(CHECK_S * rate))
    wanted = np.round(np.interp(np.arange(0, max(1, length), check), knots_out, knots_source)).astype(np.int64)
    at, offset = np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=np.int64)
    mono = np.ascontiguousarray(sound.mean(axis=0))
    tolerance, search, window = (max(1, round(s * rate)) for s in (tolerance_s, 0.005, WINDOW_S))
    count = find_splices(mono, wanted, check, tolerance, search, window, at, offset)
    out = np.empty((sound.shape[0], length), dtype=np.float32)
    splice(np.ascontiguousarray(sound), at[:count], offset[:count], max(1, round(FADE_S * rate)), out)
    return out


def transposed(sound: Sound, rate: int, semitones: float) -> Sound:
    """Return a sound higher or lower, as long as it was."""
    if abs(semitones) < 1e-3 or sound.shape[1] < 8:
        return sound
    ratio = 2 ** (semitones / 12)
    length = sound.shape[1]
    tape = read_at(sound, np.arange(0, length, ratio))
    knots_out, knots_source = np.array([0.0, length]), np.array([0.0, tape.shape[1]])
    return follow(tape, rate, knots_out, knots_source, bends_pitch=False, tolerance_s=0.015)
