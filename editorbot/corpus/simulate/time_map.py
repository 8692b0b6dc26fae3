"""Sound read at any place, and sound made longer or shorter along a time map.

Pitch changes with the tempo as on tape, or is kept by splices at places that are alike (WSOLA).
"""

from __future__ import annotations

import functools
from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numba import njit

from editorbot.corpus.simulate.signal import Sound

CHECK_S, WINDOW_S, FADE_S = 0.01, 0.02, 0.012
"""How often a splice is considered, how much of the sound is compared, and how long it is crossfaded [seconds]."""

TAPS = 16
"""Length of the interpolating filter [samples]."""

PHASES = 256
"""Fractions of a sample that the filter has; the nearest is at most 0.2 % of a sample away."""


def read_at(sound: Sound, positions: Float[np.ndarray, " samples"]) -> Sound:
    """Read a sound at fractional samples; faster reading raises the pitch, as on tape."""
    out = np.empty((sound.shape[0], len(positions)), dtype=np.float32)
    read_between(np.ascontiguousarray(sound), np.asarray(positions, dtype=np.float64), sinc_table(), out)
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
    """Play a sound along a piecewise linear time map.

    Parameters
    ----------
    knots_out, knots_source : np.ndarray, shape=(knots,) [samples]
        Source sample that each output sample holds; the first output is 0, the last the new length.
    bends_pitch : bool
        Change the pitch with the tempo, so that the map holds to a fraction of a sample; or keep the pitch by
        splices at similar places, so that it holds to about `tolerance_s` + 5 ms.
    tolerance_s : float [seconds]
        How far the sound may be off before it is spliced.
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
    """Transpose a sound; its length stays."""
    if abs(semitones) < 1e-3 or sound.shape[1] < 8:
        return sound
    ratio = 2 ** (semitones / 12)
    length = sound.shape[1]
    tape = read_at(sound, np.arange(0, length, ratio))
    knots_out, knots_source = np.array([0.0, length]), np.array([0.0, tape.shape[1]])
    return follow(tape, rate, knots_out, knots_source, bends_pitch=False, tolerance_s=0.015)


@functools.cache
def sinc_table() -> np.ndarray:
    """Return the interpolating filter, a Hann-windowed sinc, shape=(PHASES + 1, TAPS), float32."""
    at = np.arange(TAPS) - (TAPS // 2 - 1) - np.arange(PHASES + 1)[:, None] / PHASES
    table = np.sinc(at) * np.cos(np.pi * at / TAPS) ** 2
    return (table / table.sum(axis=1, keepdims=True)).astype(np.float32)


@no_type_check
@njit(cache=True, nogil=True)
def read_between(sound, positions, table, out):
    """Write ``out[c, n]``, what channel c holds at sample ``positions[n]``; silence beyond the ends."""
    channels, samples = sound.shape
    phases, taps = table.shape[0] - 1, table.shape[1]
    for n in range(len(positions)):
        first = int(np.floor(positions[n]))
        row = table[int((positions[n] - first) * phases + 0.5)]
        start = first - (taps // 2 - 1)
        if start >= 0 and start + taps <= samples:
            for c in range(channels):
                total = np.float32(0.0)
                for k in range(taps):
                    total += row[k] * sound[c, start + k]
                out[c, n] = total
        else:
            for c in range(channels):
                total = np.float32(0.0)
                for k in range(max(0, -start), min(taps, samples - start)):
                    total += row[k] * sound[c, start + k]
                out[c, n] = total


@no_type_check
@njit(cache=True, nogil=True)
def find_splices(mono, wanted, check, tolerance, search, window, at, offset):
    """Find the splices with which sound follows a time map; return their number.

    Parameters
    ----------
    mono : np.ndarray, shape=(samples,), float32
        The sound that is compared.
    wanted : np.ndarray, shape=(checks,), int64
        Source sample that output sample ``k * check`` should hold.
    check, tolerance, search, window : int [samples]
        How often a splice is considered, how far the sound may be off, how far around the wanted place is searched,
        and how much is compared.
    at, offset : np.ndarray, shape=(checks,), int64
        Get the output sample of each splice and the source sample less the output sample after it; the first entry
        is the start.
    """
    samples = len(mono)
    now = wanted[0]
    at[0], offset[0] = 0, now
    count = 1
    for k in range(1, len(wanted)):
        out = k * check
        target = wanted[k] - out
        if abs(target - now) <= tolerance:
            continue
        # Aim beyond the wanted place, so that a steady drift is off to both sides.
        aim = target + (tolerance * 3 // 5 if target > now else -(tolerance * 3 // 5))
        best, best_lag = -1e30, aim
        base = out + now
        for lag in range(aim - search, aim + search + 1, 2):
            place = out + lag
            if place < 0 or place + window > samples or base < 0 or base + window > samples:
                continue
            dot, power = 0.0, 1e-9
            for n in range(0, window, 2):
                dot += mono[base + n] * mono[place + n]
                power += mono[place + n] * mono[place + n]
            likeness = dot / np.sqrt(power)
            if likeness > best:
                best, best_lag = likeness, lag
        now = best_lag
        at[count], offset[count] = out, now
        count += 1
    return count


@no_type_check
@njit(cache=True, nogil=True)
def splice(sound, at, offset, fade, out):
    """Write the sound with the splices of `find_splices`, each with a crossfade of `fade` samples."""
    channels, samples = sound.shape
    length = out.shape[1]
    for piece in range(len(at)):
        end = at[piece + 1] if piece + 1 < len(at) else length
        for n in range(at[piece], min(end, length)):
            place = n + offset[piece]
            into = (n - at[piece]) / fade if piece > 0 and n - at[piece] < fade else 1.0
            before = n + offset[piece - 1] if piece > 0 else place
            for c in range(channels):
                value = sound[c, place] if 0 <= place < samples else np.float32(0.0)
                if into < 1.0:
                    old = sound[c, before] if 0 <= before < samples else np.float32(0.0)
                    value = np.float32(into * value + (1.0 - into) * old)
                out[c, n] = value
