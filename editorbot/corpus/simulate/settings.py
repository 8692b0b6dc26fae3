"""What may happen in jams."""

from __future__ import annotations

from dataclasses import dataclass

from editorbot.corpus.simulate.plan import FAULTS, FINISHES

PURITY = (0.33, 0.58)
"""Share of the jam that is the finished track, drawn evenly; keep-all then scores F1 0.50 - 0.73."""


@dataclass(frozen=True)
class Simulation:
    """What may happen in jams."""

    faults: tuple[str, ...] = FAULTS
    """Faults that may happen."""
    finishes: tuple[str, ...] = FINISHES
    """What the recording may do."""
    purity: tuple[float, float] = PURITY
    """Share of a jam that is the finished track: least and most."""
    may_use_programs: bool = True
    """Whether ``espeak-ng`` speaks where it is installed; the jams depend on it then."""
