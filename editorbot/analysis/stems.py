"""Drums, bass, vocals and the rest of a recording, separated segment by segment.

Segments overlap by a quarter and are faded into one another, as in Demucs itself, but what is finished is handed out at
once, so memory does not grow with the recording. The mix is first brought to mean 0 and deviation 1 over the whole
recording, which is what Demucs was trained on.

Conventions
-----------
Stems are in the order of STEM_NAMES, whatever the model's own order: shape=(4, 2, samples), float32, at the separator's
rate.

References
----------
S. Rouard, F. Massa and A. Défossez, "Hybrid Transformers for Music Source Separation", ICASSP 2023; the weights of a
segment are those of `demucs.apply.apply_model`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import soxr
from jaxtyping import Float32

from editorbot.recording import Recording

STEM_NAMES = ("drums", "bass", "vocals", "other")
"""The stems, in the order of the feature columns."""

OVERLAP = 0.25
"""Share of a segment that the next one covers too, as in Demucs."""

_READ_SAMPLES = 1 << 18
_SILENT_DEVIATION = 1e-8
"""Added to the deviation of the mix, so that silence can be divided by it."""


@runtime_checkable
class Separator(Protocol):
    """Separates a few seconds of music at a time."""

    name: str
    """Its name in the cache: the same name, the same stems."""
    sample_rate: int
    """Sample rate of its input and output [Hz]."""
    segment_samples: int
    """Longest input [samples]."""

    def separate(self, mix: Float32[np.ndarray, "2 samples"]) -> Float32[np.ndarray, "4 2 samples"]:
        """Separate at most `segment_samples` samples into stems in the order of STEM_NAMES."""
        ...


@dataclass(frozen=True)
class MixLevel:
    """The mean and deviation that a mix is normalized by."""

    mean: float
    """Mean of the mono mix."""
    deviation: float
    """Standard deviation of the mono mix, above 0."""


def stem_samples(recording: Recording, sample_rate: int) -> int:
    """Compute how many samples a recording has at another rate."""
    return -(-recording.samples * sample_rate // recording.sample_rate)


def stereo_blocks(recording: Recording, sample_rate: int) -> Iterator[Float32[np.ndarray, "2 samples"]]:
    """Yield a recording as two channels at a rate, `stem_samples` samples in all.

    A mono recording is put on both channels; more than two channels are averaged onto both.
    """
    kept = recording.channels if recording.channels <= 2 else 1
    stream = soxr.ResampleStream(recording.sample_rate, sample_rate, kept, dtype="float32", quality="HQ")
    left = stem_samples(recording, sample_rate)
    for start in range(0, recording.samples, _READ_SAMPLES):
        end = min(start + _READ_SAMPLES, recording.samples)
        block = recording.read(start, end)
        block = block if block.shape[1] == kept else block.mean(axis=1, keepdims=True)
        sound = np.ascontiguousarray(block, dtype=np.float32)
        if sample_rate != recording.sample_rate:
            sound = stream.resample_chunk(sound, last=end == recording.samples)
        sound = sound.reshape(-1, kept)[:left]
        left -= len(sound)
        yield np.ascontiguousarray(np.broadcast_to(sound, (len(sound), 2)).T)
    if left > 0:
        yield np.zeros((2, left), dtype=np.float32)


def measure_mix(recording: Recording, sample_rate: int) -> MixLevel:
    """Measure mean and deviation of a recording's mono mix at a rate, in one pass."""
    count, total, squares = 0, 0.0, 0.0
    for block in stereo_blocks(recording, sample_rate):
        mono = block.mean(axis=0, dtype=np.float64)
        count, total, squares = count + len(mono), total + float(mono.sum()), squares + float(mono @ mono)
    mean = total / max(count, 1)
    variance = max(squares - count * mean**2, 0.0) / max(count - 1, 1)
    return MixLevel(mean, float(np.sqrt(variance)) + _SILENT_DEVIATION)


def separate_blocks(
    recording: Recording, separator: Separator, progress: Callable[[float], None] = lambda share: None
) -> Iterator[Float32[np.ndarray, "4 2 samples"]]:
    """Yield the stems of a recording, in order, `stem_samples` samples in all.

    Parameters
    ----------
    recording : Recording
        Read twice from start to end.
    separator : Separator
        Separates each segment.
    progress : callable, optional
        Called with the share that is done, in [0, 1].

    Yields
    ------
    stems : np.ndarray, shape=(4, 2, samples), float32
        At the separator's rate, in the order of STEM_NAMES.

    Notes
    -----
    Holds two segments of the stems at a time, about 30 MB with Demucs' 7.8 s.
    """
    rate = separator.sample_rate
    level = measure_mix(recording, rate)
    total, done = stem_samples(recording, rate), 0
    mix = ((block - level.mean) / level.deviation for block in stereo_blocks(recording, rate))
    for stems in overlap_add(mix, total, separator):
        done += stems.shape[2]
        progress(done / total)
        yield (stems * level.deviation + level.mean).astype(np.float32)


def segment_weights(samples: int) -> Float32[np.ndarray, " samples"]:
    """Make the weight of each sample of a segment: a triangle, largest 1, above 0 everywhere."""
    rising, falling = np.arange(1, samples // 2 + 1), np.arange(samples - samples // 2, 0, -1)
    weights = np.concatenate([rising, falling])
    return (weights / weights.max()).astype(np.float32)


def overlap_add(
    mix: Iterator[Float32[np.ndarray, "2 _"]], samples: int, separator: Separator
) -> Iterator[Float32[np.ndarray, "4 2 _"]]:
    """Yield the stems of a mix that comes in blocks of any length, `samples` samples in all.

    A sample's stems are the mean over the segments that it is in, by `segment_weights`.
    """
    size = separator.segment_samples
    stride, weights = int((1 - OVERLAP) * size), segment_weights(size)
    held = np.zeros((2, 0), dtype=np.float32)
    stems = np.zeros((len(STEM_NAMES), 2, size), dtype=np.float32)
    weight = np.zeros(size, dtype=np.float32)
    for start in range(0, samples, stride):
        length = min(size, samples - start)
        while held.shape[1] < length:
            held = np.concatenate([held, next(mix)], axis=1)
        stems[:, :, :length] += weights[:length] * separator.separate(np.ascontiguousarray(held[:, :length]))
        weight[:length] += weights[:length]
        # No later segment reaches what is before the next one's start.
        ready = min(stride, length)
        yield stems[:, :, :ready] / weight[:ready]
        stems, weight, held = _shifted(stems, ready), _shifted(weight, ready), held[:, ready:]


def _shifted(array: Float32[np.ndarray, "*rest samples"], by: int) -> Float32[np.ndarray, "*rest samples"]:
    """Move an array to the left and fill it up with zeros."""
    moved = np.zeros_like(array)
    moved[..., : array.shape[-1] - by] = array[..., by:]
    return moved
