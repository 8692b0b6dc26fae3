"""What happens in a jam, before any of it sounds: takes, junk, and how it is recorded.

A plan is drawn by :mod:`draw_plan` and rendered by :mod:`render_plan`; the same plan
always gives the same jam. `Simulation` says what may happen at all.

Conventions
-----------
``start_s``, ``end_s`` and marks count in the finished track, durations in the
raw recording. Levels are dB relative to the music while it plays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import numpy as np

T = TypeVar("T")

FAULTS = (
    "talk", "count-in", "sticks", "tuning", "noodling", "dead-air", "hum", "noise", "applause", "ring-out", "scrap",
    "two-songs", "false-start", "breakdown", "restart", "sloppy", "vamp", "chorus", "wander", "drift", "wrong-notes",
    "late",
)  # fmt: skip
"""Faults that can be asked for or left out."""

RECORDING_EFFECTS = ("room", "hiss", "level", "dull", "clipping", "codec", "width")
"""What the recording itself can do to everything; can be left out too."""

SILENT_DB = -90.0
"""Level that cannot be heard [dB]."""

PURITY = (0.33, 0.58)
"""Share of the jam that is the finished track, drawn evenly; keep-all then scores F1 0.50 - 0.73."""


@dataclass(frozen=True)
class Simulation:
    """What may happen in jams."""

    faults: tuple[str, ...] = FAULTS
    """Faults that may happen."""
    recording_effects: tuple[str, ...] = RECORDING_EFFECTS
    """What the recording may do."""
    purity: tuple[float, float] = PURITY
    """Share of a jam that is the finished track: least and most."""
    may_use_programs: bool = True
    """Whether ``espeak-ng`` speaks where it is installed; the jams depend on it then."""

    def without(self, *names: str) -> Simulation:
        """Leave some faults or recording effects out."""
        return replace(
            self,
            faults=tuple(fault for fault in self.faults if fault not in names),
            recording_effects=tuple(effect for effect in self.recording_effects if effect not in names),
        )


@dataclass(frozen=True)
class Style:
    """How one take is played and recorded: no two takes are alike, the kept ones included."""

    speed: float = 1.0
    """Seconds of the finished track that pass in one second."""
    drift: tuple[float, ...] = ()
    """Factors on the speed over the finished track, evenly spaced over its length; empty where it is steady."""
    bends_pitch: bool = False
    """Whether the pitch changes with the speed."""
    cents: float = 0.0
    """How far the whole band is out of tune [cents]."""
    gain_db: float = 0.0
    """Level relative to other takes [dB]."""
    tone_db: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Gain of lows, mids and highs [dB]."""
    balance_db: float = 0.0
    """How far the players' levels wander [dB]."""
    looseness_s: float = 0.0
    """How far players are apart in time [seconds]; lows, mids and highs take their part."""
    overlay_db: float = SILENT_DB
    """Level of somebody who plays along and is not in the finished track [dB]."""
    width: float = 1.0
    """Stereo width; 0 is mono."""
    seed: int = 0
    """Seed of what wanders."""


@dataclass(frozen=True)
class Flaw:
    """Something that goes wrong in a stretch of a take."""

    kind: str
    """One of `flaws.FLAWS`."""
    start_s: float
    """Where in the finished track it starts."""
    end_s: float
    """Where it ends."""
    amount: float
    """How bad it is, in (0, 1]."""
    seed: int
    """Seed of its details."""


@dataclass(frozen=True)
class Take:
    """A stretch of the finished track that is played through."""

    marks: tuple[tuple[float, str], ...]
    """What it is from where on: (start in the finished track [s], kind of `truth.KINDS`), increasing."""
    end_s: float
    """Where in the finished track it ends."""
    style: Style
    """How it is played."""
    flaws: tuple[Flaw, ...] = ()
    """What goes wrong."""
    stop: str = ""
    """How it ends: "" runs on into the next part, "halt" stops, "apart" one player after another stops."""
    overlap_s: float = 0.0
    """How long it overlaps with the part before; negative leaves a gap [seconds]."""
    tail_s: float = 0.0
    """How long it rings on under what follows [seconds]."""

    @property
    def start_s(self) -> float:
        """Where in the finished track it starts."""
        return self.marks[0][0]


@dataclass(frozen=True)
class Junk:
    """A stretch that is no music of the finished track."""

    kind: str
    """Kind of `truth.KINDS`."""
    sound: str
    """What sounds, one of `junk.SOUNDS`."""
    duration_s: float
    """How long."""
    level_db: float
    """How loud."""
    seed: int
    """Seed of its details."""
    overlap_s: float = 0.0
    """How long it overlaps with the part before; negative leaves a gap [seconds]."""
    fade_s: float = 0.02
    """Length of its fades [seconds]."""
    has_others: bool = False
    """Whether others talk or play at the same time."""


Part: TypeAlias = Take | Junk
"""One thing after another."""


@dataclass(frozen=True)
class RecordingChain:
    """How the whole jam is recorded: one room, one device."""

    room_s: float = 0.0
    """Reverberation time [seconds]; 0 is none."""
    room_db: float = -12.0
    """Level of the reverberation relative to the direct sound [dB]."""
    hiss_db: float = SILENT_DB
    """Noise relative to the music [dB]."""
    hiss_slope_db: float = -3.0
    """Its fall [dB an octave]."""
    hum_db: float = SILENT_DB
    """Hum relative to the music [dB]."""
    tone_db: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Gain of lows, mids and highs [dB]."""
    lowpass_hz: float = 0.0
    """Where its highs end [Hz]; 0 is nowhere."""
    width: float = 1.0
    """Stereo width; 0 is mono."""
    compression_db: float = 0.0
    """How far automatic level evens out loud and quiet [dB]."""
    drive_db: float = 0.0
    """How far it is driven into clipping [dB]."""
    clips_hard: bool = False
    """Whether it clips hard."""
    codec: str = ""
    """"", "phone", "mu-law" or "mp3"."""
    level_db: float = -18.0
    """Level of the music in the end [dBFS]."""
    seed: int = 0
    """Seed of room and noise."""


@dataclass(frozen=True)
class Plan:
    """Everything that happens in a jam."""

    parts: tuple[Part, ...]
    """What is played, one after another."""
    recording_chain: RecordingChain
    """How it is recorded."""
    faults: tuple[str, ...] = ()
    """Faults of FAULTS that occur, in their order there."""


def pick(items: Sequence[T], rng: np.random.Generator) -> T:
    """Draw one of some items, each as likely as the others."""
    return items[int(rng.integers(len(items)))]
