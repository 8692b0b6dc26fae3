"""The edit list: what is played, in which order, and how it is joined.

It is the contract between deciding and doing. Editors make one; rendering,
exports, the report, labels and metrics read nothing else.

Conventions
-----------
Positions are source samples, integers; ranges are half open. ``clips`` is
what is played, one entry a play, in order. What no clip holds is cut.
``joins[i]`` is between ``clips[i]`` and ``clips[i + 1]``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from editorbot.errors import check_format as check

ACTIONS: tuple[str, ...] = (
    "KEEP", "CUT", "LOOP", "REORDER", "JUMP_BACK", "SKIP", "FADE_IN", "FADE_OUT", "GAIN", "SPEED_UP",
    "SPEED_DOWN", "REVERSE", "PITCH_UP", "PITCH_DOWN", "EQ_LOW", "EQ_HIGH", "DISTORTION", "REVERB",
    "REPEAT_PREV", "SWAP_NEXT",
)  # fmt: skip
"""The twenty action types, in index order."""

EFFECT_RANGES: Mapping[str, tuple[str, float, float]] = {
    "EQ_LOW": ("gain_db", -24.0, 24.0),
    "EQ_HIGH": ("gain_db", -24.0, 24.0),
    "DISTORTION": ("strength", 0.0, 1.0),
    "REVERB": ("strength", 0.0, 1.0),
}
"""Effects a clip may carry: name -> (parameter, lowest, highest)."""

MIN_SPEED, MAX_SPEED = 0.25, 4.0
"""Bounds of a clip's speed; beyond them nothing musical is left."""

MAX_GAIN_DB = 60.0
"""Bound of a clip's gain in either direction [dB]."""

MAX_PITCH_SEMITONES = 24.0
"""Bound of a clip's transposition in either direction [semitones]."""


def _quoted(text: str) -> str:
    """A text for a message, at most 80 characters of it."""
    return repr(text if len(text) <= 80 else text[:80] + "...")


@dataclass(frozen=True)
class Source:
    """The recording that an edit list is about."""

    path: str
    """Where it was when the list was written; relative paths count from the list."""
    digest: str
    """``sha256:`` and the SHA-256 of the file, 64 hexadecimal digits."""
    sample_rate: int
    """Samples a second [Hz]."""
    channels: int
    """Channels, at least 1."""
    samples: int
    """Length [samples], at least 1."""

    def __post_init__(self) -> None:
        is_digest = re.fullmatch("sha256:[0-9a-f]{64}", self.digest)
        check(is_digest is not None, f"source digest must be sha256: and 64 hex digits, but is {_quoted(self.digest)}")
        check(self.sample_rate > 0, f"source sample_rate must be positive, but is {self.sample_rate}")
        check(self.channels > 0, f"source channels must be positive, but is {self.channels}")
        check(self.samples > 0, f"source samples must be positive, but is {self.samples}")


@dataclass(frozen=True)
class Effect:
    """One sound effect on a clip; see :data:`EFFECT_RANGES`."""

    type: str
    """Name of the effect."""
    value: float
    """Its one parameter, in the unit that EFFECT_RANGES names."""

    def __post_init__(self) -> None:
        check(self.type in EFFECT_RANGES, f"effect {self.type!r} is unknown; known: {', '.join(EFFECT_RANGES)}")
        name, low, high = EFFECT_RANGES[self.type]
        check(low <= self.value <= high, f"effect {self.type} {name} must be in [{low}, {high}], but is {self.value}")


@dataclass(frozen=True)
class Clip:
    """One stretch of the source, played once."""

    start: int
    """First sample played [source samples]."""
    end: int
    """Sample after the last one played [source samples]."""
    action: str = "KEEP"
    """The action that made it, one of ACTIONS."""
    gain_db: float = 0.0
    """Gain over the whole clip [dB]."""
    speed: float = 1.0
    """Playing speed; 1.05 is 5 % faster and shorter, pitch kept."""
    pitch_semitones: float = 0.0
    """Transposition [semitones], length kept."""
    reverse: bool = False
    """Whether it is played backwards."""
    fade_in: int = 0
    """Length of a fade from silence at its start [output samples]."""
    fade_out: int = 0
    """Length of a fade to silence at its end [output samples]."""
    effects: tuple[Effect, ...] = ()
    """Effects, applied in order."""
    confidence: float = 1.0
    """How sure the editor was, in [0, 1]."""
    reason: str = ""
    """Why it is there, one plain sentence."""

    def __post_init__(self) -> None:
        ordered = 0 <= self.start < self.end
        check(ordered, f"clip [{self.start}, {self.end}) must start at 0 or later and end after that")
        check(self.action in ACTIONS, f"clip action {self.action!r} is unknown; known: {', '.join(ACTIONS)}")
        check(abs(self.gain_db) <= MAX_GAIN_DB, f"clip gain_db must be within +-{MAX_GAIN_DB}, but is {self.gain_db}")
        playable = MIN_SPEED <= self.speed <= MAX_SPEED
        check(playable, f"clip speed must be in [{MIN_SPEED}, {MAX_SPEED}], but is {self.speed}")
        pitched = abs(self.pitch_semitones) <= MAX_PITCH_SEMITONES
        check(pitched, f"clip pitch_semitones must be within +-{MAX_PITCH_SEMITONES}, but is {self.pitch_semitones}")
        check(0 <= self.confidence <= 1, f"clip confidence must be in [0, 1], but is {self.confidence}")
        fades = self.fade_in >= 0 and self.fade_out >= 0 and self.fade_in + self.fade_out <= self.output_samples
        check(fades, f"clip fades {self.fade_in} + {self.fade_out} must fit into its {self.output_samples} samples")

    @property
    def source_samples(self) -> int:
        """Length in the source [samples]."""
        return self.end - self.start

    @property
    def output_samples(self) -> int:
        """Length in the output [samples], at least 1."""
        return max(1, round(self.source_samples / self.speed))

    @property
    def first_edge(self) -> int:
        """The edge that is played first [source samples]."""
        return self.end if self.reverse else self.start

    @property
    def last_edge(self) -> int:
        """The edge that is played last [source samples]."""
        return self.start if self.reverse else self.end

    @property
    def is_copy(self) -> bool:
        """Whether its samples are the source's own, unchanged."""
        plain = self.gain_db == 0 and self.speed == 1 and self.pitch_semitones == 0
        return plain and not (self.reverse or self.fade_in or self.fade_out or self.effects)


@dataclass(frozen=True)
class Join:
    """What happens between two clips."""

    crossfade: int = 0
    """Length of the equal-power crossfade, centred on the join [samples]; 0 where the audio is contiguous."""
    risk: float = 0.0
    """How likely it is to be heard, in [0, 1]."""

    def __post_init__(self) -> None:
        check(self.crossfade >= 0, f"join crossfade must not be negative, but is {self.crossfade}")
        check(0 <= self.risk <= 1, f"join risk must be in [0, 1], but is {self.risk}")


@dataclass(frozen=True)
class PolishStep:
    """One stage of tone change after the arrangement."""

    name: str
    """Name of the stage, ``loudness`` for example."""
    amount: float = 1.0
    """How much of it, in [0, 1]."""
    checkpoint: str | None = None
    """Digest of its weights, None where it has none."""
    file: str | None = None
    """The reference track, or the user's own weights; None for neither."""
    tone_db: tuple[float, ...] = ()
    """Average spectrum of the reference over its mel bands [dB]; empty without a reference."""

    def __post_init__(self) -> None:
        check(bool(self.name), "polish name must not be empty")
        check(0 <= self.amount <= 1, f"polish amount must be in [0, 1], but is {self.amount}")
        check(all(map(math.isfinite, self.tone_db)), "polish tone_db must be numbers")


@dataclass(frozen=True)
class BeatScore:
    """The editor's score of one beat."""

    at: int
    """Where the beat starts [source samples]."""
    score: float
    """How much it is worth keeping, in [0, 1]."""

    def __post_init__(self) -> None:
        check(self.at >= 0, f"beat at must not be negative, but is {self.at}")
        check(0 <= self.score <= 1, f"beat score must be in [0, 1], but is {self.score}")


@dataclass(frozen=True)
class MadeBy:
    """The editor that made an edit list, and what it takes to make it again."""

    editor: str = "unknown"
    """Name of the editor."""
    checkpoint: str | None = None
    """Digest of its weights, None where it has none."""
    seed: int = 0
    """Seed of its randomness."""
    version: str = ""
    """Version of editorbot."""


@dataclass(frozen=True)
class EditList:
    """A whole edit; see the module docstring for its conventions."""

    source: Source
    """The recording that it is about."""
    clips: tuple[Clip, ...]
    """What is played, in order; at least one."""
    joins: tuple[Join, ...]
    """One fewer than clips."""
    polish: tuple[PolishStep, ...] = ()
    """Tone stages, in order."""
    beats: tuple[BeatScore, ...] = ()
    """Scores of the source's beats, in time order; may be empty."""
    made_by: MadeBy = field(default_factory=MadeBy)
    """The editor that made it."""
    warnings: tuple[str, ...] = ()
    """Lines ``CODE: text`` that the user should read."""

    def __post_init__(self) -> None:
        check(len(self.clips) > 0, "clips must not be empty: an edit plays at least one clip")
        fits = len(self.joins) == len(self.clips) - 1
        check(fits, f"joins must be one fewer than the {len(self.clips)} clips, but are {len(self.joins)}")
        for number, clip in enumerate(self.clips):
            inside = clip.end <= self.source.samples
            check(inside, f"clip {number} ends at {clip.end}, beyond the source's {self.source.samples} samples")
        ordered = all(a.at < b.at for a, b in zip(self.beats, self.beats[1:]))
        check(ordered, "beats must increase")
        for number, beat in enumerate(self.beats):
            inside = beat.at < self.source.samples
            check(inside, f"beat {number} is at {beat.at}, beyond the source's {self.source.samples} samples")

    @property
    def output_samples(self) -> int:
        """Length of the rendered track [samples]."""
        return sum(clip.output_samples for clip in self.clips)

    def with_warnings(self, *lines: str) -> EditList:
        """Add warnings, none twice."""
        new = tuple(line for line in dict.fromkeys(lines) if line not in self.warnings)
        return replace(self, warnings=self.warnings + new)


def is_contiguous(before: Clip, after: Clip) -> bool:
    """Whether the audio runs on from one clip into the next."""
    return before.end == after.start and before.is_copy and after.is_copy


@dataclass(frozen=True)
class ActionSpan:
    """One action of an edit that was made action by action, and the part of the recording it was about.

    An edit list says what is heard; an editor of actions also cut, skipped and went back. The report draws these.
    """

    type: str
    """Name of its type, ``KEEP`` for example."""
    start: int
    """Start of that part [source samples]; a move is about what it moves over."""
    end: int
    """Its end [source samples]; not before its start."""

    def __post_init__(self) -> None:
        ordered = 0 <= self.start <= self.end
        check(ordered, f"action {self.type} [{self.start}, {self.end}) must start at 0 or later and end after that")
