"""The outline of a waveform, from blocks in any order.

A picture has some thousand columns, a recording hundreds of millions of
samples. Only the lowest and highest sample and the power of each column are
kept, so memory does not grow with the recording.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Shaped

from editorbot.recording import Recording, full_scale

WAVE_COLUMNS = 1_600
"""Columns of a waveform: two for each pixel of a small screen, one for each of a large one."""

BLOCK_VALUES = 1 << 20
"""Values read at once: 2 MB of 16-bit samples."""

RMS_VALUES = 4_096
"""Values of a column that its power is estimated from; it is drawn, never computed with."""


LOUDEST = 1e30
"""Larger values are drawn as this, so that they fit 32 bits."""


@dataclass(frozen=True)
class Peaks:
    """The outline of a waveform; column ``k`` covers samples ``[k * column_samples, (k + 1) * column_samples)``."""

    samples: int
    """Length of the sound [samples]."""
    column_samples: int
    """Length of a column [samples]; the last one may be shorter."""
    lowest: Float32[np.ndarray, " columns"]
    """Lowest sample of any channel, shape=(columns,), full scale 1.0."""
    highest: Float32[np.ndarray, " columns"]
    """Highest sample of any channel, shape=(columns,), full scale 1.0."""
    rms: Float32[np.ndarray, " columns"]
    """Root mean square over the channels, shape=(columns,), estimated from a few thousand samples."""

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return len(self.lowest)


class PeakScan:
    """Collects :class:`Peaks` from blocks.

    Parameters
    ----------
    samples : int, >= 1
        Length of the sound [samples].
    columns : int, >= 1
        Columns wanted; there are as many or up to half as many.

    Examples
    --------
    >>> scan = PeakScan(samples=4, columns=2)
    >>> scan.update(np.array([[0.0], [0.5], [-1.0], [0.25]], np.float32), start=0)
    >>> scan.peaks().highest.tolist()
    [0.5, 0.25]
    """

    def __init__(self, samples: int, columns: int = WAVE_COLUMNS) -> None:
        self.samples = samples
        self.column_samples = -(-samples // columns)
        count = -(-samples // self.column_samples)
        self._lowest = np.full(count, np.inf)
        self._highest = np.full(count, -np.inf)
        self._squares = np.zeros(count)
        self._counted = np.zeros(count)

    def update(self, block: Shaped[np.ndarray, "samples channels"], start: int) -> None:
        """Add a block of any type that begins at sample `start`; blocks must not overlap."""
        width = self.column_samples
        head = min(-start % width, len(block))
        whole = (len(block) - head) // width * width
        self._add(block[:head], start // width, 1)
        self._add(block[head : head + whole], (start + head) // width, whole // width)
        self._add(block[head + whole :], (start + head + whole) // width, 1)

    def _add(self, block: Shaped[np.ndarray, "samples channels"], first: int, columns: int) -> None:
        """Add samples that fill `columns` columns evenly."""
        if len(block) == 0:
            return
        rows = np.ascontiguousarray(block).reshape(columns, -1)
        full = full_scale(block.dtype)
        at = slice(first, first + columns)
        self._lowest[at] = np.minimum(self._lowest[at], rows.min(axis=1) / full)
        self._highest[at] = np.maximum(self._highest[at], rows.max(axis=1) / full)
        stride = max(1, rows.shape[1] // RMS_VALUES) | 1  # odd, so that it visits both channels of a pair
        some = rows[:, ::stride] / np.float32(full)
        self._squares[at] += np.einsum("ij,ij->i", some, some) * stride
        self._counted[at] += some.shape[1] * stride

    def peaks(self) -> Peaks:
        """The outline so far; columns without samples are flat at 0."""
        rms = np.sqrt(self._squares / np.maximum(self._counted, 1))
        return Peaks(self.samples, self.column_samples, _finite(self._lowest), _finite(self._highest), _finite(rms))


def _finite(values: np.ndarray) -> Float32[np.ndarray, " columns"]:
    return np.clip(np.nan_to_num(values, nan=0.0), -LOUDEST, LOUDEST).astype(np.float32)


def no_progress(share: float) -> None:
    """Ignore the progress."""


def scan_peaks(
    recording: Recording, *, columns: int = WAVE_COLUMNS, progress: Callable[[float], None] = no_progress
) -> Peaks:
    """Read a recording once and outline it; `progress` takes the share done, in [0, 1]."""
    scan = PeakScan(recording.samples, columns)
    block_samples = max(1, BLOCK_VALUES // recording.channels)
    for start in range(0, recording.samples, block_samples):
        end = min(start + block_samples, recording.samples)
        scan.update(recording.read_native(start, end), start)
        progress(end / recording.samples)
    return scan.peaks()
