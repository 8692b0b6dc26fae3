"""Finds the place of a stretch of an edit in the raw recording, to a fraction of a sample.

The shift is the peak of the cross-correlation of the two sounds with most of their loudness
taken out of the spectrum (GCC-PHAT), so that equalization and rooms hardly move it.

Conventions
-----------
Positions are samples of the two downmixes, at ANALYSIS_RATE.

References
----------
Knapp and Carter, "The generalized correlation method for estimation of time delay", IEEE TASSP 24, 1976.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.fft
from jaxtyping import Bool, Float32, Float64, Int64

from editorbot.analysis.downmix import MonoReader
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES

MARGIN_SAMPLES = 5_120
"""Largest shift that is measured, 0.23 s."""
SURE_STRENGTH = 8.0
"""Height of a peak over the root mean square of the rest from which it is no chance match."""

LONG_WINDOW, SHORT_WINDOW = 32_768, 8_192
"""Windows in which a shift is measured [samples]."""

_SHORTEST_WINDOW = 2_048
_LONE_STRENGTH, _LEAST_AGREEMENT = 15.0, 0.5
"""Strength that a lone window needs, and share of several windows that must agree."""
_WHITENING = 0.85
"""Power of the magnitude that is divided out; 1 is PHAT, which overrates a codec's empty bands."""
_BAND_HZ = (60.0, 7_000.0)
_PEAK_SAMPLES = 40
_STRAIGHT_SAMPLES = 11.0
"""Largest distance of a window from its stretch's line, half a millisecond."""
_NEARNESS = (1 - 0.6 * np.abs(np.linspace(-1, 1, 2 * MARGIN_SAMPLES + 1))).astype(np.float32)
"""Weight of a shift: in music that repeats itself the nearer place is preferred."""
_EVEN_SAMPLES, _STEEPEST = 4.0, 0.012
_MOST_WINDOWS, _WINDOW_EVERY_S = 15, 2.5


@dataclass(frozen=True)
class Line:
    """Edit position x comes from raw position ``raw_at + speed * (x - edit_at)``."""

    edit_at: float
    """A position in the edit [samples]."""
    raw_at: float
    """Where it comes from [samples]."""
    speed: float = 1.0
    """Raw samples that pass while one sample of the edit does."""

    def raw_of(self, edit: float | int) -> float:
        """Return where a position of the edit comes from."""
        return self.raw_at + self.speed * (edit - self.edit_at)

    def raw_frames_of(self, frames: Int64[np.ndarray, " frames"]) -> Int64[np.ndarray, " frames"]:
        """Return the frames of the raw recording that frames of the edit come from; may be outside it."""
        at = self.raw_at + self.speed * (frames * HOP_SAMPLES - self.edit_at)
        return np.rint(at / HOP_SAMPLES).astype(np.int64)

    def shifted(self, raw_samples: float) -> Line:
        """Return the line at a later place of the raw recording."""
        return replace(self, raw_at=self.raw_at + raw_samples)


@dataclass(frozen=True)
class Shift:
    """Distance of a stretch from where it was expected."""

    at: float
    """Middle of the window in the edit [samples]."""
    samples: float
    """Shift in the raw recording [samples]."""
    strength: float
    """Height of the correlation's peak over the root mean square of the rest."""


def read_along(mono: MonoReader, line: Line, first: int, count: int) -> Float32[np.ndarray, " samples"]:
    """Read the raw recording for `count` samples of the edit from `first` on, at the edit's speed."""
    start = line.raw_of(first)
    if line.speed == 1.0:
        low = round(start)
        return mono.read(low, low + count)
    at = start + line.speed * np.arange(count)
    low, high = int(np.floor(at[0])), int(np.ceil(at[-1])) + 2
    return np.interp(at, np.arange(low, high), mono.read(low, high)).astype(np.float32)


def measure_shifts(
    raw: MonoReader, edit: MonoReader, line: Line, first: int, end: int, *, longest: int = LONG_WINDOW, least: int = 1
) -> list[Shift]:
    """Measure the shift from a line in windows spread over edit samples [first, end).

    Windows are as long as the stretch and `longest` allow. Long ones are more certain; short ones tolerate a wrong
    speed.
    """
    length = _SHORTEST_WINDOW
    while length * 2 <= min(end - first, longest):
        length *= 2
    length = min(length, end - first)
    count = int(np.clip((end - first) / ANALYSIS_RATE / _WINDOW_EVERY_S, least, max(least, _MOST_WINDOWS)))
    starts = np.linspace(first, end - length, count + 2)[1:-1] if count > 1 else [(first + end - length) / 2]
    return [measure_shift(raw, edit, line, int(start), length) for start in starts]


def measure_shift(raw: MonoReader, edit: MonoReader, line: Line, first: int, length: int) -> Shift:
    """Measure the shift from a line in one window of the edit."""
    heard = edit.read(first, first + length)
    # Whole samples, so that `read_along` rounds nothing off.
    start = line.raw_of(first)
    at = replace(line, edit_at=float(first), raw_at=float(round(start)))
    source = read_along(raw, at, first - MARGIN_SAMPLES, length + 2 * MARGIN_SAMPLES)
    correlation = whitened_correlation(source, heard)[: 2 * MARGIN_SAMPLES + 1]
    lag, strength = sharpest_peak(correlation * _NEARNESS)
    shift = (lag - MARGIN_SAMPLES) * line.speed + round(start) - start
    return Shift(first + length / 2, shift, strength)


def whitened_correlation(
    source: Float32[np.ndarray, " source"], heard: Float32[np.ndarray, " heard"]
) -> Float32[np.ndarray, " lags"]:
    """Correlate `heard` with `source` from each of its samples on, with the spectrum flattened."""
    size = scipy.fft.next_fast_len(len(source), real=True)
    cross = scipy.fft.rfft(source, size) * np.conj(scipy.fft.rfft(heard, size))
    magnitude = np.abs(cross)
    magnitude += 1e-9 * magnitude.max() + 1e-20
    cross /= magnitude**_WHITENING
    low, high = (int(hz * size / ANALYSIS_RATE) for hz in _BAND_HZ)
    cross[:low] = 0
    cross[high:] = 0
    return scipy.fft.irfft(cross, size).astype(np.float32)[: len(source) - len(heard) + 1]


def sharpest_peak(correlation: Float32[np.ndarray, " lags"]) -> tuple[float, float]:
    """Return lag, to a fraction, and strength of the highest peak of either sign."""
    size = np.abs(correlation)
    at = int(np.argmax(size))
    rest = np.concatenate((correlation[: max(0, at - _PEAK_SAMPLES)], correlation[at + _PEAK_SAMPLES :]))
    noise = float(np.sqrt(np.mean(rest.astype(np.float64) ** 2))) if len(rest) else 0.0
    strength = float(size[at]) / noise if noise > 0 else 0.0
    if not 0 < at < len(correlation) - 1:
        return float(at), strength
    before, here, after = (float(value) for value in np.sign(correlation[at]) * correlation[at - 1 : at + 2])
    bend = before - 2 * here + after
    return at + (0.5 * (before - after) / bend if bend < 0 else 0.0), strength


def agreed_shift(shifts: list[Shift]) -> Shift | None:
    """Average the shifts that are no chance matches; None if there are none, or too few agree."""
    sure = [shift for shift in shifts if shift.strength >= (SURE_STRENGTH if len(shifts) > 1 else _LONE_STRENGTH)]
    if not sure:
        return None
    values = np.array([shift.samples for shift in sure])
    weights = np.array([shift.strength for shift in sure])
    near = np.abs(values - weighted_median(values, weights)) < 0.002 * ANALYSIS_RATE
    if near.sum() < _LEAST_AGREEMENT * len(shifts):
        return None
    at = np.array([shift.at for shift in sure])
    return Shift(
        float(np.average(at[near], weights=weights[near])),
        float(np.average(values[near], weights=weights[near])),
        float(np.median(weights[near])),
    )


def weighted_median(values: Float64[np.ndarray, " n"], weights: Float64[np.ndarray, " n"]) -> float:
    """Return the value below which half of the weight is."""
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(share, 0.5)])


def are_uneven(shifts: list[list[Shift]]) -> bool:
    """Whether the windows of most stretches disagree by more than a correct speed allows."""
    spreads = []
    for windows in shifts:
        sure = [shift.samples for shift in windows if shift.strength >= SURE_STRENGTH]
        if len(sure) > 1:
            spreads.append(max(sure) - min(sure))
    return bool(spreads) and float(np.median(spreads)) > _EVEN_SAMPLES


def slope_of(shifts: list[list[Shift]], straight_samples: float = _STRAIGHT_SAMPLES) -> float | None:
    """Measure by how much the shift grows a sample of the edit, over all stretches; None if it cannot be measured.

    Parameters
    ----------
    shifts : list of lists of Shift
        The windows of each stretch; what differs between stretches does not count.
    straight_samples : float
        Largest distance of a window from its stretch's line.
    """
    slopes, weights = [], []
    for windows in shifts:
        sure = [shift for shift in windows if shift.strength >= SURE_STRENGTH]
        if len(sure) < 3:
            continue
        at, values = np.array([s.at for s in sure]), np.array([s.samples for s in sure])
        strengths = np.array([s.strength for s in sure])
        good = _on_one_line(at, values, strengths, straight_samples)
        if good.sum() < 3 or strengths[good].sum() < 0.5 * strengths.sum():
            continue
        x, y = at[good] - at[good].mean(), values[good] - values[good].mean()
        slopes.append(float(x @ y / (x @ x)))
        weights.append(float(x @ x) ** 0.5 * float(np.median(strengths[good])))
    # The median, not the mean: a stretch that was matched with a repeat of it can have any slope.
    return weighted_median(np.array(slopes), np.array(weights)) if slopes else None


def _on_one_line(
    x: Float64[np.ndarray, " n"], y: Float64[np.ndarray, " n"], weight: Float64[np.ndarray, " n"], straight: float
) -> Bool[np.ndarray, " n"]:
    """Find the points near the line through two of them that has most of the weight; none if all are too steep."""
    i, j = np.triu_indices(len(x), 1)
    slope = (y[j] - y[i]) / (x[j] - x[i])
    near = np.abs(y[None, :] - y[i][:, None] - slope[:, None] * (x[None, :] - x[i][:, None])) < straight
    near &= (np.abs(slope) < _STEEPEST)[:, None]
    return near[int(np.argmax(near @ weight))]
