"""Healing short runs of samples that are no numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from editorbot.recording.limits import block_samples
from editorbot.recording.pcm import PcmBody
from editorbot.timebase import s_to_samples

LONGEST_RUN_S = 0.010
"""Longest run that is healed [seconds]; a longer one is a loss that nobody should overlook."""

FADE_S = 0.002
"""Length of the fades beside a healed run [seconds]."""


@dataclass(frozen=True)
class BadRun:
    """A run of samples of which at least one channel is no number."""

    start: int
    """First bad sample."""
    end: int
    """Sample after the last bad one."""


def find_bad_runs(body: PcmBody, sample_rate: int) -> tuple[BadRun, ...]:
    """Return the runs that are short enough to be healed, in order."""
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
    """Return a block that starts at sample `start` with the runs silenced and faded into."""
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
