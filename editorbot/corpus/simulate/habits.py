"""What may happen in a jam, and how often: no two bands have the same habits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from editorbot.corpus.simulate.plan import FAULTS
from editorbot.corpus.simulate.settings import Simulation

EVENTS = ("break", "two-songs", "false-start", "breakdown", "restart", "sloppy", "vamp", "chorus", "wander")
"""Detours."""

BREAK_FAULTS = ("talk", "tuning", "noodling", "dead-air", "hum", "noise", "applause", "scrap")
"""Faults that fill a break."""

_ENDS_OF_BREAKS = ("ring-out", "count-in", "sticks")
_BAD_TAKES = frozenset(("sloppy", "false-start", "breakdown"))


class Habits:
    """The habits of one band on one day.

    Parameters
    ----------
    rng : np.random.Generator
        Draws everything.
    settings : Simulation
        What may happen.
    others : int
        How many other tracks there are to take scraps from.
    """

    def __init__(self, rng: np.random.Generator, settings: Simulation, others: int) -> None:
        self.rng, self.settings, self.others = rng, settings, others
        self.weights = {name: float(rng.lognormal(0, 1.0)) for name in (*FAULTS, *EVENTS)}
        """How often each fault and each event happens, beside what is usual."""
        self.company = float(rng.uniform(0, 0.5)) if self.allowed("talk") and self.allowed("noodling") else 0.0
        """Share of the junk in which others talk or play meanwhile."""
        self.junk_db = (float(rng.uniform(-16, 0)), float(rng.uniform(2, 8)))
        """Level of junk beside the music: mean and standard deviation [dB]."""

    @property
    def has_bad_takes(self) -> bool:
        """Whether some take may be bad; any may then be bad in the common ways."""
        return bool(_BAD_TAKES.intersection(self.settings.faults))

    def allowed(self, name: str) -> bool:
        """Tell whether a fault or an event may happen."""
        if name == "break":
            return any(self.allowed(fault) for fault in (*BREAK_FAULTS, *_ENDS_OF_BREAKS))
        if name in ("scrap", "two-songs") and self.others == 0:
            return False
        if name == "sloppy" and not self.has_bad_takes:
            return bool({"wrong-notes", "late"}.intersection(self.settings.faults))
        return name in self.settings.faults

    def choose(self, names: Sequence[str], usual: Mapping[str, float]) -> str:
        """Draw one of some names: each as usual as it is, times the weight that it has today."""
        odds = np.array([self.weights[name] * usual[name] for name in names])
        return str(self.rng.choice(names, p=odds / odds.sum()))
