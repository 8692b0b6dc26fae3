"""Reads one clip once, from start to end, with everything that is done to its sound.

A clip that is a plain copy gives the source's own samples, and one that only
fades does so between its fades. Every other clip passes through a chain in a
fixed order: direction, speed and pitch, effects in the clip's order, gain, fades.

Conventions
-----------
Positions count output samples from the clip's start; those before it and
behind its end belong to crossfades.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Shaped

from editorbot.editlist.edit_list import Clip
from editorbot.recording import Recording
from editorbot.render.effects import effect_stream
from editorbot.render.fades import is_copy_but_for_fades
from editorbot.render.stretch import stretch_blocks
from editorbot.timebase import s_to_samples

CHAIN_BLOCK_SAMPLES = 65_536
"""Block that passes through a chain [samples]."""

WARM_UP_S = 0.05
"""Sound that filters process before the first sample that counts [seconds]."""


def open_clip(clip: Clip, recording: Recording, *, before: int, after: int) -> SourceReader | ChainReader:
    """Open a clip from `before` samples in front of it to `after` samples behind it.

    Parameters
    ----------
    clip : Clip
        What is played.
    recording : Recording
        Where it is played from.
    before, after : int [output samples]
        How far beyond its ends it will be read; the source must hold that much.
    """
    if is_copy_but_for_fades(clip):
        return SourceReader(clip, recording, before)
    return ChainReader(clip, recording, before, after)


class SourceReader:
    """A stretch of the source that is untouched but for fades at its ends, if it has any."""

    def __init__(self, clip: Clip, recording: Recording, before: int) -> None:
        self._clip = clip
        self._recording = recording
        self._at = -before

    def read(self, samples: int) -> Float64[np.ndarray, "samples channels"]:
        """Read the next samples as float64, full scale 1.0."""
        start, self._at = self._at, self._at + samples
        sound = self._recording.read(self._clip.start + start, self._clip.start + self._at)
        if not (self._clip.fade_in or self._clip.fade_out):
            return sound
        return sound * _fade_gain(self._clip, start, self._at)[: len(sound), None]

    def read_native(self, samples: int) -> Shaped[np.ndarray, "samples channels"]:
        """Read the next samples, in the source's own type where nothing fades."""
        clip, start, end = self._clip, self._at, self._at + samples
        fades_in = clip.fade_in > 0 and start < clip.fade_in
        if fades_in or (clip.fade_out > 0 and end > clip.output_samples - clip.fade_out):
            return self.read(samples)
        self._at = end
        return self._recording.read_native(clip.start + start, clip.start + end)


class ChainReader:
    """A clip behind its chain."""

    def __init__(self, clip: Clip, recording: Recording, before: int, after: int) -> None:
        self._blocks = _chain(clip, recording, -before, clip.output_samples + after)
        self._rest = np.zeros((0, recording.channels))

    def read(self, samples: int) -> Float64[np.ndarray, "samples channels"]:
        """Read the next samples."""
        parts = [self._rest]
        held = len(self._rest)
        while held < samples:
            parts.append(next(self._blocks))
            held += len(parts[-1])
        joined = np.concatenate(parts)
        self._rest = joined[samples:]
        return joined[:samples]

    def read_native(self, samples: int) -> Float64[np.ndarray, "samples channels"]:
        """Read the next samples; none of them is the source's own."""
        return self.read(samples)


def _chain(
    clip: Clip, recording: Recording, first: int, last: int
) -> Iterator[Float64[np.ndarray, "samples channels"]]:
    """Yield positions [first, last) of a clip with everything that is done to it."""
    rate, channels = recording.sample_rate, recording.channels
    start = first - _warm_up_samples(clip, rate)
    effects = [effect_stream(effect, rate, channels) for effect in clip.effects]
    gain = 10 ** (clip.gain_db / 20)
    at = start
    for block in _at_speed_and_pitch(clip, recording, start, last):
        for effect in effects:
            block = effect(block)
        envelope = gain * _fade_gain(clip, at, at + len(block))
        at += len(block)
        if at > first:
            skip = max(0, first - (at - len(block)))
            yield (block * envelope[:, None])[skip:]


def _at_speed_and_pitch(
    clip: Clip, recording: Recording, first: int, last: int
) -> Iterator[Float64[np.ndarray, "samples channels"]]:
    """Yield positions [first, last) of a clip in its direction, at its speed and pitch."""

    def read(start: int, end: int) -> Float64[np.ndarray, "samples channels"]:
        """Read samples in the direction of play, 0 the clip's first; silence where the recording has none."""
        low, high = (clip.end - end, clip.end - start) if clip.reverse else (clip.start + start, clip.start + end)
        inside_low, inside_high = (min(max(at, 0), recording.samples) for at in (low, high))
        sound = recording.read(inside_low, inside_high)
        sound = np.pad(sound, ((inside_low - low, high - inside_high), (0, 0)))
        return sound[::-1] if clip.reverse else sound

    if clip.speed == 1 and clip.pitch_semitones == 0:
        places = range(first, last, CHAIN_BLOCK_SAMPLES)
        return (read(at, min(at + CHAIN_BLOCK_SAMPLES, last)) for at in places)
    return stretch_blocks(
        read,
        first,
        last,
        ratio=clip.source_samples / clip.output_samples,
        semitones=clip.pitch_semitones,
        sample_rate=recording.sample_rate,
        channels=recording.channels,
    )


def _warm_up_samples(clip: Clip, sample_rate: int) -> int:
    """How much earlier a chain starts: filters settle, but no reverb carries in what was cut."""
    kinds = {effect.type for effect in clip.effects}
    return 0 if "REVERB" in kinds or not kinds else s_to_samples(WARM_UP_S, sample_rate)


def _fade_gain(clip: Clip, first: int, last: int) -> Float64[np.ndarray, " samples"]:
    """Gain of a clip's own fades at positions [first, last): raised cosines, silence beyond them."""
    position = np.arange(first, last) + 0.5
    gain = np.ones(last - first)
    for fade, distance in ((clip.fade_in, position), (clip.fade_out, clip.output_samples - position)):
        if fade:
            gain *= 0.5 - 0.5 * np.cos(np.pi * np.clip(distance / fade, 0.0, 1.0))
    return gain
