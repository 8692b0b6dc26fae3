"""Decoding with libsndfile: exact lengths, and no encoder delay, of what it knows."""

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
from editorbot.recording.decoded_audio import SUBTYPES, DecodedAudio, Progress, write_decoded
from editorbot.recording.limits import block_samples, check_channels, check_rate
from editorbot.recording.mpeg_frames import find_stream, tells_length
from editorbot.recording.ogg import NO_PAGES, scan_pages
from editorbot.recording.pcm import PcmFormat
from editorbot.recording.sniff import HEAD_BYTES, audio_kind, tag_bytes

LIBSNDFILE_KINDS = ("wav", "rifx", "w64", "flac", "ogg", "aiff", "au", "caf", "mp3")
"""Kinds that libsndfile is asked about."""

WINDOW_BYTES = 1 << 16
"""How far libsndfile may have read beyond the end of a stream."""

GIVEN_UP_EARLY = ("flac", "mp3")
"""Kinds that libsndfile stops reading at the first damaged place, where FFmpeg goes on behind it."""

MPEG_FRAME_SAMPLES = 1_152
"""Longest frame of an MP3; libsndfile passes over a few lost ones without a word [samples]."""

_EXACT = {"PCM_16": "int16", "PCM_U8": "int16", "PCM_S8": "int16", "PCM_24": "int32", "PCM_32": "int32",
          "ULAW": "int16", "ALAW": "int16", "IMA_ADPCM": "int16", "MS_ADPCM": "int16", "DOUBLE": "float64",
          "ALAC_16": "int16", "ALAC_20": "int32", "ALAC_24": "int32", "ALAC_32": "int32"}  # fmt: skip
"""Sample formats of integers and doubles, and the type that holds them exactly; all others are float32."""


@dataclass(frozen=True)
class Attempt:
    """What libsndfile made of a file."""

    decoded: DecodedAudio
    """The sound."""
    is_doubtful: bool
    """Whether another decoder might find more in the file."""
    promised_too_little: bool
    """Whether the sound goes on behind the length of the header, though no other file was put behind this one."""


def decode_by_libsndfile(file: IO[bytes], kind: str, path: str) -> Attempt | None:
    """Decode a file with libsndfile.

    Parameters
    ----------
    file, kind, path
        As `editorbot.recording.decode.decode` has them.

    Returns
    -------
    attempt : Attempt or None
        None where libsndfile does not know the file.
    """
    if kind not in LIBSNDFILE_KINDS:
        return None
    with _quiet() if kind == "mp3" else contextlib.nullcontext():
        return _attempt(file, kind, path)


def _attempt(file: IO[bytes], kind: str, path: str) -> Attempt | None:
    file.seek(0)
    source = CallbackFile(file)
    try:
        sound = sf.SoundFile(source)
    except (sf.LibsndfileError, RuntimeError):
        source.check()
        return None
    with sound:
        check_rate(sound.samplerate, path)
        check_channels(sound.channels, path)
        dtype = _EXACT.get(sound.subtype, "float32")
        pcm = PcmFormat(SUBTYPES[dtype], sound.channels)
        declared = sound.frames if 0 < sound.frames < 2**53 else None
        promised = declared if kind != "mp3" or tells_length(_first_bytes(file)) else None
        done = Progress()
        decoded = write_decoded(_blocks(sound, source, dtype, done), pcm, declared, path)
        goes_on = _goes_on(file, kind)
        pages = scan_pages(file) if kind == "ogg" else NO_PAGES
        if pages.damaged and pages.is_finished:
            done.skip("its checksum is wrong", pages.damaged, pages.samples_before(sound.samplerate, sound.subtype))
        warning = done.warning(promised, sound.samplerate, unfinished=not pages.is_finished)
        subtype = sound.subtype if sound.subtype in ("PCM_24", "PCM_U8", "PCM_S8") else pcm.subtype
        lines = () if warning is None else (warning,)
        whole = DecodedAudio(decoded, sound.samplerate, pcm, done.samples, subtype, lines)
        nothing = done.samples == 0 and sound.frames != 0
        gave_up = kind in GIVEN_UP_EARLY and (warning is not None or _lacks_mpeg_frames(kind, promised, done.samples))
        too_little = kind == "flac" and not goes_on and _frames_follow(file)
        return Attempt(whole, nothing or goes_on or gave_up or too_little, too_little)


def _blocks(
    sound: sf.SoundFile, source: CallbackFile, dtype: str, done: Progress
) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
    """Yield what libsndfile decodes, up to its end or the first error."""
    size = block_samples(sound.channels)
    while True:
        try:
            block = sound.read(size, dtype=dtype, always_2d=True)
        except (sf.LibsndfileError, RuntimeError) as error:
            source.check()
            done.stopped = str(error).strip()
            return
        source.check()
        if len(block) == 0:
            return
        done.samples += len(block)
        yield block


def _lacks_mpeg_frames(kind: str, promised: int | None, samples: int) -> bool:
    """Tell whether frames of an MP3 were passed over in silence."""
    return kind == "mp3" and promised is not None and promised - samples > MPEG_FRAME_SAMPLES


def _goes_on(file: IO[bytes], kind: str) -> bool:
    """Tell whether another stream follows the one that was decoded: files that were simply put together."""
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


def _frames_follow(file: IO[bytes]) -> bool:
    """Tell whether FLAC frames follow where libsndfile stopped reading; their sync word is 0xFFF8 or 0xFFF9."""
    behind = file.read(WINDOW_BYTES)
    return b"\xff\xf8" in behind or b"\xff\xf9" in behind


def _first_bytes(file: IO[bytes]) -> bytes:
    """Return the first bytes of the sound, behind an ID3 tag; the place in the file stays."""
    at = file.tell()
    file.seek(0)
    file.seek(tag_bytes(file.read(HEAD_BYTES)))
    content = file.read(HEAD_BYTES)
    file.seek(at)
    return content


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
