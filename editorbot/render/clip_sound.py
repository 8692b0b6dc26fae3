"""One clip's sound, read once from start to end.

A clip that is a plain copy hands out the source's own samples, and one that
only fades does so between its fades. Every other clip passes through a chain
in a fixed order: direction, speed and pitch, effects in the clip's order,
gain, fades.

Conventions
-----------
Positions count output samples from the clip's start; those before it and
behind its end belong to crossfades.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Shaped

from editorbot.editlist.edit_list import Clip
from editorbot.recording.recording import Recording
from editorbot.render.effects import effect_stream
from editorbot.render.ends import is_copy_but_for_fades
from editorbot.render.stretch import stretch_blocks
from editorbot.timebase import s_to_samples

CHAIN_BLOCK_SAMPLES = 65_536
"""Block that passes through a chain [samples]."""

WARM_UP_S = 0.05
"""Sound that filters hear before the first sample that counts [seconds]."""


class ClipSound(ABC):
    """A stream that starts a little before its clip and ends a little behind it."""

    @abstractmethod
    def read(self, samples: int) -> Float64[np.ndarray, "samples channels"]:
        """Return the next samples as float64, full scale 1.0."""

    @abstractmethod
    def read_native(self, samples: int) -> Shaped[np.ndarray, "samples channels"]:
        """Return the next samples, in the source's own type where they are its own."""


class CopiedSound(ClipSound):
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


class FadedSound(ClipSound):
    """A stretch of the source that fades at its ends, and is untouched between them."""

    def __init__(self, clip: Clip, recording: Recording, before: int) -> None:
        self._clip = clip
        self._source = CopiedSound(recording, clip.start - before)
        self._at = -before

    def read(self, samples: int) -> Float64[np.ndarray, "samples channels"]:
        """Return the next samples as float64, full scale 1.0."""
        self._at += samples
        sound = self._source.read(samples)
        return sound * _fade_gain(self._clip, self._at - samples, self._at)[: len(sound), None]

    def read_native(self, samples: int) -> Shaped[np.ndarray, "samples channels"]:
        """Return the next samples, in the source's own type where nothing fades."""
        clip = self._clip
        if self._at < clip.fade_in or self._at + samples > clip.output_samples - clip.fade_out:
            return self.read(samples)
        self._at += samples
        return self._source.read_native(samples)


class ProcessedSound(ClipSound):
    """A clip behind its chain."""

    def __init__(self, clip: Clip, recording: Recording, before: int, after: int) -> None:
        self._blocks = _chain(clip, recording, -before, clip.output_samples + after)
        self._rest = np.zeros((0, recording.channels))

    def read(self, samples: int) -> Float64[np.ndarray, "samples channels"]:
        """Return the next samples."""
        parts = [self._rest]
        held = len(self._rest)
        while held < samples:
            parts.append(next(self._blocks))
            held += len(parts[-1])
        joined = np.concatenate(parts)
        self._rest = joined[samples:]
        return joined[:samples]

    def read_native(self, samples: int) -> Float64[np.ndarray, "samples channels"]:
        """Return the next samples; none of them is the source's own."""
        return self.read(samples)


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
    if clip.is_copy:
        return CopiedSound(recording, clip.start - before)
    if is_copy_but_for_fades(clip):
        return FadedSound(clip, recording, before)
    return ProcessedSound(clip, recording, before, after)


class _Direction:
    """The source in the direction of play: 0 is the clip's first sample, whichever way it runs."""

    def __init__(self, clip: Clip, recording: Recording) -> None:
        self._clip = clip
        self._recording = recording

    def read(self, start: int, end: int) -> Float64[np.ndarray, "samples channels"]:
        """Return samples [start, end); silence where the recording holds none."""
        clip, total = self._clip, self._recording.samples
        first, last = (clip.end - end, clip.end - start) if clip.reverse else (clip.start + start, clip.start + end)
        inside_first, inside_last = min(max(first, 0), total), min(max(last, 0), total)
        sound = self._recording.read(inside_first, inside_last)
        sound = np.pad(sound, ((inside_first - first, last - inside_last), (0, 0)))
        return sound[::-1] if clip.reverse else sound

    def blocks(self, first: int, last: int) -> Iterator[Float64[np.ndarray, "samples channels"]]:
        """Yield samples [first, last)."""
        for at in range(first, last, CHAIN_BLOCK_SAMPLES):
            yield self.read(at, min(at + CHAIN_BLOCK_SAMPLES, last))


def _chain(
    clip: Clip, recording: Recording, first: int, last: int
) -> Iterator[Float64[np.ndarray, "samples channels"]]:
    """Yield positions [first, last) of a clip with everything that is done to it."""
    rate, channels = recording.sample_rate, recording.channels
    start = first - _warm_up_samples(clip, rate)
    effects = [effect_stream(effect, rate, channels) for effect in clip.effects]
    gain = 10 ** (clip.gain_db / 20)
    at = start
    for block in _moved(clip, recording, start, last):
        for effect in effects:
            block = effect(block)
        envelope = gain * _fade_gain(clip, at, at + len(block))
        at += len(block)
        if at > first:
            skip = max(0, first - (at - len(block)))
            yield (block * envelope[:, None])[skip:]


def _moved(
    clip: Clip, recording: Recording, first: int, last: int
) -> Iterator[Float64[np.ndarray, "samples channels"]]:
    """Yield positions [first, last) of a clip at its speed and pitch."""
    source = _Direction(clip, recording)
    if clip.speed == 1 and clip.pitch_semitones == 0:
        return source.blocks(first, last)
    return stretch_blocks(
        source.read,
        first,
        last,
        ratio=clip.source_samples / clip.output_samples,
        semitones=clip.pitch_semitones,
        sample_rate=recording.sample_rate,
        channels=recording.channels,
    )


def _warm_up_samples(clip: Clip, sample_rate: int) -> int:
    """Return how much earlier a chain starts: filters settle, but no reverb carries in what was cut."""
    kinds = {effect.type for effect in clip.effects}
    return 0 if "REVERB" in kinds or not kinds else s_to_samples(WARM_UP_S, sample_rate)


def _fade_gain(clip: Clip, first: int, last: int) -> Float64[np.ndarray, " samples"]:
    """Return the gain of a clip's own fades at positions [first, last): raised cosines, silence beyond them."""
    position = np.arange(first, last) + 0.5
    gain = np.ones(last - first)
    if clip.fade_in:
        gain *= _raised_cosine(position / clip.fade_in)
    if clip.fade_out:
        gain *= _raised_cosine((clip.output_samples - position) / clip.fade_out)
    return gain


def _raised_cosine(share: Float64[np.ndarray, " samples"]) -> Float64[np.ndarray, " samples"]:
    """Return 0 below 0, 1 above 1, and half a cosine between."""
    rising: Float64[np.ndarray, " samples"] = 0.5 - 0.5 * np.cos(np.pi * np.clip(share, 0.0, 1.0))
    return rising
