"""The sound in the page: the whole track where it is short, else its joins.

Sound is embedded as MP3, the one format that every browser plays without
a licence or a plug-in, at 32 kHz and 96 kbit/s: good enough to judge a join,
small enough for a page that is sent by mail.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from editorbot.editlist.edit_list import EditList, is_contiguous
from editorbot.editlist.operations import output_starts
from editorbot.recording import Recording
from editorbot.report.peaks import no_progress
from editorbot.timebase import s_to_samples

LONGEST_PREVIEW_S = 600.0
"""Tracks up to this length are embedded whole [seconds]."""

AROUND_JOIN_S = 3.0
"""Sound on either side of a join [seconds]."""

MOST_EXCERPTS = 24
"""Joins embedded of a track that is too long to be embedded, the riskiest first: 2.3 MB, two seconds of work."""

PREVIEW_RATES = (16_000, 24_000, 32_000)
"""Sample rates of embedded sound [Hz], all supported by MP3."""

BLOCK_SAMPLES = 1 << 16
"""Samples encoded at once."""

LOUDEST = 1e6
"""Limit of the samples of a float file before they are resampled, so that they fit 32 bits."""


ReadSamples = Callable[[int, int], Float[np.ndarray, "samples channels"]]
"""Reads samples [start, end) with full scale 1.0, `Recording.read` for example."""


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


def embed_sounds(edit_list: EditList, track: Recording, progress: Callable[[float], None] = no_progress) -> Sounds:
    """Encode the sound of the page.

    Parameters
    ----------
    edit_list : EditList
        What is played.
    track : Recording
        The rendered track.
    progress : callable
        Takes the share done, in [0, 1].
    """
    rate = track.sample_rate
    if track.samples <= LONGEST_PREVIEW_S * rate:
        whole = encode_mp3(track.read, 0, track.samples, rate, track.channels, progress)
        return Sounds(Excerpt(0.0, whole), {})
    chosen, starts = riskiest_joins(edit_list, MOST_EXCERPTS), output_starts(edit_list)
    reach = s_to_samples(AROUND_JOIN_S, rate)
    excerpts = {}
    for done, number in enumerate(chosen, start=1):
        middle = round(starts[number + 1] * rate / edit_list.source.sample_rate)
        start, end = max(0, middle - reach), min(track.samples, middle + reach)
        excerpts[number] = Excerpt(start / rate, encode_mp3(track.read, start, end, rate, track.channels))
        progress(done / len(chosen))
    return Sounds(None, excerpts)


def riskiest_joins(edit_list: EditList, most: int) -> tuple[int, ...]:
    """Numbers of at most `most` joins, the likeliest to be heard first; places where the audio runs on do not count."""
    pairs = zip(edit_list.clips, edit_list.clips[1:])
    audible = [number for number, (before, after) in enumerate(pairs) if not is_contiguous(before, after)]
    return tuple(sorted(audible, key=lambda number: (-edit_list.joins[number].risk, number))[:most])


def encode_mp3(
    read: ReadSamples,
    start: int,
    end: int,
    sample_rate: int,
    channels: int,
    progress: Callable[[float], None] = no_progress,
) -> str:
    """Encode samples [start, end) of a sound as MP3 in base64.

    Parameters
    ----------
    read : callable
        Reads the sound.
    start, end : int [samples]
        The part to encode.
    sample_rate : int [Hz]
        The sound's rate.
    channels : int
        Its channels; more than two are mixed to one.
    progress : callable
        Takes the share done, in [0, 1].
    """
    import av

    rate = next((rate for rate in PREVIEW_RATES if rate >= sample_rate), PREVIEW_RATES[-1])
    few = 2 if channels == 2 else 1
    content = io.BytesIO()
    with av.open(content, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout="stereo" if few == 2 else "mono")
        stream.bit_rate = (96_000 if rate > 24_000 else 64_000) * few // 2
        stream.options = {"compression_level": "7"}
        at = 0
        for block in _resampled(read, start, end, sample_rate, rate, few, progress):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block.T, np.float32), "fltp", stream.layout.name)
            frame.sample_rate, frame.pts = rate, at
            at += len(block)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return base64.b64encode(content.getvalue()).decode()


def _resampled(
    read: ReadSamples,
    start: int,
    end: int,
    from_rate: int,
    to_rate: int,
    channels: int,
    progress: Callable[[float], None],
) -> Iterator[Float[np.ndarray, "samples channels"]]:
    """Yield samples [start, end) of a sound at another rate, with one or two channels, within full scale."""
    import soxr

    resampler = soxr.ResampleStream(from_rate, to_rate, channels, dtype="float32", quality="LQ")
    for at in range(start, end, BLOCK_SAMPLES):
        last = min(at + BLOCK_SAMPLES, end)
        block = resampler.resample_chunk(_few_channels(read(at, last)), last=last == end)
        progress((last - start) / (end - start))
        if len(block):
            yield np.clip(block, -1, 1)


def _few_channels(block: Float[np.ndarray, "samples channels"]) -> Float[np.ndarray, "samples few"]:
    """Keep stereo as it is, and mix more channels to one, at the level of independent sounds summed."""
    if block.shape[1] > 2:
        block = block.sum(axis=1, keepdims=True) / np.sqrt(block.shape[1])
    return np.clip(np.nan_to_num(block), -LOUDEST, LOUDEST).astype(np.float32)
