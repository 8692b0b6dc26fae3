"""Everything that is not plain PCM is decoded once, by whichever decoder finds more.

libsndfile decodes what it knows; FFmpeg the rest, and what libsndfile gives up
on halfway.
"""

from __future__ import annotations

from dataclasses import replace
from typing import IO

from editorbot.errors import DamagedError, EmptyError, NoDecoderError, UnreadableError
from editorbot.recording.declared_size import DeclaredSize, find_declared_size
from editorbot.recording.decoded_audio import MOST_FRAME_SAMPLES, DecodedAudio
from editorbot.recording.ffmpeg_decoder import decode_by_ffmpeg
from editorbot.recording.libsndfile_decoder import Attempt, decode_by_libsndfile
from editorbot.timebase import clock, samples_to_s


def decode(file: IO[bytes], kind: str, path: str) -> DecodedAudio:
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
    UnreadableError
        If the file or the temporary folder fails while it is decoded.
    """
    try:
        declared_size = find_declared_size(file, kind)
        decoded = _decoded(file, kind, path, declared_size)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}", path=path) from error
    return decoded if declared_size is None else _measured(decoded, declared_size)


def _measured(decoded: DecodedAudio, declared_size: DeclaredSize) -> DecodedAudio:
    """Return the sound with a line on what the header promised, where the decoder has not noticed it."""
    line = declared_size.warning(decoded.samples, decoded.sample_rate)
    if line is None or any(told.startswith("TRUNCATED") for told in decoded.warnings):
        return decoded
    return replace(decoded, warnings=(*decoded.warnings, line))


def _decoded(file: IO[bytes], kind: str, path: str, declared_size: DeclaredSize | None) -> DecodedAudio:
    """Decode a file with the decoder that finds more in it."""
    first = decode_by_libsndfile(file, kind, path)
    if first is None:
        return decode_by_ffmpeg(file, kind, path)
    hidden = first.decoded.samples == 0 and declared_size is not None and declared_size.is_never_filled
    return _longer(first, file, kind, path) if first.is_doubtful or hidden else first.decoded


def _longer(first: Attempt, file: IO[bytes], kind: str, path: str) -> DecodedAudio:
    """Return what FFmpeg makes of the file where that is more than libsndfile's."""
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
    if first.promised_too_little and better is second:
        return replace(better, warnings=(_recovered(first.decoded, second),))
    # libsndfile's remark on why it stopped is void where FFmpeg went on behind that place without one
    went_on = better.samples - worse.samples > MOST_FRAME_SAMPLES
    return better if better is second and went_on else replace(better, warnings=worse.warnings)


def _recovered(first: DecodedAudio, second: DecodedAudio) -> str:
    """Return the line on a header that promised only what the first decoder read."""
    promised, read = (clock(samples_to_s(one.samples, one.sample_rate)) for one in (first, second))
    return f"RECOVERED: the header promises only {promised}; {read} were read"
