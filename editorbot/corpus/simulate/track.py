"""A finished track to make jams of: its sound, beats and silences; from a recording, or played from MIDI.

A recorded track exists once. A score can be played anew for every take that is not
kept: with other human timing, and with mistakes of one player where the take is bad.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import soxr
from jaxtyping import Float

from editorbot.analysis import BeatTracker
from editorbot.analysis.beat_grid import BeatGrid, fallback_grid
from editorbot.analysis.spectrum_scan import SpectrumScan
from editorbot.analysis.trackers import choose_tracker
from editorbot.corpus.band import Mistake, Score, excerpt, find_soundfont, humanized, make_mistake, play, read_midi
from editorbot.corpus.simulate.plan import Flaw, pick
from editorbot.corpus.simulate.signal import Sound, as_channels, cut, loud_level
from editorbot.errors import NonFiniteError, SilentError, TooShortError
from editorbot.timebase import ANALYSIS_RATE

SHORTEST_S = 20.0
"""Shorter tracks hold too little music to rehearse [seconds]."""

SILENT_RUN_S = 0.5
"""Runs of silence in a track at least this long are noted [seconds]."""

SILENT_DB = -60.0
"""What is this far below the loud level is silence [dB]."""

MIDI_ENDINGS = (".mid", ".midi")
"""Endings of files that the virtual band plays."""

LONGEST_PLAYED_S = 270.0
"""Of longer pieces only the beginning is played [seconds]."""

LEAD_S = 2.0
"""What is played before a take, so that notes which began earlier ring in it [seconds]."""

MISTAKES_OF_FLAWS = {"late": "late", "wrong-notes": "wrong-notes", "wrong-chords": "wrong-notes",
                     "detune": "out-of-tune", "absent": "missing", "dropouts": "missing"}  # fmt: skip
"""Flaws that the band can really play -> the mistake of one player."""


@dataclass(frozen=True)
class ScorePlayer:
    """Plays a score again as the finished track was played."""

    score: Score
    """What is written."""
    soundfont: bytes
    """What it is played on."""
    rate: int
    """Rate of the track [Hz]."""
    channels: int
    """Its channels."""
    gain: float
    """Factor on the band's sound."""
    timing_s: float
    """How human its timing is [seconds]."""
    offset_s: float = 0.0
    """Where the track begins in the score [seconds]."""

    def play_range(self, first: int, last: int, flaws: tuple[Flaw, ...], seed: int) -> Sound:
        """Play samples [first, last) of the track anew, with those of the flaws that are in MISTAKES_OF_FLAWS."""
        rng = np.random.default_rng(seed)
        score = humanized(self.score, rng, timing_s=self.timing_s, touch=10.0)
        for flaw in flaws:
            if flaw.kind in MISTAKES_OF_FLAWS:
                player = pick([part.name for part in score.parts], rng)
                start_s, end_s = flaw.start_s + self.offset_s, flaw.end_s + self.offset_s
                mistake = Mistake(player, MISTAKES_OF_FLAWS[flaw.kind], start_s, end_s)
                score = make_mistake(score, mistake, np.random.default_rng(flaw.seed))
        start_s = first / self.rate + self.offset_s
        begins_s = max(0.0, start_s - LEAD_S)
        notes = excerpt(score, begins_s, last / self.rate + self.offset_s + 0.1)
        sound = as_channels(play(notes, self.soundfont, sample_rate=self.rate).mix.T, self.channels)
        at = round((start_s - begins_s) * self.rate)
        return cut(sound, at, at + last - first) * np.float32(self.gain)


@dataclass(frozen=True)
class Track:
    """A finished track."""

    sound: Sound
    """What it holds, shape=(channels, samples), one or two channels, float32."""
    rate: int
    """Samples a second [Hz]."""
    beats_s: Float[np.ndarray, " beats"]
    """Beats, shape=(beats,) [seconds], increasing; a grid of half seconds where no pulse was found."""
    downbeats: np.ndarray
    """First beats of bars, shape=(bars,), indices into the beats; every fourth beat where bars are not known."""
    has_beat: bool
    """Whether beats were found."""
    name: str = ""
    """Name of the track."""
    artist: str = ""
    """Who made it."""
    stems: tuple[Sound, ...] = field(default=(), repr=False)
    """Players of the track, each as long as it, adding up to it; empty where they are not known."""
    score_player: ScorePlayer | None = field(default=None, repr=False)
    """Plays it again, if it was played from a score."""

    @property
    def duration_s(self) -> float:
        """Length [seconds]."""
        return self.sound.shape[1] / self.rate

    @property
    def loudness(self) -> float:
        """How loud it is while it plays [full scale]."""
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
        """Cut a stretch out as a separate track."""
        first, last = round(start_s * self.rate), round(end_s * self.rate)
        inside = (self.beats_s >= start_s) & (self.beats_s < end_s)
        index = np.cumsum(inside) - 1
        kept = self.downbeats[inside[self.downbeats]]
        player = self.score_player
        return replace(
            self,
            sound=self.sound[:, first:last],
            beats_s=self.beats_s[inside] - first / self.rate,
            downbeats=index[kept],
            stems=tuple(stem[:, first:last] for stem in self.stems),
            score_player=None if player is None else replace(player, offset_s=player.offset_s + first / self.rate),
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
    """Make a track of recorded sound, and find its beats.

    Parameters
    ----------
    samples : np.ndarray, shape=(samples, channels), float32 or float64
        The finished track, full scale 1.0.
    sample_rate : int [Hz]
        Its rate.
    rate : int [Hz], optional
        The rate to work at; the track's own by default.
    channels : int, optional
        1 or 2; as the track by default, at most two. More than two are mixed down.
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
        If it is silent.
    NonFiniteError
        If a sample is NaN or infinite.
    """
    _check_length(len(samples) / sample_rate)
    if not np.isfinite(samples).all():
        raise NonFiniteError("a sample is NaN or infinite; leave it out, or write it anew")
    wanted = channels or min(2, samples.shape[1])
    kept = samples if samples.shape[1] <= wanted else samples.mean(axis=1, keepdims=True)
    rate = rate or sample_rate
    sound = soxr.resample(np.asarray(kept, dtype=np.float32), sample_rate, rate, "HQ") if rate != sample_rate else kept
    sound = np.ascontiguousarray(as_channels(np.asarray(sound, dtype=np.float32).T, wanted))
    if loud_level(sound, rate) < 1e-5:
        raise SilentError("nothing can be heard in it; leave it out")
    grid = _find_beats(sound, rate, beat_tracker) if find_beats else fallback_grid(sound.shape[1] / rate, "")
    beats_s = grid.beats_s[grid.beats_s < sound.shape[1] / rate]
    downbeats = grid.downbeats[grid.downbeats < len(beats_s)]
    if len(downbeats) < 4:
        downbeats = np.arange(0, len(beats_s), 4)
    return Track(sound, rate, beats_s, downbeats, grid.confidence > 0, name, artist)


def _check_length(duration_s: float, path: Path | None = None) -> None:
    if duration_s < SHORTEST_S:
        message = f"it lasts {duration_s:.1f} s, but a rehearsal needs {SHORTEST_S:.0f} s of music"
        raise TooShortError(message, path=path)


def _find_beats(sound: Sound, rate: int, beat_tracker: BeatTracker) -> BeatGrid:
    mono = sound.mean(axis=0)
    mono = soxr.resample(mono, rate, ANALYSIS_RATE, "MQ") if rate != ANALYSIS_RATE else mono
    mono = np.ascontiguousarray(mono, dtype=np.float32)
    scan = SpectrumScan(len(mono))
    scan.update(mono)
    return choose_tracker(beat_tracker)(scan.finish().tracks, len(mono) / ANALYSIS_RATE, lambda: mono)


def track_of_midi(path: Path, rate: int, rng: np.random.Generator, *, artist: str = "") -> Track:
    """Play a MIDI file as a finished track at a rate [Hz], with its players as stems and exact beats.

    `rng` draws the human timing.

    Raises
    ------
    TooShortError
        If it is shorter than `SHORTEST_S`.
    EditorbotError
        Whatever `read_midi`, `find_soundfont` and `play` raise.
    """
    whole = read_midi(path)
    score = excerpt(whole, 0.0, min(whole.end_s, LONGEST_PLAYED_S))
    _check_length(score.end_s, path)
    timing_s, soundfont = float(rng.uniform(0.002, 0.012)), find_soundfont().read_bytes()
    performance = play(humanized(score, rng, timing_s=timing_s), soundfont, sample_rate=rate)
    peak = max(1e-6, float(np.abs(performance.mix).max()))
    gain = np.float32(0.8 / peak)
    stems = tuple(np.ascontiguousarray(stem.T) * gain for stem in performance.by_role().values() if stem.any())
    sound = np.asarray(np.sum(stems, axis=0), dtype=np.float32)
    beats_s = score.beats_s[score.beats_s < sound.shape[1] / rate]
    downbeats = np.searchsorted(beats_s, score.downbeats_s[score.downbeats_s < sound.shape[1] / rate] - 1e-6)
    downbeats = downbeats[downbeats < len(beats_s)] if len(downbeats) > 3 else np.arange(0, len(beats_s), 4)
    player = ScorePlayer(score, soundfont, rate, 2, float(gain), timing_s)
    return Track(sound, rate, beats_s, downbeats, len(beats_s) > 8, path.stem, artist, stems, player)


def silent_runs(track: Track) -> tuple[tuple[float, float], ...]:
    """Find the ranges of a track in which nothing is heard [seconds]."""
    window = max(1, track.rate // 20)
    count = track.sound.shape[1] // window
    powers = np.square(track.sound[:, : count * window]).reshape(track.sound.shape[0], count, window).mean(axis=(0, 2))
    quiet = powers < (track.loudness * 10 ** (SILENT_DB / 20)) ** 2
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    runs = [(first * window / track.rate, last * window / track.rate) for first, last in zip(edges[::2], edges[1::2])]
    return tuple((round(a, 4), round(b, 4)) for a, b in runs if b - a >= SILENT_RUN_S)
