"""The STFT on which tone is measured and changed, at the recording's own rate, and its mel power.

At any rate a frame is about as long as one of the analysis (93 ms, every
23 ms) and has the same 128 mel bands. So a network trained at 22,050 Hz works
on recordings of any rate, and its gains apply to their original samples.

Conventions
-----------
A window is exactly four hops long, so squared Hann windows add up to 1.5
everywhere. Frame `k` covers samples ``[(k - 3) * hop, (k + 1) * hop)``, zeros
outside the sound. Every sample is in four frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from jaxtyping import Complex64, Float32, Int64

from editorbot.analysis.filterbanks import mel_edges_hz, mel_matrix
from editorbot.analysis.spectrum import MEL_BANDS
from editorbot.polish.blocks import Block, MelFrames
from editorbot.recording import full_scale
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES

OVERLAP = 4
"""Hops in a window."""

CHUNK_BYTES = 1 << 22
"""Size of the spectra in memory at a time [bytes]."""

LOUDEST = 1e12
"""Larger samples are clipped to this, +240 dBFS, so that squares of spectra stay finite."""


@dataclass(frozen=True)
class MelStft:
    """Frames and mel bands at one sample rate."""

    hop: int
    """Samples from frame to frame."""
    window: Float32[np.ndarray, " size"]
    """Hann window, shape=(4 * hop,)."""
    taken: Int64[np.ndarray, " touched"]
    """Bins of each mel band, one band after another."""
    weights: Float32[np.ndarray, " touched"]
    """Their weights in it."""
    first: Int64[np.ndarray, " 128"]
    """Index of each band's first bin in `taken`."""
    below: Int64[np.ndarray, " bins"]
    """For each bin the band that peaks at or below it, at most the last but one."""
    above_share: Float32[np.ndarray, " bins"]
    """Position of each bin between that band and the next, in [0, 1]."""

    @property
    def size(self) -> int:
        """Length of a window [samples]."""
        return OVERLAP * self.hop

    def frames_of(self, samples: int) -> int:
        """Number of frames of so many samples."""
        return -(-samples // self.hop) + OVERLAP - 1 if samples else 0

    def chunk_frames(self, channels: int) -> int:
        """Number of frames in memory at a time."""
        return max(8, CHUNK_BYTES // (8 * channels * (self.size // 2 + 1)))


@lru_cache(maxsize=8)
def mel_stft(sample_rate: int) -> MelStft:
    """Plan the frames and bands for a sample rate."""
    hop = _fast_hop(sample_rate * HOP_SAMPLES / ANALYSIS_RATE)
    size = OVERLAP * hop
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    bins_hz = np.arange(size // 2 + 1) * (sample_rate / size)
    peaks_hz = mel_edges_hz(MEL_BANDS)[1:-1]
    place = np.interp(bins_hz, peaks_hz, np.arange(MEL_BANDS))
    below = np.minimum(place.astype(np.int64), MEL_BANDS - 2)
    filters = mel_matrix(MEL_BANDS, bins_hz)
    # A band above half the rate has no bins; it gets one of weight 0.
    bins = [np.flatnonzero(row) if row.any() else np.zeros(1, dtype=np.int64) for row in filters]
    return MelStft(
        hop,
        window.astype(np.float32),
        taken=np.concatenate(bins),
        weights=np.concatenate([row[of] for row, of in zip(filters, bins)]),
        first=np.concatenate([[0], np.cumsum([len(of) for of in bins])[:-1]]).astype(np.int64),
        below=below,
        above_share=(place - below).astype(np.float32),
    )


def _fast_hop(wanted: float) -> int:
    """Find the length nearest to the wanted one that makes fast FFTs."""
    start = max(4, round(wanted))
    return min(scipy.fft.prev_fast_len(start), scipy.fft.next_fast_len(start), key=lambda hop: abs(hop - wanted))


def stft_blocks(
    blocks: Iterable[Block], grid: MelStft, channels: int
) -> Iterator[Complex64[np.ndarray, "frames channels bins"]]:
    """Yield the spectra of all frames, some at a time; NaN samples count as silence.

    Yields
    ------
    spectra : np.ndarray, shape=(frames, channels, bins), complex64
        ``grid.frames_of(samples)`` frames in all.
    """
    chunk, samples = grid.chunk_frames(channels), 0
    held = np.zeros((channels, grid.size - grid.hop), dtype=np.float32)
    for block in blocks:
        samples += len(block)
        held = np.concatenate([held, _bounded(block)], axis=1)
        while held.shape[1] >= (chunk - 1) * grid.hop + grid.size:
            yield _spectra(held, chunk, grid)
            held = held[:, chunk * grid.hop :]
    if samples == 0:
        return
    left = -(-(held.shape[1] - (grid.size - grid.hop)) // grid.hop) + OVERLAP - 1
    padded = np.pad(held, ((0, 0), (0, grid.size)))
    for first in range(0, left, chunk):
        yield _spectra(padded[:, first * grid.hop :], min(chunk, left - first), grid)


def _bounded(block: Block) -> Float32[np.ndarray, "channels samples"]:
    """Convert a block to float32 that can be squared, channels first."""
    if block.dtype.kind == "i":
        return np.ascontiguousarray(block.T, dtype=np.float32) * np.float32(1 / full_scale(block.dtype))
    bounded = np.clip(np.nan_to_num(block.T, posinf=LOUDEST, neginf=-LOUDEST), -LOUDEST, LOUDEST)
    return np.ascontiguousarray(bounded, dtype=np.float32)


def _spectra(
    sound: Float32[np.ndarray, "channels samples"], frames: int, grid: MelStft
) -> Complex64[np.ndarray, "frames channels bins"]:
    windows = np.lib.stride_tricks.sliding_window_view(sound, grid.size, axis=1)[:, :: grid.hop][:, :frames]
    return np.asarray(scipy.fft.rfft(windows.transpose(1, 0, 2) * grid.window, axis=2))


def mel_power_blocks(blocks: Iterable[Block], grid: MelStft, channels: int) -> Iterator[MelFrames]:
    """Yield the mel power of all frames, the mean over the channels.

    Full scale is 1.0 at every rate. Powers are averaged, not samples: opposite phases do not cancel.
    """
    scale = np.float32(1.0 / (np.sum(grid.window, dtype=np.float64) ** 2 * channels))
    for spectra in stft_blocks(blocks, grid, channels):
        power = (spectra.real**2 + spectra.imag**2).sum(axis=1) * scale
        # A matrix product would depend on how many threads share it, in the last bit.
        yield np.add.reduceat(power[:, grid.taken] * grid.weights, grid.first, axis=1)
