"""Applies a time-varying equalizer: a gain for each mel band and frame, on the recording's own STFT.

A stage (a reference, a network) gives decibels over 128 mel bands and all
frames. They are bounded, smoothed over neighbors in frequency and time,
interpolated over the bins, and multiplied onto the spectra of all channels
alike: phases and the stereo image stay, nothing is added that was not played,
and silence stays silence. A gain of 0 dB gives the samples back.

Conventions
-----------
MelFrames have shape (frames, 128), float32 [dB], frames as in :mod:`mel_stft`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Complex64, Float32, Float64

from editorbot.errors import UsageError
from editorbot.polish.blocks import Block, Blocks, FloatBlocks, MelFrames
from editorbot.polish.mel_stft import OVERLAP, MelStft, mel_stft, stft_blocks

WINDOW_SUM = 1.5
"""Sum of four overlapping squared Hann windows."""

DOUBLINGS_A_DB = np.float32(np.log2(10) / 20)
"""Powers of two in a decibel of amplitude."""


@dataclass(frozen=True)
class GainLimits:
    """Bounds and smoothing of the gains."""

    max_boost_db: float = 18.0
    """Largest boost of a band [dB]: more would bring up the recording's noise."""
    max_cut_db: float = 30.0
    """Largest cut of a band [dB]: a deeper one sounds like holes."""
    smooth_bands: int = 1
    """Neighbors on either side that a band's gain is averaged with, weights falling linearly."""
    smooth_frames: int = 1
    """Frames on either side that a frame's gain is averaged with, weights falling linearly."""

    def __post_init__(self) -> None:
        for name in ("max_boost_db", "max_cut_db", "smooth_bands", "smooth_frames"):
            if not 0 <= getattr(self, name) <= 60:
                raise UsageError(f"{name} must be between 0 and 60, but is {getattr(self, name)}")


LIMITS = GainLimits()
"""The defaults."""


def equalize_blocks(
    blocks: Iterable[Block],
    sample_rate: int,
    channels: int,
    gains: Iterable[MelFrames],
    limits: GainLimits = LIMITS,
) -> FloatBlocks:
    """Equalize a sound, block by block.

    Parameters
    ----------
    blocks, sample_rate, channels
        The sound, see :mod:`editorbot.polish.blocks`.
    gains : iterable of np.ndarray, shape=(frames, 128), float32 [dB]
        MelFrames of its frames in order, in pieces of any length. If they end early, the last one stays.
    limits : GainLimits
        Bounds and smoothing.

    Raises
    ------
    ValueError
        If a gain is NaN or infinite.
    """
    grid = mel_stft(sample_rate)
    read = 0

    def counted() -> Blocks:
        nonlocal read
        for block in blocks:
            read += len(block)
            yield block

    wanted = _Pieces(smoothed_gains(gains, limits))
    tail = np.zeros((channels, grid.size - grid.hop), dtype=np.float32)
    late, done = grid.size - grid.hop, 0
    for spectra in stft_blocks(counted(), grid, channels):
        sound = _resynthesized(spectra, wanted.take(len(spectra)), grid, tail)
        tail = sound[:, len(spectra) * grid.hop :]
        ready = sound[:, late : len(spectra) * grid.hop].T
        late = max(0, late - len(spectra) * grid.hop)
        # Not beyond the samples read so far: what follows the end of the sound is padding.
        ready = ready[: read - done]
        done += len(ready)
        if len(ready):
            yield ready.astype(np.float64)


class _Pieces:
    """Rechunks gains."""

    def __init__(self, gains: Iterator[MelFrames]) -> None:
        self._gains = gains
        self._left = np.zeros((0, 128), dtype=np.float32)
        self._last = np.zeros((1, 128), dtype=np.float32)

    def take(self, frames: int) -> MelFrames:
        """Take the gains of the next frames; after the end, the last one again."""
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
    gains: MelFrames,
    grid: MelStft,
    tail: Float32[np.ndarray, "channels overlap"],
) -> Float32[np.ndarray, "channels samples"]:
    """Apply gains and overlap-add the frames, on top of the tail of the frames before."""
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


def smoothed_gains(gains: Iterable[MelFrames], limits: GainLimits) -> Iterator[MelFrames]:
    """Bound gains and smooth them over bands and frames.

    Raises
    ------
    ValueError
        If a gain is NaN or infinite.
    """
    reach = limits.smooth_frames
    held: MelFrames | None = None
    for piece in gains:
        if not np.isfinite(piece).all():
            raise ValueError("a gain is NaN or infinite")
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


def _averaged(values: MelFrames, reach: int, *, axis: int) -> MelFrames:
    """Average each value with its neighbors, with triangular weights; end values are repeated beyond the ends."""
    if reach == 0:
        return values
    padded = np.pad(values, [(reach, reach) if number == axis else (0, 0) for number in range(2)], mode="edge")
    length = values.shape[axis]
    parts = [w * np.take(padded, np.arange(at, at + length), axis=axis) for at, w in enumerate(triangle(reach))]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float32)


def triangle(reach: int) -> Float64[np.ndarray, " neighbors"]:
    """Weights of a triangular window over `reach` neighbors on either side; their sum is 1."""
    weights = 1.0 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1)
    return np.asarray(weights / weights.sum())
