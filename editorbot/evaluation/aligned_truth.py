"""What a human's own edit says about its raw recording, as a truth.

Of a real pair nobody knows what is talk and what is sloppy; but the alignment knows which moments of the raw
recording the human took, and where he put them. Those are the music, everything else counts as junk, and the edit is
the finished track. So what is measured is how far an editor takes what the human took.

* What the human played twice has to be played twice: two equal stretches of the finished track.
* Another place of the raw recording that sounds exactly the same (a tie) is as right as the one he took.
* What of the edit is not from the raw recording counts neither way: no editor could have it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editorbot.corpus.pairs import INFO_VERSION
from editorbot.corpus.truth import EqualGroup, Segment, Truth
from editorbot.errors import FormatError, NotFoundError, UnreadableError, VersionError

SHORTEST_S = 0.02
"""Shorter leftovers between two stretches are rounding [seconds]."""

SLOWEST, FASTEST = 0.25, 4.0
"""Speeds that a truth can hold."""


@dataclass(frozen=True)
class _Taken:
    """A stretch of the raw recording, and where it stands in the edit [seconds]."""

    raw_s: float
    raw_end_s: float
    edit_s: float
    edit_end_s: float

    @property
    def speed(self) -> float:
        """Seconds of the edit a second of the raw recording."""
        return min(max((self.edit_end_s - self.edit_s) / (self.raw_end_s - self.raw_s), SLOWEST), FASTEST)

    def edit_of(self, raw_s: float) -> float:
        """Return where in the edit a moment of the raw recording stands [seconds]."""
        return self.edit_s + (raw_s - self.raw_s) * self.speed


def read_aligned_truth(path: Path) -> Truth:
    """Return the truth that an alignment's ``_info.json`` holds.

    Raises
    ------
    NotFoundError, UnreadableError
        If the file is not there or may not be read.
    FormatError, VersionError
        If it is no alignment that is known here.
    """
    try:
        info = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise NotFoundError("the pair is not aligned; run editorbot pairs align first", path=path) from error
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", path=path) from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"this is no JSON: {error}", path=path) from error
    if not isinstance(info, dict) or info.get("format") != "editorbot.alignment":
        raise FormatError("this is no alignment; run editorbot pairs align --force", path=path)
    if info.get("version") != INFO_VERSION:
        raise VersionError(
            f"this alignment has version {info.get('version')!r}, but {INFO_VERSION} is known", path=path
        )
    try:
        return aligned_truth(info)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise FormatError(
            f"the alignment is damaged ({error!r}); run editorbot pairs align --force", path=path
        ) from error
    except FormatError as error:
        raise FormatError(error.message, path=path) from error


def aligned_truth(info: dict[str, Any]) -> Truth:
    """Return the truth that an alignment holds, see `corpus.pairs.info_of`; `artist` stays empty."""
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
    segments, equal = _laid(taken, ties)
    foreign = _between([(one.edit_s, one.edit_end_s) for one in taken], finished_s)
    return Truth(
        duration_s, finished_s, segments, equal=equal, silent_s=foreign, track=str(info.get("sample", "")), artist=""
    )


def _laid(taken: Sequence[_Taken], ties: Sequence[_Taken]) -> tuple[tuple[Segment, ...], tuple[EqualGroup, ...]]:
    """Return the raw recording's segments, and what of the edit was played from one place."""
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
    """Return what lies in none of the ranges, leaving out what is shorter than rounding."""
    holes, at_s = [], 0.0
    for start_s, stop_s in sorted(ranges):
        if start_s - at_s >= SHORTEST_S:
            holes.append((at_s, start_s))
        at_s = max(at_s, stop_s)
    return tuple(holes + ([(at_s, end_s)] if end_s - at_s >= SHORTEST_S else []))
