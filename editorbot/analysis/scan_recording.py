"""The one pass over a recording's samples.

One thread reads and downmixes some blocks ahead, beginning while the compiled kernels are loaded, and two more measure
the spectrum. Each result depends on its samples alone, so the order of the threads does not change it.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from editorbot.analysis.downmix import MonoReader
from editorbot.analysis.spectrum import Spectrum, step_column
from editorbot.recording import Recording, SampleScan

if TYPE_CHECKING:
    from editorbot.analysis.spectrum_scan import SpectrumScan

THREADS = 2
"""Threads that measure the spectrum; more would wait for the one that reads."""

AHEAD_BLOCKS = 24
"""Blocks that may wait to be measured, 25 MB."""

SHARED_SWITCH_S = 2e-4
"""Switch interval while kernels are imported, for the thread that reads [seconds]; Python's own is 5 ms."""

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class ScanResult:
    """What the pass over a recording measures."""

    spectrum: Spectrum
    """Rows of frames and steps."""
    is_silent: bool
    """Whether there is no sound in it."""
    warnings: tuple[str, ...]
    """Lines ``CODE: text`` about the samples."""


def scan_recording(recording: Recording, progress: Callable[[float], None]) -> ScanResult:
    """Read a recording once and measure it; `progress` is called with the share that is done, in [0, 1]."""
    mono, checks, done = MonoReader(recording), SampleScan(recording.channels), 0
    with ThreadPoolExecutor(1, "reading") as reader, ThreadPoolExecutor(THREADS, "spectrum") as threads:
        blocks = _read_ahead(mono.blocks(checks), reader)
        try:
            scan = _new_scan(mono.samples, threads)
            for block in blocks:
                scan.update(block)
                done += len(block)
                progress(done / mono.samples)
            spectrum = scan.finish()
        finally:
            reader.shutdown(wait=True, cancel_futures=True)
    step_column(spectrum.steps, "width")[:] = mono.width
    return ScanResult(spectrum, checks.is_silent, checks.warnings)


def _new_scan(samples: int, threads: Executor) -> SpectrumScan:
    """Load the kernels, which takes as long as reading ten minutes, and make a scan."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(min(usual_s, SHARED_SWITCH_S))
    try:
        from editorbot.analysis.numba_startup import load_scipy_blas
        from editorbot.analysis.spectrum_scan import SpectrumScan

        load_scipy_blas()
    finally:
        sys.setswitchinterval(usual_s)
    return SpectrumScan(samples, threads)


def _read_ahead(items: Iterator[_Item], reader: Executor) -> Iterator[_Item]:
    """Begin to read the items at once, AHEAD_BLOCKS of them; yield them in order."""
    waiting = deque(reader.submit(next, items, None) for _ in range(AHEAD_BLOCKS))

    def in_order() -> Iterator[_Item]:
        while (item := waiting.popleft().result()) is not None:
            waiting.append(reader.submit(next, items, None))
            yield item

    return in_order()
