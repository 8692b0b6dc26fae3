"""Tone: a gain in each band and frame, done on a recording's own spectra.

What asks for a tone (a reference, a network) gives decibels over 128 mel
bands and all frames. They are held within limits, smoothed over neighbors in
frequency and time, laid over the bins, and multiplied onto the spectra of all
channels alike: phases and the stereo picture stay, nothing is added that was
not played, and silence stays silence. A gain of 0 dB gives the samples back.

Conventions
-----------
Gains have shape (frames, 128), float32 [dB], frames as in :mod:`tone_grid`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Complex64, Float32, Float64, Shaped

from editorbot.errors import UsageError
from editorbot.polish.tone_grid import OVERLAP, ToneGrid, grid_of, spectra_blocks

Gains = Float32[np.ndarray, "_frames 128"]
"""Decibels a frame and band."""

WINDOW_SUM = 1.5
"""What four squared Hann windows add up to."""

DOUBLINGS_A_DB = np.float32(np.log2(10) / 20)
"""Powers of two in a decibel of amplitude."""


@dataclass(frozen=True)
class ToneLimits:
    """What a change of tone is held to."""

    max_boost_db: float = 18.0
    """Most that a band is lifted [dB]: beyond it, what comes up is the recording's own noise."""
    max_cut_db: float = 30.0
    """Most that a band is lowered [dB]: a gate deeper than this is heard as holes."""
    smooth_bands: int = 1
    """Neighbors on either side that a band's gain is averaged with, weights falling linearly."""
    smooth_frames: int = 1
    """Frames on either side that a frame's gain is averaged with, weights falling linearly."""

    def __post_init__(self) -> None:
        for name in ("max_boost_db", "max_cut_db", "smooth_bands", "smooth_frames"):
            if not 0 <= getattr(self, name) <= 60:
                raise UsageError(f"{name} must lie between 0 and 60, but is {getattr(self, name)}")


LIMITS = ToneLimits()
"""The limits where none are given."""


def tone_blocks(
    blocks: Iterable[Shaped[np.ndarray, "samples channels"]],
    sample_rate: int,
    channels: int,
    gains: Iterable[Gains],
    limits: ToneLimits = LIMITS,
) -> Iterator[Float64[np.ndarray, "samples channels"]]:
    """Change the tone of a sound, block by block.

    Parameters
    ----------
    blocks : iterable of np.ndarray, shape=(samples, channels)
        The sound.
    sample_rate : int [Hz]
        Its rate.
    channels : int
        Channels of every block.
    gains : iterable of np.ndarray, shape=(frames, 128), float32 [dB]
        Gains of its frames in order, in pieces of any length. Where they end early, the last one stays.
    limits : ToneLimits
        What they are held to.

    Yields
    ------
    block : np.ndarray, shape=(samples, channels), float64
        As many samples in all, none of them late.

    Raises
    ------
    ValueError
        If a gain is no number.
    """
    grid = grid_of(sample_rate)
    counter = _Counted(blocks)
    wanted = _Pieces(smoothed_gains(gains, limits))
    tail = np.zeros((channels, grid.size - grid.hop), dtype=np.float32)
    late, done = grid.size - grid.hop, 0
    for spectra in spectra_blocks(counter, grid, channels):
        sound = _resynthesized(spectra, wanted.take(len(spectra)), grid, tail)
        tail = sound[:, len(spectra) * grid.hop :]
        ready = sound[:, late : len(spectra) * grid.hop].T
        late = max(0, late - len(spectra) * grid.hop)
        # Only what is known to lie within the sound; the rest are zeros behind its end.
        ready = ready[: counter.samples - done]
        done += len(ready)
        if len(ready):
            yield ready.astype(np.float64)


class _Counted:
    """Passes blocks on, and counts their samples."""

    def __init__(self, blocks: Iterable[Shaped[np.ndarray, "samples channels"]]) -> None:
        self._blocks = blocks
        self.samples = 0

    def __iter__(self) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
        for block in self._blocks:
            self.samples += len(block)
            yield block


class _Pieces:
    """Hands out gains in the lengths asked for."""

    def __init__(self, gains: Iterator[Gains]) -> None:
        self._gains = gains
        self._left = np.zeros((0, 128), dtype=np.float32)
        self._last = np.zeros((1, 128), dtype=np.float32)

    def take(self, frames: int) -> Gains:
        """Return the next gains, the last ones again where there are no more."""
        parts, count = [self._left], len(self._left)
        while count < frames:
            piece = next(self._gains, None)
            if piece is None:
                piece = np.repeat(self._last, frames - count, axis=0)
            elif len(piece):
                self._last = piece[-1:]
            parts.append(piece)
            count += len(piece)
        joined = np.concatenate(parts)
        self._left = joined[frames:]
        return joined[:frames]


def _resynthesized(
    spectra: Complex64[np.ndarray, "frames channels bins"],
    gains: Gains,
    grid: ToneGrid,
    tail: Float32[np.ndarray, "channels overlap"],
) -> Float32[np.ndarray, "channels samples"]:
    """Return the frames under their gains, overlapped and added onto what the frames before them left."""
    doublings = gains * DOUBLINGS_A_DB
    lower, upper = doublings[:, grid.below], doublings[:, grid.below + 1]
    factors = np.exp2(lower + (upper - lower) * grid.above_share)
    windows = scipy.fft.irfft(spectra * factors[:, None, :], grid.size, axis=2)
    windows *= grid.window / np.float32(WINDOW_SUM)
    frames, channels = len(spectra), spectra.shape[1]
    sound = np.zeros((channels, (frames + OVERLAP - 1) * grid.hop), dtype=np.float32)
    hops = sound.reshape(channels, frames + OVERLAP - 1, grid.hop)
    for part in range(OVERLAP):
        hops[:, part : part + frames] += windows[:, :, part * grid.hop : (part + 1) * grid.hop].transpose(1, 0, 2)
    sound[:, : tail.shape[1]] += tail
    return sound


def smoothed_gains(gains: Iterable[Gains], limits: ToneLimits) -> Iterator[Gains]:
    """Yield gains held within limits and smoothed over bands and frames.

    Raises
    ------
    ValueError
        If a gain is no number.
    """
    reach = limits.smooth_frames
    held: Gains | None = None
    for piece in gains:
        if not np.isfinite(piece).all():
            raise ValueError("a gain is no number")
        bounded = np.clip(piece, -limits.max_cut_db, limits.max_boost_db).astype(np.float32)
        bounded = _averaged(bounded, limits.smooth_bands, axis=1)
        if len(bounded) == 0:
            continue
        held = np.concatenate([np.repeat(bounded[:1], reach, axis=0) if held is None else held, bounded])
        if len(held) > 2 * reach:
            yield _averaged(held, reach, axis=0)[reach : len(held) - reach]
            held = held[len(held) - 2 * reach :]
    if held is not None and reach:
        ended = np.concatenate([held, np.repeat(held[-1:], reach, axis=0)])
        yield _averaged(ended, reach, axis=0)[reach : len(ended) - reach]


def _averaged(values: Gains, reach: int, *, axis: int) -> Gains:
    """Return values averaged with their neighbors, weights falling linearly; the ends count as going on."""
    if reach == 0:
        return values
    padded = np.pad(values, [(reach, reach) if number == axis else (0, 0) for number in range(2)], mode="edge")
    weights = 1.0 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1)
    length = values.shape[axis]
    parts = [w * np.take(padded, np.arange(at, at + length), axis=axis) for at, w in enumerate(weights / weights.sum())]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float32)
