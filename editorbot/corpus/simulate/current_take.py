"""The take that is being played while a jam is told."""

from __future__ import annotations

import numpy as np

from editorbot.corpus.simulate.edges import soft_overlap
from editorbot.corpus.simulate.plan import Flaw, Part, Take
from editorbot.corpus.simulate.styles import Styles


class CurrentTake:
    """The take that is being played, and how far the track is told for good.

    Parameters
    ----------
    styles : Styles
        How takes are played.
    rng : np.random.Generator
        Draws edges.
    parts : list of Part
        What happened so far; takes that end are put at its end.
    """

    def __init__(self, styles: Styles, rng: np.random.Generator, parts: list[Part]) -> None:
        self.styles, self.rng, self.parts = styles, rng, parts
        self.style = styles.other()
        self.marks: list[tuple[float, str]] = [(0.0, "music")]
        """From where on it is what, as in `plan.Take`."""
        self.flaws: list[Flaw] = []
        """What goes wrong in it."""
        self.at_s = 0.0
        """How far the finished track is told [seconds]."""
        self.overlap_s = 0.0
        """How far the take reaches into the part before [seconds]."""
        self._apart_end_s = 0.0

    @property
    def start_s(self) -> float:
        """Where in the finished track it starts [seconds]."""
        return self.marks[0][0]

    @property
    def end_s(self) -> float:
        """Where in the finished track it would end now [seconds]."""
        return max(self.at_s, self._apart_end_s) if self._apart_end_s else self.at_s

    def play_to(self, at_s: float) -> None:
        """Go on playing well."""
        self.at_s = max(self.at_s, at_s)

    def mark(self, at_s: float, kind: str) -> None:
        """Say that it is of another kind from somewhere on."""
        kept = [mark for mark in self.marks if mark[0] < at_s - 1e-3]
        self.marks = [*kept, (max(at_s, self.start_s), kind)]

    def fall_apart(self, end_s: float) -> None:
        """Let it go on to where the band has fallen apart; what is told for good stays as it is."""
        self._apart_end_s = end_s

    def close(self, stop: str) -> None:
        """End it at `end_s`, in a way of `plan.Take.stop`; the next goes on from `at_s`."""
        marks = tuple(mark for mark in self.marks if mark[0] < self.end_s - 1e-3)
        if marks:
            tail_s = float(self.rng.lognormal(-0.3, 0.7)) if stop else 0.0
            take = Take(marks, self.end_s, self.style, tuple(self.flaws), str(stop), self.overlap_s, tail_s)
            self.parts.append(take)
        self.open(self.at_s, "music", keep_style=not stop)

    def open(self, at_s: float, kind: str, *, keep_style: bool, overlap_s: float = 0.0) -> None:
        """Begin another take."""
        self.marks, self.flaws, self._apart_end_s = [(at_s, kind)], [], 0.0
        self.style = self.styles.near(self.style) if keep_style else self.styles.other()
        self.overlap_s = overlap_s

    def again_from(self, start_s: float) -> None:
        """Begin a take some way before the place that was reached: after a stop, so it replaces what was heard."""
        self.open(start_s, "music", keep_style=False, overlap_s=soft_overlap(self.rng))
