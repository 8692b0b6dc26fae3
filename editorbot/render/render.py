"""Rendering: an edit list and its recording become a stream of blocks.

The output is one clip's body after another, with a crossfade between them.
Each clip is read once, forward, from a little before its start to a little
behind its end, so a track of hours needs the memory of a few blocks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Shaped

from editorbot.editlist.edit_list import EditList
from editorbot.editlist.operations import NO_CROSSFADE, crossfade_spans
from editorbot.recording import Recording
from editorbot.render.clip_reader import ChainReader, SourceReader, open_clip
from editorbot.render.crossfade import correlation, crossfade_gains, mix

BLOCK_SAMPLES = 65_536
"""Default length of a block [samples]: 1.5 s at 44.1 kHz, 1 MB of stereo float64."""


def render_blocks(
    edit_list: EditList, recording: Recording, *, block_samples: int = BLOCK_SAMPLES
) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
    """Play an edit list, block by block.

    Parameters
    ----------
    edit_list : EditList
        What is played. Its polish is not applied here.
    recording : Recording
        The sound, opened; its length and rate are the edit list's source's.
    block_samples : int [samples]
        Longest block.

    Yields
    ------
    block : np.ndarray, shape=(samples, channels)
        Copied stretches in the source's own type, bit for bit; whatever is
        faded, crossfaded or processed as float64 with full scale 1.0. The
        blocks' lengths sum to ``edit_list.output_samples`` exactly.
    """
    spans = (NO_CROSSFADE, *crossfade_spans(edit_list), NO_CROSSFADE)
    previous: SourceReader | ChainReader | None = None
    for clip, left, right in zip(edit_list.clips, spans, spans[1:]):
        reader = open_clip(clip, recording, before=left.before, after=right.after)
        if previous is not None:
            yield from _crossfade(previous, reader, left.samples)
        body = clip.output_samples - left.after - right.before
        for length in _block_lengths(body, block_samples):
            yield reader.read_native(length)
        previous = reader


def _crossfade(
    outgoing: SourceReader | ChainReader, incoming: SourceReader | ChainReader, samples: int
) -> Iterator[Float64[np.ndarray, "samples channels"]]:
    """Yield the mix of two clips over a whole crossfade; their correlation is measured on the first block."""
    measured: float | None = None
    at = 0
    for length in _block_lengths(samples, BLOCK_SAMPLES):
        ending, beginning = outgoing.read(length), incoming.read(length)
        measured = correlation(ending, beginning) if measured is None else measured
        gains = crossfade_gains(at, at + length, samples, measured)
        yield mix(gains, ending, beginning)
        at += length


def _block_lengths(samples: int, block_samples: int) -> Iterator[int]:
    """Yield lengths of at most `block_samples` that sum to `samples`."""
    for at in range(0, samples, block_samples):
        yield min(block_samples, samples - at)
