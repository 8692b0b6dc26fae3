"""Decoding with FFmpeg, by PyAV: M4A and the rest.

FFmpeg reads from our open file only. No name, no protocol and no playlist
reaches it, and the one demuxer that it may use is chosen here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from jaxtyping import Shaped

from editorbot.errors import DamagedError, EmptyError, NoDecoderError
from editorbot.extras import install_packages
from editorbot.recording.callbacks import CallbackFile
from editorbot.recording.declared_size import declared_samples
from editorbot.recording.decoded_audio import MOST_FRAME_SAMPLES, SUBTYPES, DecodedAudio, DecodingLog, write_decoded
from editorbot.recording.pcm import PcmFormat, check_rate_and_channels

DEMUXERS = {
    "wav": "wav", "rifx": "wav", "w64": "w64", "flac": "flac", "ogg": "ogg", "aiff": "aiff", "au": "au", "caf": "caf",
    "mp3": "mp3", "mp4": "mov", "matroska": "matroska", "asf": "asf", "aac": "aac", "wv": "wv", "ape": "ape",
    "tta": "tta", "amr": "amr",
}  # fmt: skip
"""The one FFmpeg demuxer that each kind of file may use."""

CHECKED_CODECS = ("flac",)
"""Codecs whose frames carry a checksum: a frame with a wrong one is left out, where FFmpeg would play it as noise."""

TIMESTAMPED = ("matroska", "mov", "asf")
"""Beginnings of FFmpeg's names of the containers that store the time of every packet."""

CLOCK_S = 0.002
"""Time stamps of some containers are whole milliseconds: smaller gaps are rounding [seconds]."""


def decode_by_ffmpeg(file: IO[bytes], kind: str, path: str) -> DecodedAudio:
    """Decode the first sound of a file with FFmpeg.

    Parameters, errors: as `editorbot.recording.decode.decode`.
    """
    try:
        import av
    except ImportError as error:
        why = f"decoding {kind} needs the package av; run: {install_packages('av')}"
        raise NoDecoderError(why, path=path) from error
    av.logging.set_level(av.logging.PANIC)
    file.seek(0)
    source = CallbackFile(file)
    try:
        container = av.open(source, mode="r", format=DEMUXERS[kind], metadata_errors="ignore")
    except (av.FFmpegError, ValueError, EOFError) as error:
        source.check()
        raise DamagedError(f"it begins like {kind}, but cannot be opened: {_reason(error)}", path=path) from error
    with container:
        streams = container.streams.audio
        if not streams:
            raise EmptyError("it holds no sound", path=path)
        if streams[0].codec_context is None:
            raise NoDecoderError("its codec is unknown here, or the file is protected", path=path)
        choice = () if len(streams) == 1 else (f"STREAMS: it holds {len(streams)} sounds; the first one was read",)
        return _decode_stream(container, streams[0], source, path, choice)


def _reason(error: Exception) -> str:
    """What FFmpeg says, in a few words."""
    return getattr(error, "strerror", None) or str(error)


def _decode_stream(
    container: Any, stream: Any, source: CallbackFile, path: str, warnings: tuple[str, ...]
) -> DecodedAudio:
    """Decode one stream of an open container into a temporary file."""
    rate = stream.rate or 0  # FFmpeg changes it where another sound follows
    check_rate_and_channels(rate, stream.codec_context.channels, path)
    if stream.codec_context.name in CHECKED_CODECS:
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
    log = DecodingLog()
    blocks = _blocks(container, stream, source, log, path)
    first = next(blocks, None)
    if first is None:
        why = log.stopped or log.lost_why or "no samples"
        raise DamagedError(f"nothing in it can be decoded ({why})", path=path)
    pcm = PcmFormat(SUBTYPES[first.dtype.name], first.shape[1])
    declared = declared_samples(container, stream)
    decoded = write_decoded(itertools.chain([first], blocks), pcm, declared, path)
    warning = log.warning(declared, rate)
    lines = warnings if warning is None else (*warnings, warning)
    return DecodedAudio(decoded, rate, pcm, log.samples, pcm.subtype, lines)


def _blocks(
    container: Any, stream: Any, source: CallbackFile, log: DecodingLog, path: str
) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
    """Yield what FFmpeg decodes; a packet that it cannot decode is left out and noted."""
    rate, shape = stream.rate, None
    for frame in _frames(container, stream, source, log):
        try:
            block = _frame_samples(frame)
        except ValueError as error:  # 64-bit integers for example, which no recorder writes
            if log.samples == 0:
                raise NoDecoderError(f"samples of the kind {frame.format.name} are not read here", path=path) from error
            log.stopped = f"samples of the kind {frame.format.name} follow"
            return
        shape = shape or (block.shape[1], block.dtype)
        if (block.shape[1], block.dtype) != shape or frame.sample_rate != rate:
            log.changes = True
            return
        log.samples += len(block)
        yield block


def _frames(container: Any, stream: Any, source: CallbackFile, log: DecodingLog) -> Iterator[Any]:
    """Yield decoded frames, over packets that cannot be decoded."""
    import av

    packets = container.demux(stream)
    checked = stream.codec_context.name in CHECKED_CODECS
    most_gap = _most_gap_samples(container, stream)
    missing = None
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:  # a demuxer that is lost stays lost
            source.check()
            if isinstance(error, av.PatchWelcomeError):  # how its Ogg demuxer reports another rate or channel count
                log.changes = True
            elif not isinstance(error, av.EOFError):
                log.stopped = _reason(error)
            return
        source.check()
        if packet is None:
            return
        if most_gap is not None and packet.pts is not None:
            at = round(float(packet.pts * packet.time_base) * stream.rate) - log.samples
            if missing is None or not (checked or log.samples):  # what comes before the first sound is no gap
                missing = at
            if at - missing > most_gap:
                log.lose("its checksum is wrong" if checked else "nothing is there")
                missing = at
        try:
            frames = packet.decode()
        except av.EOFError:
            return
        except av.FFmpegError as error:
            log.lose(_reason(error))
            missing = None  # the gap that it leaves has been noted
            continue
        yield from frames


def _most_gap_samples(container: Any, stream: Any) -> int | None:
    """How far time stamps may run ahead of the sound before a packet is missing, None where they are not reliable.

    Decoders begin late by up to a frame, so a smaller gap means nothing; FLAC has no such delay.
    """
    if stream.codec_context.name in CHECKED_CODECS:
        return int(CLOCK_S * stream.rate)
    return MOST_FRAME_SAMPLES if container.format.name.startswith(TIMESTAMPED) else None


def _frame_samples(frame: Any) -> Shaped[np.ndarray, "samples channels"]:
    """Convert a decoded frame to shape=(samples, channels), as int16, int32, float32 or float64."""
    values = frame.to_ndarray()
    channels = frame.layout.nb_channels
    block = values.T if frame.format.is_planar else values.reshape(-1, channels)
    if block.dtype == np.uint8:
        return (block.astype(np.int16) - 128) << 8
    return block
