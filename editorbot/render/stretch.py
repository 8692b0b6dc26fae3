"""Speed without pitch, pitch without speed.

python-stretch (Signalsmith Stretch) takes a whole stretch of sound at once,
with its own latency removed. Long clips go through it in chunks that overlap
and are crossfaded, so memory does not grow with the clip.

References
----------
https://signalsmith-audio.co.uk/code/stretch/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float64

from editorbot.render.crossfade import crossfade
from editorbot.timebase import s_to_samples

CHUNK_S = 20.0
"""Longest chunk [seconds of output]; most clips are one chunk."""

CHUNK_VALUES = 16_000_000
"""Most values (samples x channels) of a chunk, whatever the rate: 64 MB of float32."""

OVERLAP_S = 0.1
"""Overlap of chunks [seconds of output]."""

CONTEXT_S = 0.25
"""Context in front of and behind a chunk for the algorithm [seconds of source]."""

TONALITY_LIMIT_HZ = 8_000.0
"""Above this, transposition bends less, which keeps breath and cymbals natural."""

SEED = 0
"""Seed of the algorithm's own noise, so that a render can be repeated."""

ReadSource = Callable[[int, int], Float64[np.ndarray, "samples channels"]]
"""Reads source samples [start, end) in the direction of play, silence where there are none."""


def stretch_blocks(
    read: ReadSource,
    first: int,
    last: int,
    *,
    ratio: float,
    semitones: float,
    sample_rate: int,
    channels: int,
) -> Iterator[Float64[np.ndarray, "samples channels"]]:
    """Yield output samples [first, last) of a clip that is played faster, slower, higher or lower.

    Parameters
    ----------
    read : callable
        Source samples [start, end) in the direction of play, 0 at the clip's start, any number of them.
    first, last : int [output samples]
        What is wanted, 0 at the clip's start; `first` may be negative.
    ratio : float
        Source samples an output sample.
    semitones : float
        Transposition.
    sample_rate : int [Hz]
        Samples a second.
    channels : int
        Channels.

    Yields
    ------
    block : np.ndarray, shape=(samples, channels), float64
        ``last - first`` samples in all; sample n is the source at ``n * ratio``.
    """
    overlap = s_to_samples(OVERLAP_S, sample_rate)
    step = max(4 * overlap, min(s_to_samples(CHUNK_S, sample_rate), CHUNK_VALUES // channels))
    tail: Float64[np.ndarray, "samples channels"] | None = None
    for start in range(first, last, step):
        end = min(start + step + overlap, last)
        sound = _stretched(read, start, end, ratio, semitones, sample_rate, channels)
        if tail is not None:
            shared = min(len(tail), len(sound))
            sound[:shared] = crossfade(tail[:shared], sound[:shared])
        tail = sound[step:]
        yield sound[:step]


def _stretched(
    read: ReadSource, start: int, end: int, ratio: float, semitones: float, sample_rate: int, channels: int
) -> Float64[np.ndarray, "samples channels"]:
    """Stretch output samples [start, end) in one go."""
    from python_stretch import Signalsmith

    context = s_to_samples(CONTEXT_S, sample_rate)
    source_start = int(np.floor(start * ratio)) - context
    source_end = int(np.ceil(end * ratio)) + context
    sound = read(source_start, source_end)
    machine = Signalsmith.Stretch(SEED)
    machine.preset(channels, float(sample_rate))
    machine.setTimeFactor(ratio)
    if semitones:
        machine.setTransposeSemitones(semitones, min(TONALITY_LIMIT_HZ / sample_rate, 0.5))
    out = np.asarray(machine.process(np.ascontiguousarray(sound.T, dtype=np.float32)), dtype=np.float64)
    skip = round(start - source_start / ratio)
    return np.ascontiguousarray(out[:, skip : skip + end - start].T)
