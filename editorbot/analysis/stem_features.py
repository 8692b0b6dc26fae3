"""The twelve stem columns of the features, from stems of any origin.

The spectrum that measures the mix measures the stems too, so a column of a stem means what the same column of the mix
means. Stems are measured once, by block, and thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import soxr
from jaxtyping import Float, Float32

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.cache import AnalysisCache
from editorbot.analysis.demucs import DemucsSeparator
from editorbot.analysis.features import FEATURE_NAMES, STEM_MEASURES, beat_frames
from editorbot.analysis.spectrum import FRAME_COLUMNS
from editorbot.analysis.spectrum_scan import SpectrumScan
from editorbot.analysis.stems import STEM_NAMES, Separator, separate_blocks
from editorbot.recording import Recording
from editorbot.timebase import ANALYSIS_RATE, mono_samples

STEM_COLUMNS = len(STEM_NAMES) * len(STEM_MEASURES)
"""Stem columns at the end of the features."""


class StemScan:
    """Measures the four stems of a recording as they come: `update` for each block, then `finish`.

    Parameters
    ----------
    sample_rate : int [Hz]
        Rate of the stems.
    samples : int
        Length of the recording's downmix [samples at ANALYSIS_RATE].
    """

    def __init__(self, sample_rate: int, samples: int) -> None:
        self._rate, self._left = sample_rate, [samples] * len(STEM_NAMES)
        self._scans = [SpectrumScan(samples) for _ in STEM_NAMES]
        self._streams = [
            soxr.ResampleStream(sample_rate, ANALYSIS_RATE, 1, dtype="float32", quality="HQ") for _ in STEM_NAMES
        ]

    def update(self, stems: Float32[np.ndarray, "4 channels samples"], *, last: bool = False) -> None:
        """Measure the next samples; `last` says that no more come."""
        for stem, sound in enumerate(stems):
            mono = np.ascontiguousarray(sound.mean(axis=0))
            if self._rate != ANALYSIS_RATE:
                mono = self._streams[stem].resample_chunk(mono, last=last)
            mono = mono[: self._left[stem]]
            self._left[stem] -= len(mono)
            self._scans[stem].update(mono)

    def finish(self) -> list[Float32[np.ndarray, "frames 3"]]:
        """Return STEM_MEASURES of every frame, one array a stem."""
        rms, centroid = FRAME_COLUMNS.index("rms"), FRAME_COLUMNS.index("centroid_hz")
        measured = []
        for scan, left in zip(self._scans, self._left):
            scan.update(np.zeros(left, dtype=np.float32))
            spectrum = scan.finish()
            columns = spectrum.columns[:]
            measured.append(np.stack([columns[:, rms], spectrum.tracks.onset, columns[:, centroid]], axis=1))
        return measured


def stem_features(
    blocks: Iterable[Float32[np.ndarray, "4 channels _"]],
    sample_rate: int,
    samples: int,
    beats_s: Float[np.ndarray, " beats"],
) -> Float32[np.ndarray, "beats 12"]:
    """Measure the twelve stem columns of each beat.

    Parameters
    ----------
    blocks : iterable of np.ndarray, shape=(4, channels, samples), float32
        The stems in the order of STEM_NAMES, block after block.
    sample_rate : int [Hz]
        Their rate.
    samples : int
        Length of the recording's downmix [samples at ANALYSIS_RATE].
    beats_s : np.ndarray, shape=(beats,), float64 [seconds]
        The beats.

    Returns
    -------
    columns : np.ndarray, shape=(beats, 12), float32
        The last columns of FEATURE_NAMES: drums, bass, vocals, other, each RMS, onset strength, centroid.
    """
    scan, rest = StemScan(sample_rate, samples), iter(blocks)
    coming = next(rest, None)
    while coming is not None:
        block, coming = coming, next(rest, None)
        scan.update(block, last=coming is None)
    pooled = [_pooled(frames, beats_s) for frames in scan.finish()]
    return np.concatenate(pooled, axis=1).astype(np.float32)


def _pooled(frames: Float32[np.ndarray, "frames 3"], beats_s: Float[np.ndarray, " beats"]) -> np.ndarray:
    """Average over each beat's frames; a beat shorter than a frame takes the nearest one."""
    starts = beat_frames(beats_s, len(frames))
    counts = np.maximum(np.diff(np.append(starts, len(frames))), 1)[:, None]
    return np.asarray(np.add.reduceat(frames.astype(np.float64), starts, axis=0) / counts)


def with_stem_columns(analysis: Analysis, columns: Float32[np.ndarray, "beats 12"]) -> Analysis:
    """Fill an analysis' stem columns."""
    features = np.concatenate([analysis.features[:, : len(FEATURE_NAMES) - STEM_COLUMNS], columns], axis=1)
    return replace(analysis, features=features.astype(np.float32))


def add_stem_features(
    analysis: Analysis,
    recording: Recording,
    model: str,
    *,
    device: str = "cpu",
    cache: AnalysisCache | None = None,
    progress: Callable[[str, float], None] = lambda stage, share: None,
    load: Callable[..., Separator] = DemucsSeparator,
) -> Analysis:
    """Fill an analysis' stem columns, separating the recording where they are not in the cache.

    Parameters
    ----------
    analysis : Analysis
        Of the recording, without stems.
    recording : Recording
        Read twice.
    model : str
        Name of the separation model, part of the cache's key.
    device : str
        Torch device that it runs on.
    cache : AnalysisCache, optional
        Cache of analyses.
    progress : callable, optional
        Called with ``"stems"`` and the share done.
    load : callable
        Loads a separator, ``load(model, device=device)``; called only where it is needed.

    Raises
    ------
    EditorbotError
        Whatever `load` raises, see `DemucsSeparator`.
    """
    # The beats are part of the key: they may have been found in other ways.
    configuration = "\n".join(["stems", model, *recording.warnings, analysis.beats_s.tobytes().hex()])
    cached = cache.load(analysis.source, configuration) if cache is not None else None
    if cached is not None:
        return replace(analysis, features=cached.features)
    separator = load(model, device=device)
    samples = mono_samples(recording.samples, recording.sample_rate)
    blocks = separate_blocks(recording, separator, lambda share: progress("stems", share))
    full = with_stem_columns(analysis, stem_features(blocks, separator.sample_rate, samples, analysis.beats_s))
    warning = cache.store(full, configuration) if cache is not None else None
    return full if warning is None else replace(full, warnings=(*full.warnings, warning))
