"""The ranges that the user wants kept whole, and those of which nothing may be heard.

Joins are moved by milliseconds, and a crossfade takes sound from beyond its
clips' ends. The bounds around every edge of a clip say how far both may go: a
range to keep is not faded, a range to cut is not heard, to the sample.

Conventions
-----------
Positions are source samples, whichever way a clip is played.
"""

from __future__ import annotations

from dataclasses import dataclass

from editorbot.editlist.edit_list import Clip
from editorbot.editlist.operations import Range

UNBOUNDED = 1 << 62
"""Beyond every recording [samples]: no bound on that side."""


@dataclass(frozen=True)
class EdgeBounds:
    """How far the sound of one join may reach around a clip's edge."""

    low: int
    """First sample that it may touch."""
    high: int
    """Sample after the last one that it may touch."""

    @property
    def width(self) -> int:
        """Room between both sides [samples]."""
        return self.high - self.low

    def holds(self, edge: int, below: int, above: int) -> bool:
        """Whether a crossfade from `below` samples under an edge to `above` samples over it stays inside."""
        return self.low <= edge - below and edge + above <= self.high

    def nearest(self, edge: int, below: int, above: int) -> int:
        """The edge nearest to `edge` whose crossfade stays inside; the bounds must be wide enough for it."""
        return min(max(edge, self.low + below), self.high - above)

    def room(self, edge: int) -> int:
        """How far a crossfade may reach to either side of an edge that cannot be moved [samples]."""
        return max(0, min(edge - self.low, self.high - edge))


@dataclass(frozen=True)
class RequiredRanges:
    """The ranges that the user gave."""

    keep: tuple[Range, ...] = ()
    """Must stay, untouched by fades."""
    cut: tuple[Range, ...] = ()
    """Must not be heard."""

    def around_end(self, clip: Clip) -> EdgeBounds:
        """The bounds around a clip's `end`; ranges that the clip itself breaks do not count."""
        low = max((end for _, end in self.keep if clip.start < end <= clip.end), default=-UNBOUNDED)
        high = min((start for start, _ in self.cut if start >= clip.end), default=UNBOUNDED)
        return EdgeBounds(low, high)

    def around_start(self, clip: Clip) -> EdgeBounds:
        """The bounds around a clip's `start`; as `around_end`."""
        low = max((end for _, end in self.cut if end <= clip.start), default=-UNBOUNDED)
        high = min((start for start, _ in self.keep if clip.start <= start < clip.end), default=UNBOUNDED)
        return EdgeBounds(low, high)


NO_RANGES = RequiredRanges()
"""The user gave none."""
