"""What the samples themselves tell: too loud, offset, or nothing at all."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Shaped

SILENT_PEAK = 1e-4
"""Largest swing around the mean that counts as silence, -80 dBFS."""

OFFSET_SHARE = 0.02
"""Constant part that is worth a word [full scale]."""

_FOLD = 256
"""Samples of each channel that are combined side by side."""


class SampleScan:
    """Collects the extremes and the mean of a recording, block by block, in any order."""

    def __init__(self, channels: int) -> None:
        self._sum = np.zeros(channels)
        self._low = np.full(channels, np.inf)
        self._high = np.full(channels, -np.inf)
        self._samples = 0
        self._full = 1.0

    def update(self, block: Shaped[np.ndarray, "samples channels"]) -> None:
        """Take a block in its native type."""
        if len(block) == 0:
            return
        self._full = float(1 << (8 * block.dtype.itemsize - 1)) if block.dtype.kind == "i" else 1.0
        self._sum += _by_channel(np.add, block, np.float64)
        self._low = np.minimum(self._low, _by_channel(np.minimum, block))
        self._high = np.maximum(self._high, _by_channel(np.maximum, block))
        self._samples += len(block)

    @property
    def is_silent(self) -> bool:
        """Whether no channel swings by more than SILENT_PEAK around its middle."""
        if self._samples == 0:
            return True
        return bool((self._high - self._low).max() / 2 <= SILENT_PEAK * self._full)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines ``CODE: text``."""
        if self._samples == 0:
            return ()
        lines = []
        peak = float(max(self._high.max(), -self._low.min())) / self._full
        if peak > 1:
            lines.append(f"OVER_FULL_SCALE: it peaks at {20 * math.log10(peak):+.1f} dBFS; a float file keeps that")
        # Beyond full scale the peak is the measure: noise at 1e30 has a mean of many times 1.0 by chance.
        scale = max(1.0, peak)
        offset = self._sum / self._samples / self._full / scale
        worst = int(np.argmax(np.abs(offset)))
        if abs(offset[worst]) > OFFSET_SHARE:
            measure = "its peak" if peak > 1 else "full scale"
            text = f"channel {worst} has a constant offset of {offset[worst]:+.3f} of {measure}"
            lines.append(f"DC_OFFSET: {text}; it is taken out for the analysis and left in the track")
        return tuple(lines)


def _by_channel(
    combine: np.ufunc, block: Shaped[np.ndarray, "samples channels"], dtype: type | None = None
) -> Shaped[np.ndarray, " channels"]:
    """Combine the samples of each channel; many stand in a row at first, which NumPy combines twenty times as fast."""
    folded = len(block) // _FOLD * _FOLD
    rows = block[:folded].reshape(-1, _FOLD * block.shape[1])
    rest = block[folded:] if dtype is None else block[folded:].astype(dtype)
    if folded:
        combined = combine.reduce(rows, axis=0, dtype=dtype).reshape(_FOLD, block.shape[1])
        rest = np.concatenate([combined, rest])
    result: np.ndarray = combine.reduce(rest, axis=0, dtype=dtype)
    return result
