"""The two sounds of a pair on one clock: the raw recording's rate, equal channels.

Conventions
-----------
Positions are samples at the raw recording's rate, in the raw recording and in the edit.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from editorbot.recording import Recording

_WARM_UP = 256
"""Samples that the resampler hears before those that count."""
_CANCELLED = 1e-3
"""Share of the power below which a downmix has cancelled itself out."""


class PairSounds:
    """A raw recording and its edit, read by range.

    Parameters
    ----------
    raw, edit : Recording
        Of any rates and channel counts; channels that differ in number are mixed to one.
    """

    def __init__(self, raw: Recording, edit: Recording) -> None:
        self.raw, self.edit = raw, edit
        self.rate = raw.sample_rate
        """Samples a second of everything that is handed out [Hz]."""
        self.edit_samples = round(edit.samples * raw.sample_rate / edit.sample_rate)
        """Length of the edit [samples]."""
        self._mixed = raw.channels != edit.channels

    def read_raw(self, start: int, end: int) -> Float64[np.ndarray, "samples channels"]:
        """Return samples [start, end) of the raw recording, zeros beyond its ends."""
        return self._equal(_padded(self.raw, start, end))

    def read_edit(self, start: int, end: int) -> Float64[np.ndarray, "samples channels"]:
        """Return samples [start, end) of the edit, zeros beyond its ends."""
        if self.edit.sample_rate == self.rate:
            return self._equal(_padded(self.edit, start, end))
        import soxr

        ratio = self.edit.sample_rate / self.rate
        first = int(np.floor(start * ratio)) - _WARM_UP
        last = int(np.ceil(end * ratio)) + _WARM_UP
        heard = soxr.resample(_padded(self.edit, first, last), self.edit.sample_rate, self.rate)
        # The resampled grid starts at `first`, which lies a fraction off the clock: at most half a sample.
        skip = round(start - first / ratio)
        return self._equal(_fitted(heard[skip:], end - start))

    def _equal(self, sound: Float64[np.ndarray, "samples channels"]) -> Float64[np.ndarray, "samples equal"]:
        return mono(sound)[:, None] if self._mixed else sound


def mono(sound: Float64[np.ndarray, "samples channels"]) -> Float64[np.ndarray, " samples"]:
    """Return the mean of the channels, or the loudest one where the mean has cancelled itself out."""
    mix = sound.mean(axis=1)
    power = (sound**2).sum(axis=0)
    if len(power) > 1 and float(mix @ mix) < _CANCELLED * float(power.max(initial=0.0)):
        return np.ascontiguousarray(sound[:, int(np.argmax(power))])
    return mix


def _padded(recording: Recording, start: int, end: int) -> Float64[np.ndarray, "samples channels"]:
    low, high = min(max(start, 0), recording.samples), max(0, min(end, recording.samples))
    inside = recording.read(low, max(low, high))
    return np.pad(inside, ((low - start, end - start - (low - start) - len(inside)), (0, 0)))


def _fitted(sound: Float64[np.ndarray, "heard channels"], samples: int) -> Float64[np.ndarray, "fitted channels"]:
    """Return exactly `samples` rows, zeros at the end where they miss."""
    return np.pad(sound[:samples], ((0, max(0, samples - len(sound))), (0, 0)))
