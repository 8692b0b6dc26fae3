"""The shape of the learned score's network, for those who train it and those who only use it. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

PAIR_FEATURES = 8
"""What is told of two tokens: likeness of 1.5 and 6 s, the latter above 0.6 and above 0.85, direction, distance twice,
and how much was stopped or talked in between."""

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
    lag_layers: tuple[int, ...] = (0, 4, 8)
    """Before which blocks of the second pass the whole recording is looked over; 8 is after the last."""
    heads: int = 4
    """Ways of looking over the whole recording, each on width / heads channels."""
    pair_width: int = 16
    """Channels inside what two tokens are to each other."""
    dropout: float = 0.2
    """Share of channels left out while training."""

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width must be divisible by heads, but they are {self.width} and {self.heads}")
