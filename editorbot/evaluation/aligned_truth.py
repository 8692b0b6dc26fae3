"""Makes a truth of the alignment of a human's edit with its raw recording.

For a real pair it is not known what is talk and what is sloppy; but the alignment knows which moments of the raw
recording the human used, and where in the edit. Those are the music, everything else counts as junk, and the edit is
the finished track. So the metrics say how far an editor uses the same moments as the human.

* What the human used twice has to be played twice: two equal stretches of the finished track.
* Another place of the raw recording that sounds exactly the same (a tie) is as right as the one that was used.
* What of the edit is not from the raw recording does not count: no editor could have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editorbot.corpus.alignment.files import INFO_VERSION
from editorbot.corpus.truth import EqualGroup, Segment, Truth
from editorbot.errors import FormatError, NotFoundError
from editorbot.json_records import DocumentFormat, read_file

FORMAT = DocumentFormat("editorbot.alignment", INFO_VERSION, "alignment")
"""Format of ``_info.json``."""

SHORTEST_S = 0.02
"""Shorter leftovers between two stretches are rounding [seconds]."""

SLOWEST, FASTEST = 0.25, 4.0
"""Limits of the speed of a segment."""


@dataclass(frozen=True)
class _Taken:
    """A stretch of the raw recording, and where it is in the edit [seconds]."""

    raw_s: float
    raw_end_s: float
    edit_s: float
    edit_end_s: float

    @property
    def speed(self) -> float:
        """Seconds of the edit per second of the raw recording."""
        return min(max((self.edit_end_s - self.edit_s) / (self.raw_end_s - self.raw_s), SLOWEST), FASTEST)

    def edit_of(self, raw_s: float) -> float:
        """Find where a moment of the raw recording is in the edit [seconds]."""
        return self.edit_s + (raw_s - self.raw_s) * self.speed


def read_aligned_truth(path: Path) -> Truth:
    """Read the truth that an alignment's ``_info.json`` implies.

    Raises
    ------
    NotFoundError, UnreadableError
        If the file does not exist or cannot be read.
    FormatError, VersionError
        If it is no alignment of a known version.
    """
    if not path.exists():
        raise NotFoundError("the pair is not aligned; run editorbot pairs align first", path=path)
    return read_file(path, _parsed)


def _parsed(content: bytes) -> Truth:
    try:
        return aligned_truth(FORMAT.parse(content))
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise FormatError(f"the alignment is damaged ({error!r}); run editorbot pairs align --force") from error


def aligned_truth(info: dict[str, Any]) -> Truth:
    """Make the truth that an alignment implies, see `corpus.alignment.files`; `artist` stays empty."""
    raw_rate, edit_rate = float(info["raw"]["sample_rate"]), float(info["edit"]["sample_rate"])
    duration_s, finished_s = info["raw"]["samples"] / raw_rate, info["edit"]["samples"] / edit_rate
    taken, ties = [], []
    for entry in info["segments"]:
        place = (entry["raw_start"] / raw_rate, min(entry["raw_end"] / raw_rate, duration_s))
        edit = (entry["edit_start"] / edit_rate, min(entry["edit_end"] / edit_rate, finished_s))
        if min(place[1] - place[0], edit[1] - edit[0]) < SHORTEST_S:
            continue
        one = _Taken(max(0.0, place[0]), place[1], *edit)
        taken.append(one)
        for tie in entry["ties"]:
            start_s = max(0.0, tie / raw_rate)
            end_s = min(start_s + one.raw_end_s - one.raw_s, duration_s)
            if end_s - start_s >= SHORTEST_S:
                ties.append(_Taken(start_s, end_s, one.edit_s, one.edit_s + (end_s - start_s) * one.speed))
    segments, equal = _segments_of(taken, ties)
    foreign = _between([(one.edit_s, one.edit_end_s) for one in taken], finished_s)
    return Truth(
        duration_s, finished_s, segments, equal=equal, silent_s=foreign, track=str(info.get("sample", "")), artist=""
    )


def _segments_of(taken: Sequence[_Taken], ties: Sequence[_Taken]) -> tuple[tuple[Segment, ...], tuple[EqualGroup, ...]]:
    """Make the raw recording's segments, and groups of equal stretches of the edit from one place."""
    bounds = sorted({b for one in (*taken, *ties) for b in (one.raw_s, one.raw_end_s)})
    segments: list[Segment] = []
    groups: list[EqualGroup] = []
    for start_s, end_s in zip(bounds, bounds[1:]):
        if end_s - start_s < 1e-9:
            continue
        here = [one for one in taken if one.raw_s <= start_s and end_s <= one.raw_end_s]
        there = here or [one for one in ties if one.raw_s <= start_s and end_s <= one.raw_end_s]
        if not there:
            continue
        places = sorted(one.edit_of(start_s) for one in there)
        kind = "music" if here else "repeat"
        segments.append(Segment(start_s, end_s, kind, source_s=max(0.0, places[0]), speed=there[0].speed))
        length_s = min((end_s - start_s) * one.speed for one in there)
        if len(here) > 1 and all(b - a >= length_s for a, b in zip(places, places[1:])):
            groups.append(EqualGroup(tuple(places), length_s))
    return tuple(segments), tuple(groups)


def _between(ranges: Iterable[tuple[float, float]], end_s: float) -> tuple[tuple[float, float], ...]:
    """Find the gaps between ranges that are longer than rounding."""
    holes, at_s = [], 0.0
    for start_s, stop_s in sorted(ranges):
        if start_s - at_s >= SHORTEST_S:
            holes.append((at_s, start_s))
        at_s = max(at_s, stop_s)
    return tuple(holes + ([(at_s, end_s)] if end_s - at_s >= SHORTEST_S else []))
