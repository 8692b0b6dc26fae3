"""The analysis of a recording, which every editor reads.

Conventions
-----------
Beat ``i`` spans ``beats_s[i]`` to ``beats_s[i + 1]``, the last one to the end of the recording. ``downbeats``,
``phrases`` are indices into the beats. The step grid (:mod:`editorbot.timebase`) is a coarse view, small enough to
hold for a recording of hours, in which repetition and junk are looked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, Int

from editorbot.editlist.edit_list import Source
from editorbot.errors import NonFiniteError
from editorbot.timebase import clock

if TYPE_CHECKING:
    from editorbot.recording import Recording

ACTIVITY_KINDS = ("music", "talk", "noise", "silence")
"""Kinds of sound in a recording."""


@dataclass(frozen=True)
class Section:
    """A stretch with one musical idea."""

    start_s: float
    """Start [seconds]."""
    end_s: float
    """End [seconds]."""
    label: str
    """A, B, C ...: the same letter for the same idea."""
    confidence: float = 1.0
    """How sure the beat grid is inside it, in [0, 1]."""


@dataclass(frozen=True)
class ActivitySpan:
    """A stretch of one kind of sound."""

    start_s: float
    """Start [seconds]."""
    end_s: float
    """End [seconds]."""
    kind: str
    """One of ACTIVITY_KINDS."""


@dataclass(frozen=True)
class Analysis:
    """Everything that editors know about one recording."""

    source: Source
    """The recording."""
    beats_s: Float[np.ndarray, " beats"]
    """Beat times, shape=(beats,), float64 [seconds], strictly increasing; at least one, the first at 0 or later."""
    downbeats: Int[np.ndarray, " bars"]
    """First beats of bars, shape=(bars,), indices into the beats, increasing; empty where no bars were found."""
    beats_per_bar: int
    """The meter, 4 where it is not known."""
    phrases: Int[np.ndarray, " phrases"]
    """First beats of phrases, shape=(phrases,), indices into the beats, increasing; may be empty."""
    sections: tuple[Section, ...]
    """Sections, covering the whole recording in order."""
    activity: tuple[ActivitySpan, ...]
    """Kinds of sound, covering the whole recording in order."""
    tempo_bpm: float
    """Median tempo [beats a minute]; 0 where there is no beat."""
    tempo_curve_bpm: Float[np.ndarray, " beats"]
    """Local tempo at each beat, shape=(beats,) [beats a minute]."""
    energy_db: Float[np.ndarray, " beats"]
    """Level of each beat, shape=(beats,) [dBFS]."""
    overall_energy_db: float
    """Level of the whole recording [dBFS]."""
    key: str
    """Key, ``A minor`` for example; ``unknown`` where none stands out."""
    beat_confidence: float
    """How sure the beat grid is over the whole recording, in [0, 1]; 0 for the fallback grid."""
    features: Float32[np.ndarray, "beats features"]
    """Features of each beat, shape=(beats, features); see `analysis.features.FEATURE_NAMES`."""
    steps: Float32[np.ndarray, "steps columns"]
    """The step grid, shape=(steps, len(STEP_COLUMNS)); see `spectrum.STEP_COLUMNS`."""
    warnings: tuple[str, ...] = ()
    """Lines ``CODE: text``, ``NO_BEAT: ...`` for example."""
    mel_reference_db: float = 0.0
    """The largest log-mel value of the recording [dB], which `mel` is relative to."""

    def __post_init__(self) -> None:
        if not np.isfinite(self.features).all():
            beat, column = np.argwhere(~np.isfinite(self.features))[0]
            raise NonFiniteError(
                f"feature {column} is {self.features[beat, column]} at beat {beat} ({clock(self.beats_s[beat])})",
                path=self.source.path,
            )

    @property
    def duration_s(self) -> float:
        """Length of the recording [seconds]."""
        return self.source.samples / self.source.sample_rate

    @property
    def has_beat(self) -> bool:
        """Whether beats were found; otherwise they are the fallback grid."""
        return self.beat_confidence > 0

    @property
    def beat_bounds_s(self) -> Float[np.ndarray, " beats_plus_1"]:
        """Beat times and the end of the recording, shape=(beats + 1,) [seconds]."""
        return np.append(self.beats_s, self.duration_s)

    @property
    def bar_phase(self) -> Int[np.ndarray, " beats"]:
        """Place of each beat in its bar, shape=(beats,), 0 is the downbeat; counted in fours without bars."""
        return phase_in_bar(len(self.beats_s), self.downbeats, self.beats_per_bar)

    def mel(self, first: int, last: int, *, recording: Recording | None = None) -> Float32[np.ndarray, "128 frames"]:
        """Compute frames [first, last) of the mel spectrogram, shape=(128, frames), in [0, 1].

        Reads the open recording, or opens `source.path`; for many blocks `editorbot.analysis.mel.MelReader` is quicker.
        """
        from editorbot.analysis.mel import MelReader
        from editorbot.recording import open_recording

        if recording is not None:
            return MelReader(recording, self.mel_reference_db).read(first, last)
        with open_recording(self.source.path) as opened:
            return MelReader(opened, self.mel_reference_db).read(first, last)


def phase_in_bar(beats: int, downbeats: Int[np.ndarray, " bars"], beats_per_bar: int) -> Int[np.ndarray, " beats"]:
    """Count the place of each beat in its bar, shape=(beats,), 0 is the downbeat; in fours without bars."""
    beat = np.arange(beats)
    if len(downbeats) == 0:
        return beat % beats_per_bar
    bar = np.searchsorted(downbeats, beat, side="right") - 1
    before = (beat - downbeats[0]) % beats_per_bar
    return np.asarray(np.where(bar >= 0, beat - downbeats[np.maximum(bar, 0)], before))
