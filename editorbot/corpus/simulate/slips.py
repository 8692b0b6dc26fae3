"""Draws what goes wrong in bad takes."""

from __future__ import annotations

import numpy as np

from editorbot.corpus.simulate.flaws import FLAWS
from editorbot.corpus.simulate.habits import Habits
from editorbot.corpus.simulate.plan import Flaw


def draw_flaws(habits: Habits, start_s: float, end_s: float, *, bar_s: float, worst: bool) -> list[Flaw]:
    """Draw what goes wrong in a stretch: some things in all of it, some in a bar or two.

    Parameters
    ----------
    habits : Habits
        What may go wrong, how often, and the generator that draws it.
    start_s, end_s : float [seconds]
        The stretch, in the finished track.
    bar_s : float [seconds]
        Length of a bar.
    worst : bool
        Whether more goes wrong, and in all of the stretch.
    """
    rng = habits.rng
    kinds = [kind for kind in FLAWS if _is_allowed(kind, habits)]
    if not kinds:
        return []
    odds = np.array([habits.weights.get(kind, 1.0) * float(rng.lognormal(0, 0.8)) for kind in kinds])
    flaws: list[Flaw] = []
    wanted = int(rng.integers(1, 4)) + (1 if worst else 0)
    for kind in rng.choice(kinds, size=min(wanted, len(kinds)), replace=False, p=odds / odds.sum()):
        amount = float(rng.uniform(0.35, 1.0))
        if worst or rng.random() < 0.5:
            flaws.append(Flaw(str(kind), start_s, end_s, amount, int(rng.integers(2**31))))
        else:
            flaws += _here_and_there(str(kind), start_s, end_s, bar_s, max(amount, 0.6), rng)
    return flaws


def _is_allowed(kind: str, habits: Habits) -> bool:
    """Tell whether a flaw may happen: the common ones in any bad take."""
    return habits.has_bad_takes if FLAWS[kind] == "sloppy" else habits.allowed(FLAWS[kind])


def _here_and_there(
    kind: str, start_s: float, end_s: float, bar_s: float, amount: float, rng: np.random.Generator
) -> list[Flaw]:
    """Draw a flaw that comes and goes in a stretch, up to three bars at a time."""
    flaws: list[Flaw] = []
    for _ in range(1 + int((end_s - start_s) / rng.uniform(4, 12))):
        first_s = float(rng.uniform(start_s, end_s))
        last_s = min(end_s, first_s + float(rng.uniform(0.5, 3)) * bar_s)
        flaws.append(Flaw(kind, first_s, last_s, amount, int(rng.integers(2**31))))
    return flaws
