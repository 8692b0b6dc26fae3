"""The truth about a jam: which stretch of the raw recording is what.

A jam that was made from finished music (or marked by hand) carries a file
that says, for every second of it, what is heard and where in the finished
track it belongs. Metrics compare an edit with it, training and labels learn
from it, and splits keep its artist apart; no editor reads it.
``docs/truth-format.md`` describes every field.

Conventions
-----------
``*_s`` are seconds. ``start_s`` and ``end_s`` count in the raw recording,
``source_s`` in the finished track. Ranges are half open. What no segment
covers is junk.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

from editorbot.atomic import write_whole
from editorbot.errors import NotFoundError
from editorbot.errors import check_format as check
from editorbot.json_records import DocumentFormat, read_file, read_record

TRUTH_FOLDER = "truth"
"""Where a data folder keeps truths, one file a sample."""

FORMAT = DocumentFormat("editorbot.truth", 1, "truth", is_optional=True)
"""The format and the version that is written."""

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "music": "good",  # the take that the finished track is made of
        "repeat": "good",  # played again, as well: a pass of a vamp, the clean part of a false start
        "sloppy": "sloppy",  # a take of the same music that nobody would keep
        "false_start": "sloppy",
        "breakdown": "sloppy",  # the bars in which a take falls apart
        "talk": "junk",
        "silence": "junk",
        "noise": "junk",
        "tuning": "junk",
        "noodling": "junk",
        "count_in": "junk",
        "applause": "junk",
        "ring_out": "junk",
        "other_song": "junk",
        "junk": "junk",
    }
)
"""Kinds of segments -> what they are worth: good, sloppy or junk."""

CHANGES = ("reverse", "distortion", "speed", "pitch")
"""Changes of a clip that count against it unless a segment allows them."""

LONGEST_OVERLAP_S = 1e-6
"""How far segments may overlap through rounding [seconds]."""


@dataclass(frozen=True)
class Segment:
    """One stretch of the raw recording that is all of one kind."""

    start_s: float
    """Where it starts in the raw recording [seconds]."""
    end_s: float
    """Where it ends there [seconds]."""
    kind: str
    """One of KINDS."""
    source_s: float | None = None
    """Where in the finished track its start belongs [seconds]; None for junk, and only there."""
    speed: float = 1.0
    """Seconds of the finished track that pass in one second of it; 1.015 was played 1.5 % faster."""
    allows: tuple[str, ...] = ()
    """Changes, out of CHANGES, that the finished track itself has here."""

    def __post_init__(self) -> None:
        check(self.kind in KINDS, f"kind {self.kind!r} is unknown; known: {', '.join(KINDS)}")
        check(
            math.isfinite(self.end_s) and 0 <= self.start_s < self.end_s,
            f"segment {self.start_s} - {self.end_s} s must start at 0 or later and end after that",
        )
        check(
            (self.source_s is None) == (KINDS[self.kind] == "junk"),
            f"segment at {self.start_s} s is {self.kind}, so its source_s must "
            + ("be null" if KINDS[self.kind] == "junk" else "be given"),
        )
        placed = self.source_s is None or 0 <= self.source_s < math.inf
        check(placed, f"segment at {self.start_s} s: source_s must be 0 or later, but is {self.source_s}")
        check(0.25 <= self.speed <= 4, f"segment at {self.start_s} s: speed must lie in [0.25, 4], but is {self.speed}")
        unknown = sorted(set(self.allows) - set(CHANGES))
        check(not unknown, f"segment at {self.start_s} s allows {unknown}; known: {', '.join(CHANGES)}")

    @property
    def worth(self) -> str:
        """What it is worth: good, sloppy or junk."""
        return KINDS[self.kind]

    @property
    def duration_s(self) -> float:
        """Length in the raw recording [seconds]."""
        return self.end_s - self.start_s

    @property
    def source_end_s(self) -> float:
        """Where in the finished track its end belongs [seconds].

        Raises
        ------
        ValueError
            If it is junk.
        """
        if self.source_s is None:
            raise ValueError(f"{self.kind} at {self.start_s} s comes from no finished track")
        return self.source_s + self.duration_s * self.speed


@dataclass(frozen=True)
class EqualGroup:
    """Stretches of the finished track that sound the same, so that one may stand for another."""

    starts_s: tuple[float, ...]
    """Where each starts in the finished track [seconds], increasing, without overlap."""
    length_s: float
    """Length of each [seconds]."""

    def __post_init__(self) -> None:
        check(len(self.starts_s) > 1, f"equal group at {self.starts_s} must have at least two stretches")
        check(0 < self.length_s < math.inf, f"equal group: length_s must be positive, but is {self.length_s}")
        check(min(self.starts_s) >= 0, f"equal group at {self.starts_s} must start at 0 or later")
        apart = all(b - a >= self.length_s - LONGEST_OVERLAP_S for a, b in zip(self.starts_s, self.starts_s[1:]))
        check(apart, f"equal group at {self.starts_s}: stretches of {self.length_s} s must increase without overlap")


@dataclass(frozen=True)
class Truth:
    """Everything that is known about one jam."""

    duration_s: float
    """Length of the raw recording [seconds]."""
    finished_s: float
    """Length of the finished track [seconds]."""
    segments: tuple[Segment, ...] = ()
    """What the raw recording holds, in order, without overlap."""
    beats_s: tuple[float, ...] = ()
    """Beats of the finished track [seconds in it], increasing; empty where they are not known."""
    equal: tuple[EqualGroup, ...] = ()
    """Composed repeats of the finished track that nobody can tell apart; groups do not overlap."""
    silent_s: tuple[tuple[float, float], ...] = ()
    """Ranges of the finished track in which nothing is heard [seconds in it]; they count neither way."""
    track: str = ""
    """Name of the finished track."""
    artist: str = ""
    """Who made it; splits and intervals go by artist or track."""

    def __post_init__(self) -> None:
        check(0 < self.duration_s < math.inf, f"duration_s must be positive, but is {self.duration_s}")
        check(0 < self.finished_s < math.inf, f"finished_s must be positive, but is {self.finished_s}")
        for before, after in zip(self.segments, self.segments[1:]):
            apart = after.start_s >= before.end_s - LONGEST_OVERLAP_S
            check(apart, f"segment at {after.start_s} s starts before the one ahead of it ends at {before.end_s} s")
        if self.segments:
            end_s = self.segments[-1].end_s
            check(end_s <= self.duration_s + 0.01, f"the last segment ends at {end_s} s, after {self.duration_s} s")
        increasing = all(a < b for a, b in zip(self.beats_s, self.beats_s[1:]))
        check(increasing, "beats_s must increase")
        stretches = sorted((start, start + group.length_s) for group in self.equal for start in group.starts_s)
        apart = all(b[0] >= a[1] - LONGEST_OVERLAP_S for a, b in zip(stretches, stretches[1:]))
        check(apart, "groups of equal stretches must not overlap one another")
        silent = all(0 <= start < end for start, end in self.silent_s)
        check(silent, "every range of silent_s must start at 0 or later and end after that")

    @property
    def ideal_joins(self) -> int:
        """How many joins the best edit has: places where the kept takes do not run on."""
        kept = [segment for segment in self.segments if segment.kind == "music"]
        kept.sort(key=lambda segment: segment.source_s or 0.0)
        return sum(abs(after.start_s - before.end_s) > LONGEST_OVERLAP_S for before, after in zip(kept, kept[1:]))


def truth_to_json(truth: Truth) -> str:
    """Write a truth as JSON text, one segment a line.

    Examples
    --------
    >>> truth = Truth(2.0, 1.0, (Segment(0.0, 1.0, "talk"), Segment(1.0, 2.0, "music", 0.0)))
    >>> truth_from_json(truth_to_json(truth)) == truth
    True
    """
    return FORMAT.text(asdict(truth))


def truth_from_json(text: str | bytes) -> Truth:
    """Read a truth from JSON text.

    Raises
    ------
    FormatError
        If it is not JSON, or breaks the format; the message names the place.
    VersionError
        If it was written in a newer version.
    """
    return read_record(Truth, FORMAT.parse(text), "the truth")


def truth_path(data_folder: str | os.PathLike[str], sample: str) -> Path:
    """Where a data folder keeps the truth of a sample."""
    return Path(data_folder) / TRUTH_FOLDER / f"{sample}.json"


def read_truth(path: str | os.PathLike[str]) -> Truth:
    """Read a truth from a file.

    Raises
    ------
    NotFoundError, UnreadableError
        If the file does not exist or cannot be read.
    FormatError, VersionError
        If its content is no truth that is known here.
    """
    return read_file(path, truth_from_json)


def find_truth(data_folder: str | os.PathLike[str], sample: str) -> Truth | None:
    """Read the truth of a sample; None if it has none.

    Raises
    ------
    UnreadableError, FormatError, VersionError
        If it is there, but cannot be read.
    """
    try:
        return read_truth(truth_path(data_folder, sample))
    except NotFoundError:
        return None


def write_truth(path: str | os.PathLike[str], truth: Truth) -> None:
    """Write a truth to a file, which appears only when it is whole.

    Raises
    ------
    OutputError
        If the folder cannot be written to.
    """
    write_whole(path, truth_to_json(truth).encode("utf-8"))
