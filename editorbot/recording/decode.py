"""Everything that is not plain PCM is decoded once, by whichever decoder finds more.

libsndfile decodes what it supports; FFmpeg the rest, and what libsndfile gives
up on halfway.
"""

from __future__ import annotations

from dataclasses import replace
from typing import IO

from editorbot.errors import DamagedError, EmptyError, NoDecoderError, UnreadableError
from editorbot.recording.declared_size import DeclaredSize, find_declared_size
from editorbot.recording.decoded_audio import MOST_FRAME_SAMPLES, DecodedAudio
from editorbot.recording.ffmpeg_decoder import decode_by_ffmpeg
from editorbot.recording.libsndfile_decoder import SndfileResult, decode_by_libsndfile
from editorbot.timebase import clock, samples_to_s


def decode(file: IO[bytes], kind: str, path: str) -> DecodedAudio:
    """Decode a whole file.

    Parameters
    ----------
    file : binary file
        The file, open and seekable.
    kind : str
        As `editorbot.recording.sniff.audio_kind` returns it.
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
        If its header declares what cannot be.
    NoSpaceError
        If there is no room for the decoded samples.
    UnreadableError
        If the file or the temporary folder fails while it is decoded.
    """
    try:
        declared_size = find_declared_size(file, kind)
        decoded = _decode_by_the_better(file, kind, path, declared_size)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}", path=path) from error
    line = None if declared_size is None else declared_size.warning(decoded.samples, decoded.sample_rate)
    if line is None or any(warning.startswith("TRUNCATED") for warning in decoded.warnings):
        return decoded
    return replace(decoded, warnings=(*decoded.warnings, line))


def _decode_by_the_better(file: IO[bytes], kind: str, path: str, declared_size: DeclaredSize | None) -> DecodedAudio:
    """Decode a file with libsndfile, and where that may have missed something, with FFmpeg too."""
    first = decode_by_libsndfile(file, kind, path)
    if first is None:
        return decode_by_ffmpeg(file, kind, path)
    hidden = first.decoded.samples == 0 and declared_size is not None and declared_size.is_never_filled
    return _longer(first, file, kind, path) if first.is_doubtful or hidden else first.decoded


def _longer(first: SndfileResult, file: IO[bytes], kind: str, path: str) -> DecodedAudio:
    """Decode with FFmpeg too, and keep its result where it is longer than libsndfile's."""
    try:
        second = decode_by_ffmpeg(file, kind, path)
    except (DamagedError, EmptyError, NoDecoderError):
        if first.decoded.samples == 0:
            first.decoded.file.close()
            raise
        return first.decoded
    except BaseException:
        first.decoded.file.close()
        raise
    better, worse = sorted((first.decoded, second), key=lambda decoded: decoded.samples, reverse=True)
    worse.file.close()
    if better.warnings:
        return better
    if first.header_is_short and better is second:
        declared, read = (clock(samples_to_s(one.samples, one.sample_rate)) for one in (first.decoded, second))
        return replace(better, warnings=(f"RECOVERED: the header declares only {declared}; {read} were read",))
    # libsndfile's remark on why it stopped is void where FFmpeg went on behind that place without one
    went_on = better.samples - worse.samples > MOST_FRAME_SAMPLES
    return better if better is second and went_on else replace(better, warnings=worse.warnings)
