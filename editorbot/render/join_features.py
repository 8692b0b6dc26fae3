"""How two stretches of sound fit together: alignment, attack, tonality, jump.

Conventions
-----------
A *side* is the sound around one edge of a join, shape (samples, channels),
float64, the edge in the middle: its first half is played before the edge, its
second half behind it. Channels are added in power, never in amplitude, so
that anti-phase stereo is heard too.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from editorbot.timebase import s_to_samples

WINDOW_S = 0.015
"""Sound on each side of the edge that is compared for alignment [seconds]."""

LAG_PENALTY = 0.05
"""How much better the farthest lag must correlate: nothing moves without need."""

CHANCE_CORRELATION = 0.2
"""Correlations below this are chance, and move nothing."""

ATTACK_HOP_S = 0.001
"""Step of the search for an attack [seconds]."""

ATTACK_BEFORE_S, ATTACK_BEHIND_S = 0.010, 0.005
"""Sound in front of and behind a step whose levels are compared [seconds]."""

ATTACK_RISE_DB = 9.0
"""A step is an attack where the level rises by this much: a struck note, not a swell."""

QUIET_POWER = 1e-8
"""Added to powers before they are compared: below -80 dBFS all is silence."""

TONAL_DB, NOISY_DB = -25.0, -8.0
"""Spectral flatness of held notes and of noise-like sound [dB]."""

BANDS_HZ = (60.0, 120.0, 240.0, 480.0, 960.0, 1_920.0, 3_840.0, 7_680.0)
"""Edges of the octave bands in which spectra are compared [Hz]."""


def lag_correlations(
    outgoing: Float64[np.ndarray, "samples channels"],
    incoming: Float64[np.ndarray, "samples channels"],
    window: int,
    max_lag: int,
) -> Float64[np.ndarray, " lags"]:
    """Correlate the incoming side with the outgoing one at every lag.

    Parameters
    ----------
    outgoing, incoming : np.ndarray, shape=(samples, channels), float64
        Sides of equal length, at least ``2 * (window + max_lag)`` samples.
    window : int [samples]
        Sound on each side of the edge that is compared.
    max_lag : int [samples]
        Farthest lag.

    Returns
    -------
    correlations : np.ndarray, shape=(2 * max_lag + 1,), float64
        Normalized correlations in [-1, 1] of lags -max_lag ... max_lag; a lag
        of n means that the incoming edge fits n samples behind the outgoing
        one. All channels together; 0 where either is silent.
    """
    from scipy.signal import correlate

    middle = len(outgoing) // 2
    template = incoming[middle - window : middle + window]
    search = outgoing[middle - window - max_lag : middle + window + max_lag]
    products = np.sum(
        [correlate(search[:, n], template[:, n], mode="valid", method="fft") for n in range(search.shape[1])], axis=0
    )
    running = np.concatenate([[0.0], np.cumsum(np.square(search).sum(axis=1))])
    powers = (running[2 * window :] - running[: -2 * window]) * np.square(template).sum()
    floor = (QUIET_POWER * 2 * window) ** 2
    return np.clip(np.where(powers > floor, products / np.sqrt(np.maximum(powers, floor)), 0.0), -1.0, 1.0)


def best_lag(correlations: Float64[np.ndarray, " lags"]) -> int:
    """The lag of the best fit, 0 where no other is clearly better [samples]."""
    farthest = len(correlations) // 2
    lags = np.arange(-farthest, farthest + 1)
    if farthest == 0 or correlations.max() < CHANCE_CORRELATION:
        return 0
    return int(lags[np.argmax(correlations - LAG_PENALTY * np.abs(lags) / farthest)])


def attack_offset(side: Float64[np.ndarray, "samples channels"], sample_rate: int, reach: int) -> int | None:
    """Find an attack near the edge, counted from the edge; None where there is none [samples]."""
    power = np.concatenate([[0.0], np.cumsum(np.square(side).mean(axis=1))])
    middle = len(side) // 2
    before, behind = s_to_samples(ATTACK_BEFORE_S, sample_rate), max(1, s_to_samples(ATTACK_BEHIND_S, sample_rate))
    places = np.arange(middle - reach, middle + reach + 1, max(1, s_to_samples(ATTACK_HOP_S, sample_rate)))
    level_before = (power[places] - power[places - before]) / before
    level_behind = (power[places + behind] - power[places]) / behind
    rise_db = 10 * np.log10((level_behind + QUIET_POWER) / (level_before + QUIET_POWER))
    if rise_db.max() < ATTACK_RISE_DB:
        return None
    return int(places[np.argmax(rise_db)] - middle)


def tonality(side: Float64[np.ndarray, "samples channels"]) -> float:
    """How tonal a side is, from 0 for noise to 1 for held notes, by spectral flatness."""
    power = _spectrum(side) + QUIET_POWER
    flatness_db = 10 * np.log10(np.exp(np.mean(np.log(power))) / np.mean(power))
    return float(np.clip((NOISY_DB - flatness_db) / (NOISY_DB - TONAL_DB), 0.0, 1.0))


def jump_db(
    before: Float64[np.ndarray, "samples channels"],
    behind: Float64[np.ndarray, "samples channels"],
    sample_rate: int,
) -> float:
    """How far two stretches differ: mean difference of their octave bands' levels [dB]."""
    return float(np.mean(np.abs(_band_levels_db(before, sample_rate) - _band_levels_db(behind, sample_rate))))


def _spectrum(sound: Float64[np.ndarray, "samples channels"]) -> Float64[np.ndarray, " bins"]:
    """Power spectrum, Hann windowed, mean over channels; that of a full-scale sine sums to 1/2."""
    window = np.hanning(len(sound) + 2)[1:-1]
    spectra = np.fft.rfft(sound * window[:, None], axis=0)
    power: Float64[np.ndarray, " bins"] = np.square(np.abs(spectra)).mean(axis=1)
    power *= 2 / (len(sound) * np.square(window).sum())
    return power


def _band_levels_db(sound: Float64[np.ndarray, "samples channels"], sample_rate: int) -> Float64[np.ndarray, " bands"]:
    """Level of every octave band, and of the ranges below and above them [dB]."""
    spectrum = _spectrum(sound)
    frequencies = np.arange(len(spectrum)) * sample_rate / len(sound)
    bands = np.bincount(np.searchsorted(BANDS_HZ, frequencies), weights=spectrum, minlength=len(BANDS_HZ) + 1)
    levels: Float64[np.ndarray, " bands"] = 10 * np.log10(bands + QUIET_POWER)
    return levels
