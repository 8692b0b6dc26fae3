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
from editorbot.analysis.grid_times import means_between
from editorbot.analysis.spectrum import FRAME_COLUMNS, Spectrum
from editorbot.analysis.spectrum_scan import SpectrumScan
from editorbot.analysis.stems import STEM_NAMES, Separator, separate_blocks
from editorbot.recording import Recording
from editorbot.timebase import ANALYSIS_RATE, mono_samples

STEM_COLUMNS = len(STEM_NAMES) * len(STEM_MEASURES)
"""Stem columns at the end of the features."""


def stem_features(
    blocks: Iterable[Float32[np.ndarray, "4 channels _"]],
    sample_rate: int,
    samples: int,
    beats_s: Float[np.ndarray, " beats"],
) -> Float32[np.ndarray, "beats 12"]:
    """Measure the stem columns of each beat, in the order of FEATURE_NAMES.

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
    """
    scans, left, rest = [SpectrumScan(samples) for _ in STEM_NAMES], samples, iter(blocks)
    streams = [soxr.ResampleStream(sample_rate, ANALYSIS_RATE, 1, dtype="float32", quality="HQ") for _ in scans]
    coming = next(rest, None)
    while coming is not None:
        block, coming = coming, next(rest, None)
        sounds = [np.ascontiguousarray(stem.mean(axis=0)) for stem in block]
        if sample_rate != ANALYSIS_RATE:
            sounds = [stream.resample_chunk(one, last=coming is None) for stream, one in zip(streams, sounds)]
        for scan, sound in zip(scans, sounds):
            scan.update(sound[:left])
        left -= len(sounds[0][:left])
    for scan in scans:
        scan.update(np.zeros(left, dtype=np.float32))
    frames = np.concatenate([_measured(scan.finish()) for scan in scans], axis=1, dtype=np.float64)
    return means_between(frames, beat_frames(beats_s, len(frames))).astype(np.float32)


def _measured(spectrum: Spectrum) -> Float32[np.ndarray, "frames 3"]:
    """Take STEM_MEASURES of every frame."""
    rms, centroid_hz = (spectrum.columns[:][:, FRAME_COLUMNS.index(name)] for name in ("rms", "centroid_hz"))
    return np.stack([rms, spectrum.tracks.onset, centroid_hz], axis=1)


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

    `model` names the separation model, and is part of the cache's key; ``load(model, device=device)`` is called only
    where it is needed. `progress` is called with ``"stems"`` and the share done.

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
