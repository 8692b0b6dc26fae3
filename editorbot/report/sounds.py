"""What can be heard in the page: the whole track where it is short, else its joins.

Sound is embedded as MP3, the one format that every browser plays without
a licence or a plug-in, at 32 kHz and 96 kbit/s: good enough to judge a join,
small enough for a page that is sent by mail.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from editorbot.editlist.edit_list import EditList, is_contiguous
from editorbot.editlist.operations import output_starts
from editorbot.recording import Recording
from editorbot.timebase import s_to_samples

LONGEST_PREVIEW_S = 600.0
"""Tracks up to this length are embedded whole [seconds]."""

AROUND_JOIN_S = 3.0
"""What is played on either side of a join [seconds]."""

MOST_EXCERPTS = 24
"""Joins embedded of a track that is too long to be embedded, the riskiest first: 2.3 MB, two seconds of work."""

PREVIEW_RATES = (16_000, 24_000, 32_000)
"""Sample rates of embedded sound [Hz], all of which MP3 knows."""

BLOCK_SAMPLES = 1 << 16
"""Samples encoded at once."""

LOUDEST = 1e6
"""What louder samples of a float file are held at before they are resampled, so that they fit 32 bits."""


@runtime_checkable
class Readable(Protocol):
    """What can be encoded: a Recording, or a sound in memory."""

    @property
    def sample_rate(self) -> int:
        """Samples a second [Hz]."""

    @property
    def channels(self) -> int:
        """How many."""

    def read(self, start: int, end: int) -> Float[np.ndarray, "samples channels"]:
        """Return samples [start, end), full scale 1.0."""


@dataclass(frozen=True)
class SoundInMemory:
    """Samples that are at hand."""

    sound: Float[np.ndarray, "samples channels"]
    """The samples, full scale 1.0."""
    sample_rate: int
    """Samples a second [Hz]."""

    @property
    def channels(self) -> int:
        """How many."""
        return self.sound.shape[1]

    def read(self, start: int, end: int) -> Float[np.ndarray, "samples channels"]:
        """Return samples [start, end)."""
        return self.sound[start:end]


@dataclass(frozen=True)
class Excerpt:
    """A stretch of the track that is embedded."""

    start_s: float
    """Where it starts in the track [seconds]."""
    mp3_base64: str
    """The sound."""


@dataclass(frozen=True)
class Sounds:
    """Everything that is embedded."""

    preview: Excerpt | None
    """The whole track, where it is short enough."""
    joins: dict[int, Excerpt]
    """Excerpts around joins, by the join's number; empty where there is a preview."""


def embed_sounds(edit_list: EditList, track: Recording, progress: Callable[[float], None] | None = None) -> Sounds:
    """Encode what the page lets one hear.

    Parameters
    ----------
    edit_list : EditList
        What was played.
    track : Recording
        The rendered track.
    progress : callable, optional
        Told the share done, in [0, 1].
    """
    told = progress or (lambda share: None)
    if track.samples <= LONGEST_PREVIEW_S * track.sample_rate:
        return Sounds(Excerpt(0.0, encode_mp3(track, 0, track.samples, told)), {})
    chosen, starts, rate = (
        riskiest_joins(edit_list, MOST_EXCERPTS),
        output_starts(edit_list),
        edit_list.source.sample_rate,
    )
    reach = s_to_samples(AROUND_JOIN_S, track.sample_rate)
    excerpts = {}
    for done, number in enumerate(chosen, start=1):
        middle = round(starts[number + 1] * track.sample_rate / rate)
        start, end = max(0, middle - reach), min(track.samples, middle + reach)
        excerpts[number] = Excerpt(start / track.sample_rate, encode_mp3(track, start, end))
        told(done / len(chosen))
    return Sounds(None, excerpts)


def riskiest_joins(edit_list: EditList, most: int) -> tuple[int, ...]:
    """Return the numbers of at most `most` joins, the likeliest to be heard; where the audio runs on there is none."""
    pairs = zip(edit_list.clips, edit_list.clips[1:])
    audible = [number for number, (before, after) in enumerate(pairs) if not is_contiguous(before, after)]
    return tuple(sorted(audible, key=lambda number: (-edit_list.joins[number].risk, number))[:most])


def encode_mp3(track: Readable, start: int, end: int, progress: Callable[[float], None] | None = None) -> str:
    """Return samples [start, end) of a track as MP3 in base64."""
    import av

    rate = next((rate for rate in PREVIEW_RATES if rate >= track.sample_rate), PREVIEW_RATES[-1])
    stereo = track.channels == 2
    content = io.BytesIO()
    with av.open(content, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout="stereo" if stereo else "mono")
        stream.bit_rate = (96_000 if rate > 24_000 else 64_000) * (2 if stereo else 1) // 2
        stream.options = {"compression_level": "7"}
        at = 0
        for block in _preview_blocks(track, start, end, rate, progress or (lambda share: None)):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block.T, np.float32), "fltp", stream.layout.name)
            frame.sample_rate, frame.pts = rate, at
            at += len(block)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return base64.b64encode(content.getvalue()).decode()


def _preview_blocks(
    track: Readable, start: int, end: int, rate: int, progress: Callable[[float], None]
) -> Iterator[Float[np.ndarray, "samples channels"]]:
    """Yield a stretch of the track at another rate, with one or two channels, within full scale."""
    import soxr

    channels = 2 if track.channels == 2 else 1
    resampler = soxr.ResampleStream(track.sample_rate, rate, channels, dtype="float32", quality="LQ")
    for at in range(start, end, BLOCK_SAMPLES):
        last = min(at + BLOCK_SAMPLES, end)
        block = resampler.resample_chunk(_few_channels(track.read(at, last)), last=last == end)
        progress((last - start) / (end - start))
        if len(block):
            yield np.clip(block, -1, 1)


def _few_channels(block: Float[np.ndarray, "samples channels"]) -> Float[np.ndarray, "samples few"]:
    """Return stereo as it is, and more channels as one, at the level of independent sounds summed."""
    if block.shape[1] > 2:
        block = block.sum(axis=1, keepdims=True) / np.sqrt(block.shape[1])
    return np.clip(np.nan_to_num(block), -LOUDEST, LOUDEST).astype(np.float32)
