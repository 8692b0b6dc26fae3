"""What takes a track's samples: our own WAV writer, or libsndfile's encoders."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import IO, Protocol, runtime_checkable

import numpy as np
import soundfile as sf
from jaxtyping import Shaped

from editorbot.errors import OutputError
from editorbot.recording.callbacks import CallbackFile
from editorbot.recording.pcm import PcmFormat
from editorbot.recording.wav_file import WavFile


@runtime_checkable  # the tests check annotations at run time
class Sink(Protocol):
    """Takes samples of one container, of the file's own type."""

    def write(self, block: Shaped[np.ndarray, "samples channels"]) -> None:
        """Append samples; raise OSError where the file does not take them."""

    def finish(self) -> None:
        """Write what is left; raise OSError where the file does not take it."""

    def abandon(self) -> None:
        """Let go of the encoder; what is in the file does not count any more."""


def open_sink(
    file: IO[bytes] | io.BytesIO, container: str, subtype: str, sample_rate: int, channels: int, path: str
) -> Sink:
    """Return a sink that writes into an open file.

    Parameters
    ----------
    file : binary file
        Empty, open for writing, seekable.
    container, subtype : str
        In libsndfile's words.
    sample_rate : int [Hz]
        The track's rate.
    channels : int
        Its channels.
    path : str
        The track, for messages.

    Raises
    ------
    OutputError
        If the container cannot hold such a track.
    """
    if container == "WAV":
        return _WavSink(file, sample_rate, PcmFormat(subtype, channels))
    return _EncodedSink(file, container, subtype, sample_rate, channels, path)


def check_container(container: str, subtype: str, sample_rate: int, channels: int, path: str) -> None:
    """Raise OutputError where a container cannot hold such a track, before any work is done for it."""
    if container != "WAV":
        open_sink(io.BytesIO(), container, subtype, sample_rate, channels, path).abandon()


class _WavSink:
    """Writes WAV by our own writer."""

    def __init__(self, file: IO[bytes] | io.BytesIO, sample_rate: int, pcm: PcmFormat) -> None:
        self._wav = WavFile(file, sample_rate, pcm)
        self._pcm = pcm

    def write(self, block: Shaped[np.ndarray, "samples channels"]) -> None:
        """Append samples."""
        if self._pcm.subtype == "PCM_24":
            packed = np.ascontiguousarray(block, "<i4").view(np.uint8).reshape(-1, 4)[:, 1:]
            self._wav.append(packed.tobytes())
        else:
            self._wav.append(np.ascontiguousarray(block, self._pcm.dtype).tobytes())

    def finish(self) -> None:
        """Fill the sizes in."""
        self._wav.finish()

    def abandon(self) -> None:
        """Leave the sizes as they are."""


class _EncodedSink:
    """Writes by libsndfile, which forgets a full disk; the file it calls back does not."""

    def __init__(
        self, file: IO[bytes] | io.BytesIO, container: str, subtype: str, sample_rate: int, channels: int, path: str
    ) -> None:
        self._target = CallbackFile(file)
        try:
            self._sound = sf.SoundFile(self._target, "w", sample_rate, channels, subtype, format=container)
        except (sf.LibsndfileError, RuntimeError, ValueError) as error:
            self._target.check()
            what = f"{channels} channels at {sample_rate} Hz as {subtype}"
            raise OutputError(f"{container} cannot hold {what}; write a .wav", path=path) from error

    def write(self, block: Shaped[np.ndarray, "samples channels"]) -> None:
        """Append samples."""
        with self._checked():
            self._sound.write(block)

    def finish(self) -> None:
        """Encode what is left."""
        with self._checked():
            self._sound.close()

    def abandon(self) -> None:
        """Close the encoder whatever it says."""
        with contextlib.suppress(sf.LibsndfileError, RuntimeError):
            self._sound.close()

    @contextlib.contextmanager
    def _checked(self) -> Iterator[None]:
        """Turn what libsndfile says into what the disk said."""
        try:
            yield
        except (sf.LibsndfileError, RuntimeError, AssertionError) as error:
            self._target.check()
            raise OSError(f"the encoder gave up: {error}") from error
        self._target.check()
