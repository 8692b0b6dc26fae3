"""Everything that is not plain PCM is decoded once, into an unnamed temporary file.

Headers of lossy files lie about lengths, and seeking in them is not exact. After
one pass of decoding the length is what was there, and every position is exact.

Conventions
-----------
libsndfile decodes what it knows; PyAV (FFmpeg) the rest, and what libsndfile
gives up on halfway. FFmpeg reads from our open file only: no name, no protocol
and no playlist reaches it, and its demuxer is chosen here.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import soundfile as sf
from jaxtyping import Shaped

from editorbot.errors import DamagedError, EditorbotError, EmptyError, NoDecoderError, NoSpaceError
from editorbot.recording.limits import block_samples, check_channels, check_rate
from editorbot.recording.pcm import PcmFormat
from editorbot.timebase import clock, samples_to_s

DEMUXERS = {
    "wav": "wav", "rifx": "wav", "w64": "w64", "flac": "flac", "ogg": "ogg", "aiff": "aiff", "au": "au", "caf": "caf",
    "mp3": "mp3", "mp4": "mov", "matroska": "matroska", "asf": "asf", "aac": "aac", "wv": "wv", "ape": "ape",
    "tta": "tta", "amr": "amr",
}  # fmt: skip
"""The one FFmpeg demuxer that each kind of file may use."""

LIBSNDFILE_KINDS = ("wav", "rifx", "w64", "flac", "ogg", "aiff", "au", "caf", "mp3")
"""Kinds that libsndfile is asked about first."""

MOST_FRAME_SAMPLES = 4_608
"""Longest frame of a common codec; a shorter loss is a matter of padding."""

_SUBTYPES = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}
_EXACT = {"PCM_16": "int16", "PCM_U8": "int16", "PCM_S8": "int16", "PCM_24": "int32", "PCM_32": "int32",
          "ULAW": "int16", "ALAW": "int16", "IMA_ADPCM": "int16", "MS_ADPCM": "int16", "DOUBLE": "float64",
          "ALAC_16": "int16", "ALAC_20": "int32", "ALAC_24": "int32", "ALAC_32": "int32"}  # fmt: skip


@dataclass(frozen=True)
class Spool:
    """A decoded recording."""

    file: IO[bytes]
    """Unnamed temporary file of interleaved samples; gone when it is closed."""
    sample_rate: int
    """Samples a second."""
    pcm: PcmFormat
    """How the samples lie in the file."""
    samples: int
    """How many there are."""
    source_subtype: str
    """Sample format that a track of the same depth needs."""
    warnings: tuple[str, ...]
    """Lines ``CODE: text``."""


@dataclass
class _Progress:
    """How far a decoder came."""

    samples: int = 0
    stopped: str | None = None


def decode(file: IO[bytes], kind: str, path: str) -> Spool:
    """Decode a file whole.

    Parameters
    ----------
    file : binary file
        The file, open and seekable.
    kind : str
        What `editorbot.recording.sniff.audio_kind` said of it.
    path : str
        Its name, for messages.

    Raises
    ------
    NoDecoderError
        If nothing here can decode it.
    DamagedError
        If not a single sample could be decoded.
    EmptyError
        If it holds no samples.
    RateError, ChannelsError
        If it declares what cannot be.
    NoSpaceError
        If there is no room for the decoded samples.
    """
    with _quiet() if kind == "mp3" else contextlib.nullcontext():
        first = _by_soundfile(file, path) if kind in LIBSNDFILE_KINDS else None
    if first is not None and not first.damaged:
        return first.spool
    try:
        second = _by_av(file, kind, path)
    except EditorbotError:
        if first is None or first.spool.samples == 0:
            if first is not None:
                first.spool.file.close()
            raise
        return first.spool
    if first is None:
        return second
    better, worse = sorted((first.spool, second), key=lambda spool: spool.samples, reverse=True)
    worse.file.close()
    return better


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep libmpg123 from writing its own remarks to standard error; ours say what came of it."""
    try:
        shown = os.dup(2)
    except OSError:  # a program without standard error
        yield
        return
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        yield
    finally:
        os.dup2(shown, 2)
        os.close(silence)
        os.close(shown)


@dataclass(frozen=True)
class _Attempt:
    spool: Spool
    damaged: bool


def _by_soundfile(file: IO[bytes], path: str) -> _Attempt | None:
    """Decode with libsndfile; None where it does not know the file."""
    file.seek(0)
    try:
        sound = sf.SoundFile(file)
    except (sf.LibsndfileError, RuntimeError, TypeError):
        return None
    with sound:
        check_rate(sound.samplerate, path)
        check_channels(sound.channels, path)
        dtype = _EXACT.get(sound.subtype, "float32")
        pcm = PcmFormat(_SUBTYPES[dtype], sound.channels)
        declared = sound.frames if 0 < sound.frames < 2**53 else None
        done = _Progress()
        spool = _spooled(_soundfile_blocks(sound, dtype, done), pcm, declared, path)
        subtype = sound.subtype if sound.subtype in ("PCM_24", "PCM_U8", "PCM_S8") else pcm.subtype
        warning = _loss(done, declared, sound.samplerate, _unfinished_ogg(file) if sound.format == "OGG" else False)
        warnings = () if warning is None else (warning,)
        whole = Spool(spool, sound.samplerate, pcm, done.samples, subtype, warnings)
        damaged = (done.samples == 0 and sound.frames != 0) or (warning is not None and sound.format == "FLAC")
        return _Attempt(whole, damaged)


def _soundfile_blocks(sound: sf.SoundFile, dtype: str, done: _Progress) -> Iterator[np.ndarray]:
    """Yield what libsndfile decodes, up to its end or the first error."""
    size = block_samples(sound.channels)
    while True:
        try:
            block = sound.read(size, dtype=dtype, always_2d=True)
        except (sf.LibsndfileError, RuntimeError) as error:
            done.stopped = str(error)
            return
        if len(block) == 0:
            return
        done.samples += len(block)
        yield block


def _loss(done: _Progress, declared: int | None, rate: int, unfinished: bool) -> str | None:
    """Return the warning for what is missing, None where nothing is."""
    at = clock(samples_to_s(done.samples, rate))
    if declared is not None and declared - done.samples > MOST_FRAME_SAMPLES:
        lost_s = samples_to_s(declared - done.samples, rate)
        return f"TRUNCATED: {lost_s:.2f} s are missing of what the header promises; {at} were decoded"
    if done.stopped is not None:
        return f"DAMAGED: decoding stopped at {at} ({done.stopped.strip()})"
    if unfinished:
        return f"TRUNCATED: the stream breaks off at {at} without an end mark"
    return None


def _unfinished_ogg(file: IO[bytes]) -> bool:
    """Tell whether an Ogg file's last page lacks the end-of-stream flag."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 65_536 - 282))
    tail = file.read()
    at = tail.rfind(b"OggS")
    return at < 0 or at + 6 > len(tail) or not tail[at + 5] & 4


def _spooled(blocks: Iterator[np.ndarray], pcm: PcmFormat, declared: int | None, path: str) -> IO[bytes]:
    """Write decoded blocks to an unnamed temporary file."""
    needed = 0 if declared is None else declared * pcm.row_bytes
    free = shutil.disk_usage(tempfile.gettempdir()).free
    # A header that promises more than any disk holds is a broken header, not a full disk.
    if free < needed < 2**44:
        raise NoSpaceError(f"decoding needs {needed:,} bytes of temporary space, {free:,} are free", path=path)
    file = tempfile.TemporaryFile(prefix="editorbot-")  # noqa: SIM115 - the recording closes it
    try:
        for block in blocks:
            file.write(np.ascontiguousarray(block, pcm.dtype).data)
        file.flush()
    except OSError as error:
        file.close()
        raise NoSpaceError(f"the temporary folder is full: {error.strerror}", path=path) from error
    except BaseException:
        file.close()
        raise
    return file


def _by_av(file: IO[bytes], kind: str, path: str) -> Spool:
    """Decode with FFmpeg."""
    try:
        import av
    except ImportError as error:
        raise NoDecoderError(f"decoding {kind} needs the package av; pip install av", path=path) from error
    av.logging.set_level(av.logging.PANIC)
    file.seek(0)
    try:
        container = av.open(file, mode="r", format=DEMUXERS[kind], metadata_errors="ignore")
    except (av.FFmpegError, ValueError, EOFError) as error:
        raise DamagedError(f"it begins like {kind}, but cannot be opened: {error}", path=path) from error
    with container:
        streams = container.streams.audio
        if not streams:
            raise EmptyError("it holds no sound", path=path)
        if streams[0].codec_context is None:
            raise NoDecoderError("its codec is unknown here, or the file is protected", path=path)
        choice = () if len(streams) == 1 else (f"STREAMS: it holds {len(streams)} sounds; the first one was read",)
        return _spool_av(container, streams[0], path, choice)


def _spool_av(container: Any, stream: Any, path: str, warnings: tuple[str, ...]) -> Spool:
    """Spool one stream of an open container."""
    check_rate(stream.rate or 0, path)
    check_channels(stream.codec_context.channels, path)
    done = _Progress()
    blocks = _av_blocks(container, stream, done)
    first = next(blocks, None)
    if first is None:
        raise DamagedError(f"nothing in it can be decoded ({done.stopped or 'no samples'})", path=path)
    pcm = PcmFormat(_SUBTYPES[first.dtype.name], first.shape[1])

    def all_blocks() -> Iterator[np.ndarray]:
        yield first
        yield from blocks

    # A bare stream has no header: FFmpeg guesses its length from the bit rate.
    is_told = stream.duration is not None and container.format.name not in ("aac", "mp3", "amr")
    declared = int(stream.duration * stream.time_base * stream.rate) if is_told else None
    file = _spooled(all_blocks(), pcm, declared, path)
    warning = _loss(done, declared, stream.rate, False)
    lines = warnings if warning is None else (*warnings, warning)
    return Spool(file, stream.rate, pcm, done.samples, pcm.subtype, lines)


def _av_blocks(container: Any, stream: Any, done: _Progress) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
    """Yield what FFmpeg decodes; a packet that it cannot decode is left out and noted."""
    import av

    shape: tuple[int, np.dtype] | None = None
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
            frames = packet.decode()
        except StopIteration:
            return
        except av.FFmpegError as error:
            if isinstance(error, av.EOFError) or (done.stopped is not None and done.samples == 0):
                return
            done.stopped = str(error)
            continue
        for frame in frames:
            try:
                block = _frame_samples(frame)
            except ValueError as error:  # 64-bit integers for example, which no recorder writes
                done.stopped = str(error)
                return
            if shape is None:
                shape = (block.shape[1], block.dtype)
            if (block.shape[1], block.dtype) != shape or frame.sample_rate != stream.rate:
                done.stopped = "the channels or the rate change on the way"
                return
            done.samples += len(block)
            yield block


def _frame_samples(frame: Any) -> Shaped[np.ndarray, "samples channels"]:
    """Return a decoded frame, shape=(samples, channels), as int16, int32, float32 or float64."""
    values = frame.to_ndarray()
    channels = frame.layout.nb_channels
    block = values.T if frame.format.is_planar else values.reshape(-1, channels)
    if block.dtype == np.uint8:
        return (block.astype(np.int16) - 128) << 8
    return block
