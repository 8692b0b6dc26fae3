"""What tends to go wrong in one jam: which faults happen how often, and how the band plays.

Each jam draws its own profile, and then each fault draws from it, so that no two
jams fail in the same way (domain randomization).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from editorbot.corpus.simulate.flaws import FLAWS
from editorbot.corpus.simulate.plan import FAULTS, SILENT_DB, Flaw, Simulation, Style

EVENTS = ("break", "two-songs", "false-start", "breakdown", "restart", "sloppy", "vamp", "chorus", "wander")
"""What can interrupt the playing of the track."""

BREAK_FAULTS = ("talk", "tuning", "noodling", "dead-air", "hum", "noise", "applause", "scrap")
"""Faults that fill a break."""

_BREAK_ENDS = ("ring-out", "count-in", "sticks")
_BAD_TAKES = frozenset(("sloppy", "false-start", "breakdown"))

_EVENT_WEIGHTS = {"break": 1.6, "two-songs": 0.35, "false-start": 1.1, "breakdown": 1.3, "restart": 1.0, "sloppy": 1.3,
                  "vamp": 1.2, "chorus": 0.5, "wander": 0.5}  # fmt: skip
"""How often each event happens on average, relative to the others."""

_EVENT_LENGTHS = {"break": (9.0, 0.8, 60.0), "two-songs": (30.0, 0.5, 80.0), "false-start": (14.0, 0.5, 60.0),
                  "breakdown": (16.0, 0.5, 60.0), "restart": (16.0, 0.5, 50.0), "sloppy": (24.0, 0.6, 120.0),
                  "vamp": (18.0, 0.6, 60.0), "chorus": (30.0, 0.4, 60.0), "wander": (12.0, 0.6, 40.0)}  # fmt: skip
"""Length of each event: median, spread of its logarithm, longest [seconds]."""


class FaultProfile:
    """How often each fault happens in one jam, and the generator that all of it is drawn from.

    `others` is the number of other tracks from which scraps can be taken.
    """

    def __init__(self, rng: np.random.Generator, settings: Simulation, others: int) -> None:
        self.rng, self.settings, self.others = rng, settings, others
        self.weights = {name: float(rng.lognormal(0, 1.0)) for name in (*FAULTS, *EVENTS)}
        """Factor on the average rate of each fault and event."""
        can_overlap = self.allows("talk") and self.allows("noodling")
        self.overlap_share = float(rng.uniform(0, 0.5)) if can_overlap else 0.0
        """Share of the junk over which others talk or play at the same time."""
        self.junk_db = (float(rng.uniform(-16, 0)), float(rng.uniform(2, 8)))
        """Level of junk relative to the music: mean and standard deviation [dB]."""

    @property
    def has_bad_takes(self) -> bool:
        """Whether a take may be bad; it may then have any of the common flaws."""
        return bool(_BAD_TAKES.intersection(self.settings.faults))

    def allows(self, name: str) -> bool:
        """Whether a fault or an event may happen."""
        if name == "break":
            return any(self.allows(fault) for fault in (*BREAK_FAULTS, *_BREAK_ENDS))
        if name in ("scrap", "two-songs") and self.others == 0:
            return False
        if name == "sloppy" and not self.has_bad_takes:
            return bool({"wrong-notes", "late"}.intersection(self.settings.faults))
        return name in self.settings.faults

    def choose(self, names: Sequence[str], average: Mapping[str, float]) -> str:
        """Draw one of some names, by their average rates times this jam's weights."""
        odds = np.array([self.weights[name] * average[name] for name in names])
        return str(self.rng.choice(names, p=odds / odds.sum()))


class Event(NamedTuple):
    """An interruption; events sort by their places."""

    place_s: float
    """Where in the finished track it happens [seconds]: below 0 before the song, from its end on after it."""
    name: str
    """One of EVENTS."""
    length_s: float
    """How long it takes, roughly [seconds]."""


def draw_events(profile: FaultProfile, end_s: float) -> list[Event]:
    """Draw, in order, the events that bring a track of `end_s` seconds to the wanted share of the jam."""
    rng = profile.rng
    low, high = profile.settings.purity
    budget_s = end_s * (1 / rng.uniform(low, high) - 1)
    names = [name for name in EVENTS if profile.allows(name)]
    events: list[Event] = []
    if profile.allows("break"):
        events = _breaks_around(rng, end_s, budget_s)
        budget_s -= sum(event.length_s for event in events)
    while names and budget_s > 3.0:
        name = profile.choose(names, _EVENT_WEIGHTS)
        place_s = 0.0 if name == "false-start" and rng.random() < 0.75 else rng.uniform(0, end_s)
        median_s, spread, longest_s = _EVENT_LENGTHS[name]
        length_s = float(np.clip(rng.lognormal(np.log(median_s), spread), 2.0, min(longest_s, end_s)))
        length_s = min(length_s, budget_s + 4.0)
        events.append(Event(float(place_s), name, float(length_s)))
        budget_s -= length_s
    return sorted(events)


def _breaks_around(rng: np.random.Generator, end_s: float, budget_s: float) -> list[Event]:
    """Draw the breaks before and after the song."""
    return [
        Event(place_s, "break", min(float(rng.lognormal(2.3, 0.8)), budget_s / 3, 60.0))
        for place_s, share in ((-1.0, 0.8), (end_s, 0.75))
        if rng.random() < share
    ]


class StyleSampler:
    """Draws how each take is played: no two are alike, but all share the band's habits of the day.

    `end_s` is the length of the track. The tempo drifts in some jams if it `may_drift`, in all if it `must_drift` too.
    """

    def __init__(self, rng: np.random.Generator, end_s: float, *, may_drift: bool, must_drift: bool) -> None:
        self.rng = rng
        self.overlay_share = float(rng.choice([0.0, rng.uniform(0.05, 0.4)]))
        drift: tuple[float, ...] = ()
        if may_drift and (rng.random() < 0.4 or must_drift):
            walk = np.cumsum(rng.normal(0, 1, max(3, int(end_s / rng.uniform(8, 25)))))
            walk = (walk - walk.mean()) / max(1e-6, float(np.abs(walk - walk.mean()).max()))
            drift = tuple(float(v) for v in 1 + walk * rng.uniform(0.004, 0.025))
        self.base = Style(
            speed=float(1 + rng.choice([0.0, rng.normal(0, 0.008)])),
            drift=drift,
            bends_pitch=bool(rng.random() < 0.3),
            balance_db=float(rng.uniform(0, 3)),
            looseness_s=float(rng.choice([0.0, rng.uniform(0.001, 0.02)])),
            width=float(rng.uniform(0.6, 1.1)),
        )
        """What all takes of the day have in common."""

    def after_stop(self) -> Style:
        """Draw the style of a take after a stop: another tempo, other settings."""
        rng = self.rng
        tone = rng.normal(0, 1.5, 3)
        return replace(
            self.base,
            speed=float(self.base.speed * (1 + np.clip(rng.normal(0, 0.006), -0.02, 0.02))),
            cents=float(rng.choice([0.0, rng.normal(0, 8)], p=[0.7, 0.3])),
            gain_db=float(rng.normal(0, 1.5)),
            tone_db=(float(tone[0]), float(tone[1]), float(tone[2])),
            overlay_db=self._overlay_db(),
            width=float(self.base.width * rng.uniform(0.85, 1.15)),
            seed=int(rng.integers(2**31)),
        )

    def continued(self, style: Style) -> Style:
        """Draw the style of a take that follows without a stop: nearly the same, never quite."""
        rng = self.rng
        tone = np.array(style.tone_db) + rng.normal(0, 0.7, 3)
        return replace(
            style,
            speed=float(style.speed * (1 + np.clip(rng.normal(0, 0.002), -0.006, 0.006))),
            cents=float(style.cents + rng.choice([0.0, rng.normal(0, 3)])),
            gain_db=float(style.gain_db + rng.normal(0, 0.6)),
            tone_db=(float(tone[0]), float(tone[1]), float(tone[2])),
            overlay_db=self._overlay_db(),
            seed=int(rng.integers(2**31)),
        )

    def _overlay_db(self) -> float:
        """Draw how loud somebody plays along; mostly nobody does."""
        return float(self.rng.uniform(-22, -5)) if self.rng.random() < self.overlay_share else SILENT_DB


def draw_flaws(profile: FaultProfile, start_s: float, end_s: float, *, bar_s: float, worst: bool) -> list[Flaw]:
    """Draw what goes wrong in a stretch of the finished track: some flaws in all of it, some in a bar or two.

    `worst` draws more of them, and all over the stretch.
    """
    rng = profile.rng
    kinds = [
        kind for kind, fault in FLAWS.items() if (profile.has_bad_takes if fault == "sloppy" else profile.allows(fault))
    ]
    if not kinds:
        return []
    odds = np.array([profile.weights.get(kind, 1.0) * float(rng.lognormal(0, 0.8)) for kind in kinds])
    flaws: list[Flaw] = []
    wanted = int(rng.integers(1, 4)) + (1 if worst else 0)
    for kind in map(str, rng.choice(kinds, size=min(wanted, len(kinds)), replace=False, p=odds / odds.sum())):
        amount = float(rng.uniform(0.35, 1.0))
        if worst or rng.random() < 0.5:
            flaws.append(Flaw(kind, start_s, end_s, amount, int(rng.integers(2**31))))
            continue
        for _ in range(1 + int((end_s - start_s) / rng.uniform(4, 12))):
            first_s = float(rng.uniform(start_s, end_s))
            last_s = min(end_s, first_s + float(rng.uniform(0.5, 3)) * bar_s)
            flaws.append(Flaw(kind, first_s, last_s, max(amount, 0.6), int(rng.integers(2**31))))
    return flaws
