"""Draws which detours a jam takes, where, and how long."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from editorbot.corpus.simulate.habits import EVENTS, Habits

_USUAL = {"break": 1.6, "two-songs": 0.35, "false-start": 1.1, "breakdown": 1.3, "restart": 1.0, "sloppy": 1.3,
          "vamp": 1.2, "chorus": 0.5, "wander": 0.5}  # fmt: skip
"""How usual each event is."""

_LENGTHS = {"break": (9.0, 0.8, 60.0), "two-songs": (30.0, 0.5, 80.0), "false-start": (14.0, 0.5, 60.0),
            "breakdown": (16.0, 0.5, 60.0), "restart": (16.0, 0.5, 50.0), "sloppy": (24.0, 0.6, 120.0),
            "vamp": (18.0, 0.6, 60.0), "chorus": (30.0, 0.4, 60.0), "wander": (12.0, 0.6, 40.0)}  # fmt: skip
"""Length of each event: median, spread of its logarithm, most [seconds]."""


class Event(NamedTuple):
    """A detour; events sort by their places."""

    place_s: float
    """Where in the finished track it happens [seconds]: below 0 before the song, from its end on after it."""
    name: str
    """One of `habits.EVENTS`."""
    length_s: float
    """How long it takes, roughly [seconds]."""


def draw_events(habits: Habits, end_s: float) -> list[Event]:
    """Draw events, by place, that fill the jam of a track as far as wanted.

    Parameters
    ----------
    habits : Habits
        What may happen, how often, and the generator that draws it.
    end_s : float [seconds]
        Length of the finished track.
    """
    rng = habits.rng
    low, high = habits.settings.purity
    budget_s = end_s * (1 / rng.uniform(low, high) - 1)
    names = [name for name in EVENTS if habits.allowed(name)]
    events: list[Event] = []
    if habits.allowed("break"):
        events = _breaks_at_the_ends(rng, end_s, budget_s)
        budget_s -= sum(event.length_s for event in events)
    while names and budget_s > 3.0:
        name = habits.choose(names, _USUAL)
        place_s = 0.0 if name == "false-start" and rng.random() < 0.75 else rng.uniform(0, end_s)
        length_s = min(_draw_length(name, end_s, rng), budget_s + 4.0)
        events.append(Event(float(place_s), name, float(length_s)))
        budget_s -= length_s
    return sorted(events)


def _breaks_at_the_ends(rng: np.random.Generator, end_s: float, budget_s: float) -> list[Event]:
    """Draw what is heard before and after the song."""
    events: list[Event] = []
    for place_s, share in ((-1.0, 0.8), (end_s, 0.75)):
        if rng.random() < share:
            events.append(Event(place_s, "break", min(float(rng.lognormal(2.3, 0.8)), budget_s / 3, 60.0)))
    return events


def _draw_length(name: str, end_s: float, rng: np.random.Generator) -> float:
    """Draw how long an event takes [seconds]."""
    median, spread, most = _LENGTHS[name]
    return float(np.clip(rng.lognormal(np.log(median), spread), 2.0, min(most, end_s)))
