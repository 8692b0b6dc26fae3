"""The one pass over a recording's samples.

Reading and downmixing run one block ahead in a thread of their own, and the spectrum is measured in two
more; each result depends on its samples alone, so the order of the threads cannot be seen in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from editorbot.analysis.analysis import STEP_COLUMNS
from editorbot.analysis.downmix import MonoReader
from editorbot.analysis.quick_start import load_blas_alone
from editorbot.analysis.scan import SpectrumScan
from editorbot.analysis.spectrum import Spectrum
from editorbot.recording import Recording
from editorbot.recording.scan import SampleScan

THREADS = 2
"""Threads that measure the spectrum; more would wait for the one that reads."""

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


def listen(recording: Recording, progress: Callable[[float], None]) -> Heard:
    """Read a recording once and measure it.

    Parameters
    ----------
    recording : Recording
        Read from start to end.
    progress : callable
        Told the share that is done, in [0, 1].
    """
    load_blas_alone()
    mono, samples, done = MonoReader(recording), SampleScan(recording.channels), 0
    with ThreadPoolExecutor(THREADS, "listening") as threads:
        scan = SpectrumScan(mono.samples, threads)
        for block in _ahead(mono.blocks(samples)):
            scan.update(block)
            done += len(block)
            progress(done / mono.samples)
        spectrum = scan.finish()
    spectrum.steps[:, STEP_COLUMNS.index("width")] = mono.width
    return Heard(spectrum, samples.is_silent, samples.warnings)


def _ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """Yield the same items, the next one made while the last is used."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="reading") as reader:
        coming = reader.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, items, None)
            yield item
