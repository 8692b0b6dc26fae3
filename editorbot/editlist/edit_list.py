"""The edit list: what is played, in which order, and how it is joined.

It stands between deciding and doing. Editors make one; rendering, exports,
the report, labels and metrics read nothing else.

Conventions
-----------
Positions are source samples, integers; ranges are half open. ``clips`` is
what is played, one entry a play, in order. What no clip holds is cut.
``joins[i]`` lies between ``clips[i]`` and ``clips[i + 1]``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from editorbot.errors import FormatError

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


def _check(condition: bool, message: str) -> None:
    """Raise FormatError with `message` unless `condition` holds."""
    if not condition:
        raise FormatError(message)


def _quoted(text: str) -> str:
    """Return a text for a message, at most 80 characters of it."""
    return repr(text if len(text) <= 80 else text[:80] + "...")


@dataclass(frozen=True)
class Source:
    """The recording that an edit list is about."""

    path: str
    """Where it was when the list was written; relative paths count from the list."""
    digest: str
    """``sha256:`` and 64 hexadecimal digits over the decoded content's file bytes."""
    sample_rate: int
    """Samples a second [Hz]."""
    channels: int
    """Channels, at least 1."""
    samples: int
    """Length [samples], at least 1."""

    def __post_init__(self) -> None:
        is_digest = re.fullmatch("sha256:[0-9a-f]{64}", self.digest)
        _check(is_digest is not None, f"source digest must be sha256: and 64 hex digits, but is {_quoted(self.digest)}")
        _check(self.sample_rate > 0, f"source sample_rate must be positive, but is {self.sample_rate}")
        _check(self.channels > 0, f"source channels must be positive, but is {self.channels}")
        _check(self.samples > 0, f"source samples must be positive, but is {self.samples}")


@dataclass(frozen=True)
class Effect:
    """One sound effect on a clip; see :data:`EFFECT_RANGES`."""

    type: str
    """Name of the effect."""
    value: float
    """Its one parameter, in the unit that EFFECT_RANGES names."""

    def __post_init__(self) -> None:
        _check(self.type in EFFECT_RANGES, f"effect {self.type!r} is unknown; known: {', '.join(EFFECT_RANGES)}")
        name, low, high = EFFECT_RANGES[self.type]
        _check(low <= self.value <= high, f"effect {self.type} {name} must lie in [{low}, {high}], but is {self.value}")


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
        _check(
            0 <= self.start < self.end, f"clip [{self.start}, {self.end}) must start at 0 or later and end after that"
        )
        _check(self.action in ACTIONS, f"clip action {self.action!r} is unknown; known: {', '.join(ACTIONS)}")
        _check(abs(self.gain_db) <= MAX_GAIN_DB, f"clip gain_db must lie within +-{MAX_GAIN_DB}, but is {self.gain_db}")
        _check(
            MIN_SPEED <= self.speed <= MAX_SPEED,
            f"clip speed must lie in [{MIN_SPEED}, {MAX_SPEED}], but is {self.speed}",
        )
        pitched = abs(self.pitch_semitones) <= MAX_PITCH_SEMITONES
        _check(pitched, f"clip pitch_semitones must lie within +-{MAX_PITCH_SEMITONES}, but is {self.pitch_semitones}")
        _check(0 <= self.confidence <= 1, f"clip confidence must lie in [0, 1], but is {self.confidence}")
        fades = self.fade_in >= 0 and self.fade_out >= 0 and self.fade_in + self.fade_out <= self.output_samples
        _check(fades, f"clip fades {self.fade_in} + {self.fade_out} must fit into its {self.output_samples} samples")

    @property
    def source_samples(self) -> int:
        """Length in the source [samples]."""
        return self.end - self.start

    @property
    def output_samples(self) -> int:
        """Length in the output [samples], at least 1."""
        return max(1, round(self.source_samples / self.speed))

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
        _check(self.crossfade >= 0, f"join crossfade must not be negative, but is {self.crossfade}")
        _check(0 <= self.risk <= 1, f"join risk must lie in [0, 1], but is {self.risk}")


@dataclass(frozen=True)
class PolishStep:
    """One stage of tone change after the arrangement."""

    name: str
    """Name of the stage, ``loudness`` for example."""
    amount: float = 1.0
    """How much of it, in [0, 1]."""
    checkpoint: str | None = None
    """Digest of the weights it used, None where it has none."""
    file: str | None = None
    """The reference track, or weights of the user's own; None where there is none."""
    tone_db: tuple[float, ...] = ()
    """Average spectrum of the reference over its mel bands [dB]; empty where there is none."""

    def __post_init__(self) -> None:
        _check(bool(self.name), "polish name must not be empty")
        _check(0 <= self.amount <= 1, f"polish amount must lie in [0, 1], but is {self.amount}")
        _check(all(map(math.isfinite, self.tone_db)), "polish tone_db must be numbers")


@dataclass(frozen=True)
class BeatScore:
    """What the editor thought of one beat."""

    at: int
    """Where the beat starts [source samples]."""
    score: float
    """How much it is worth keeping, in [0, 1]."""

    def __post_init__(self) -> None:
        _check(self.at >= 0, f"beat at must not be negative, but is {self.at}")
        _check(0 <= self.score <= 1, f"beat score must lie in [0, 1], but is {self.score}")


@dataclass(frozen=True)
class MadeBy:
    """Who made an edit list, so that it can be made again."""

    editor: str
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
    made_by: MadeBy = field(default_factory=lambda: MadeBy("unknown"))
    """Who made it."""
    warnings: tuple[str, ...] = ()
    """Lines ``CODE: text`` that the user should read."""

    def __post_init__(self) -> None:
        _check(len(self.clips) > 0, "clips must not be empty: an edit plays at least one clip")
        fits = len(self.joins) == len(self.clips) - 1
        _check(fits, f"joins must be one fewer than the {len(self.clips)} clips, but are {len(self.joins)}")
        for number, clip in enumerate(self.clips):
            inside = clip.end <= self.source.samples
            _check(inside, f"clip {number} ends at {clip.end}, beyond the source's {self.source.samples} samples")
        ordered = all(a.at < b.at for a, b in zip(self.beats, self.beats[1:]))
        _check(ordered, "beats must increase")
        for number, beat in enumerate(self.beats):
            inside = beat.at < self.source.samples
            _check(inside, f"beat {number} lies at {beat.at}, beyond the source's {self.source.samples} samples")

    @property
    def output_samples(self) -> int:
        """Length of the rendered track [samples]."""
        return sum(clip.output_samples for clip in self.clips)

    def with_warnings(self, *lines: str) -> EditList:
        """Return it with more warnings, none twice."""
        new = tuple(line for line in dict.fromkeys(lines) if line not in self.warnings)
        return replace(self, warnings=self.warnings + new)


def is_contiguous(before: Clip, after: Clip) -> bool:
    """Tell whether the audio runs on from one clip into the next."""
    return before.end == after.start and before.is_copy and after.is_copy


def cut_ranges(edit_list: EditList) -> tuple[tuple[int, int], ...]:
    """Return the source ranges that no clip plays, in order [source samples]."""
    ranges: list[tuple[int, int]] = []
    at = 0
    for start, end in sorted((clip.start, clip.end) for clip in edit_list.clips):
        if start > at:
            ranges.append((at, start))
        at = max(at, end)
    if at < edit_list.source.samples:
        ranges.append((at, edit_list.source.samples))
    return tuple(ranges)
