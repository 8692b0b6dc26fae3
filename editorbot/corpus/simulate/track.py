"""A finished track, ready to be ruined: its sound, its beats, where it is silent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import soxr
from jaxtyping import Float

from editorbot.analysis import BeatTracker
from editorbot.analysis.beat_grid import BeatGrid
from editorbot.analysis.beats import choose_tracker, fallback_grid
from editorbot.analysis.spectrum_scan import SpectrumScan
from editorbot.corpus.simulate.signal import Sound, as_channels, loud_level
from editorbot.errors import NonFiniteError, SilentError, TooShortError
from editorbot.timebase import ANALYSIS_RATE

if TYPE_CHECKING:
    from editorbot.corpus.simulate.replay import Replay

SHORTEST_S = 20.0
"""Shorter tracks hold too little music to rehearse [seconds]."""

SILENT_RUN_S = 0.5
"""Runs of silence in a track at least this long are noted [seconds]."""

SILENT_DB = -60.0
"""What lies this far under the loud level is silence [dB]."""


@dataclass(frozen=True)
class Track:
    """A finished track."""

    sound: Sound
    """What it holds, shape=(channels, samples), one or two channels, float32."""
    rate: int
    """Samples a second [Hz]."""
    beats_s: Float[np.ndarray, " beats"]
    """Beats, shape=(beats,) [seconds], increasing; a grid of half seconds where no pulse is heard."""
    downbeats: np.ndarray
    """First beats of bars, shape=(bars,), indices into the beats; every fourth beat where bars are not known."""
    has_beat: bool
    """Whether the beats were heard."""
    name: str = ""
    """Name of the track."""
    artist: str = ""
    """Who made it."""
    stems: tuple[Sound, ...] = field(default=(), repr=False)
    """Players of the track, each as long as it, adding up to it; empty where they are not known."""
    replay: Replay | None = field(default=None, repr=False)
    """Who can play it again, where it was played from a score."""

    @property
    def duration_s(self) -> float:
        """Length [seconds]."""
        return self.sound.shape[1] / self.rate

    @property
    def loudness(self) -> float:
        """How loud it is while it sounds [full scale]."""
        return loud_level(self.sound, self.rate)

    @property
    def beat_s(self) -> float:
        """Typical distance of beats [seconds]."""
        return float(np.median(np.diff(self.beats_s))) if len(self.beats_s) > 1 else 0.5

    @property
    def bars_s(self) -> Float[np.ndarray, " bars"]:
        """First beats of bars [seconds]."""
        return self.beats_s[self.downbeats]

    def part(self, start_s: float, end_s: float) -> Track:
        """Return a stretch of the track as a track of its own."""
        first, last = round(start_s * self.rate), round(end_s * self.rate)
        inside = (self.beats_s >= start_s) & (self.beats_s < end_s)
        index = np.cumsum(inside) - 1
        kept = self.downbeats[inside[self.downbeats]]
        return Track(
            sound=self.sound[:, first:last],
            rate=self.rate,
            beats_s=self.beats_s[inside] - first / self.rate,
            downbeats=index[kept],
            has_beat=self.has_beat,
            name=self.name,
            artist=self.artist,
            stems=tuple(stem[:, first:last] for stem in self.stems),
            replay=None
            if self.replay is None
            else replace(self.replay, offset_s=self.replay.offset_s + first / self.rate),
        )


def track_of(
    samples: Float[np.ndarray, "samples channels"],
    sample_rate: int,
    *,
    rate: int | None = None,
    channels: int | None = None,
    name: str = "",
    artist: str = "",
    find_beats: bool = True,
    beat_tracker: BeatTracker = "embedded",
) -> Track:
    """Return sound as a track; its beats are looked for.

    Parameters
    ----------
    samples : np.ndarray, shape=(samples, channels), float32 or float64
        The finished track, full scale 1.0.
    sample_rate : int [Hz]
        Its rate.
    rate : int [Hz], optional
        The rate to work at; the track's own by default.
    channels : int, optional
        1 or 2; two by default, one where the track has one. More than two are mixed down.
    name, artist : str
        Who it is.
    find_beats : bool
        Look for the beats; a track that only lends scraps to others needs none.
    beat_tracker : str
        Who finds them.

    Raises
    ------
    TooShortError
        If it is shorter than `SHORTEST_S`.
    SilentError
        If nothing can be heard in it.
    NonFiniteError
        If a sample is NaN or infinite.
    """
    duration_s = len(samples) / sample_rate
    if duration_s < SHORTEST_S:
        raise TooShortError(f"it lasts {duration_s:.1f} s, but a rehearsal needs {SHORTEST_S:.0f} s of music")
    if not np.isfinite(samples).all():
        raise NonFiniteError("a sample is NaN or infinite; leave it out, or write it anew")
    wanted = channels or min(2, samples.shape[1])
    kept = samples if samples.shape[1] <= wanted else samples.mean(axis=1, keepdims=True)
    rate = rate or sample_rate
    sound = soxr.resample(np.asarray(kept, dtype=np.float32), sample_rate, rate, "HQ") if rate != sample_rate else kept
    sound = np.ascontiguousarray(as_channels(np.asarray(sound, dtype=np.float32).T, wanted))
    if loud_level(sound, rate) < 1e-5:
        raise SilentError("nothing can be heard in it; leave it out")
    grid = _grid_of(sound, rate, beat_tracker) if find_beats else fallback_grid(sound.shape[1] / rate, "")
    beats_s = grid.beats_s[grid.beats_s < sound.shape[1] / rate]
    downbeats = grid.downbeats[grid.downbeats < len(beats_s)]
    if len(downbeats) < 4:
        downbeats = np.arange(0, len(beats_s), 4)
    return Track(sound, rate, beats_s, downbeats, grid.confidence > 0, name, artist)


def _grid_of(sound: Sound, rate: int, beat_tracker: BeatTracker) -> BeatGrid:
    """Return the beats of a sound."""
    mono = sound.mean(axis=0)
    mono = soxr.resample(mono, rate, ANALYSIS_RATE, "MQ") if rate != ANALYSIS_RATE else mono
    mono = np.ascontiguousarray(mono, dtype=np.float32)
    scan = SpectrumScan(len(mono))
    scan.update(mono)
    return choose_tracker(beat_tracker)(scan.finish().tracks, len(mono) / ANALYSIS_RATE, lambda: mono)


def silent_runs(track: Track) -> tuple[tuple[float, float], ...]:
    """Return the ranges of a track in which nothing is heard [seconds]."""
    window = max(1, track.rate // 20)
    count = track.sound.shape[1] // window
    powers = np.square(track.sound[:, : count * window]).reshape(track.sound.shape[0], count, window).mean(axis=(0, 2))
    quiet = powers < (track.loudness * 10 ** (SILENT_DB / 20)) ** 2
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    runs = [(first * window / track.rate, last * window / track.rate) for first, last in zip(edges[::2], edges[1::2])]
    return tuple((round(a, 4), round(b, 4)) for a, b in runs if b - a >= SILENT_RUN_S)
