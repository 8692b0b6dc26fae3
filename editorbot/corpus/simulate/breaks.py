"""Draws the junk between takes."""

from __future__ import annotations

import numpy as np

from editorbot.corpus.simulate.edges import soft_overlap
from editorbot.corpus.simulate.habits import BREAK_FAULTS, Habits
from editorbot.corpus.simulate.plan import Junk, Part
from editorbot.corpus.simulate.track import Track

JUNK_KINDS = {
    "talk": "talk", "count-in": "count_in", "sticks": "count_in", "tuning": "tuning", "noodling": "noodling",
    "dead-air": "silence", "hum": "noise", "noise": "noise", "applause": "applause", "ring-out": "ring_out",
    "scrap": "other_song", "two-songs": "other_song", "wander": "noodling",
}  # fmt: skip
"""What faults are in the truth."""

_IN_BREAKS = {"talk": 2.2, "tuning": 0.8, "noodling": 1.3, "dead-air": 0.7, "hum": 0.3, "noise": 0.4, "applause": 0.2,
              "scrap": 0.5}  # fmt: skip
"""How usual each sound is in a break."""

_USUAL_DB = {"dead-air": -34.0, "hum": -16.0, "ring-out": -3.0, "noise": -8.0}
"""Level of sounds that are not as loud as other junk [dB]."""

_PLAYED = ("scrap", "two-songs", "wander")
"""Junk that is as loud as music, whatever the band's habits."""

_IN_COMPANY = ("talk", "tuning", "noodling", "sticks", "count-in")
"""Junk during which others may talk or play."""


class Breaks:
    """Fills breaks with junk.

    Parameters
    ----------
    habits : Habits
        What may sound, how often, and the generator that draws it.
    track : Track
        The finished track; counting in is in its tempo.
    parts : list of Part
        What happened so far; junk is put at its end.
    happened : set of str
        Gets the faults.
    """

    def __init__(self, habits: Habits, track: Track, parts: list[Part], happened: set[str]) -> None:
        self.habits, self.rng, self.track = habits, habits.rng, track
        self.parts, self.happened = parts, happened

    def rest(self, length_s: float, *, starts: bool) -> None:
        """Fill a break of about this length [seconds]; `starts` tells that music comes after it."""
        names = [name for name in BREAK_FAULTS if self.habits.allowed(name)]
        left_s = length_s
        if self.habits.allowed("ring-out") and self.parts and (self.rng.random() < 0.5 or not names):
            left_s -= self.junk("ring-out", float(self.rng.uniform(0.8, 5.0)))
        while names and left_s > 0.7:
            name = self.habits.choose(names, _IN_BREAKS)
            left_s -= self.junk(name, float(min(self.rng.lognormal(1.4, 0.7), max(left_s, 0.8))))
        if starts and (self.rng.random() < 0.45 or not names):
            self._count_in()

    def _count_in(self) -> None:
        """Count in some beats, where that may happen."""
        counts = [name for name in ("count-in", "sticks") if self.habits.allowed(name)]
        if counts:
            self.junk(str(self.rng.choice(counts)), self.track.beat_s * float(self.rng.choice([2, 4, 4, 4, 8])))

    def junk(self, name: str, duration_s: float) -> float:
        """Add a piece of junk of a fault of JUNK_KINDS; return how far it moves on [seconds]."""
        level_db = self._draw_level(name)
        soft_s = float(self.rng.choice([self.rng.uniform(0.003, 0.03), self.rng.exponential(0.4)]))
        part = Junk(
            kind=JUNK_KINDS[name],
            sound=name,
            duration_s=max(0.3, duration_s),
            level_db=level_db,
            seed=int(self.rng.integers(2**31)),
            overlap_s=min(soft_overlap(self.rng), duration_s / 3) if self.parts else 0.0,
            fade_s=min(soft_s, duration_s / 3),
            has_company=bool(self.rng.random() < self.habits.company) and name in _IN_COMPANY,
        )
        self.parts.append(part)
        self.happened.add(name)
        return part.duration_s - max(part.overlap_s, 0.0)

    def _draw_level(self, name: str) -> float:
        """Draw how loud a piece of junk is [dB]."""
        middle, spread = self.habits.junk_db
        level_db = float(np.clip(self.rng.normal(middle, spread), -26, 3)) + _USUAL_DB.get(name, 0.0)
        return float(np.clip(self.rng.normal(-2, 3), -12, 3)) if name in _PLAYED else level_db
