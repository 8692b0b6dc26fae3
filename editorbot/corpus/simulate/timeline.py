"""The parts of a jam in order of time, as a plan is drawn: takes, and the junk between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from editorbot.corpus.simulate.fault_profile import BREAK_FAULTS, FaultProfile, StyleSampler
from editorbot.corpus.simulate.plan import Flaw, Junk, Part, Take
from editorbot.corpus.simulate.track import Track

JUNK_KINDS = {
    "talk": "talk", "count-in": "count_in", "sticks": "count_in", "tuning": "tuning", "noodling": "noodling",
    "dead-air": "silence", "hum": "noise", "noise": "noise", "applause": "applause", "ring-out": "ring_out",
    "scrap": "other_song", "two-songs": "other_song", "wander": "noodling",
}  # fmt: skip
"""Kind in the truth of each fault that is junk."""

_BREAK_WEIGHTS = {"talk": 2.2, "tuning": 0.8, "noodling": 1.3, "dead-air": 0.7, "hum": 0.3, "noise": 0.4,
                  "applause": 0.2, "scrap": 0.5}  # fmt: skip
"""How often each sound fills a break on average, relative to the others."""

_LEVEL_OFFSETS_DB = {"dead-air": -34.0, "hum": -16.0, "ring-out": -3.0, "noise": -8.0}
"""Level of sounds that are softer than other junk [dB]."""

_PLAYED = ("scrap", "two-songs", "wander")
"""Junk that is as loud as music in every jam."""

_CAN_OVERLAP = ("talk", "tuning", "noodling", "sticks", "count-in")
"""Junk during which others may talk or play."""


def snap_to_bar(track: Track, at_s: float, rng: np.random.Generator) -> float:
    """Return a bar at or after a place, sometimes a beat or the place itself [seconds]."""
    grid = track.bars_s if rng.random() < 0.8 else track.beats_s
    if rng.random() < 0.12 or len(grid) == 0:
        return min(at_s, track.duration_s)
    later = grid[grid >= at_s - 1e-9]
    found = float(later[0]) if len(later) else track.duration_s
    return found if track.duration_s - found > 2.0 else track.duration_s


def bars_before(track: Track, at_s: float, count: int) -> float:
    """Return the start of the bar `count` bars earlier [seconds]; the start of the track at the earliest."""
    bars = track.bars_s
    index = int(np.searchsorted(bars, at_s - 1e-6))
    return min(at_s, float(bars[index - count])) if 0 <= index - count < len(bars) else 0.0


def draw_overlap(rng: np.random.Generator) -> float:
    """Draw how far a part overlaps with the one before [seconds]; negative leaves a gap."""
    if rng.random() < 0.25:
        return -float(rng.exponential(0.5))
    return float(min(rng.exponential(0.25), 1.2))


def draw_seam(rng: np.random.Generator) -> float:
    """Draw the overlap of two takes that follow one another without a stop [seconds]."""
    return float(rng.uniform(0.008, 0.05))


class TakeBuilder:
    """The take that is being played; `close` appends it to `parts` and starts the next."""

    def __init__(self, styles: StyleSampler, rng: np.random.Generator, parts: list[Part]) -> None:
        self.styles, self.rng, self.parts = styles, rng, parts
        self.style = styles.after_stop()
        self.marks: list[tuple[float, str]] = [(0.0, "music")]
        """What it is from where on, as in `plan.Take`."""
        self.flaws: list[Flaw] = []
        """What goes wrong in it."""
        self.at_s = 0.0
        """How far the finished track has been played well [seconds]."""
        self.overlap_s = 0.0
        """How far the take overlaps with the part before [seconds]."""
        self._breakdown_end_s = 0.0

    @property
    def start_s(self) -> float:
        """Where in the finished track it starts [seconds]."""
        return self.marks[0][0]

    @property
    def end_s(self) -> float:
        """Where in the finished track it would end now [seconds]."""
        return max(self.at_s, self._breakdown_end_s)

    def play_to(self, at_s: float) -> None:
        """Continue to play well."""
        self.at_s = max(self.at_s, at_s)

    def mark(self, at_s: float, kind: str) -> None:
        """Change the kind of the take from a place on."""
        kept = [mark for mark in self.marks if mark[0] < at_s - 1e-3]
        self.marks = [*kept, (max(at_s, self.start_s), kind)]

    def fall_apart(self, end_s: float) -> None:
        """Continue to where the band has fallen apart; `at_s` stays where it is."""
        self._breakdown_end_s = end_s

    def close(self, stop: str) -> None:
        """End it at `end_s`, in a way of `plan.Take.stop`; the next continues from `at_s`."""
        marks = tuple(mark for mark in self.marks if mark[0] < self.end_s - 1e-3)
        if marks:
            tail_s = float(self.rng.lognormal(-0.3, 0.7)) if stop else 0.0
            take = Take(marks, self.end_s, self.style, tuple(self.flaws), str(stop), self.overlap_s, tail_s)
            self.parts.append(take)
        self.open(self.at_s, "music", keep_style=not stop)

    def open(self, at_s: float, kind: str, *, keep_style: bool, overlap_s: float = 0.0) -> None:
        """Begin another take."""
        self.marks, self.flaws, self._breakdown_end_s = [(at_s, kind)], [], 0.0
        self.style = self.styles.continued(self.style) if keep_style else self.styles.after_stop()
        self.overlap_s = overlap_s

    def restart_from(self, start_s: float) -> None:
        """Begin a take after a stop, at a place that was played before; it replaces what was played there."""
        self.open(start_s, "music", keep_style=False, overlap_s=draw_overlap(self.rng))


class BreakBuilder:
    """Appends junk to `parts` and the names of its faults to `happened`; counting in is in the tempo of `track`."""

    def __init__(self, profile: FaultProfile, track: Track, parts: list[Part], happened: set[str]) -> None:
        self.profile, self.rng, self.track = profile, profile.rng, track
        self.parts, self.happened = parts, happened

    def add_break(self, length_s: float, *, before_music: bool) -> None:
        """Fill a break of about this length [seconds]; `before_music` may end in a count-in."""
        names = [name for name in BREAK_FAULTS if self.profile.allows(name)]
        left_s = length_s
        if self.profile.allows("ring-out") and self.parts and (self.rng.random() < 0.5 or not names):
            left_s -= self.add_junk("ring-out", float(self.rng.uniform(0.8, 5.0)))
        while names and left_s > 0.7:
            name = self.profile.choose(names, _BREAK_WEIGHTS)
            left_s -= self.add_junk(name, float(min(self.rng.lognormal(1.4, 0.7), max(left_s, 0.8))))
        if before_music and (self.rng.random() < 0.45 or not names):
            counts = [name for name in ("count-in", "sticks") if self.profile.allows(name)]
            if counts:
                name = str(self.rng.choice(counts))
                self.add_junk(name, self.track.beat_s * float(self.rng.choice([2, 4, 4, 4, 8])))

    def add_junk(self, name: str, duration_s: float) -> float:
        """Append a piece of junk of a fault of JUNK_KINDS; return by how much the jam gets longer [seconds]."""
        level_db = self._draw_level(name)
        soft_s = float(self.rng.choice([self.rng.uniform(0.003, 0.03), self.rng.exponential(0.4)]))
        part = Junk(
            kind=JUNK_KINDS[name],
            sound=name,
            duration_s=max(0.3, duration_s),
            level_db=level_db,
            seed=int(self.rng.integers(2**31)),
            overlap_s=min(draw_overlap(self.rng), duration_s / 3) if self.parts else 0.0,
            fade_s=min(soft_s, duration_s / 3),
            has_others=bool(self.rng.random() < self.profile.overlap_share) and name in _CAN_OVERLAP,
        )
        self.parts.append(part)
        self.happened.add(name)
        return part.duration_s - max(part.overlap_s, 0.0)

    def _draw_level(self, name: str) -> float:
        """Draw how loud a piece of junk is [dB]."""
        mean_db, spread_db = self.profile.junk_db
        level_db = float(np.clip(self.rng.normal(mean_db, spread_db), -26, 3)) + _LEVEL_OFFSETS_DB.get(name, 0.0)
        return float(np.clip(self.rng.normal(-2, 3), -12, 3)) if name in _PLAYED else level_db


def mark_kept_takes(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return parts in which every moment of the finished track is ``music`` once: in the last take of it."""
    out: list[Part] = []
    covered: list[tuple[float, float]] = []
    for part in reversed(parts):
        if isinstance(part, Take):
            ends_s = [mark[0] for mark in part.marks[1:]] + [part.end_s]
            marks: list[tuple[float, str]] = []
            for (start_s, kind), end_s in zip(part.marks, ends_s):
                new = _uncovered(start_s, end_s, covered) if kind == "music" else []
                cuts_s = sorted({start_s, *(bound for one in new for bound in one if bound < end_s)})
                is_new = [any(low <= at < high for low, high in new) for at in cuts_s]
                marks += [(at, kind if kind != "music" or fresh else "repeat") for at, fresh in zip(cuts_s, is_new)]
                covered += new
            part = replace(part, marks=tuple(marks))
        out.append(part)
    return tuple(reversed(out))


def _uncovered(start_s: float, end_s: float, ranges: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the parts of a range that no other range covers."""
    free, at_s = [], start_s
    for low, high in sorted(ranges):
        if low > at_s:
            free.append((at_s, min(low, end_s)))
        at_s = max(at_s, high)
        if at_s >= end_s:
            break
    if at_s < end_s:
        free.append((at_s, end_s))
    return [(low, high) for low, high in free if high - low > 1e-9]
