"""Decoding with libsndfile, which gives exact lengths without encoder delay."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
import soundfile as sf
from jaxtyping import Shaped

from editorbot.recording.callbacks import CallbackFile
from editorbot.recording.decoded_audio import SUBTYPES, DecodedAudio, DecodingLog, write_decoded
from editorbot.recording.mpeg_frames import find_stream, has_length_header
from editorbot.recording.ogg import NO_PAGES, scan_pages
from editorbot.recording.pcm import PcmFormat, block_samples, check_rate_and_channels
from editorbot.recording.sniff import HEAD_BYTES, audio_kind, tag_bytes

LIBSNDFILE_KINDS = ("wav", "rifx", "w64", "flac", "ogg", "aiff", "au", "caf", "mp3")
"""Kinds that libsndfile may decode."""

WINDOW_BYTES = 1 << 16
"""How far libsndfile may have read beyond the end of a stream."""

GIVEN_UP_EARLY = ("flac", "mp3")
"""Kinds that libsndfile stops reading at the first damaged place, where FFmpeg goes on behind it."""

MPEG_FRAME_SAMPLES = 1_152
"""Longest frame of an MP3; libsndfile skips a few lost ones without a word [samples]."""

_EXACT = {"PCM_16": "int16", "PCM_U8": "int16", "PCM_S8": "int16", "PCM_24": "int32", "PCM_32": "int32",
          "ULAW": "int16", "ALAW": "int16", "IMA_ADPCM": "int16", "MS_ADPCM": "int16", "DOUBLE": "float64",
          "ALAC_16": "int16", "ALAC_20": "int32", "ALAC_24": "int32", "ALAC_32": "int32"}  # fmt: skip
"""Sample formats of integers and doubles, and the type that holds them exactly; all others are float32."""


@dataclass(frozen=True)
class SndfileResult:
    """What libsndfile decoded, and whether to try FFmpeg too."""

    decoded: DecodedAudio
    """The sound."""
    is_doubtful: bool
    """Whether another decoder might find more in the file."""
    header_is_short: bool
    """Whether the sound goes on behind the length in the header, though no other file was put behind this one."""


def decode_by_libsndfile(file: IO[bytes], kind: str, path: str) -> SndfileResult | None:
    """Decode a file with libsndfile.

    Parameters
    ----------
    file, kind, path
        As in `editorbot.recording.decode.decode`.

    Returns
    -------
    result : SndfileResult or None
        None where libsndfile does not know the file.
    """
    if kind not in LIBSNDFILE_KINDS:
        return None
    with _quiet() if kind == "mp3" else contextlib.nullcontext():
        file.seek(0)
        source = CallbackFile(file)
        try:
            sound = sf.SoundFile(source)
        except (sf.LibsndfileError, RuntimeError):
            source.check()
            return None
        with sound:
            return _decode_sound(sound, source, file, kind, path)


def _decode_sound(sound: sf.SoundFile, source: CallbackFile, file: IO[bytes], kind: str, path: str) -> SndfileResult:
    """Decode an open file, and look at what libsndfile may have missed."""
    check_rate_and_channels(sound.samplerate, sound.channels, path)
    dtype = _EXACT.get(sound.subtype, "float32")
    pcm = PcmFormat(SUBTYPES[dtype], sound.channels)
    room = sound.frames if 0 < sound.frames < 2**53 else None
    declared = room if kind != "mp3" or has_length_header(_first_bytes(file)) else None
    log = DecodingLog()
    decoded = write_decoded(_blocks(sound, source, dtype, log), pcm, room, path)
    goes_on = _another_stream_follows(file, kind)
    pages = scan_pages(file) if kind == "ogg" else NO_PAGES
    if pages.damaged and pages.is_finished:
        log.lose("its checksum is wrong", pages.damaged, pages.samples_before(sound.samplerate, sound.subtype))
    warning = log.warning(declared, sound.samplerate, unfinished=not pages.is_finished)
    subtype = sound.subtype if sound.subtype in ("PCM_24", "PCM_U8", "PCM_S8") else pcm.subtype
    lines = () if warning is None else (warning,)
    audio = DecodedAudio(decoded, sound.samplerate, pcm, log.samples, subtype, lines)
    nothing = log.samples == 0 and sound.frames != 0
    skipped_frames = kind == "mp3" and declared is not None and declared - log.samples > MPEG_FRAME_SAMPLES
    gave_up = kind in GIVEN_UP_EARLY and (warning is not None or skipped_frames)
    header_is_short = kind == "flac" and not goes_on and _flac_frames_follow(file)
    return SndfileResult(audio, nothing or goes_on or gave_up or header_is_short, header_is_short)


def _blocks(
    sound: sf.SoundFile, source: CallbackFile, dtype: str, log: DecodingLog
) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
    """Yield what libsndfile decodes, up to its end or the first error."""
    size = block_samples(sound.channels)
    while True:
        try:
            block = sound.read(size, dtype=dtype, always_2d=True)
        except (sf.LibsndfileError, RuntimeError) as error:
            source.check()
            log.stopped = str(error).strip()
            return
        source.check()
        if len(block) == 0:
            return
        log.samples += len(block)
        yield block


def _another_stream_follows(file: IO[bytes], kind: str) -> bool:
    """Whether another stream follows the decoded one: files that were simply put together."""
    at = file.tell()
    start = max(1, at - WINDOW_BYTES)
    file.seek(start)
    around = file.read(2 * WINDOW_BYTES)
    file.seek(at)
    behind = around[at - start :]
    if kind == "ogg":
        return b"OggS\0\x02" in around
    if kind == "flac":
        return b"fLaC\0\0\0\x22" in around
    return kind == "mp3" and (audio_kind(behind) == "mp3" or find_stream(behind) is not None)


def _flac_frames_follow(file: IO[bytes]) -> bool:
    """Whether FLAC frames follow where libsndfile stopped reading; their sync word is 0xFFF8 or 0xFFF9."""
    behind = file.read(WINDOW_BYTES)
    return b"\xff\xf8" in behind or b"\xff\xf9" in behind


def _first_bytes(file: IO[bytes]) -> bytes:
    """Read the first bytes of the sound, behind an ID3 tag; the position in the file stays."""
    at = file.tell()
    file.seek(0)
    file.seek(tag_bytes(file.read(HEAD_BYTES)))
    content = file.read(HEAD_BYTES)
    file.seek(at)
    return content


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep libmpg123 from writing to standard error; our own warnings say what happened."""
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
