"""Rendering: an edit list and its recording become a stream of blocks.

The output is one clip's body after another, with a crossfade between them.
Each clip is read once, forward, from a little before its start to a little
behind its end, so a track of hours needs the memory of a few blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Shaped

from editorbot.editlist.edit_list import EditList
from editorbot.editlist.operations import NO_CROSSFADE, crossfade_spans
from editorbot.recording.recording import Recording
from editorbot.render.clip_sound import ClipSound, open_clip
from editorbot.render.crossfade import correlation, crossfade_gains, mix

BLOCK_SAMPLES = 65_536
"""Default length of a block [samples]: 1.5 s at 44.1 kHz, 1 MB of stereo float64."""


@runtime_checkable
class Writer(Protocol):
    """What takes the blocks, a TrackWriter for example."""

    def write(self, block: Shaped[np.ndarray, "samples channels"]) -> None:
        """Append one block."""


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
    previous: ClipSound | None = None
    for clip, left, right in zip(edit_list.clips, spans, spans[1:]):
        sound = open_clip(clip, recording, before=left.before, after=right.after)
        if previous is not None:
            yield from _crossfade(previous, sound, left.samples)
        body = clip.output_samples - left.after - right.before
        for length in _block_lengths(body, block_samples):
            yield sound.read_native(length)
        previous = sound


def _crossfade(
    outgoing: ClipSound, incoming: ClipSound, samples: int
) -> Iterator[Float64[np.ndarray, "samples channels"]]:
    """Yield the mix of two clips over a whole crossfade; the first block tells how alike they are."""
    alike: float | None = None
    at = 0
    for length in _block_lengths(samples, BLOCK_SAMPLES):
        ending, beginning = outgoing.read(length), incoming.read(length)
        alike = correlation(ending, beginning) if alike is None else alike
        gains = crossfade_gains(at, at + length, samples, alike)
        yield mix(gains, ending, beginning)
        at += length


def _block_lengths(samples: int, block_samples: int) -> Iterator[int]:
    """Yield lengths of at most `block_samples` that sum to `samples`."""
    for at in range(0, samples, block_samples):
        yield min(block_samples, samples - at)


def render(
    edit_list: EditList,
    recording: Recording,
    writer: Writer,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Play an edit list into a writer, telling `progress` the share that is done, in [0, 1]."""
    done, total = 0, edit_list.output_samples
    for block in render_blocks(edit_list, recording):
        writer.write(block)
        done += len(block)
        if progress is not None:
            progress(done / total)
