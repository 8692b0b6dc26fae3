"""The shape of the learned score's network, for those who train it and those who only use it. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

CLASSES = ("keep", "sounds", "noodling", "other_song", "bad_take", "repeat")
"""What a step can be: finished music; talk, noise or silence; playing that is no music yet; a scrap of another song;
a false start, breakdown or sloppy take; music that was heard already."""


@dataclass(frozen=True)
class ScorerConfig:
    """The shape of the network."""

    inputs: int
    """Numbers a step."""
    twins: int
    """Twins a step."""
    width: int = 64
    """Channels inside."""
    told: int = 16
    """Channels that a step tells its twins."""
    first_dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    """Distances looked at by the first pass [steps], a block each."""
    second_dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128)
    """Distances looked at by the second pass [steps], a block each."""
    dropout: float = 0.15
    """Share of channels left out while training."""
