"""What the samples themselves show: too loud, offset, silent, or no numbers at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from editorbot.recording.pcm import PcmBody, block_samples, full_scale
from editorbot.timebase import s_to_samples

SILENT_PEAK = 1e-4
"""Largest swing around the mean that counts as silence, -80 dBFS."""

OFFSET_SHARE = 0.02
"""Constant offset from which a warning is given [full scale]."""

LONGEST_RUN_S = 0.010
"""Longest run of bad samples that is healed [seconds]; a longer one is a loss that nobody should overlook."""

FADE_S = 0.002
"""Length of the fades beside a healed run [seconds]."""

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
        """Add a block in its native type."""
        if len(block) == 0:
            return
        self._full = full_scale(block.dtype)
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
            lines.append(f"DC_OFFSET: {text}; the analysis removes it, the track keeps it")
        return tuple(lines)


def _by_channel(
    combine: np.ufunc, block: Shaped[np.ndarray, "samples channels"], dtype: type | None = None
) -> Shaped[np.ndarray, " channels"]:
    """Combine the samples of each channel; with _FOLD of them in a row NumPy is twenty times as fast."""
    folded = len(block) // _FOLD * _FOLD
    rows = block[:folded].reshape(-1, _FOLD * block.shape[1])
    rest = block[folded:] if dtype is None else block[folded:].astype(dtype)
    if folded:
        combined = combine.reduce(rows, axis=0, dtype=dtype).reshape(_FOLD, block.shape[1])
        rest = np.concatenate([combined, rest])
    result: np.ndarray = combine.reduce(rest, axis=0, dtype=dtype)
    return result


@dataclass(frozen=True)
class BadRun:
    """A run of samples of which at least one channel is NaN or infinite."""

    start: int
    """First bad sample."""
    end: int
    """Sample after the last bad one."""


def find_bad_runs(body: PcmBody, sample_rate: int) -> tuple[BadRun, ...]:
    """Find the runs that are short enough to be healed, in order."""
    size = block_samples(body.pcm.channels)
    bad: list[Int[np.ndarray, " bad"]] = []
    for start in range(0, body.samples, size):
        block = body.read(start, min(start + size, body.samples))
        bad.append(start + np.flatnonzero(~np.isfinite(block).all(axis=1)))
    at = np.concatenate(bad)
    if len(at) == 0:
        return ()
    breaks = np.flatnonzero(np.diff(at) > 1) + 1
    runs = [BadRun(int(run[0]), int(run[-1]) + 1) for run in np.split(at, breaks)]
    return tuple(run for run in runs if run.end - run.start <= LONGEST_RUN_S * sample_rate)


def healed(
    block: Float[np.ndarray, "samples channels"], start: int, runs: tuple[BadRun, ...], sample_rate: int
) -> Float[np.ndarray, "samples channels"]:
    """Silence the bad runs of a block that starts at sample `start`, with short fades beside them."""
    fade = max(1, s_to_samples(FADE_S, sample_rate))
    at = np.arange(start, start + len(block))
    gain = np.ones(len(block), block.dtype)
    fixed = block.copy()
    for run in runs:
        if run.end + fade <= start or run.start - fade >= start + len(block):
            continue
        distance = np.maximum(run.start - at, at - run.end + 1)
        gain = np.minimum(gain, np.clip(distance / fade, 0.0, 1.0)).astype(block.dtype)
        fixed[(at >= run.start) & (at < run.end)] = 0.0
    return fixed * gain[:, None]
