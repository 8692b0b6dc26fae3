"""The one pass over a recording's samples.

Reading and downmixing run some blocks ahead in a thread of their own, beginning while the compiled kernels are
loaded, and the spectrum is measured in two more; each result depends on its samples alone, so the order of the
threads cannot be seen in it.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from editorbot.analysis.analysis import step_column
from editorbot.analysis.downmix import MonoReader
from editorbot.analysis.spectrum import Spectrum
from editorbot.recording import Recording, SampleScan

if TYPE_CHECKING:
    from editorbot.analysis.spectrum_scan import SpectrumScan

THREADS = 2
"""Threads that measure the spectrum; more would wait for the one that reads."""

AHEAD_BLOCKS = 24
"""Blocks that may wait to be measured, 25 MB."""

SHARED_SWITCH_S = 2e-4
"""Longest time that imports keep the interpreter from the thread that reads [seconds]; Python's own is 5 ms."""

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Heard:
    """What the pass over a recording leaves behind."""

    spectrum: Spectrum
    """Rows of frames and steps."""
    is_silent: bool
    """Whether nothing can be heard."""
    warnings: tuple[str, ...]
    """Lines ``CODE: text`` about the samples."""


def scan_recording(recording: Recording, progress: Callable[[float], None]) -> Heard:
    """Read a recording once and measure it.

    Parameters
    ----------
    recording : Recording
        Read from start to end.
    progress : callable
        Told the share that is done, in [0, 1].
    """
    mono, samples, done = MonoReader(recording), SampleScan(recording.channels), 0
    with ThreadPoolExecutor(1, "reading") as reader, ThreadPoolExecutor(THREADS, "listening") as threads:
        coming = _ahead(mono.blocks(samples), reader)
        try:
            scan = _new_scan(mono.samples, threads)
            for block in coming:
                scan.update(block)
                done += len(block)
                progress(done / mono.samples)
            spectrum = scan.finish()
        finally:
            reader.shutdown(wait=True, cancel_futures=True)
    step_column(spectrum.steps, "width")[:] = mono.width
    return Heard(spectrum, samples.is_silent, samples.warnings)


def _new_scan(samples: int, threads: Executor) -> SpectrumScan:
    """Load the kernels, which takes as long as reading ten minutes, and return a scan."""
    with _shared_interpreter():
        from editorbot.analysis.numba_startup import load_scipy_blas
        from editorbot.analysis.spectrum_scan import SpectrumScan

        load_scipy_blas()
    return SpectrumScan(samples, threads)


@contextmanager
def _shared_interpreter() -> Iterator[None]:
    """Let other threads have the interpreter more often."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(min(usual_s, SHARED_SWITCH_S))
    try:
        yield
    finally:
        sys.setswitchinterval(usual_s)


def _ahead(items: Iterator[_Item], reader: Executor) -> Iterator[_Item]:
    """Begin to make the items at once, AHEAD_BLOCKS of them; return them in order."""
    waiting = deque(reader.submit(next, items, None) for _ in range(AHEAD_BLOCKS))

    def in_order() -> Iterator[_Item]:
        while (item := waiting.popleft().result()) is not None:
            waiting.append(reader.submit(next, items, None))
            yield item

    return in_order()
